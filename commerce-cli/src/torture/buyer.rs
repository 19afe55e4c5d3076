//! A buyer: orders, pays, cancels, clicks twice, hangs up, tries again, and pries.
//!
//! Her seed decides what she does next; what she does it to is whatever the shop gave her so far.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::bench::draw::Draw;
use crate::shop::WebhookSigner;

use super::history::{Action, Named, Placing, Violation};
use super::person::Caller;
use super::wire::{Answer, Ask, Heard};

/// More of one SKU than any hot one has, and as many as one line may have.
const TOO_MANY: i64 = 999;
/// What a buyer does at least, however slow the machine: a run in which nothing happened finds nothing.
const ACTS_MIN: u32 = 5;
/// Own orders that a buyer keeps in mind.
const REMEMBERED: usize = 40;
/// What an order may be refused with: many want the same, and on a fast machine many of hers wait for their money.
const PLACING: &[&str] = &["SOLD_OUT", "TOO_MANY_UNPAID"];
/// And what one for the cart may be, which another order may have emptied.
const PLACING_CART: &[&str] = &["SOLD_OUT", "TOO_MANY_UNPAID", "EMPTY_ORDER", "CART_ORDERED"];
/// What an answer about somebody else's thing must be.
const HIDDEN: &[&str] = &["NOT_FOUND", "UNAUTHENTICATED"];

/// What is on sale.
pub(crate) struct Goods {
    /// SKUs that sell out.
    pub hot: Vec<String>,
    /// SKUs that do not.
    pub plenty: Vec<String>,
}

/// An own order.
#[derive(Clone)]
struct Mine {
    id: String,
    total: Value,
    reference: String,
    pays: bool,
}

/// The buyer.
pub(crate) struct Buyer {
    pub caller: Caller,
    pub draw: Draw,
    pub goods: Arc<Goods>,
    pub sign: Arc<WebhookSigner>,
    /// Whether the provider's secret is known for sure.
    pub secret_known: bool,
    /// Names her keys, which she counts.
    prefix: String,
    counted: u32,
    mine: Vec<Mine>,
    /// Keys that made an order, with the body they were used with.
    used: Vec<(String, Value)>,
}

impl Buyer {
    /// Somebody with nothing ordered yet; `prefix` begins her keys.
    pub(crate) fn new(caller: Caller, draw: Draw, goods: Arc<Goods>, sign: Arc<WebhookSigner>, prefix: String) -> Self {
        Self { caller, draw, goods, sign, secret_known: true, prefix, counted: 0, mine: Vec::new(), used: Vec::new() }
    }

    /// Registers and buys until `until`, or a little longer.
    pub(crate) async fn shop(mut self, until: Duration) {
        if !self.caller.register().await {
            return;
        }
        self.caller.sign_in_book();
        let mut acts = 0;
        while acts < ACTS_MIN || self.caller.history.now() < until {
            self.caller.keep_logged_in().await;
            self.act().await;
            acts += 1;
        }
    }

    async fn act(&mut self) {
        match self.draw.below(100) {
            0..24 => self.order_items(Action::OrderItems, 1).await,
            24..34 => self.order_items(Action::DoubleClick, 4).await,
            34..46 => self.order_cart().await,
            46..50 => self.order_too_much().await,
            50..55 => self.reuse_key().await,
            55..62 => self.hang_up().await,
            62..69 => self.pay_again().await,
            69..77 => self.provider_calls().await,
            77..89 => self.cancel().await,
            89..94 => self.look().await,
            _ => self.pry().await,
        }
    }

    async fn order_items(&mut self, action: Action, clicks: usize) {
        let lines = self.lines();
        let body = self.order(Some(&lines));
        let key = self.next_key();
        let units = lines.into_iter().collect();
        self.place(action, &key, body, Placing { units, ..Placing::default() }, clicks).await;
    }

    async fn order_cart(&mut self) {
        for (sku, quantity) in self.lines() {
            let body = json!({ "sku": sku, "quantity": quantity });
            let ask = Ask::post("/api/cart/me", &body).by(&self.caller.token);
            self.caller.until_answered(Action::FillCart, &ask, &[]).await;
        }
        let (body, key) = (self.order(None), self.next_key());
        let clicks = if self.draw.below(3) == 0 { 2 } else { 1 };
        self.place(Action::OrderCart, &key, body, Placing::default(), clicks).await;
    }

