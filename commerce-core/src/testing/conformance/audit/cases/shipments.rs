//! What left the house, and how far it is.

use super::{Case, Cell, GONE, I, ORDER, Order, PARCEL, any, case, has, later_from_null, nonsense, other, set};
use crate::audit::books::Row;

fn arrived(row: &Row) -> bool {
    has(row, "status", "DELIVERED") && row.text("carrier").is_some()
}

fn on_its_way(row: &Row) -> bool {
    has(row, "status", "IN_TRANSIT")
}

fn shipped(row: &Row) -> bool {
    has(row, "status", "SHIPPED")
}

pub(super) const CASES: &[Case] = &[
    case("a shipment of no status", PARCEL, any, set("status", nonsense), I::Readable, Order("order_id")),
    case("a shipment of another order", PARCEL, arrived, set("order_id", other), I::Reference, Order("order_id")),
    case("a shipment is gone", PARCEL, on_its_way, GONE, I::Shipment, Order("order_id")),
    case(
        "a shipment arrived and nobody said so",
        PARCEL,
        on_its_way,
        set("status", |_| "DELIVERED".into()),
        I::Shipment,
        Order("order_id"),
    ),
    case("a carrier's words are gone", PARCEL, arrived, set("events", |_| Cell::from("[]")), I::Shipment, Order("order_id")),
    case(
        "more is shipped than was ordered",
        PARCEL,
        on_its_way,
        set("lines", |_| Cell::from(r#"[{"sku":"CUP-1","quantity":9}]"#)),
        I::Shipment,
        Order("order_id"),
    ),
    case(
        "something is shipped that was not ordered",
        PARCEL,
        on_its_way,
        set("lines", |_| Cell::from(r#"[{"sku":"CUP-2","quantity":2}]"#)),
        I::Shipment,
        Order("order_id"),
    ),
    case(
        "less is in a parcel than was said",
        PARCEL,
        |row| row.text("lines").is_some_and(|lines| lines.contains(r#""quantity":2"#)),
        set("lines", |_| Cell::from(r#"[{"sku":"CUP-1","quantity":1}]"#)),
        I::Event,
        Order("order_id"),
    ),
    case("a parcel goes with somebody else", PARCEL, arrived, set("carrier", |_| "Thief".into()), I::Event, Order("order_id")),
    case("a parcel goes with nobody", PARCEL, arrived, set("carrier", |_| Cell::Null), I::Event, Order("order_id")),
    case("a parcel of another number", PARCEL, arrived, set("tracking_number", |_| "1".into()), I::Event, Order("order_id")),
    case("a shipment changed before it was made", PARCEL, any, set("created_at", later_from_null), I::Times, Order("order_id")),
    case(
        "an order has arrived and its parcel has not",
        ORDER,
        shipped,
        set("status", |_| "DELIVERED".into()),
        I::Shipment,
        Order("id"),
    ),
];
