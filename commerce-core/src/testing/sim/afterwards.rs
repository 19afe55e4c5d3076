//! What a customer does about an order that stands: she pays late or again, gives some of it up, or cancels it.

use super::buyer::{Buyer, DUE, PAYMENTS};
use super::client::{Told, key};
use super::provider;
use crate::actor::Actor;
use crate::orders::{AttemptState, Order, OrderStatus};

impl Buyer {
    /// What she does about an order that stands: pays it, pays again, cancels it, or forgets it.
    pub(super) async fn follow(&self, note: &str, order: Order) {
        if order.status == OrderStatus::Pending {
            self.pay(note, &order).await;
        }
        if self.client.throw(|dice| dice.permille(200)) {
            self.client.dawdle(self.leisure).await;
            self.give_up(note, &order).await;
        }
        if self.client.throw(|dice| dice.permille(250)) {
            self.client.dawdle(self.leisure).await;
            self.cancel(note, &order).await;
        }
    }

    /// One unit fewer, of an order that keeps others.
    async fn give_up(&self, note: &str, order: &Order) {
        if order.lines.iter().map(|line| line.quantity.get()).sum::<u32>() < 2 {
            return;
        }
        let (id, key) = (order.id, key(&format!("{note}-fewer"), 1));
        let lines = vec![(self.client.throw(|dice| dice.pick(&order.lines).sku.to_string()), 1)];
        let request = |shop: crate::Commerce, me: Actor| {
            let (lines, key) = (lines.clone(), key.clone());
            async move { shop.orders.cancel_lines(&me, id, &lines, None, Some(key), None).await }
        };
        if let Told::Refused(code, _) = self.client.insist(request).await {
            let known = matches!(code, "ILLEGAL_TRANSITION" | "PAYMENT_REQUIRED" | "CANCEL_EXCEEDS_OPEN" | "CONFLICT");
            self.client.must(known, || format!("giving up some of {id} was refused as {code}"));
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
            async move { shop.orders.pay(&me, id, method, token.map(str::to_owned), Some(key), None).await }
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
            async move { shop.orders.cancel(&me, id, None, Some(key), None).await }
        };
        let told = self.client.insist(request).await;
        if matches!(told, Told::Done(_)) && self.client.throw(|dice| dice.permille(300)) {
            let again = self.client.insist(request).await;
            let refused = matches!(again, Told::Refused(..));
            self.client.must(!refused, || format!("{id} is cancelled, and the same request again was refused"));
        }
        match told {
            Told::Done(_) => self.history.cancelled(id, &self.client.actor),
            Told::Refused(code, alone) => {
                if alone {
                    self.history.uncancelled(id);
                }
                self.client
                    .must(matches!(code, "ILLEGAL_TRANSITION" | "CONFLICT"), || format!("cancelling {id} was refused as {code}"));
            }
            Told::Unknown => {}
        }
    }
}
