//! What is altered, and what must be found: a table for each part of a shop.

mod cancellations;
mod coupons;
mod money;
mod opinions;
mod orders;
mod people;
mod returns;
mod shipments;
mod stock;
mod told;
mod webhooks;

use crate::audit::Invariant as I;
use crate::audit::books::{Cell, Row, Table};
use crate::audit::tables::{
    ADDRESSES, ATTEMPTS, CANCELLATIONS, CART_CLAIMS, CARTS, CATEGORIES, CATEGORY_TREE, COUPONS, ERASURES, GUESTS, HISTORY, INBOX,
    INVENTORY, ITEMS, KEYS, LEDGER, NOTIFICATIONS, ORDERS, OUTBOX, PAYMENTS, PRODUCTS, REDEMPTIONS, REFUNDS, RESERVATIONS,
    RETURNS, REVIEWS, SELLERS, SESSIONS, SHIPMENTS, STAFF_LOG, TOKENS, TOP_UPS, USERS, VARIANTS, WALLET_ENTRIES, WALLETS,
    WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS, WISHLISTS,
};
use crate::commerce::Context;

use super::Entity::{Column, Json, Order, Word};
use super::{Case, Change, Entity};

fn any(_: &Row) -> bool {
    true
}

fn more(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(number) => Cell::Int(number.saturating_add(1)),
        Cell::Null | Cell::Text(_) | Cell::Blob(_) => cell.clone(),
    }
}

/// Further than any neighbour.
fn far(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(number) => Cell::Int(number.saturating_add(7)),
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

fn nothing(_: &Cell) -> Cell {
    Cell::Null
}

fn zero(_: &Cell) -> Cell {
    Cell::Int(0)
}

fn one(_: &Cell) -> Cell {
    Cell::Int(1)
}

/// Three days later.
fn later(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(micros) => Cell::Int(micros.saturating_add(3 * 86_400_000_000)),
        Cell::Null | Cell::Text(_) | Cell::Blob(_) => cell.clone(),
    }
}

/// Three days earlier.
fn earlier(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(micros) => Cell::Int(micros.saturating_sub(3 * 86_400_000_000)),
        Cell::Null | Cell::Text(_) | Cell::Blob(_) => cell.clone(),
    }
}

fn later_from_null(_: &Cell) -> Cell {
    Cell::Int(4_000_000_000_000_000)
}

/// Another id or hash, of the same time.
fn other(cell: &Cell) -> Cell {
    match cell {
        Cell::Blob(bytes) => {
            let mut bytes = bytes.clone();
            if let Some(last) = bytes.last_mut() {
                *last ^= 0xff;
            }
            Cell::Blob(bytes)
        }
        Cell::Null | Cell::Int(_) | Cell::Text(_) => cell.clone(),
    }
}

/// The id of a session that cannot have gone for its age.
fn young() -> Cell {
    Cell::Blob(vec![0xff; 16])
}

fn has(row: &Row, column: &str, text: &str) -> bool {
    row.text(column) == Some(text)
}

const fn set(column: &'static str, value: fn(&Cell) -> Cell) -> Change {
    Change::Set(column, value)
}

const GONE: Change = Change::Gone;

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
const PRODUCT: (Context, &Table) = (Context::Catalog, PRODUCTS);
const CATEGORY: (Context, &Table) = (Context::Catalog, CATEGORIES);
const REVIEW: (Context, &Table) = (Context::Catalog, REVIEWS);
const WISH: (Context, &Table) = (Context::Catalog, WISHLISTS);
const SELLER: (Context, &Table) = (Context::Catalog, SELLERS);
const ORDER: (Context, &Table) = (Context::Orders, ORDERS);
const ITEM: (Context, &Table) = (Context::Orders, ITEMS);
const STEP: (Context, &Table) = (Context::Orders, HISTORY);
const PAID: (Context, &Table) = (Context::Orders, PAYMENTS);
const TRY: (Context, &Table) = (Context::Orders, ATTEMPTS);
const BACK: (Context, &Table) = (Context::Orders, REFUNDS);
const WALLET: (Context, &Table) = (Context::Orders, WALLETS);
const ENTERED: (Context, &Table) = (Context::Orders, WALLET_ENTRIES);
const PUT_IN: (Context, &Table) = (Context::Orders, TOP_UPS);
const COUPON: (Context, &Table) = (Context::Orders, COUPONS);
const REDEEMED: (Context, &Table) = (Context::Orders, REDEMPTIONS);
const GIVEN_UP: (Context, &Table) = (Context::Orders, CANCELLATIONS);
const PARCEL: (Context, &Table) = (Context::Orders, SHIPMENTS);
const RETURN: (Context, &Table) = (Context::Orders, RETURNS);
const CART: (Context, &Table) = (Context::Orders, CARTS);
const CLAIM: (Context, &Table) = (Context::Orders, CART_CLAIMS);
const SAID: (Context, &Table) = (Context::Orders, OUTBOX);
const USED: (Context, &Table) = (Context::Orders, KEYS);
const USER: (Context, &Table) = (Context::Users, USERS);
const GUEST: (Context, &Table) = (Context::Users, GUESTS);
const ERASURE: (Context, &Table) = (Context::Users, ERASURES);
const HOME: (Context, &Table) = (Context::Users, ADDRESSES);
const SESSION: (Context, &Table) = (Context::Users, SESSIONS);
const DEED: (Context, &Table) = (Context::Users, STAFF_LOG);
const TOKEN: (Context, &Table) = (Context::Users, TOKENS);
const TOLD: (Context, &Table) = (Context::Notifications, NOTIFICATIONS);
const CALLED: (Context, &Table) = (Context::Notifications, WEBHOOK_DELIVERIES);
const ENDPOINT: (Context, &Table) = (Context::Notifications, WEBHOOK_ENDPOINTS);
const NOTED: (Context, &Table) = (Context::Notifications, INBOX);

/// Alterations that only stores find whose [`Books`](crate::audit::Books) count events.
pub(super) const COUNTED: &[Case] = told::COUNTED;

/// Every other alteration.
pub(super) const CASES: [&[Case]; 11] = [
    stock::CASES,
    opinions::CASES,
    orders::CASES,
    coupons::CASES,
    money::CASES,
    cancellations::CASES,
    shipments::CASES,
    returns::CASES,
    people::CASES,
    told::CASES,
    webhooks::CASES,
];
