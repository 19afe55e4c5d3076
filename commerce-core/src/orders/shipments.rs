//! Shipments: what left the house of an order, with whom, and how far it came. Pure.
//!
//! A shipment belongs to its order's aggregate (one version), so that of two who ship the same units, or
//! of one who ships and one who cancels, one decides on what the other left. The order follows its
//! shipments: see [`Order::standing`].

use serde::{Deserialize, Serialize};

use crate::error::{Refusal, Shortage};
use crate::events::wire_names;
use crate::ids::{OrderId, ShipmentId};
use crate::limits;
use crate::text::{Quantity, Sku};
use crate::time::Timestamp;

use super::model::{Order, OrderStatus};

wire_names! {
    /// How far a parcel is. DELIVERED is final.
    ShipmentStatus {
        /// Handed to the carrier.
        Shipped = "SHIPPED",
        /// On its way.
        InTransit = "IN_TRANSIT",
        /// With the courier at the customer's place.
        OutForDelivery = "OUT_FOR_DELIVERY",
        /// Arrived.
        Delivered = "DELIVERED",
        /// It could not be handed over; another try may follow.
        Failed = "FAILED",
    }
}

/// So many of a SKU in a parcel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShipmentLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

/// Something that the carrier said about a parcel.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ShipmentEvent {
    /// What happened to it.
    pub status: ShipmentStatus,
    /// When it happened, by the carrier's clock.
    pub at: Timestamp,
    /// In words.
    pub note: Option<String>,
}

/// A parcel of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shipment {
    /// Which.
    pub id: ShipmentId,
    /// With whom it goes, where somebody said.
    pub carrier: Option<String>,
    /// What the carrier calls it.
    pub tracking_number: Option<String>,
    /// Each SKU once.
    pub lines: Vec<ShipmentLine>,
    /// What the carrier said, in the order in which it happened.
    pub events: Vec<ShipmentEvent>,
    /// When it left the house.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A shipment beside the order that it is of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShipmentOf {
    /// Of which order.
    pub order: OrderId,
    /// The shipment.
    pub it: Shipment,
}

/// What an event says about a shipment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentFacts {
    /// Which.
    pub shipment_id: ShipmentId,
    /// With whom it goes.
    pub carrier: Option<String>,
    /// What the carrier calls it.
    pub tracking_number: Option<String>,
    /// How far it is now.
    pub status: ShipmentStatus,
    /// What is in it.
    pub lines: Vec<ShipmentLine>,
}

impl From<&Shipment> for ShipmentFacts {
    fn from(it: &Shipment) -> Self {
        Self {
            shipment_id: it.id,
            carrier: it.carrier.clone(),
            tracking_number: it.tracking_number.clone(),
            status: it.status(),
            lines: it.lines.clone(),
        }
    }
}

/// What something the carrier said makes of a shipment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CarrierWord {
    /// It is news.
    News(Shipment),
    /// It was known.
    Known,
}

impl Shipment {
    /// How far it is: what happened to it last, whenever that became known. Once it has arrived nothing
    /// more can happen to it.
    #[must_use]
    pub fn status(&self) -> ShipmentStatus {
        ShipmentStatus::after(&self.events)
    }

    /// Units of a SKU in it.
    #[must_use]
    pub fn units(&self, sku: &Sku) -> u32 {
        self.lines.iter().filter(|line| line.sku == *sku).fold(0, |units, line| units.saturating_add(line.quantity.get()))
    }

