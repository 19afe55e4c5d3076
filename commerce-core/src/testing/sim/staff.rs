//! Those who run the shop: staff ship, cancel, count and read reviews; sellers change prices and drop variants;
//! and whatever befalls the machines.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join;
use serde_json::json;

use super::client::{Client, History, Told, key};
use super::goods;
use super::house::{Heard, House};
use crate::Commerce;
use crate::actor::Actor;
use crate::catalog::{ImportProduct, VariantPatch};
use crate::change::{Answer, ChangeSet};
use crate::error::Error;
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{EventId, Id, OrderId, ProductId, ReturnId, WebhookEndpointId};
use crate::money::{Currency, Money};
use crate::notifications::EndpointInput;
use crate::orders::{
    Capture, CarrierNews, NewShipment, Order, OrderStatus, OrderStore, OrderWrite, PromiseWish, RefundAnswer, RequestReturn,
    ReturnKind, ShipmentStatus,
};
use crate::staff::StaffAction;
use crate::users::RawAddress;

/// The longest pause between two blows, in microseconds.
const BLOW_PAUSE: u64 = 120_000_000;

/// How often staff looks for work before she does something else, and the longest pause between, in microseconds.
const LOOKS: usize = 4;
const LOOK_AGAIN: u64 = 60_000_000;

/// Somebody on the shop's side.
#[derive(Clone)]
pub(super) struct Staff {
    pub(super) client: Client,
    pub(super) history: Arc<History>,
    pub(super) product: ProductId,
    pub(super) variants: usize,
    pub(super) leisure: u64,
}

impl Staff {
    /// So many chores: orders are moved on, stock is counted, reviews are read.
    pub(super) async fn work(self, chores: usize) {
        for chore in 0..chores {
            self.client.dawdle(self.leisure).await;
            match self.client.throw(|dice| dice.below(20)) {
                0 => self.tell_others().await,
                1..6 => self.adjust(chore).await,
                6..10 => self.moderate().await,
                10..14 if self.client.house.capture == Capture::Manual => self.take_or_let_go().await,
                _ => self.move_on().await,
            }
        }
    }

    /// Another system is to be told of what happens, or not any more.
    async fn tell_others(&self) {
        let known: Vec<WebhookEndpointId> = self.client.house.ground.books().endpoints.iter().copied().collect();
        let (remove, some) = self.client.throw(|dice| (dice.permille(400), dice.permille(500)));
        let heard = if let Some(id) = known.last().copied().filter(|_| remove) {
            let gone =
                move |shop: Commerce, me: Actor| async move { shop.notifications.delete_webhook_endpoint(&me, id, None).await };
            self.client.ask(gone).await
        } else {
            let events = if some { ["ORDER_CONFIRMED", "ORDER_CANCELLED"].as_slice() } else { ["*"].as_slice() };
            let events = events.iter().map(|name| (*name).to_owned()).collect();
            let input = EndpointInput { url: "https://hooks.example/in".to_owned(), events, secret: None };
            let made = move |shop: Commerce, me: Actor| async move {
                shop.notifications.create_webhook_endpoint(&me, input, None).await
            };
            match self.client.ask(made).await {
                Heard::Answer(Ok(made)) => {
                    let id = made.into_inner().endpoint.id;
                    self.history.did(StaffAction::EndpointCreated, id.uuid(), json!({}));
                    Heard::Answer(Ok(()))
                }
                Heard::Answer(Err(error)) => Heard::Answer(Err(error)),
                Heard::Lost => Heard::Lost,
                Heard::Nothing => Heard::Nothing,
            }
        };
        if let Heard::Answer(Err(Error::Refused(refusal))) = heard {
            let code = refusal.code();
            let expected = matches!(code, "NOT_FOUND" | "IN_USE" | "CONFLICT");
            self.client.must(expected, || format!("telling others was refused as {code}"));
        }
    }

    /// Mostly an order that is still on its way; where there is none yet, she looks again later.
    async fn work_to_do(&self) -> Option<OrderId> {
        for _ in 0..LOOKS {
            let (all, live) = {
                let books = self.client.house.ground.books();
                let live = |id: &OrderId| {
                    let status = books.order(*id).map(|order| order.status);
                    !matches!(status, Some(OrderStatus::Pending | OrderStatus::Cancelled | OrderStatus::Delivered) | None)
                };
                let all = books.order_ids();
                let live: Vec<OrderId> = all.iter().copied().filter(live).collect();
                (all, live)
            };
            let any = self.client.throw(|dice| dice.permille(250));
            let some = if any { all } else { live };
            if !some.is_empty() {
                return Some(self.client.throw(|dice| *dice.pick(&some)));
            }
            self.client.dawdle(LOOK_AGAIN).await;
        }
        None
    }

