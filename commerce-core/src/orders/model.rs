//! The order: what was bought, by whom, for how much, and how far it is.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalog::HoldKey;
use crate::error::Refusal;
use crate::events::wire_names;
use crate::ids::{OrderId, TimelineId, UserId};
use crate::money::Money;
use crate::text::Metadata;
use crate::time::Timestamp;
use crate::users::PostalAddress;

use super::cancel_lines::Cancellation;
use super::payment::Payment;
use super::pricing::OrderLine;
use super::returns::{Return, ReturnFacts};
use super::shipments::{Shipment, ShipmentFacts, ShipmentLine};
use super::tax::TaxLine;

wire_names! {
    /// How far an order is. DELIVERED and CANCELLED are final.
    OrderStatus {
        /// Placed; its money has not come yet.
        Pending = "PENDING",
        /// Paid, or to be paid on delivery.
        Confirmed = "CONFIRMED",
        /// Being packed.
        Processing = "PROCESSING",
        /// With the carrier.
        Shipped = "SHIPPED",
        /// With the courier at the customer's place.
        OutForDelivery = "OUT_FOR_DELIVERY",
        /// Nothing of it is under way any more: it arrived, but for what could not be handed over and came back.
        Delivered = "DELIVERED",
        /// Given up before it was shipped.
        Cancelled = "CANCELLED",
    }
}

impl OrderStatus {
    /// Whether the state graph has the step from here to `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Confirmed | Self::Cancelled),
            Self::Confirmed => matches!(next, Self::Processing | Self::Shipped | Self::Cancelled),
            Self::Processing => matches!(next, Self::Shipped | Self::Cancelled),
            Self::Shipped => matches!(next, Self::OutForDelivery | Self::Delivered),
            Self::OutForDelivery => matches!(next, Self::Delivered),
            Self::Delivered | Self::Cancelled => false,
        }
    }
}

/// An order with its payment: one aggregate, one version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// Which; carries when it was placed.
    pub id: OrderId,
    /// For people: `ORD-…`. Never a secret, never a key to access.
    pub number: String,
    /// Whose.
    pub user: UserId,
    /// How far.
    pub status: OrderStatus,
    /// Each SKU once.
    pub lines: Vec<OrderLine>,
    /// Sum of unit price times quantity.
    pub subtotal: Money,
    /// Never negative.
    pub discount: Money,
    /// What shipping costs.
    pub shipping: Money,
    /// Sum of the lines' taxes and of those on shipping.
    pub tax: Money,
    /// `subtotal - discount + shipping + tax`.
    pub total: Money,
    /// The taxes by name.
    pub tax_lines: Vec<TaxLine>,
    /// The coupon that was redeemed.
    pub coupon: Option<String>,
    /// A copy that later edits of the address book do not touch.
    pub shipping_address: PostalAddress,
    /// Which way it is shipped.
    pub shipping_option: String,
    /// Its money.
    pub payment: Payment,
    /// What was given up of it before it left the house, oldest first.
    pub cancellations: Vec<Cancellation>,
    /// What left the house of it, oldest first.
    pub shipments: Vec<Shipment>,
    /// What comes back of it, oldest first.
    pub returns: Vec<Return>,
    /// The stock hold it stands on.
    pub hold: HoldRef,
    /// Until when a prepaid order waits for its money.
    pub payment_due_at: Option<Timestamp>,
    /// Whether it has been given more time once.
    pub payment_extended: bool,
    /// The client's own notes.
    pub metadata: Metadata,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

/// Which generation of which hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct HoldRef {
    /// The hold.
    pub key: HoldKey,
    /// Its generation.
    pub generation: u32,
}

/// One line of an order's history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TimelineEntry {
    /// Which; the id of the event of the same step, so that a repeated commit is seen.
    pub id: TimelineId,
    /// Whose history.
    pub order: OrderId,
    /// What it became.
    pub status: OrderStatus,
    /// When.
    pub at: Timestamp,
    /// In words.
    pub note: String,
    /// Who: `customer`, `guest`, `admin`, `system`.
    pub actor: String,
}