    /// The shipment after something that the carrier said. What is said late goes to its place in time and
    /// changes only what it still can; what was said before changes nothing.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` for what would have happened after it arrived, `INVALID` for more than
    /// [`limits::SHIPMENT_EVENTS_MAX`] events.
    pub fn hear(&self, said: ShipmentEvent, now: Timestamp) -> Result<CarrierWord, Refusal> {
        let arrived = self.events.iter().find(|known| known.status == ShipmentStatus::Delivered);
        let again = self.events.iter().any(|known| (known.status, known.at) == (said.status, said.at));
        if again || (arrived.is_some() && said.status == ShipmentStatus::Delivered) {
            return Ok(CarrierWord::Known);
        }
        if arrived.is_some_and(|arrived| arrived.at < said.at) {
            return Err(Refusal::IllegalTransition { from: ShipmentStatus::Delivered.as_str(), to: said.status.as_str() });
        }
        // The last place is kept for the arrival.
        let room = limits::SHIPMENT_EVENTS_MAX.saturating_sub(usize::from(said.status != ShipmentStatus::Delivered));
        if self.events.len() >= room {
            return Err(Refusal::field("status", "TOO_MANY", "so many things do not happen to one parcel"));
        }
        let mut next = self.clone();
        if said.status == ShipmentStatus::Delivered {
            // Whatever a scanner's clock says, a parcel arrives last.
            next.events.push(self.last_word(said.status, said.note, said.at));
        } else {
            let before = |known: &ShipmentEvent| known.at <= said.at && known.status != ShipmentStatus::Delivered;
            let place = next.events.partition_point(before);
            next.events.insert(place, said);
        }
        next.updated_at = next.updated_at.max(now);
        Ok(CarrierWord::News(next))
    }

    /// A word that is the last one, said at this instant at the earliest.
    #[must_use]
    pub fn last_word(&self, status: ShipmentStatus, note: Option<String>, at: Timestamp) -> ShipmentEvent {
        // A carrier's clock may be ahead of ours, or of another of its own.
        let at = self.events.last().map_or(at, |last| last.at.max(at));
        ShipmentEvent { status, at, note }
    }

    /// In words, for the history and the mail: `Blue Dart, tracking number 1234567890`.
    #[must_use]
    pub fn words(&self) -> String {
        let number = self.tracking_number.as_ref().map(|number| format!("tracking number {number}"));
        self.carrier.iter().cloned().chain(number).collect::<Vec<_>>().join(", ")
    }
}

impl ShipmentStatus {
    /// How far a parcel is to which this happened, in this order.
    #[must_use]
    pub fn after(events: &[ShipmentEvent]) -> Self {
        events.last().map_or(Self::Shipped, |event| event.status)
    }
}

impl Order {
    /// A shipment of the order by its id.
    #[must_use]
    pub fn shipment(&self, id: ShipmentId) -> Option<&Shipment> {
        self.shipments.iter().find(|it| it.id == id)
    }

    /// Units of a SKU that left the house.
    #[must_use]
    pub fn shipped(&self, sku: &Sku) -> u32 {
        self.shipments.iter().fold(0, |units, it| units.saturating_add(it.units(sku)))
    }

    /// Units of a SKU that the customer has.
    #[must_use]
    pub fn delivered(&self, sku: &Sku) -> u32 {
        let arrived = self.shipments.iter().filter(|it| it.status() == ShipmentStatus::Delivered);
        arrived.fold(0, |units, it| units.saturating_add(it.units(sku)))
    }

    /// Units of a SKU in parcels that could not be handed over.
    #[must_use]
    pub fn not_handed_over(&self, sku: &Sku) -> u32 {
        let back = self.shipments.iter().filter(|it| it.status() == ShipmentStatus::Failed);
        back.fold(0, |units, it| units.saturating_add(it.units(sku)))
    }

    /// Whether a return is about what is in this parcel, which could not be handed over: then it stays so.
    #[must_use]
    pub fn comes_back(&self, it: &Shipment) -> bool {
        let counted_on = |line: &ShipmentLine| {
            let others = self.not_handed_over(&line.sku).saturating_sub(line.quantity.get());
            self.coming_back(&line.sku, true) > others
        };
        it.status() == ShipmentStatus::Failed && it.lines.iter().any(counted_on)
    }