    /// Takes an order a few steps further, or cancels it.
    async fn move_on(&self) {
        let Some(order) = self.work_to_do().await else { return };
        let (what, steps) = self.client.throw(|dice| (dice.below(10), 1 + dice.below(4)));
        if what < 1 {
            return self.set(order, OrderStatus::Cancelled).await;
        }
        if what > 6 {
            self.parcels(order).await;
        }
        for _ in 0..steps {
            let status = self.client.house.ground.books().order(order).map(|order| order.status);
            let next = match status {
                Some(OrderStatus::Pending) => OrderStatus::Confirmed,
                Some(OrderStatus::Confirmed) => OrderStatus::Processing,
                Some(OrderStatus::Processing) => OrderStatus::Shipped,
                Some(OrderStatus::Shipped) => OrderStatus::OutForDelivery,
                Some(OrderStatus::OutForDelivery) => OrderStatus::Delivered,
                Some(OrderStatus::Delivered | OrderStatus::Cancelled) | None => break,
            };
            self.set(order, next).await;
        }
        let shipped = self.client.house.ground.books().order(order).filter(|it| !it.shipments.is_empty()).cloned();
        if let Some(order) = shipped {
            self.send_back(&order).await;
        }
        // And then whatever comes to mind, legal or not.
        if what > 2 {
            for _ in 0..2 {
                let status = self.client.throw(|dice| *dice.pick(OrderStatus::ALL));
                self.set(order, status).await;
            }
        }
    }

