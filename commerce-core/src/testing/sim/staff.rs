//! Those who run the shop: staff move orders on, cancel, take money and count. What they send and take back is in
//! [`parcels`](super::parcels), what sellers do in [`seller`](super::seller).

use std::sync::Arc;

use futures_util::future::join;
use serde_json::json;

use super::client::{Client, History, Told, key};
use super::goods;
use super::house::Heard;
use crate::Commerce;
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{Id, OrderId, ProductId, WebhookEndpointId};
use crate::money::Money;
use crate::notifications::EndpointInput;
use crate::orders::{Capture, Order, OrderStatus, PromiseWish};
use crate::staff::StaffAction;

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

    pub(super) async fn set(&self, order: OrderId, status: OrderStatus) {
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

    /// Passes what was heard of a parcel, on its way or back; refusals that cannot be are noted.
    pub(super) fn expected<T>(&self, heard: Heard<T>) -> Heard<T> {
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
}