    async fn order_too_much(&mut self) {
        let sku = self.hot();
        let body = self.order(Some(&[(sku.clone(), TOO_MANY)]));
        let key = self.next_key();
        let placing = Placing { units: [(sku, TOO_MANY)].into(), ..Placing::default() };
        self.place(Action::OrderTooMuch, &key, body, placing, 1).await;
    }

    /// Another order under a key that made one is refused, and under another buyer's key it is not.
    async fn reuse_key(&mut self) {
        let Some((key, mut body)) = self.used.get(self.draw.below(self.used.len().max(1))).cloned() else { return };
        if self.draw.below(3) == 0 {
            return self.borrow_key().await;
        }
        body["metadata"] = json!({ "another": "order" });
        let ask = Ask::post("/api/orders", &body).by(&self.caller.token).keyed(&key);
        let answer = self.caller.until_answered(Action::ReuseKey, &ask, &["IDEMPOTENCY_MISMATCH"]).await;
        if let Some(answer) = answer.filter(Answer::is_done) {
            let found = format!("{} {}", answer.status, answer.text_at("/number"));
            self.violated("KEY_REUSED", &format!("key {key}"), "422 IDEMPOTENCY_MISMATCH", &found);
        }
    }

    async fn borrow_key(&mut self) {
        let Some(key) = self.somebody_elses_key() else { return };
        let lines = self.lines();
        let body = self.order(Some(&lines));
        let placing = Placing { units: lines.into_iter().collect(), ..Placing::default() };
        self.place(Action::ReuseKey, &key, body, placing, 1).await;
    }

    fn somebody_elses_key(&mut self) -> Option<String> {
        let record = self.caller.history.write();
        let others: Vec<&String> = record
            .placings
            .iter()
            .filter(|((user, key), placing)| {
                *user != self.caller.user
                    && !placing.named.is_empty()
                    && !record.placings.contains_key(&(self.caller.user.clone(), key.clone()))
            })
            .map(|((_, key), _)| key)
            .collect();
        if others.is_empty() { None } else { Some(others[self.draw.below(others.len())].clone()) }
    }

    /// Sends an order, whole or in part, and hangs up; then sends it again and listens.
    async fn hang_up(&mut self) {
        let lines = self.lines();
        let (body, key) = (self.order(Some(&lines)), self.next_key());
        let ask = self.placing(&key, &body);
        let share = if self.draw.below(2) == 0 { 100 } else { self.draw.below(100) };
        self.caller.wire.hang_up(&ask, share).await;
        let placing = Placing { units: lines.into_iter().collect(), unknown: 1, ..Placing::default() };
        self.place(Action::HangUp, &key, body, placing, 1).await;
    }

    /// Places an order: `clicks` requests at once, then one after another until it is answered.
    async fn place(&mut self, action: Action, key: &str, body: Value, placing: Placing, clicks: usize) {
        let name = (self.caller.user.clone(), key.to_owned());
        self.caller.history.write().placings.insert(name.clone(), placing);
        let allowed = if body.get("items").is_some() { PLACING } else { PLACING_CART };
        let ask = self.placing(key, &body);
        let caller = &self.caller;
        let twins = join_all((0..clicks).map(|_| caller.send(action, &ask, allowed))).await;
        let mut heard: Vec<Answer> = twins.into_iter().filter_map(|twin| self.note_placing(&name, twin)).collect();
        if heard.is_empty() {
            tokio::time::sleep(Duration::from_millis(30)).await;
            let last = self.caller.until_answered(action, &ask, allowed).await;
            heard.extend(last.and_then(|answer| self.note_placing(&name, Heard::Answer(answer))));
        }
        let refused = heard.iter().find(|answer| !answer.is_done() && answer.code != "SOLD_OUT");
        if let (Some(refused), true) = (refused, heard.iter().any(Answer::is_done)) {
            let subject = format!("key {key} of {}", self.caller.name);
            self.violated("TWIN_REFUSED", &subject, "every twin answered with the one order", &refused.code);
        }
        if let Some(answer) = heard.into_iter().find(Answer::is_done) {
            self.keep(&answer, key, body).await;
        }
    }

    /// Writes down what was heard about a key; answers it if it is for good.
    fn note_placing(&self, name: &(String, String), heard: Heard) -> Option<Answer> {
        let mut record = self.caller.history.write();
        let placing = record.placings.entry(name.clone()).or_default();
        match heard {
            Heard::Answer(answer) if answer.is_done() => {
                placing.named.insert(named(&answer.body));
                placing.fresh += u32::from(answer.status == 201);
                Some(answer)
            }
            Heard::Answer(answer) if answer.is_final() => {
                placing.refused.push(answer.code.clone());
                Some(answer)
            }
            Heard::Answer(answer) if answer.status == 429 => None,
            Heard::Answer(_) | Heard::Nothing(_) => {
                placing.unknown += 1;
                None
            }
        }
    }

