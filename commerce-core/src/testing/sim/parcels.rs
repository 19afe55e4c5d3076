//! What staff sends and takes back: parcels, refused ones, returns and exchanges.

use std::time::Duration;

use futures_util::future::join;
use serde_json::json;

use super::goods;
use super::house::Heard;
use super::staff::Staff;
use crate::Commerce;
use crate::actor::Actor;
use crate::error::Error;
use crate::ids::{Id, OrderId, ReturnId};
use crate::orders::{CarrierNews, GiveMoney, NewShipment, Order, OrderStatus, RequestReturn, ReturnKind, ShipmentStatus};
use crate::staff::StaffAction;
use crate::users::RawAddress;

impl Staff {
    /// Somebody packs a unit while somebody else packs all that is left, and the carrier loses one of the parcels for a
    /// while.
    pub(super) async fn parcels(&self, order: OrderId) {
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
        self.give_for_a_unit(order, &sku).await;
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

    /// Now and then what one unit cost is given back without a return, twice at once.
    async fn give_for_a_unit(&self, order: OrderId, sku: &str) {
        if !self.client.throw(|dice| dice.permille(250)) {
            return;
        }
        let give = |shop: Commerce, me: Actor| {
            let wish = GiveMoney { amount: None, lines: Some(vec![(sku.to_owned(), 1)]), reason: "chipped".to_owned() };
            async move { shop.orders.give_money_back(&me, order, wish, None, None).await }
        };
        let (one, other) = join(self.client.ask(give), self.client.ask(give)).await;
        for heard in [one, other] {
            if let Heard::Answer(Err(Error::Refused(refusal))) = heard {
                let code = refusal.code();
                let expected = matches!(code, "REFUND_EXCEEDS_CAPTURED" | "CONFLICT");
                self.client.must(expected, || format!("what a unit of {order} cost was refused as {code}"));
            }
        }
    }

    /// Something of an order of which some has left the house comes back, twice at once, and each is taken in and paid back.
    pub(super) async fn send_back(&self, order: &Order) {
        let (id, kinds) = (order.id, [ReturnKind::Return, ReturnKind::Refund, ReturnKind::Exchange]);
        let (line, kind, restock) =
            self.client.throw(|dice| (dice.pick(&order.lines).clone(), *dice.pick(&kinds), dice.permille(600)));
        self.give_for_a_unit(id, line.sku.as_str()).await;
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
}
