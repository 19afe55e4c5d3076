//! What was given up of orders.

use super::{Case, Cell, GIVEN_UP, GONE, I, Order, any, case, more, nonsense, set};

pub(super) const CASES: &[Case] = &[
    case("a cancellation of no lines", GIVEN_UP, any, set("lines", nonsense), I::Readable, Order("order_id")),
    case("a cancellation of nothing", GIVEN_UP, any, set("lines", |_| Cell::from("[]")), I::Shipment, Order("order_id")),
    case(
        "more was given up than was open",
        GIVEN_UP,
        any,
        set("lines", |_| Cell::from(r#"[{"sku":"CUP-1","quantity":2}]"#)),
        I::Shipment,
        Order("order_id"),
    ),
    case("a cancellation is worth more", GIVEN_UP, any, set("worth_minor", more), I::Amounts, Order("order_id")),
    case("a cancellation is gone", GIVEN_UP, any, GONE, I::HoldOfOrder, Order("order_id")),
];
