//! Sending an order elsewhere than it was to go, until something of it has left the house.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::OrderId;
use crate::staff::StaffAction;
use crate::users::{PostalAddress, RawAddress, parse_address};

use super::Orders;
use super::model::{Order, OrderStatus};
use super::story::{Decided, Happening};

impl Orders {
    /// Changes where an order goes: its owner or staff, until something of it is shipped, within the state of the country that
    /// it was to go to, because tax and shipping may be others elsewhere. What was agreed on stays. The same address
    /// again changes nothing.
    ///
    /// # Errors
    /// `NOT_REDIRECTABLE`, `INVALID` naming the fields, `NOT_FOUND` for strangers, `VERSION_MISMATCH` when the order is not
    /// `expected`.
    pub async fn redirect(&self, actor: &Actor, id: OrderId, address: RawAddress, expected: Option<u64>) -> Outcome<Order> {
        let address = &parse_address("", address)?;
        rounds("order", || async {
            let order = self.owned(actor, id).await?;
            expect_version("order", expected, order.version)?;
            if order.shipping_address == *address {
                return Ok(Round::Done(order));
            }
            order.check_redirect(address)?;
            let mut decided = Decided::about(order);
            decided.order.shipping_address = address.clone();
            let (order, changes) = self.update(decided.and(Happening::Redirected), actor);
            // Where to is nothing for a log that is never changed.
            let told = self.told_to(order.user, actor, id, StaffAction::OrderRedirected, json!({}));
            settle(self.store.commit(changes.say(told)).await, order)
        })
        .await
    }
}

impl Order {
    /// Passes an address that the order may go to instead.
    ///
    /// # Errors
    /// `NOT_REDIRECTABLE`.
    pub fn check_redirect(&self, to: &PostalAddress) -> Result<(), Refusal> {
        match self.status {
            OrderStatus::Cancelled => return Err(Refusal::NotRedirectable("it is cancelled")),
            OrderStatus::Shipped | OrderStatus::OutForDelivery | OrderStatus::Delivered => {
                return Err(Refusal::NotRedirectable("it is shipped"));
            }
            OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Processing => {}
        }
        if !self.shipments.is_empty() {
            return Err(Refusal::NotRedirectable("some of it is shipped"));
        }
        let from = &self.shipping_address;
        if from.country != to.country || from.state != to.state {
            return Err(Refusal::NotRedirectable("it may be taxed and shipped at another price there; cancel it and order anew"));
        }
        Ok(())
    }
}
