//! Customers: they order, click twice, and fill carts while they order. What they do about an order that stands is in
//! [`afterwards`](super::afterwards).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join, join_all};

use super::client::{Client, History, Told, key};
use super::dice::Dice;
use super::goods;
use super::house::Heard;
use super::provider;
use super::situations::Situation;
use crate::actor::Actor;
use crate::catalog::HoldKey;
use crate::error::Error;
use crate::ids::UserId;
use crate::money::{Currency, Money};
use crate::orders::{AttemptState, CartOwner, Order, OrderStatus, PaymentMethod, PlaceOrder};
use crate::page::PageRequest;
use crate::text::Sku;
use crate::time::Timestamp;

/// Twenty-five minutes: as long as a prepaid order waits at most, in microseconds.
pub(super) const DUE: u64 = 25 * 60 * 1_000_000;

/// A hold lasts a quarter of an hour, and orders may appear on it for the first ten minutes, in microseconds.
const HELD: u64 = 15 * 60 * 1_000_000;
const LATE: u64 = 10 * 60 * 1_000_000;

/// A customer.
#[derive(Clone)]
pub(super) struct Buyer {
    pub(super) client: Client,
    pub(super) user: UserId,
    pub(super) history: Arc<History>,
    pub(super) variants: usize,
    pub(super) leisure: u64,
}

impl Buyer {
    /// So many errands, one after the other.
    pub(super) async fn live(self, errands: usize) {
        let mut placed = Vec::new();
        for errand in 0..errands {
            self.client.dawdle(self.leisure).await;
            // Everybody calls her keys the same: a key counts for its user alone.
            placed.extend(self.errand(&format!("errand-{errand}")).await);
        }
        for (order, wish) in placed {
            self.click_again(&order, wish).await;
        }
    }

    async fn errand(&self, note: &str) -> Option<(Order, PlaceOrder)> {
        let payment = self.client.throw(|dice| *dice.pick(&PAYMENTS));
        if payment.0 == PaymentMethod::Wallet && self.client.throw(|dice| dice.permille(700)) {
            self.top_up(note).await;
        }
        let (order, wish) = if self.client.throw(|dice| dice.permille(300)) {
            self.order_cart(note, payment).await?
        } else {
            self.order_items(note, payment).await?
        };
        self.look(&order).await;
        self.follow(note, order.clone()).await;
        self.opine(note, &order).await;
        Some((order, wish))
    }

    /// Puts money into her wallet, sometimes with two clicks.
    async fn top_up(&self, note: &str) {
        let tokens = ["tok_ok", "tok_ok", "tok_timeout_then_ok", "tok_declined", "tok_pending"];
        let (token, rupees, clicks) =
            self.client.throw(|dice| (*dice.pick(&tokens), dice.between(50, 900), 1 + usize::from(dice.permille(200))));
        let amount = Money::new(i64::try_from(rupees).unwrap_or(50) * 100, Currency::INR);
        let (user, key) = (self.user, key(&format!("{note}-top-up"), 1));
        let request = |shop: crate::Commerce, me: Actor| {
            let key = key.clone();
            async move { shop.orders.top_up(&me, user, amount, Some(token.to_owned()), Some(key)).await }
        };
        let told = join_all((0..clicks).map(|_| self.client.insist(request))).await;
        let mut made = told.into_iter().filter_map(|told| if let Told::Done(it) = told { Some(it.attempt) } else { None });
        if let Some(first) = made.next() {
            self.client.must(made.all(|other| other.id == first.id), || format!("{note} of {user} was topped up twice"));
            if first.state == AttemptState::Pending && self.client.throw(|dice| dice.permille(700)) {
                self.client.dawdle(self.leisure).await;
                provider::finish(&self.client.house.ground, first.id, first.amount, true);
            }
        }
    }

