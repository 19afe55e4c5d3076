//! Coupons and what orders have used of them.

use super::{
    COUPON, Case, Cell, Column, GONE, I, ORDER, Order, REDEEMED, any, case, later_from_null, more, nonsense, other, set, zero,
};
use crate::audit::books::Row;

fn named(row: &Row) -> bool {
    row.text("coupon").is_some()
}

fn live(row: &Row) -> bool {
    *row.cell("returned_at") == Cell::Null
}

fn back(row: &Row) -> bool {
    !live(row)
}

pub(super) const CASES: &[Case] = &[
    case("a use more than there are", COUPON, any, set("used", more), I::Coupon, Column("code")),
    case("a use less than there are", COUPON, any, set("used", zero), I::Coupon, Column("code")),
    case("a coupon that was not yet to be used", COUPON, any, set("starts_at", later_from_null), I::Coupon, Column("code")),
    case("a coupon of another kind", COUPON, any, set("kind", |_| "FIXED".into()), I::Coupon, Column("code")),
    case("a coupon that takes off more", COUPON, any, set("percent", more), I::Sealed, Column("code")),
    case("a coupon that fewer may use", COUPON, any, set("per_user_limit", |_| Cell::Int(7)), I::Sealed, Column("code")),
    case("a coupon of no kind", COUPON, any, set("kind", nonsense), I::Readable, Column("code")),
    case("a coupon that takes off too much", COUPON, any, set("percent", |_| Cell::Int(101)), I::Readable, Column("code")),
    case("an amount without a currency", COUPON, any, set("minimum_minor", |_| Cell::Int(1)), I::Coupon, Column("code")),
    case("a use is gone", REDEEMED, live, GONE, I::Coupon, Order("order_id")),
    case("a use of somebody else", REDEEMED, any, set("user_id", other), I::Reference, Order("order_id")),
    case("a use of another order", REDEEMED, any, set("order_id", other), I::Coupon, Order("order_id")),
    case("a use at another time", REDEEMED, any, set("redeemed_at", more), I::Times, Order("order_id")),
    case("a use of another code", REDEEMED, live, set("code", |_| "OTHER".into()), I::Coupon, Order("order_id")),
    case("a use of a live order given back", REDEEMED, live, set("returned_at", more_or_now), I::Coupon, Order("order_id")),
    case("a use of a cancelled order kept", REDEEMED, back, set("returned_at", |_| Cell::Null), I::Coupon, Order("order_id")),
    case("a use given back in days to come", REDEEMED, back, set("returned_at", later_from_null), I::Times, Order("order_id")),
    case("an order that names no coupon", ORDER, named, set("coupon", |_| Cell::Null), I::Coupon, Column("number")),
    case("an order that names another coupon", ORDER, named, set("coupon", |_| "OTHER".into()), I::Coupon, Column("number")),
    case("an order with more taken off", ORDER, named, set("discount_minor", more), I::Amounts, Column("number")),
];

fn more_or_now(_: &Cell) -> Cell {
    Cell::Int(1)
}