    /// Somebody packs a unit while somebody else packs all that is left, and the carrier loses one of the parcels for a
    /// while.
    async fn parcels(&self, order: OrderId) {
        let Some(known) = self.client.house.ground.books().order(order).cloned() else { return };
        let to = &known.shipping_address;
        let elsewhere = RawAddress {
            full_name: to.full_name.clone(),
            line1: "14 MG Road".to_owned(),
            line2: to.line2.clone(),
            city: to.city.clone(),
            state: to.state.clone(),
            postal_code: to.postal_code.clone(),
            country: to.country.to_string(),
            phone: to.phone.clone(),
        };
        let redirect = |shop: Commerce, me: Actor| {
            let to = elsewhere.clone();
            async move { shop.orders.redirect(&me, order, to, None).await }
        };
        self.expected(self.client.ask(redirect).await);
        let sku = self.client.throw(|dice| dice.pick(&known.lines).sku.to_string());
        if self.client.throw(|dice| dice.permille(500)) {
            let lines = [(sku.clone(), 1)];
            let drop = |shop: Commerce, me: Actor| {
                let lines = lines.clone();
                async move { shop.orders.cancel_lines(&me, order, &lines, None, None, None).await }
            };
            let (one, other) = join(self.client.ask(drop), self.client.ask(drop)).await;
            self.expected(one);
            self.expected(other);
        }
        let ship = |lines: Option<Vec<(String, i64)>>| {
            let wish = NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: sku.clone(), lines };
            self.client.ask(move |shop, me| async move { shop.orders.ship(&me, order, wish, None, None).await })
        };
        let one = ship(Some(vec![(sku.clone(), 1)]));
        let heard = if self.client.throw(|dice| dice.permille(600)) {
            let (one, all) = join(one, ship(None)).await;
            vec![one, all]
        } else {
            let one = one.await;
            // Some of it has left the house, so this is too late.
            self.set(order, OrderStatus::Cancelled).await;
            vec![one]
        };
        for heard in heard {
            let Heard::Answer(Ok(answer)) = self.expected(heard) else { continue };
            let parcel = answer.into_inner().it.id;
            self.history.did(StaffAction::ShipmentCreated, order.uuid(), json!({ "shipment": parcel }));
            for status in [ShipmentStatus::OutForDelivery, ShipmentStatus::Failed, ShipmentStatus::Delivered] {
                let (said, early) = self.client.throw(|dice| (dice.permille(700), dice.permille(300)));
                let at = early.then(|| self.client.house.ground.now().minus(Duration::from_secs(1)));
                let news = CarrierNews { status, at, note: None };
                let tell = || {
                    let news = news.clone();
                    self.client
                        .ask(move |shop, me| async move { shop.orders.shipment_news(&me, order, parcel, news, None, None).await })
                };
                if said {
                    let (one, again) = join(tell(), tell()).await;
                    self.expected(one);
                    self.expected(again);
                }
            }
        }
        self.bring_back(order).await;
    }

    /// What could not be handed over comes back to the house, twice at once, and is paid back where it was paid.
    async fn bring_back(&self, order: OrderId) {
        // Of every other order nobody opens the door, by its own random bits.
        if order.uuid().as_u128().is_multiple_of(2) {
            let wish = NewShipment { carrier: "Blue Dart".to_owned(), tracking_number: "rest".to_owned(), lines: None };
            let rest = |shop: Commerce, me: Actor| {
                let wish = wish.clone();
                async move { shop.orders.ship(&me, order, wish, None, None).await }
            };
            self.expected(self.client.ask(rest).await);
            let parcels = self.client.house.ground.books().order(order).map(|it| it.shipments.clone()).unwrap_or_default();
            for parcel in parcels.iter().filter(|it| it.status() != ShipmentStatus::Delivered).map(|it| it.id) {
                let fail = move |shop: Commerce, me: Actor| async move {
                    let news = CarrierNews { status: ShipmentStatus::Failed, at: None, note: None };
                    shop.orders.shipment_news(&me, order, parcel, news, None, None).await
                };
                self.expected(self.client.ask(fail).await);
            }
        }
        let Some(known) = self.client.house.ground.books().order(order).cloned() else { return };
        for parcel in known.shipments.iter().filter(|it| it.status() == ShipmentStatus::Failed) {
            let lines = parcel.lines.iter().map(|line| (line.sku.to_string(), i64::from(line.quantity.get())));
            let wish = RequestReturn {
                kind: ReturnKind::Return,
                lines: lines.collect(),
                refused: Some(true),
                reason: "refused at the door".to_owned(),
            };
            let ask = || {
                let wish = wish.clone();
                self.client.ask(move |shop, me| async move { shop.orders.request_return(&me, order, wish, None, None).await })
            };
            let (one, other) = join(ask(), ask()).await;
            for heard in [one, other] {
                let Heard::Answer(Ok(answer)) = self.expected(heard) else { continue };
                let id = answer.into_inner().it.id;
                self.expected(
                    self.client.ask(move |shop, me| async move { shop.orders.approve_return(&me, id, None, None).await }).await,
                );
                let receive =
                    move |shop: Commerce, me: Actor| async move { shop.orders.receive_return(&me, id, None, None, None).await };
                self.expected(self.client.ask(receive).await);
                let refund =
                    move |shop: Commerce, me: Actor| async move { shop.orders.refund_return(&me, id, None, None, None).await };
                self.expected(self.client.ask(refund).await);
            }
        }
    }

    /// Takes what was promised for an order, or less, or gives it back; two at once want different things.
    async fn take_or_let_go(&self) {
        let promises: Vec<_> = {
            let books = self.client.house.ground.books();
            let orders = books.order_ids().into_iter().filter_map(|id| books.order(id));
            let promised = |order: &Order| Some((order.id, order.payment.attempts.iter().find(|it| it.is_promise())?.clone()));
            orders.filter_map(promised).collect()
        };
        if promises.is_empty() {
            return;
        }
        let (id, attempt) = self.client.throw(|dice| dice.pick(&promises).clone());
        let wants = |whole: bool, voids: bool| {
            let payment = attempt.id.uuid();
            let amount =
                Money::new(if whole { attempt.amount.minor } else { attempt.amount.minor / 2 + 1 }, attempt.amount.currency);
            self.client.ask(move |shop, me| async move {
                if voids {
                    shop.orders.void_payment(&me, id, PromiseWish::all_of(payment)).await
                } else {
                    shop.orders.capture_payment(&me, id, PromiseWish::all_of(payment).of(Some(amount))).await
                }
            })
        };
        let (one, other) = self.client.throw(|dice| {
            let mut want = || (dice.permille(500), dice.permille(250));
            (want(), want())
        });
        let heard = join(wants(one.0, one.1), wants(other.0, other.1)).await;
        for heard in [heard.0, heard.1] {
            if let Heard::Answer(Err(Error::Refused(refusal))) = heard {
                let code = refusal.code();
                let known = matches!(code, "NOT_CAPTURABLE" | "NOT_VOIDABLE" | "ILLEGAL_TRANSITION" | "CONFLICT");
                self.client.must(known, || format!("a promise for {id} was refused as {code}"));
            }
        }
    }

    async fn set(&self, order: OrderId, status: OrderStatus) {
        let heard =
            self.client.ask(move |shop, me| async move { shop.orders.set_status(&me, order, status, None, None).await }).await;
        match heard {
            Heard::Answer(Ok(_)) => {
                self.history.did(StaffAction::OrderStatusSet, order.uuid(), json!({ "status": status }));
                if status == OrderStatus::Cancelled {
                    self.history.cancelled(order, &self.client.actor);
                }
            }
            Heard::Answer(Err(Error::Refused(refusal))) => {
                let code = refusal.code();
                let expected = matches!(code, "ILLEGAL_TRANSITION" | "PAYMENT_REQUIRED" | "CONFLICT");
                self.client.must(expected, || format!("moving {order} to {status} was refused as {code}"));
            }
            Heard::Answer(Err(Error::Store(_))) | Heard::Lost | Heard::Nothing => {}
        }
    }

    /// Something of an order of which some has left the house comes back, twice at once, and each is taken in and paid back.
    async fn send_back(&self, order: &Order) {
        let (id, kinds) = (order.id, [ReturnKind::Return, ReturnKind::Refund, ReturnKind::Exchange]);
        let (line, kind, restock) =
            self.client.throw(|dice| (dice.pick(&order.lines).clone(), *dice.pick(&kinds), dice.permille(600)));
        let wish = |units: u32| RequestReturn {
            kind,
            lines: vec![(line.sku.to_string(), i64::from(units))],
            refused: None,
            reason: "too small".to_owned(),
        };
        let ask = |units: u32| {
            let wish = wish(units);
            self.client.ask(move |shop, me| async move { shop.orders.request_return(&me, id, wish, None, None).await })
        };
        let asked = join(ask(line.quantity.get()), ask(1)).await;
        for heard in [asked.0, asked.1] {
            let Heard::Answer(Ok(answer)) = self.expected(heard) else { continue };
            let (id, quantity) = (answer.into_inner().it.id, line.quantity);
            // What she asks for herself is a customer's wish.
            if self.client.actor.user() != Some(order.user) {
                self.history.did(StaffAction::ReturnRequested, order.id.uuid(), json!({ "return": id }));
            }
            self.expected(
                self.client.ask(move |shop, me| async move { shop.orders.approve_return(&me, id, None, None).await }).await,
            );
            if kind != ReturnKind::Refund {
                let came = vec![(line.sku.to_string(), i64::from(quantity.get()), restock)];
                let came = self.client.throw(|dice| dice.permille(500)).then_some(came);
                let receive = |shop: Commerce, me: Actor| {
                    let came = came.clone();
                    async move { shop.orders.receive_return(&me, id, came, None, None).await }
                };
                self.expected(self.client.ask(receive).await);
            }
            if kind == ReturnKind::Exchange && self.exchange(&line.sku.to_string(), id).await {
                continue;
            }
            let refund =
                || self.client.ask(move |shop, me| async move { shop.orders.refund_return(&me, id, None, None, None).await });
            let (one, other) = join(refund(), refund()).await;
            self.expected(one);
            self.expected(other);
        }
    }

    /// The same again, or something else, for what came back, twice at once; and sometimes not after all. Answers
    /// whether it was sent.
    async fn exchange(&self, sku: &str, id: ReturnId) -> bool {
        let (same, other, regret) =
            self.client.throw(|dice| (dice.permille(500), goods::sku(dice.below(self.variants)), dice.permille(400)));
        let items = (!same).then(|| vec![(if other.as_str() == sku { sku.to_owned() } else { other.to_string() }, 1)]);
        let swap = |shop: Commerce, me: Actor| {
            let items = items.clone();
            async move { shop.orders.exchange_return(&me, id, items, None, None).await }
        };
        let (one, again) = join(self.client.ask(swap), self.client.ask(swap)).await;
        let mut sent = None;
        for heard in [one, again] {
            if let Heard::Answer(Ok(answer)) = self.expected(heard) {
                sent = answer.into_inner().it.exchange.or(sent);
            }
        }
        let Some(exchange) = sent else { return false };
        if regret {
            self.set(exchange.order, OrderStatus::Cancelled).await;
        }
        true
    }

    /// Passes what was heard of a parcel, on its way or back; refusals that cannot be are noted.
    fn expected<T>(&self, heard: Heard<T>) -> Heard<T> {
        if let Heard::Answer(Err(Error::Refused(refusal))) = &heard {
            let code = refusal.code();
            let known = [
                "RETURN_EXCEEDS_DELIVERED",
                "ILLEGAL_TRANSITION",
                "OVER_SHIPMENT",
                "NOT_REDIRECTABLE",
                "CANCEL_EXCEEDS_OPEN",
                "PAYMENT_REQUIRED",
                "SOLD_OUT",
                "EXCHANGE_EXCEEDS_CREDIT",
                "CONFLICT",
                "INVALID",
            ];
            self.client.must(known.contains(&code), || format!("a parcel was refused as {code}"));
        }
        heard
    }

    async fn adjust(&self, chore: usize) {
        let (variant, up, units) = self.client.throw(|dice| (dice.below(self.variants), dice.permille(700), dice.between(1, 3)));
        let sku = goods::sku(variant);
        let units = i64::try_from(units).unwrap_or(1);
        let delta = if up { units } else { -units };
        let reason = format!("count {chore}");
        let key = key(&reason, 1);
        let request = |shop: Commerce, me: Actor| {
            let (sku, reason, key) = (sku.clone(), reason.clone(), key.clone());
            async move { shop.catalog.adjust_stock(&me, &sku, delta, reason, Some(key), None).await }
        };
        let told = self.client.insist(request).await.map(|_| ());
        // A seller may have dropped the variant before the first answer, or in between.
        let told = if matches!(told, Told::Refused("NOT_FOUND", _)) { Told::Unknown } else { told };
        self.history.adjusted(sku, reason, told);
    }

    /// So many changes to the product.
    pub(super) async fn sell(self, changes: usize) {
        for _ in 0..changes {
            self.client.dawdle(self.leisure).await;
            let (what, number, price) = self.client.throw(|dice| (dice.below(4), dice.below(self.variants), dice.between(1, 9)));
            let price = i64::try_from(price).unwrap_or(1) * 10_000;
            match what {
                0 => self.reprice(number, price).await,
                1 => self.drop_variant(number).await,
                2 => self.add_variant(number, price).await,
                _ => self.import(price).await,
            }
        }
    }

    async fn reprice(&self, number: usize, price: i64) {
        let (product, sku) = (self.product, goods::sku(number));
        let patch = VariantPatch { price: Some(Money::new(price, Currency::INR)), ..VariantPatch::default() };
        self.client.ask(|shop, me| async move { shop.catalog.update_variant(&me, product, &sku, patch, None).await }).await;
    }

    async fn drop_variant(&self, number: usize) {
        let (product, sku) = (self.product, goods::sku(number));
        self.client.ask(|shop, me| async move { shop.catalog.remove_variant(&me, product, &sku, None).await }).await;
    }

    async fn add_variant(&self, number: usize, price: i64) {
        let product = self.product;
        let request = |shop: Commerce, me: Actor| {
            let variant = goods::variant(number, price, 2);
            async move { shop.catalog.add_variant(&me, product, variant, None, None).await }
        };
        self.client.insist(request).await;
    }

    /// The same product from elsewhere: repeated, it changes nothing.
    async fn import(&self, price: i64) {
        let variants = (0..self.variants).map(|number| goods::variant(number, price, 1)).collect();
        let import = ImportProduct::whole(goods::SLUG.parse().expect("it is well formed"), goods::product(variants));
        let request = |shop: Commerce, me: Actor| {
            let import = import.clone();
            async move { shop.catalog.import_product(&me, import).await.map(Answer::Fresh) }
        };
        self.client.insist(request).await;
    }
}

