//! Shipments: what left the house of an order, and what its carrier said.

use commerce_core::Timestamp;
use commerce_core::ids::{OrderId, ShipmentId};
use commerce_core::orders::{CarrierNews, NewShipment, ShipmentEvent, ShipmentLine, ShipmentOf, ShipmentStatus};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cart::ItemBody;

/// A parcel of an order.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Shipment)]
pub struct ShipmentView {
    #[schema(value_type = String, format = Uuid)]
    id: ShipmentId,
    #[schema(value_type = String, format = Uuid)]
    order_id: OrderId,
    /// None where staff shipped by the order's status alone.
    carrier: Option<String>,
    tracking_number: Option<String>,
    #[schema(value_type = String, example = "IN_TRANSIT")]
    status: ShipmentStatus,
    #[schema(value_type = Vec<ShipmentLineSchema>)]
    lines: Vec<ShipmentLine>,
    /// In the order in which it happened.
    #[schema(value_type = Vec<ShipmentEventSchema>)]
    events: Vec<ShipmentEvent>,
    #[schema(value_type = String, format = DateTime)]
    shipped_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How a line of a shipment looks.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentLine)]
pub struct ShipmentLineSchema {
    sku: String,
    quantity: u32,
}

/// How something that a carrier said looks.
#[derive(Serialize, ToSchema)]
#[schema(as = ShipmentEvent)]
pub struct ShipmentEventSchema {
    #[schema(example = "OUT_FOR_DELIVERY")]
    status: String,
    #[schema(format = DateTime)]
    at: String,
    note: Option<String>,
}

impl From<ShipmentOf> for ShipmentView {
    fn from(ShipmentOf { order, it }: ShipmentOf) -> Self {
        Self {
            id: it.id,
            order_id: order,
            status: it.status(),
            carrier: it.carrier,
            tracking_number: it.tracking_number,
            lines: it.lines,
            events: it.events,
            shipped_at: it.created_at,
            updated_at: it.updated_at,
        }
    }
}

impl ShipmentView {
    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/orders/{}/shipments/{}", self.order_id, self.id)
    }
}

/// A parcel that leaves the house.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schema(as = NewShipment)]
pub struct ShipmentBody {
    carrier: String,
    tracking_number: String,
    /// Left out: all that has not left yet.
    #[serde(default)]
    lines: Option<Vec<ItemBody>>,
}

impl From<ShipmentBody> for NewShipment {
    fn from(ShipmentBody { carrier, tracking_number, lines }: ShipmentBody) -> Self {
        Self { carrier, tracking_number, lines: lines.map(|lines| lines.into_iter().map(Into::into).collect()) }
    }
}

/// What a carrier says about a parcel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewShipmentEvent)]
pub struct CarrierBody {
    /// `IN_TRANSIT`, `OUT_FOR_DELIVERY`, DELIVERED or FAILED.
    #[schema(value_type = String, example = "DELIVERED")]
    status: ShipmentStatus,
    /// Left out: now.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    at: Option<Timestamp>,
    #[serde(default)]
    note: Option<String>,
}

impl From<CarrierBody> for CarrierNews {
    fn from(CarrierBody { status, at, note }: CarrierBody) -> Self {
        Self { status, at, note }
    }
}