    /// Orders named items; sometimes clicks twice, sometimes at a price she saw before.
    async fn order_items(&self, note: &str, payment: (PaymentMethod, Option<&'static str>)) -> Option<(Order, PlaceOrder)> {
        let since = self.client.house.ground.now();
        let (lines, clicks) = self.client.throw(|dice| (1 + dice.below(2), if dice.permille(200) { 2 } else { 1 }));
        // Sometimes the same SKU twice.
        let line = |dice: &mut Dice| (goods::sku(dice.below(self.variants)), if dice.permille(400) { 2 } else { 1 });
        let items: Vec<(Sku, i64)> = (0..lines).map(|_| self.client.throw(line)).collect();
        let mut wish = goods::order(Some(items), payment, note);
        if self.client.throw(|dice| dice.permille(350)) {
            wish.coupon_code = Some(goods::COUPON.to_owned());
        }
        if self.client.throw(|dice| dice.permille(200)) {
            wish.expected_total = self.quote(&wish).await;
            self.client.dawdle(self.leisure).await;
        }
        let answers = join_all((0..clicks).map(|_| self.place(note, wish.clone()))).await;
        if answers.iter().any(|answer| matches!(answer, Told::Done(_))) {
            // Whose twin has the goods is not told that they are gone.
            let gone = answers.iter().any(|answer| matches!(answer, Told::Refused("SOLD_OUT", _)));
            if gone {
                self.sold_out(note, &wish, since);
            }
        }
        let told = self.agree(note, answers);
        let told = self.come_back(note, told, &wish).await;
        let order = self.remember(note, told, &wish, since);
        order.map(|order| (order, wish))
    }

    /// The same request long after its answer is answered with the same order.
    async fn click_again(&self, order: &Order, wish: PlaceOrder) {
        if self.client.throw(|dice| dice.permille(700)) {
            return;
        }
        let note = &wish.metadata.get(super::books::NOTE).cloned().unwrap_or_default();
        match self.place(note, wish).await {
            Told::Done(again) => {
                self.client.must(again.id == order.id, || format!("{note} of {} was answered {}", self.user, again.id));
            }
            Told::Refused(code, _) => {
                self.client.must(false, || format!("{note} of {} is placed and was refused as {code}", self.user));
            }
            Told::Unknown => {}
        }
    }

    /// Whoever did not get her order may try again much later, under the same key.
    async fn come_back(&self, note: &str, told: Told<Order>, wish: &PlaceOrder) -> Told<Order> {
        if matches!(told, Told::Done(_)) || self.client.throw(|dice| dice.permille(500)) {
            return told;
        }
        // Often when her first hold is about to run out.
        let wait = self.client.throw(|dice| if dice.permille(500) { dice.between(0, DUE) } else { dice.between(LATE, HELD) });
        self.client.house.ground.clockwork.sleep(Duration::from_micros(wait)).await;
        match (told, self.place(note, wish.clone()).await) {
            (_, Told::Done(order)) => Told::Done(order),
            (Told::Refused(_, true), later) => later,
            (_, Told::Refused(code, _)) => Told::Refused(code, false),
            (_, Told::Unknown) => Told::Unknown,
        }
    }

    async fn quote(&self, wish: &PlaceOrder) -> Option<Money> {
        let wish = wish.clone();
        match self.client.ask(|shop, me| async move { shop.orders.quote(&me, &wish).await }).await {
            Heard::Answer(Ok(quote)) => Some(quote.total),
            Heard::Answer(Err(_)) | Heard::Lost | Heard::Nothing => None,
        }
    }

    async fn place(&self, note: &str, wish: PlaceOrder) -> Told<Order> {
        let key = key(note, 1);
        let request = |shop: crate::Commerce, me: Actor| {
            let (wish, key) = (wish.clone(), key.clone());
            async move { shop.orders.place(&me, wish, Some(key)).await }
        };
        self.client.insist(request).await
    }

    /// What parallel requests under one key come to: every order they were answered is the same.
    fn agree(&self, note: &str, answers: Vec<Told<Order>>) -> Told<Order> {
        let several = answers.len() > 1;
        let mut done: Vec<Order> = Vec::new();
        let (mut refused, mut surely) = (None, true);
        for answer in answers {
            match answer {
                Told::Done(order) => done.push(order),
                Told::Refused(code, alone) => {
                    refused = Some(code);
                    surely &= alone;
                }
                Told::Unknown => surely = false,
            }
        }
        if done.len() > 1 {
            self.client.house.ground.count(Situation::DoubleClick);
        }
        let mut orders = done.into_iter();
        match (orders.next(), refused) {
            (Some(order), _) => {
                self.client.must(orders.all(|other| other.id == order.id), || format!("{note} of {} is two orders", self.user));
                self.client.must(order.user == self.user, || format!("{} was answered the order of {}", self.user, order.user));
                Told::Done(order)
            }
            (None, Some(code)) if surely => Told::Refused(code, true),
            (None, Some(code)) if !several => Told::Refused(code, false),
            (None, _) => Told::Unknown,
        }
    }

    fn remember(&self, note: &str, told: Told<Order>, wish: &PlaceOrder, since: Timestamp) -> Option<Order> {
        if let Told::Refused(code, _) = &told {
            match *code {
                "SOLD_OUT" => self.sold_out(note, wish, since),
                "PRICE_CHANGED" => self.client.house.ground.count(Situation::PriceChanged),
                "COUPON_EXHAUSTED" => self.used_up(note, wish),
                "TOO_MANY_UNPAID" if self.client.house.unpaid_max > 0 => self.client.house.ground.count(Situation::TooManyUnpaid),
                "EMPTY_ORDER" | "CART_ORDERED" | "INVALID" => {}
                // The cart changed between two tries, and the first one's hold is still active.
                "IDEMPOTENCY_MISMATCH" if wish.items.is_none() => {}
                other => self.client.must(false, || format!("{note} of {} was refused as {other}", self.user)),
            }
        }
        if matches!(told, Told::Unknown) {
            self.history.write().open.push((self.user, note.to_owned(), wish.clone()));
        }
        let order = if let Told::Done(order) = &told { Some(order.clone()) } else { None };
        self.history.ordered(self.user, note, told.map(|order| order.id));
        if let Some(order) = &order {
            let expected = wish.expected_total.is_none_or(|total| total == order.total);
            self.client.must(expected, || format!("order {} costs {} and not what was expected", order.id, order.total));
            let got: BTreeMap<String, i64> =
                order.lines.iter().map(|line| (line.sku.to_string(), i64::from(line.quantity.get()))).collect();
            let right = wanted(wish).is_none_or(|wanted| wanted == got);
            self.client.must(right, || format!("order {} is {got:?} and not what was asked for", order.id));
        }
        order
    }

    /// Nobody is told that a coupon is used up which she did not name, or which never was.
    fn used_up(&self, note: &str, wish: &PlaceOrder) {
        self.client.house.ground.count(Situation::CouponUsedUp);
        let right = wish.coupon_code.is_some() && self.client.house.ground.books().was_used_up(self.user);
        self.client.must(right, || format!("the coupon of {note} of {} was never used up", self.user));
    }

    /// Nobody is told that something is sold out while there is enough of everything, what she holds herself
    /// included.
    fn sold_out(&self, note: &str, wish: &PlaceOrder, since: Timestamp) {
        self.client.house.ground.count(Situation::SoldOut);
        let Some(wanted) = wanted(wish) else { return };
        let books = self.client.house.ground.books();
        let own = HoldKey::of(self.user, &key(note, 1).key);
        let short = wanted.iter().any(|(sku, wanted)| sku.parse().is_ok_and(|sku| books.was_short(&sku, *wanted, since, own)));
        drop(books);
        self.client.must(short, || format!("{note} of {} was sold out while everything was there", self.user));
    }

    /// Fills the cart and orders it, sometimes in two tabs; goes on filling it meanwhile.
    async fn order_cart(&self, note: &str, payment: (PaymentMethod, Option<&'static str>)) -> Option<(Order, PlaceOrder)> {
        let adds = self.client.throw(|dice| 1 + dice.below(2));
        for add in 0..adds {
            self.fill(&format!("{note}-add-{add}")).await;
        }
        let since = self.client.house.ground.now();
        let wish = goods::order(None, payment, note);
        let busy = self.client.throw(|dice| dice.below(4));
        let told = match busy {
            0 => {
                self.client.house.ground.count(Situation::CartEditedWhileOrdered);
                let late = format!("{note}-add-late");
                join(self.place(note, wish.clone()), self.fill(&late)).await.0
            }
            1 => {
                let other = format!("{note}-tab");
                let same = goods::order(None, (PaymentMethod::Cod, None), &other);
                let (told, in_other) = join(self.place(note, wish.clone()), self.place(&other, same.clone())).await;
                self.remember(&other, in_other, &same, since);
                told
            }
            _ => self.place(note, wish.clone()).await,
        };
        let told = self.agree(note, vec![told]);
        let order = self.remember(note, told, &wish, since);
        order.map(|order| (order, wish))
    }

    async fn fill(&self, name: &str) {
        let (variant, quantity) = self.client.throw(|dice| (dice.below(self.variants), i64::from(dice.permille(300)) + 1));
        let sku: Sku = goods::sku(variant);
        let (items, key) = (vec![(sku.to_string(), quantity)], key(name, 1));
        let owner = CartOwner::User(self.user);
        let request = |shop: crate::Commerce, me: Actor| {
            let (items, key) = (items.clone(), key.clone());
            async move { shop.orders.add_to_cart(&me, owner, &items, None, Some(key), None).await }
        };
        match self.client.insist(request).await {
            Told::Done(_) => self.history.carted(self.user, sku, quantity, true),
            Told::Refused(_, true) => {}
            Told::Refused(_, false) | Told::Unknown => self.history.carted(self.user, sku, quantity, false),
        }
    }

    /// Reads what she was just answered; tries her key with something else.
    async fn look(&self, order: &Order) {
        let id = order.id;
        match self.client.ask(move |shop, me| async move { shop.orders.order(&me, id).await }).await {
            Heard::Answer(Ok(read)) => self.client.must(read.version >= order.version && read.user == self.user, || {
                format!("order {id} was read as it was before it was answered")
            }),
            Heard::Answer(Err(Error::Refused(refusal))) => {
                self.client.must(false, || format!("order {id} was acknowledged and is {}", refusal.code()));
            }
            Heard::Answer(Err(Error::Store(_))) | Heard::Lost | Heard::Nothing => {}
        }
        if self.client.throw(|dice| dice.permille(100)) {
            self.pry(order).await;
        }
    }

    /// Another body under a used key is refused; a stranger sees and cancels nothing.
    async fn pry(&self, order: &Order) {
        let note = order.metadata.get(super::books::NOTE).cloned().unwrap_or_default();
        let wish = goods::order(Some(vec![(goods::sku(0), 1)]), (PaymentMethod::Cod, None), "another");
        let key = key(&note, 2);
        let heard = self.client.ask(|shop, me| async move { shop.orders.place(&me, wish, Some(key)).await }).await;
        match heard {
            Heard::Answer(Ok(_)) => self.client.must(false, || format!("the key {note} made something else")),
            Heard::Answer(Err(Error::Refused(refusal))) => {
                self.client.must(refusal.code() == "IDEMPOTENCY_MISMATCH", || format!("another body is {}", refusal.code()));
                self.client.house.ground.count(Situation::KeyMismatch);
            }
            Heard::Answer(Err(Error::Store(_))) | Heard::Lost | Heard::Nothing => {}
        }
        let stranger = Actor::Customer(crate::ids::Id::from_uuid(uuid::Uuid::from_u128(1)));
        let (id, user) = (order.id, self.user);
        let read = move |shop: crate::Commerce, _| async move {
            shop.orders.order(&stranger, id).await?;
            shop.orders.timeline(&stranger, id, &PageRequest::first()).await
        };
        self.keep_out("a stranger read an order", &self.client.ask(read).await);
        let cart = move |shop: crate::Commerce, _| async move { shop.orders.cart(&stranger, CartOwner::User(user)).await };
        self.keep_out("a stranger read the cart", &self.client.ask(cart).await);
        let cancel = move |shop: crate::Commerce, _| async move { shop.orders.cancel(&stranger, id, None, None, None).await };
        self.keep_out("a stranger cancelled an order", &self.client.ask(cancel).await);
        let ship = move |shop: crate::Commerce, me| async move {
            shop.orders.set_status(&me, id, OrderStatus::Processing, None, None).await
        };
        self.keep_out("a customer moved an order", &self.client.ask(ship).await);
    }

    fn keep_out<T>(&self, what: &str, heard: &Heard<T>) {
        let refused = !matches!(heard, Heard::Answer(Ok(_)));
        self.client.must(refused, || format!("{what} of {}", self.user));
    }
}

/// How many of each SKU are wished for by name.
fn wanted(wish: &PlaceOrder) -> Option<BTreeMap<String, i64>> {
    let mut wanted = BTreeMap::new();
    for (sku, quantity) in wish.items.as_ref()? {
        *wanted.entry(sku.clone()).or_default() += quantity;
    }
    Some(wanted)
}

/// How orders are paid: cash, the wallet, and every token of the sandbox.
pub(super) const PAYMENTS: [(PaymentMethod, Option<&str>); 10] = [
    (PaymentMethod::Cod, None),
    (PaymentMethod::Cod, None),
    (PaymentMethod::Wallet, None),
    (PaymentMethod::Wallet, None),
    (PaymentMethod::Card, Some("tok_ok")),
    (PaymentMethod::Upi, Some("tok_ok")),
    (PaymentMethod::Card, Some("tok_declined")),
    (PaymentMethod::Card, Some("tok_timeout_then_ok")),
    (PaymentMethod::Card, Some("tok_timeout_then_declined")),
    (PaymentMethod::Upi, Some("tok_pending")),
];