    /// What is to leave the house yet.
    #[must_use]
    pub fn open_lines(&self) -> Vec<ShipmentLine> {
        let open = |sku: &Sku, ordered: Quantity| {
            Quantity::new(ordered.get().saturating_sub(self.shipped(sku)).saturating_sub(self.given_up(sku)))
        };
        let lines = self.lines.iter();
        lines.filter_map(|line| Some(ShipmentLine { sku: line.sku.clone(), quantity: open(&line.sku, line.quantity)? })).collect()
    }

    /// What a shipment of these lines has in it; without lines all that is open.
    ///
    /// # Errors
    /// `ILLEGAL_TRANSITION` of an order that nothing may leave the house for, `INVALID` for a SKU that was not
    /// ordered, `OVER_SHIPMENT` naming every SKU of which so many are not open.
    pub fn pack(&self, lines: Option<&[(Sku, Quantity)]>) -> Result<Vec<ShipmentLine>, Refusal> {
        let going = matches!(self.status, OrderStatus::Confirmed | OrderStatus::Processing);
        if !going && self.shipments.is_empty() {
            return Err(Refusal::IllegalTransition { from: self.status.as_str(), to: OrderStatus::Shipped.as_str() });
        }
        let open = self.open_lines();
        let Some(lines) = lines else {
            let gone = |line: &super::OrderLine| Shortage { sku: line.sku.clone(), requested: line.quantity.get(), available: 0 };
            return if open.is_empty() { Err(Refusal::OverShipment(self.lines.iter().map(gone).collect())) } else { Ok(open) };
        };
        for (index, (sku, _)) in lines.iter().enumerate() {
            if !self.lines.iter().any(|line| line.sku == *sku) {
                return Err(Refusal::field(format!("lines[{index}].sku"), "UNKNOWN_SKU", format!("{sku} was not ordered")));
            }
        }
        let short = |(sku, quantity): &(Sku, Quantity)| {
            let left = open.iter().find(|line| line.sku == *sku).map_or(0, |line| line.quantity.get());
            let requested = quantity.get();
            (left < requested).then(|| Shortage { sku: sku.clone(), requested, available: i64::from(left) })
        };
        let short: Vec<Shortage> = lines.iter().filter_map(short).collect();
        if !short.is_empty() {
            return Err(Refusal::OverShipment(short));
        }
        Ok(lines.iter().map(|(sku, quantity)| ShipmentLine { sku: sku.clone(), quantity: *quantity }).collect())
    }

    /// Whether no parcel is under way any more: each has arrived, or what was in it is back.
    fn all_parcels_ended(&self) -> bool {
        let ended = |it: &Shipment| matches!(it.status(), ShipmentStatus::Delivered | ShipmentStatus::Failed);
        let back = |line: &super::OrderLine| self.not_handed_over(&line.sku) == self.came_back(&line.sku);
        self.shipments.iter().all(ended) && self.lines.iter().all(back)
    }

    /// Whether everything that left the house came back, and the customer has nothing of the order.
    #[must_use]
    pub fn nothing_arrived(&self) -> bool {
        let none = self.lines.iter().all(|line| self.delivered(&line.sku) == 0);
        none && !self.shipments.is_empty() && self.all_parcels_ended()
    }

    /// How far the order is, as its shipments say: PROCESSING while something is open, SHIPPED when everything
    /// left the house, `OUT_FOR_DELIVERY` when then a parcel is with its courier, DELIVERED when none is under way any
    /// more: all have arrived, but for what could not be handed over and is back.
    #[must_use]
    pub fn standing(&self) -> OrderStatus {
        let is = |status| move |it: &Shipment| it.status() == status;
        if self.shipments.is_empty() {
            self.status
        } else if !self.open_lines().is_empty() {
            OrderStatus::Processing
        } else if self.all_parcels_ended() {
            OrderStatus::Delivered
        } else if self.status == OrderStatus::OutForDelivery || self.shipments.iter().any(is(ShipmentStatus::OutForDelivery)) {
            // A parcel that was not handed over is out once more; an order does not go back.
            OrderStatus::OutForDelivery
        } else {
            OrderStatus::Shipped
        }
    }
}
