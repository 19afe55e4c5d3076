//! What is altered, and what must be found.

use crate::audit::Invariant as I;
use crate::audit::books::{Cell, Row, Table};
use crate::audit::tables::{HISTORY, INVENTORY, ITEMS, LEDGER, ORDERS, PAYMENTS, RESERVATIONS, VARIANTS};
use crate::commerce::Context;

use super::Entity::{Column, Order, Word};
use super::{Case, Entity};

fn any(_: &Row) -> bool {
    true
}

fn more(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(number) => Cell::Int(number.saturating_add(1)),
        Cell::Null | Cell::Text(_) | Cell::Blob(_) => cell.clone(),
    }
}

fn nonsense(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(_) | Cell::Null => Cell::Int(-7),
        Cell::Text(_) => Cell::from("{nonsense"),
        Cell::Blob(bytes) => Cell::Blob(bytes.iter().copied().skip(1).collect()),
    }
}

fn has(row: &Row, column: &str, text: &str) -> bool {
    row.text(column) == Some(text)
}

type Change = Option<(&'static str, fn(&Cell) -> Cell)>;

const fn set(column: &'static str, value: fn(&Cell) -> Cell) -> Change {
    Some((column, value))
}

const GONE: Change = None;

const fn case(
    what: &'static str,
    (context, table): (Context, &'static Table),
    pick: fn(&Row) -> bool,
    change: Change,
    expect: I,
    entity: Entity,
) -> Case {
    Case { what, context, table, pick, change, expect, entity }
}

const SHELF: (Context, &Table) = (Context::Catalog, INVENTORY);
const VARIANT: (Context, &Table) = (Context::Catalog, VARIANTS);
const HOLD: (Context, &Table) = (Context::Catalog, RESERVATIONS);
const MOVED: (Context, &Table) = (Context::Catalog, LEDGER);
const ORDER: (Context, &Table) = (Context::Orders, ORDERS);
const ITEM: (Context, &Table) = (Context::Orders, ITEMS);
const STEP: (Context, &Table) = (Context::Orders, HISTORY);
const PAID: (Context, &Table) = (Context::Orders, PAYMENTS);

/// Every alteration.
pub(super) const CASES: &[Case] = &[
    case("one more on hand", SHELF, any, set("on_hand", more), I::OnHand, Column("sku")),
    case("one more reserved", SHELF, any, set("reserved", more), I::Reserved, Column("sku")),
    case("a shelf is gone", SHELF, any, GONE, I::Reference, Column("sku")),
    case("a variant is gone", VARIANT, any, GONE, I::Reference, Column("sku")),
    case(
        "a receipt of one more",
        MOVED,
        |row| has(row, "kind", "RECEIPT"),
        set("on_hand_change", more),
        I::OnHand,
        Column("sku"),
    ),
    case("a sale is gone", MOVED, |row| has(row, "kind", "SALE"), GONE, I::HoldEnds, Column("reference")),
    case(
        "a hold of one more",
        HOLD,
        |row| has(row, "state", "COMMITTED"),
        set("quantity", more),
        I::HoldEnds,
        Column("hold_key"),
    ),
    case(
        "a sold hold is active",
        HOLD,
        |row| has(row, "state", "COMMITTED"),
        set("state", |_| "ACTIVE".into()),
        I::HoldEnds,
        Column("hold_key"),
    ),
    case("a hold is gone", HOLD, |row| has(row, "state", "COMMITTED"), GONE, I::HoldEnds, Column("hold_key")),
    case("an active hold is gone", HOLD, |row| has(row, "state", "ACTIVE"), GONE, I::Reserved, Column("sku")),
    case("a total of one more", ORDER, any, set("total_minor", more), I::Amounts, Column("number")),
    case("a subtotal of one more", ORDER, any, set("subtotal_minor", more), I::Amounts, Column("number")),
    case("shipping of one more", ORDER, any, set("shipping_minor", more), I::Amounts, Column("number")),
    case("tax of one more", ORDER, any, set("tax_minor", more), I::Amounts, Column("number")),
    case("another number", ORDER, any, set("number", |_| "ORD-0".into()), I::History, Word("ORD-0")),
    case(
        "another status",
        ORDER,
        |row| has(row, "status", "CONFIRMED"),
        set("status", |_| "SHIPPED".into()),
        I::History,
        Column("number"),
    ),
    case("no status", ORDER, any, set("status", nonsense), I::Readable, Column("number")),
    case("no tax lines", ORDER, any, set("tax_lines", nonsense), I::Readable, Column("number")),
    case("another currency", ORDER, any, set("currency", |_| "USD".into()), I::Amounts, Column("number")),
    case("an order is gone", ORDER, any, GONE, I::Reference, Column("id")),
    case("a line of one more", ITEM, any, set("quantity", more), I::Amounts, Order("order_id")),
    case("a line's price of one more", ITEM, any, set("unit_price_minor", more), I::Amounts, Order("order_id")),
    case("a line's total of one more", ITEM, any, set("total_minor", more), I::Amounts, Order("order_id")),
    case("a line is gone", ITEM, any, GONE, I::Amounts, Order("order_id")),
    case("a line of another order", ITEM, any, set("position", more), I::Reference, Order("order_id")),
    case("a step is gone", STEP, any, GONE, I::History, Order("order_id")),
    case("a step to nowhere", STEP, any, set("status", nonsense), I::Readable, Order("order_id")),
    case("a payment of one more", PAID, any, set("amount_minor", more), I::Amounts, Order("order_id")),
    case("a payment is gone", PAID, any, GONE, I::Reference, Order("order_id")),
];
