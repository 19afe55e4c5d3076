//! Customers: they order, click twice, fill carts while they order, pay late or again, and cancel.

use std::sync::Arc;

use futures_util::future::{join, join_all};

use super::client::{Client, History, Told, key};
use super::goods;
use super::house::Heard;
use super::provider;
use super::situations::Situation;
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::UserId;
use crate::money::Money;
use crate::orders::{AttemptState, CartOwner, Order, OrderStatus, PaymentMethod, PlaceOrder};
use crate::text::Sku;

/// Twenty-five minutes: as long as a prepaid order waits at most, in microseconds.
const DUE: u64 = 25 * 60 * 1_000_000;

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
        for errand in 0..errands {
            self.client.dawdle(self.leisure).await;
            // Everybody calls her keys the same: a key counts for its user alone.
            self.errand(&format!("errand-{errand}")).await;
        }
    }

    async fn errand(&self, note: &str) {
        let payment = self.client.throw(|dice| *dice.pick(&PAYMENTS));
        let order = if self.client.throw(|dice| dice.permille(300)) {
            self.order_cart(note, payment).await
        } else {
            self.order_items(note, payment).await
        };
        if let Some(order) = order {
            self.look(&order).await;
            self.follow(note, order).await;
        }
    }

    /// Orders named items; sometimes clicks twice, sometimes at a price she saw before.
    async fn order_items(&self, note: &str, payment: (PaymentMethod, Option<&'static str>)) -> Option<Order> {
        let (variant, quantity, clicks) =
            self.client.throw(|dice| (dice.below(self.variants), dice.between(1, 2), if dice.permille(200) { 2 } else { 1 }));
        let sku = goods::sku(variant);
        let mut wish = goods::order(Some(vec![(sku, i64::try_from(quantity).unwrap_or(1))]), payment, note);
        if self.client.throw(|dice| dice.permille(200)) {
            wish.expected_total = self.quote(&wish).await;
            self.client.dawdle(self.leisure).await;
        }
        let answers = join_all((0..clicks).map(|_| self.place(note, wish.clone()))).await;
        let told = self.agree(note, answers);
        let told = self.come_back(note, told, &wish).await;
        self.remember(note, told, &wish)
    }

    /// Whoever did not get her order may try again much later, under the same key.
    async fn come_back(&self, note: &str, told: Told<Order>, wish: &PlaceOrder) -> Told<Order> {
        if matches!(told, Told::Done(_)) || self.client.throw(|dice| dice.permille(500)) {
            return told;
        }
        self.client.dawdle(DUE).await;
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

    fn remember(&self, note: &str, told: Told<Order>, wish: &PlaceOrder) -> Option<Order> {
        if let Told::Refused(code, _) = &told {
            match *code {
                "SOLD_OUT" => self.client.house.ground.count(Situation::SoldOut),
                "PRICE_CHANGED" => self.client.house.ground.count(Situation::PriceChanged),
                "EMPTY_ORDER" | "CART_ORDERED" | "INVALID" => {}
                // The cart changed between two tries, and the first one's hold is still active.
                "IDEMPOTENCY_MISMATCH" if wish.items.is_none() => {}
                other => self.client.must(false, || format!("{note} of {} was refused as {other}", self.user)),
            }
        }
        let order = if let Told::Done(order) = &told { Some(order.clone()) } else { None };
        self.history.ordered(self.user, note, told.map(|order| order.id));
        if let Some(order) = &order {
            let expected = wish.expected_total.is_none_or(|total| total == order.total);
            self.client.must(expected, || format!("order {} costs {} and not what was expected", order.id, order.total));
        }
        order
    }

    /// Fills the cart and orders it, and goes on filling it meanwhile.
    async fn order_cart(&self, note: &str, payment: (PaymentMethod, Option<&'static str>)) -> Option<Order> {
        let adds = self.client.throw(|dice| 1 + dice.below(2));
        for add in 0..adds {
            self.fill(&format!("{note}-add-{add}")).await;
        }
        let wish = goods::order(None, payment, note);
        let busy = self.client.throw(|dice| dice.permille(400));
        let told = if busy {
            self.client.house.ground.count(Situation::CartEditedWhileOrdered);
            let late = format!("{note}-add-late");
            join(self.place(note, wish.clone()), self.fill(&late)).await.0
        } else {
            self.place(note, wish.clone()).await
        };
        let told = self.agree(note, vec![told]);
        self.remember(note, told, &wish)
    }

    async fn fill(&self, name: &str) {
        let (variant, quantity) = self.client.throw(|dice| (dice.below(self.variants), i64::from(dice.permille(300)) + 1));
        let sku: Sku = goods::sku(variant);
        let (items, key) = (vec![(sku.to_string(), quantity)], key(name, 1));
        let owner = CartOwner::User(self.user);
        let request = |shop: crate::Commerce, me: Actor| {
            let (items, key) = (items.clone(), key.clone());
            async move { shop.orders.add_to_cart(&me, owner, &items, None, Some(key)).await }
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
        let (id, stranger) = (order.id, Actor::Customer(crate::ids::Id::from_uuid(uuid::Uuid::from_u128(1))));
        let heard = self.client.ask(|shop, _| async move { shop.orders.cancel(&stranger, id, None, None).await }).await;
        let refused = !matches!(heard, Heard::Answer(Ok(_)));
        self.client.must(refused, || format!("a stranger cancelled order {id}"));
    }

    /// What she does about an order that stands: pays it, pays again, cancels it, or forgets it.
    async fn follow(&self, note: &str, order: Order) {
        if order.status == OrderStatus::Pending {
            self.pay(note, &order).await;
        }
        if self.client.throw(|dice| dice.permille(250)) {
            self.client.dawdle(self.leisure).await;
            self.cancel(note, &order).await;
        }
    }

    async fn pay(&self, note: &str, order: &Order) {
        let Some(attempt) = order.payment.attempts.last() else { return };
        match attempt.state {
            AttemptState::Pending => {
                let (forgets, paid) = self.client.throw(|dice| (dice.permille(250), dice.permille(800)));
                if forgets {
                    return;
                }
                self.client.dawdle(DUE).await;
                provider::finish(&self.client.house.ground, attempt.id, attempt.amount, paid);
                if !paid && self.client.throw(|dice| dice.permille(600)) {
                    self.client.dawdle(DUE).await;
                    self.pay_again(note, order).await;
                    // The bank thinks better of it.
                    if self.client.throw(|dice| dice.permille(500)) {
                        self.client.dawdle(self.leisure).await;
                        provider::finish(&self.client.house.ground, attempt.id, attempt.amount, true);
                    }
                }
            }
            AttemptState::Declined => {
                self.client.dawdle(self.leisure).await;
                self.pay_again(note, order).await;
            }
            AttemptState::Created
            | AttemptState::Unknown
            | AttemptState::Authorized
            | AttemptState::Captured
            | AttemptState::Voided => {
                if self.client.throw(|dice| dice.permille(300)) {
                    self.client.dawdle(DUE).await;
                    self.pay_again(note, order).await;
                }
            }
        }
    }

    async fn pay_again(&self, note: &str, order: &Order) {
        let id = order.id;
        let (method, token) = self.client.throw(|dice| *dice.pick(&PAYMENTS));
        let key = key(&format!("{note}-again"), 1);
        let request = |shop: crate::Commerce, me: Actor| {
            let key = key.clone();
            async move { shop.orders.pay(&me, id, method, token.map(str::to_owned), Some(key)).await }
        };
        match self.client.insist(request).await {
            Told::Done(paid) => self.client.must(paid.id == id, || format!("{id} was paid as {}", paid.id)),
            Told::Refused(code, _) => {
                self.client.must(matches!(code, "NOT_PAYABLE" | "CONFLICT"), || format!("paying {id} was refused as {code}"));
            }
            Told::Unknown => {}
        }
    }

    async fn cancel(&self, note: &str, order: &Order) {
        let id = order.id;
        let key = key(&format!("{note}-cancel"), 1);
        let request = |shop: crate::Commerce, me: Actor| {
            let key = key.clone();
            async move { shop.orders.cancel(&me, id, None, Some(key)).await }
        };
        match self.client.insist(request).await {
            Told::Done(_) => self.history.cancelled(id),
            Told::Refused(code, _) => {
                self.client
                    .must(matches!(code, "ILLEGAL_TRANSITION" | "CONFLICT"), || format!("cancelling {id} was refused as {code}"));
            }
            Told::Unknown => {}
        }
    }
}

/// How orders are paid: cash, and every token of the sandbox.
const PAYMENTS: [(PaymentMethod, Option<&str>); 8] = [
    (PaymentMethod::Cod, None),
    (PaymentMethod::Cod, None),
    (PaymentMethod::Card, Some("tok_ok")),
    (PaymentMethod::Upi, Some("tok_ok")),
    (PaymentMethod::Card, Some("tok_declined")),
    (PaymentMethod::Card, Some("tok_timeout_then_ok")),
    (PaymentMethod::Card, Some("tok_timeout_then_declined")),
    (PaymentMethod::Upi, Some("tok_pending")),
];