    /// Remembers an order, and looks whether it is there at once.
    async fn keep(&mut self, answer: &Answer, key: &str, body: Value) {
        let id = answer.text_at("/id").to_owned();
        let mine = Mine {
            id: id.clone(),
            total: answer.body["total"].clone(),
            reference: answer.text_at("/payment/providerReference").to_owned(),
            pays: body["payment"]["method"] != "COD",
        };
        if self.mine.len() >= REMEMBERED {
            let forgotten = self.draw.below(self.mine.len());
            self.mine.swap_remove(forgotten);
            self.used.truncate(REMEMBERED);
        }
        self.mine.push(mine);
        self.used.insert(0, (key.to_owned(), body));
        self.caller.history.write().orders.push((id.clone(), self.caller.user.clone()));
        let ask = Ask::get(format!("/api/orders/{id}")).by(&self.caller.token);
        let read = self.caller.until_answered(Action::Look, &ask, &[]).await;
        if let Some(read) = read.filter(|read| read.is_done() && named(&read.body) != named(&answer.body)) {
            self.violated("READ_OTHERWISE", &id, &answer.text, &read.text);
        }
    }

    async fn pay_again(&mut self) {
        let Some(mine) = self.one_of_mine(true) else { return };
        let method = self.draw.of(&["CARD", "UPI"]);
        let body = json!({ "method": method, "token": self.token() });
        let mut ask = Ask::post(format!("/api/orders/{}/payments", mine.id), &body).by(&self.caller.token);
        if self.draw.below(2) == 0 {
            ask = ask.keyed(&self.next_key());
        }
        self.caller.until_answered(Action::Pay, &ask, &["NOT_PAYABLE"]).await;
    }

    /// The provider says how a payment went: perhaps twice, perhaps long after, perhaps wrongly.
    async fn provider_calls(&mut self) {
        let Some(mine) = self.one_of_mine(true).filter(|mine| !mine.reference.is_empty()) else { return };
        let succeeded = self.draw.below(4) > 0;
        let kind = if succeeded { "payment.succeeded" } else { "payment.failed" };
        let event = format!("{}-event-{}", self.prefix, self.draw.next());
        let body = json!({ "eventId": event, "type": kind, "providerReference": mine.reference, "amount": mine.total });
        let text = body.to_string();
        let allowed: &[&str] = if self.secret_known { &[] } else { &["BAD_SIGNATURE"] };
        for _ in 0..=self.draw.below(3) {
            let now = commerce_core::Clock::now(&crate::shop::SystemClock);
            let ask = Ask::post("/api/payments/webhooks/sandbox", &body).signed((self.sign)(text.as_bytes(), now));
            let answer = self.caller.until_answered(Action::Webhook, &ask, allowed).await;
            if succeeded && answer.is_some_and(|answer| answer.is_done()) {
                self.caller.history.write().paid.insert(mine.id.clone());
            }
        }
    }

    async fn cancel(&mut self) {
        let Some(mine) = self.one_of_mine(false) else { return };
        let mut ask =
            Ask::post(format!("/api/orders/{}/cancel", mine.id), &json!({ "reason": "torture" })).by(&self.caller.token);
        if self.draw.below(2) == 0 {
            ask = ask.keyed(&self.next_key());
        }
        let caller = &self.caller;
        let clicks = 1 + self.draw.below(2);
        let twins = join_all((0..clicks).map(|_| caller.until_answered(Action::Cancel, &ask, &["ILLEGAL_TRANSITION"]))).await;
        if twins.into_iter().flatten().any(|answer| answer.is_done()) {
            self.caller.history.write().cancelled.insert(mine.id);
        }
    }

    async fn look(&mut self) {
        let gone: Vec<String> = {
            let record = self.caller.history.write();
            self.mine.iter().map(|mine| mine.id.clone()).filter(|id| record.cancelled.contains(id)).collect()
        };
        let ask = Ask::get("/api/orders?limit=100").by(&self.caller.token);
        let Some(answer) = self.caller.until_answered(Action::Look, &ask, &[]).await else { return };
        for order in answer.body["items"].as_array().map_or(&[][..], Vec::as_slice) {
            let text = |member: &str| order[member].as_str().unwrap_or_default();
            if text("userId") != self.caller.user {
                self.violated("LEAK", text("number"), "only her own orders", text("userId"));
            }
            if gone.iter().any(|id| id == text("id")) && text("status") != "CANCELLED" {
                self.violated("UNCANCELLED", text("number"), "CANCELLED for good", text("status"));
            }
        }
    }

