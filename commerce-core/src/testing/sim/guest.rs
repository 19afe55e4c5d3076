//! Somebody without an account: she orders by her mail address, clicks twice, and goes on by the link alone.

use std::sync::Arc;

use futures_util::future::join_all;

use super::client::{Client, Told, key};
use super::goods;
use super::house::{Heard, House};
use super::situations::Situation;
use crate::Commerce;
use crate::actor::Actor;
use crate::ids::{Id, OrderId};
use crate::orders::{GuestBuyer, Order, OrderStatus, PaymentMethod, PlaceOrder};
use crate::page::PageRequest;
use crate::text::Sku;

/// How guests pay.
const PAYMENTS: [(PaymentMethod, Option<&str>); 5] = [
    (PaymentMethod::Cod, None),
    (PaymentMethod::Card, Some("tok_ok")),
    (PaymentMethod::Card, Some("tok_declined")),
    (PaymentMethod::Upi, Some("tok_pending")),
    (PaymentMethod::Card, Some("tok_timeout_then_ok")),
];

/// A guest.
pub(super) struct Guest {
    pub(super) client: Client,
    pub(super) email: String,
    pub(super) variants: usize,
    pub(super) leisure: u64,
}

impl Guest {
    /// One who has a mail address of her own, or that of somebody with an account.
    pub(super) fn new(house: &Arc<House>, email: &str, variants: usize, leisure: u64) -> Self {
        let client = Client { house: Arc::clone(house), actor: Actor::Anonymous, gives_up: 100 };
        Self { client, email: email.to_owned(), variants, leisure }
    }

    /// So many errands, one after the other.
    pub(super) async fn live(self, errands: usize) {
        let mut before: Option<OrderId> = None;
        for errand in 0..errands {
            self.client.dawdle(self.leisure).await;
            if let Some(order) = self.errand(&format!("guest-{errand}")).await {
                self.follow(&order, before.replace(order.id)).await;
            }
        }
    }

    /// Orders named items, or a cart that she fills first.
    async fn errand(&self, note: &str) -> Option<Order> {
        let payment = self.client.throw(|dice| *dice.pick(&PAYMENTS));
        let (variant, clicks, carries) =
            self.client.throw(|dice| (dice.below(self.variants), 1 + usize::from(dice.permille(300)), dice.permille(400)));
        let sku: Sku = goods::sku(variant);
        let cart = if carries { self.fill(&sku).await } else { None };
        let items = cart.is_none().then(|| vec![(sku, 1)]);
        let mut wish = goods::order(items, payment, note);
        if self.client.throw(|dice| dice.permille(300)) {
            wish.coupon_code = Some(goods::COUPON.to_owned());
        }
        let guest = GuestBuyer { email: self.email.clone(), cart };
        let told = join_all((0..clicks).map(|_| self.place(note, &guest, &wish))).await;
        let mut placed: Vec<Order> = Vec::new();
        for told in told {
            match told {
                Told::Done(order) => placed.push(order),
                Told::Refused(code, _) => {
                    let expected = [
                        "SOLD_OUT",
                        "INVALID",
                        "COUPON_EXHAUSTED",
                        "TOO_MANY",
                        "TOO_MANY_UNPAID",
                        "EMPTY_ORDER",
                        "CART_ORDERED",
                        "IDEMPOTENCY_MISMATCH",
                    ];
                    let fits = expected.contains(&code);
                    self.client.must(fits, || format!("{note} of {} was refused as {code}", self.email));
                }
                Told::Unknown => {}
            }
        }
        let mut placed = placed.into_iter();
        let first = placed.next()?;
        self.client.must(placed.all(|other| other.id == first.id), || format!("{note} of {} is two orders", self.email));
        self.client.house.ground.count(Situation::GuestOrdered);
        Some(first)
    }

