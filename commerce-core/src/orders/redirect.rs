//! Sending an order elsewhere than it was to go, until something of it has left the house.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Round, digest, expect_version, rounds, settle};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{Id, OrderId, PaymentId};
use crate::staff::StaffAction;
use crate::text::Sku;
use crate::users::{PostalAddress, RawAddress, parse_address};

use super::Orders;
use super::model::{Order, OrderStatus};
use super::pricing::OrderLine;
use super::shipping::{Destination, Parcel};
use super::story::{Decided, Happening};
use super::tax::{Sale, SaleLine};

impl Orders {
    /// Changes where an order goes: its owner or staff, until something of it is shipped, within the country that it was to go
    /// to, and only where tax and shipping are the same. What was agreed on stays. The same address again changes nothing.
    ///
    /// # Errors
    /// `NOT_REDIRECTABLE`, `INVALID` naming the fields, `NOT_FOUND` for strangers, `VERSION_MISMATCH` when the order is not
    /// `expected`.
    pub async fn redirect(&self, actor: &Actor, id: OrderId, address: RawAddress, expected: Option<u64>) -> Outcome<Order> {
        let address = &parse_address("", address)?;
        rounds("order", || async {
            let order = self.order(actor, id).await?;
            expect_version("order", expected, order.version)?;
            if order.shipping_address == *address {
                return Ok(Round::Done(order));
            }
            order.check_redirect(address)?;
            let moves = Destination::from(&order.shipping_address) != Destination::from(address);
            if moves && !Box::pin(self.costs_the_same(&order, address)).await? {
                return Err(Refusal::NotRedirectable(ELSEWHERE).into());
            }
            let mut decided = Decided::about(order);
            decided.order.shipping_address = address.clone();
            let (order, changes) = self.update(decided.and(Happening::Redirected), actor);
            // Where to is nothing for a log that is never changed.
            let told = self.told_to(order.user, actor, id, StaffAction::OrderRedirected, json!({}));
            settle(self.store.commit(changes.say(told)).await, order)
        })
        .await
    }

    /// Whether an order's taxes and its way to ship are there what they are where it was to go, both as they are by now.
    async fn costs_the_same(&self, order: &Order, to: &PostalAddress) -> Outcome<bool> {
        let skus: Vec<Sku> = order.lines.iter().map(|line| line.sku.clone()).collect();
        let items = self.catalog.items(&skus).await?;
        let weight = |line: &OrderLine| {
            let grams = items.iter().find(|item| item.sku == line.sku).and_then(|item| item.weight_grams);
            u64::from(grams.unwrap_or(0)).saturating_mul(u64::from(line.quantity.get()))
        };
        let grams = order.lines.iter().map(weight).fold(0, u64::saturating_add);
        let mut lines = Vec::with_capacity(order.lines.len());
        for line in &order.lines {
            lines.push(SaleLine { amount: line.total.minus(line.tax)?, ..SaleLine::from(line) });
        }
        let lines = self.sold(lines).await?;
        let costs = async |at: &PostalAddress| -> Outcome<_> {
            let to = Destination::from(at);
            let sale = Sale { to: to.clone(), lines: lines.clone(), shipping: order.shipping };
            let ways = self.policy.shipping.options(&Parcel { to, grams, subtotal: order.subtotal }).await?;
            let price = ways.into_iter().find(|way| way.id == order.shipping_option).map(|way| way.price);
            Ok((self.policy.taxes.taxes(&sale).await?, price))
        };
        match (costs(&order.shipping_address).await, costs(to).await) {
            (Ok((_, None)), Ok(_)) | (Err(Error::Refused(_)), _) | (_, Err(Error::Refused(_))) => Ok(false),
            (before, after) => Ok(before? == after?),
        }
    }
}

/// Why an order does not go to where it would have cost something else.
const ELSEWHERE: &str = "it may be taxed and shipped at another price there; cancel it and order anew";

/// What events say of an address, because they carry none: a digest of its parts (name, two lines, city, state, postal
/// code, country, phone) with the order's payment, which no event names, so that nobody who hears them can try addresses.
#[must_use]
pub fn address_digest(payment: PaymentId, parts: [Option<&str>; 8]) -> String {
    let uuid = payment.uuid();
    let mut all: Vec<&[u8]> = vec![b"address", uuid.as_bytes()];
    all.extend(parts.iter().map(|part| part.unwrap_or_default().as_bytes()));
    hex::encode(digest(&all))
}

impl Order {
    /// What its events say of where it goes.
    #[must_use]
    pub fn address_digest(&self) -> String {
        let PostalAddress { full_name, line1, line2, city, state, postal_code, country, phone } = &self.shipping_address;
        let country = country.to_string();
        let (line2, state, phone) = (line2.as_deref(), state.as_deref(), phone.as_deref());
        let parts = [Some(&**full_name), Some(line1), line2, Some(city), state, Some(postal_code), Some(&country), phone];
        address_digest(self.payment.id, parts)
    }

    /// Passes an address that the order may go to instead, if it costs the same there.
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
        if self.shipping_address.country != to.country {
            return Err(Refusal::NotRedirectable(ELSEWHERE));
        }
        Ok(())
    }
}