/// Kills nodes, lets their clocks jump and a refund go unanswered, so many times in all.
pub(super) async fn befall(house: Arc<House>, blows: usize) {
    let client = Client { house, actor: Actor::System, gives_up: 0 };
    let nodes = client.house.nodes();
    for _ in 0..blows {
        client.dawdle(BLOW_PAUSE).await;
        let (node, what, jump) = client.throw(|dice| (dice.below(nodes), dice.below(3), dice.between(0, 4_000_000)));
        match what {
            0 => client.house.jump(node, i64::try_from(jump).unwrap_or(0) - 2_000_000),
            1 => client.house.ground.gateway.script_refunds([RefundAnswer::NoAnswer]),
            _ => client.house.ground.clockwork.kill(node),
        }
    }
}

/// Says something that no consumer can understand.
pub(super) async fn poison(house: Arc<House>, number: usize) {
    let event = Envelope {
        id: EventId::from_uuid(uuid::Uuid::from_u128(u128::try_from(number).unwrap_or(0) + 1)),
        topic: Topic::Orders,
        kind: EventKind::OrderCancelled,
        schema: 1,
        aggregate: uuid::Uuid::nil(),
        version: 1,
        at: house.ground.now(),
        traceparent: None,
        data: serde_json::json!({ "poison": number }).into(),
    };
    house.ground.books().poisoned(&event);
    let said = house.stores.orders.as_ref() as &dyn OrderStore;
    said.commit(ChangeSet::<OrderWrite>::new().say([event])).await.expect("nothing can refuse it");
}