    async fn fill(&self, sku: &Sku) -> Option<String> {
        let Heard::Answer(Ok(opened)) = self
            .client
            .ask(|shop, me| async move { shop.orders.open_guest_cart(&me, crate::text::Metadata::new(), None).await })
            .await
        else {
            return None;
        };
        let (token, _) = opened.into_inner();
        let (owner, items) = (crate::orders::CartOwner::guest(&token), vec![(sku.to_string(), 1)]);
        let add =
            move |shop: Commerce, me: Actor| async move { shop.orders.add_to_cart(&me, owner, &items, None, None, None).await };
        matches!(self.client.ask(add).await, Heard::Answer(Ok(_))).then_some(token)
    }

    async fn place(&self, note: &str, guest: &GuestBuyer, wish: &PlaceOrder) -> Told<Order> {
        let key = key(note, 1);
        let request = |shop: Commerce, _| {
            let (guest, wish, key) = (guest.clone(), wish.clone(), key.clone());
            async move { shop.orders.place_as_guest(&guest, wish, Some(key)).await }
        };
        self.client.insist(request).await
    }

    /// Looks at her order by its link, which shows no other; pays it again, cancels it, or leaves it.
    async fn follow(&self, order: &Order, before: Option<OrderId>) {
        let linked = order.clone();
        let link = self.client.ask(|shop, _| async move { shop.orders.link_of(&linked).await }).await;
        let Heard::Answer(Ok(link)) = link else { return };
        let id = order.id;
        let Some(link) = link else {
            return self.client.must(false, || format!("order {id} of a guest has no link"));
        };
        let token = link.token.clone();
        let follow = move |shop: Commerce, _| async move {
            let me = shop.orders.by_link(&token).await?;
            Ok((me, shop.orders.order(&me, id).await?, shop.orders.timeline(&me, id, &PageRequest::first()).await?))
        };
        let Heard::Answer(Ok((me, seen, _))) = self.client.ask(follow).await else { return };
        self.client.must(seen.id == id && seen.user == order.user, || format!("the link of {id} shows {}", seen.id));
        self.stay_out(me, id, before, &link.token).await;
        let errand = self.client.throw(|dice| dice.below(3));
        if errand == 0 && seen.status == OrderStatus::Pending {
            let key = key("again", 1);
            let pay = |shop: Commerce, _| {
                let key = key.clone();
                async move { shop.orders.pay(&me, id, PaymentMethod::Card, Some("tok_ok".to_owned()), Some(key), None).await }
            };
            self.client.insist(pay).await;
        }
        if errand == 1 {
            let key = key("cancel", 1);
            let cancel = |shop: Commerce, _| {
                let key = key.clone();
                async move { shop.orders.cancel(&me, id, None, Some(key), None).await }
            };
            self.client.insist(cancel).await;
        }
    }

    /// What a link must not do.
    async fn stay_out(&self, me: Actor, order: OrderId, before: Option<OrderId>, token: &str) {
        let other = before.unwrap_or_else(|| OrderId::from_uuid(uuid::Uuid::from_u128(1)));
        let read = move |shop: Commerce, _| async move { shop.orders.order(&me, other).await };
        let address = goods::order(None, PAYMENTS[0], "").address;
        let redirect = move |shop: Commerce, _| async move {
            let crate::orders::AddressChoice::Given(to) = address else { return shop.orders.order(&me, other).await };
            shop.orders.redirect(&me, other, *to, None).await
        };
        let forged = format!("{}A", token.get(1..).unwrap_or_default());
        let guess = move |shop: Commerce, _| async move { shop.orders.by_link(&forged).await };
        let list = move |shop: Commerce, _| async move {
            shop.orders.orders(&me, crate::orders::OrderFilter::default(), &PageRequest::first()).await
        };
        let opened = [
            ("another order", matches!(self.client.ask(read).await, Heard::Answer(Ok(_)))),
            ("the way of another order", matches!(self.client.ask(redirect).await, Heard::Answer(Ok(_)))),
            ("what was guessed", matches!(self.client.ask(guess).await, Heard::Answer(Ok(_)))),
            ("all orders", matches!(self.client.ask(list).await, Heard::Answer(Ok(_)))),
        ];
        for (what, open) in opened {
            self.client.must(!open, || format!("the link of {order} opened {what}"));
        }
    }
}
