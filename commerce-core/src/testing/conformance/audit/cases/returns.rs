//! What comes back, and the money with it.

use super::{BACK, Case, Cell, GONE, I, Order, RETURN, any, case, has, later_from_null, more, nonsense, other, set};
use crate::audit::books::Row;

fn paid(row: &Row) -> bool {
    has(row, "status", "REFUNDED")
}

fn asked(row: &Row) -> bool {
    has(row, "status", "REQUESTED")
}

fn exchanged(row: &Row) -> bool {
    has(row, "status", "EXCHANGED")
}

fn for_return(row: &Row) -> bool {
    has(row, "cause", "RETURN")
}

fn owed(row: &Row) -> bool {
    has(row, "cause", "OWED")
}

fn lines(text: &str) -> Cell {
    Cell::from(text)
}

pub(super) const CASES: &[Case] = &[
    case("a return of no status", RETURN, any, set("status", nonsense), I::Readable, Order("order_id")),
    case("a return of somebody else", RETURN, any, set("user_id", other), I::Reference, Order("order_id")),
    case("a return of another order", RETURN, any, set("order_id", other), I::Reference, Order("order_id")),
    case("a return that pays more than it is worth", RETURN, paid, set("refund_minor", more), I::Return, Order("order_id")),
    case(
        "a return that was paid and says nothing of it",
        RETURN,
        paid,
        set("refund_minor", |_| Cell::Null),
        I::Return,
        Order("order_id"),
    ),
    case(
        "a return that was approved by nobody",
        RETURN,
        asked,
        set("status", |_| "APPROVED".into()),
        I::Event,
        Order("order_id"),
    ),
    case(
        "a return that was received and names nothing",
        RETURN,
        asked,
        set("status", |_| "RECEIVED".into()),
        I::Return,
        Order("order_id"),
    ),
    case(
        "more comes back than was delivered",
        RETURN,
        asked,
        set("lines", |_| lines(r#"[{"sku":"CUP-1","quantity":3,"received":null,"restocked":0}]"#)),
        I::Return,
        Order("order_id"),
    ),
    case(
        "less comes back than was asked for",
        RETURN,
        paid,
        set("lines", |_| lines(r#"[{"sku":"CUP-1","quantity":3,"received":2,"restocked":1}]"#)),
        I::Event,
        Order("order_id"),
    ),
    case("a return for an exchange", RETURN, asked, set("kind", |_| "EXCHANGE".into()), I::Event, Order("order_id")),
    case("an exchange for money", RETURN, exchanged, set("kind", |_| "RETURN".into()), I::Event, Order("order_id")),
    case(
        "more was received than came back to the shelf",
        RETURN,
        paid,
        set("lines", |_| lines(r#"[{"sku":"CUP-1","quantity":2,"received":1,"restocked":1}]"#)),
        I::HoldOfOrder,
        Order("order_id"),
    ),
    case(
        "more is sold again than came",
        RETURN,
        paid,
        set("lines", |_| lines(r#"[{"sku":"CUP-1","quantity":2,"received":2,"restocked":3}]"#)),
        I::Return,
        Order("order_id"),
    ),
    case(
        "a return changed before it was asked for",
        RETURN,
        any,
        set("requested_at", later_from_null),
        I::Times,
        Order("order_id"),
    ),
    case("an exchange pays more than it is worth", RETURN, exchanged, set("credit_minor", more), I::Return, Order("order_id")),
    case("an exchange was worth more", RETURN, exchanged, set("worth_minor", more), I::Return, Order("order_id")),
    case("an exchange for nothing", RETURN, exchanged, set("exchanged_for", |_| Cell::Null), I::Return, Order("order_id")),
    case("a return is gone", RETURN, paid, GONE, I::HoldOfOrder, Order("order_id")),
    case("a refund for another return", BACK, for_return, set("return_id", other), I::Return, Order("order_id")),
    case(
        "a refund for a return that is said to be owed",
        BACK,
        for_return,
        set("cause", |_| "OWED".into()),
        I::Paid,
        Order("order_id"),
    ),
    case(
        "a refund for a return that there is none of",
        BACK,
        owed,
        set("cause", |_| "RETURN".into()),
        I::Reference,
        Order("order_id"),
    ),
    case(
        "a refund that is owed for a return",
        BACK,
        owed,
        set("return_id", |_| Cell::Blob(vec![7; 16])),
        I::Reference,
        Order("order_id"),
    ),
    case("a refund for a return of no order", BACK, for_return, set("return_id", other), I::Reference, Order("order_id")),
    case("a refund for no known cause", BACK, for_return, set("cause", nonsense), I::Readable, Order("order_id")),
];