impl Order {
    /// The order one status further.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` where the graph has no such step, also to CANCELLED once something left the house;
    /// `PAYMENT_REQUIRED` for a confirmation that is neither paid nor to be paid on delivery.
    pub fn step(mut self, next: OrderStatus, now: Timestamp) -> Result<Self, Refusal> {
        let gone = next == OrderStatus::Cancelled && !self.shipments.is_empty();
        if gone || !self.status.may_become(next) {
            return Err(Refusal::IllegalTransition { from: self.status.as_str(), to: next.as_str() });
        }
        if next == OrderStatus::Confirmed && !self.payment.lets_confirm() {
            return Err(Refusal::PaymentRequired);
        }
        self.status = next;
        self.updated_at = self.updated_at.max(now);
        Ok(self)
    }
}

/// What `order-events` say about an order: ids and what is public on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderFacts {
    /// Which order.
    pub order_id: OrderId,
    /// Its number for people.
    pub number: String,
    /// Whose.
    pub user_id: UserId,
    /// How far it is now.
    pub status: OrderStatus,
    /// What was bought.
    pub lines: Vec<OrderLine>,
    /// What it costs.
    pub total: Money,
    /// The parts of the total.
    pub subtotal: Money,
    /// The discount.
    pub discount: Money,
    /// Shipping.
    pub shipping: Money,
    /// Tax.
    pub tax: Money,
    /// How it is paid.
    pub payment_method: super::payment::PaymentMethod,
    /// The hold it stands on.
    pub hold: HoldRef,
    /// Whether its stock was sold already when this happened (a cancel must then restock).
    pub was_confirmed: bool,
    /// Whether it was ordered out of the customer's cart, which is then reduced.
    #[serde(default)]
    pub from_cart: bool,
    /// What stands for that cart until then ([`Cart::claim`](super::cart::Cart::claim)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cart_claim: Option<Uuid>,
    /// That cart, where it is a guest's: the hash of its token ([`CartOwner::Guest`](super::cart::CartOwner::Guest)).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_cart: Option<Uuid>,
    /// By which option it is shipped; none of what was said before events said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipping_option: Option<String>,
    /// What stands for where it goes ([`address_digest`](super::address_digest)); none as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address_digest: Option<String>,
    /// All that was given up of it by then, line by line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled: Vec<ShipmentLine>,
    /// What this gives up of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_up: Option<Cancellation>,
    /// All that could not be handed over and came back by then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<ShipmentLine>,
    /// The shipments that this is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shipments: Vec<ShipmentFacts>,
    /// The return that this is about.
    #[serde(default, rename = "return", skip_serializing_if = "Option::is_none")]
    pub returned: Option<ReturnFacts>,
    /// Why, where somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl OrderFacts {
    /// Whether all that left the house came back, so that its customer has nothing of it.
    #[must_use]
    pub fn nothing_arrived(&self) -> bool {
        let units = |lines: &[ShipmentLine]| lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity.get()));
        let ordered = self.lines.iter().fold(0_u32, |sum, line| sum.saturating_add(line.quantity.get()));
        !self.refused.is_empty() && ordered.saturating_sub(units(&self.cancelled)) == units(&self.refused)
    }
}

#[cfg(test)]
mod tests {
    use super::OrderStatus::{self, *};

    #[test]
    fn the_state_graph_is_exactly_this() {
        let steps = [
            (Pending, Confirmed),
            (Pending, Cancelled),
            (Confirmed, Processing),
            (Confirmed, Shipped),
            (Confirmed, Cancelled),
            (Processing, Shipped),
            (Processing, Cancelled),
            (Shipped, OutForDelivery),
            (Shipped, Delivered),
            (OutForDelivery, Delivered),
        ];
        for from in OrderStatus::ALL {
            for to in OrderStatus::ALL {
                assert_eq!(from.may_become(*to), steps.contains(&(*from, *to)), "{from} -> {to}");
            }
        }
    }
}