    /// Tries to read, cancel and pay what is another's; to her it does not exist.
    async fn pry(&mut self) {
        let other = {
            let record = self.caller.history.write();
            let others: Vec<_> = record.orders.iter().filter(|(_, user)| *user != self.caller.user).collect();
            if others.is_empty() { None } else { Some(others[self.draw.below(others.len())].clone()) }
        };
        let Some((order, user)) = other else { return };
        let ask = match self.draw.below(8) {
            0 => Ask::get(format!("/api/orders/{order}")),
            1 => Ask::get(format!("/api/orders/{order}/timeline")),
            2 => Ask::get(format!("/api/orders/{order}/payments")),
            3 => Ask::post(format!("/api/orders/{order}/cancel"), &json!({})),
            4 => Ask::post(format!("/api/orders/{order}/payments"), &json!({ "method": "CARD", "token": "tok_ok" })),
            5 => Ask::get(format!("/api/users/{user}")),
            6 => Ask::get(format!("/api/users/{user}/addresses")),
            _ => Ask::get(format!("/api/cart/{user}")),
        };
        let ask = if self.draw.below(4) == 0 { ask } else { ask.by(&self.caller.token) };
        let answer = self.caller.until_answered(Action::Pry, &ask, HIDDEN).await;
        if let Some(answer) = answer.filter(Answer::is_done) {
            let what = format!("{} {} by {}", ask.method, ask.path, self.caller.name);
            self.violated("LEAK", &what, "404 or 401", &answer.text.chars().take(120).collect::<String>());
        }
    }

    fn violated(&self, name: &'static str, subject: &str, expected: &str, found: &str) {
        self.caller.history.violated(Violation::new(name, subject, expected, found));
    }

    fn one_of_mine(&mut self, prepaid: bool) -> Option<Mine> {
        let fitting: Vec<&Mine> = self.mine.iter().filter(|mine| mine.pays || !prepaid).collect();
        if fitting.is_empty() { None } else { Some(fitting[self.draw.below(fitting.len())].clone()) }
    }

    fn placing(&self, key: &str, body: &Value) -> Ask {
        let mut body = body.clone();
        body["metadata"] = json!({ "torture": key });
        Ask::post("/api/orders", &body).by(&self.caller.token).keyed(key)
    }

    fn next_key(&mut self) -> String {
        self.counted += 1;
        format!("{}-{}", self.prefix, self.counted)
    }

    fn hot(&mut self) -> String {
        self.goods.hot[self.draw.below(self.goods.hot.len())].clone()
    }

    /// One to three lines, of which two in three want something hot.
    fn lines(&mut self) -> Vec<(String, i64)> {
        let mut lines: Vec<(String, i64)> = Vec::new();
        for _ in 0..=self.draw.below(3) {
            let sku = match self.draw.below(3) {
                0 => self.goods.plenty[self.draw.below(self.goods.plenty.len())].clone(),
                _ => self.hot(),
            };
            if !lines.iter().any(|(known, _)| *known == sku) {
                lines.push((sku, if self.draw.below(4) == 0 { 2 } else { 1 }));
            }
        }
        lines
    }

    fn token(&mut self) -> &'static str {
        self.draw.of(&["tok_ok", "tok_ok", "tok_declined", "tok_timeout_then_ok", "tok_timeout_then_declined", "tok_pending"])
    }

    fn order(&mut self, lines: Option<&[(String, i64)]>) -> Value {
        let payment = match self.draw.below(3) {
            0 => json!({ "method": "COD" }),
            _ => json!({ "method": "CARD", "token": self.token() }),
        };
        let name = format!("Torture {}", self.caller.mark);
        let mut body = json!({
            "payment": payment,
            "shippingAddress": { "fullName": name, "line1": "1 Test Road", "city": "Pune", "postalCode": "411001", "country": "IN" },
        });
        if let Some(lines) = lines {
            body["items"] = lines.iter().map(|(sku, quantity)| json!({ "sku": sku, "quantity": quantity })).collect();
        }
        body
    }
}

/// The order that an answer shows.
pub(crate) fn named(order: &Value) -> Named {
    let text = |member: &str| order[member].as_str().unwrap_or_default().to_owned();
    Named { id: text("id"), number: text("number"), total_minor: order["total"]["amount"].as_i64().unwrap_or_default() }
}
