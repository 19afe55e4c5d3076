//! The ways through the tables, and the rows of one key together.

use std::collections::BTreeMap;

use super::books::{Beside, Cell, Pages, Row, Table, Walk};
use super::tables::{
    ADDRESSES, ATTEMPTS, CANCELLATIONS, CART_CLAIMS, CARTS, CATEGORIES, CATEGORY_TREE, COUPONS, DEAD_LETTERS, ERASURES, GUESTS,
    HISTORY, IMAGES, INVENTORY, ITEMS, KEYS, LEASES, LEDGER, LEDGER_SUMS, LIVE_HOLDS, NOTIFICATIONS, ORDERS, OUTBOX, PAYMENTS,
    PRODUCTS, REDEMPTIONS, REFUNDS, RESERVATIONS, RETURNS, REVIEW_SUMS, REVIEWS, SELLERS, SESSIONS, SHIPMENTS, STAFF_LOG, TOKENS,
    TOP_UPS, USERS, USES, VARIANTS, WALLET_ENTRIES, WALLET_SUMS, WALLETS, WEBHOOK_DELIVERIES, WEBHOOK_ENDPOINTS, WISHLISTS,
    WRITERS,
};

const fn beside(table: &'static Table, key: &'static str) -> Beside {
    Beside { table, key, in_hex: false }
}

/// Stock by SKU: what should be there beside what is.
pub(super) const SHELVES: &Walk = &Walk {
    lead: INVENTORY,
    key: "sku",
    name: "sku",
    within: None,
    beside: &[beside(VARIANTS, "sku"), beside(LEDGER_SUMS, "sku"), beside(LIVE_HOLDS, "sku")],
};

/// Holds with their lines in the ledger.
pub(super) const HOLDS: &Walk = &Walk {
    lead: RESERVATIONS,
    key: "hold_key",
    name: "hold_key",
    within: None,
    beside: &[Beside { table: LEDGER, key: "reference", in_hex: true }],
};

/// Orders with everything that belongs to them.
pub(super) const ORDER_BOOK: &Walk = &Walk {
    lead: ORDERS,
    key: "id",
    name: "number",
    within: None,
    beside: &[
        beside(ITEMS, "order_id"),
        beside(HISTORY, "order_id"),
        beside(PAYMENTS, "order_id"),
        beside(ATTEMPTS, "order_id"),
        beside(REFUNDS, "order_id"),
        beside(CANCELLATIONS, "order_id"),
        beside(SHIPMENTS, "order_id"),
        beside(RETURNS, "order_id"),
        beside(REDEMPTIONS, "order_id"),
        beside(OUTBOX, "aggregate_id"),
        beside(KEYS, "result_id"),
    ],
};

/// Orders with what they bought, and when.
pub(super) const PURCHASES: &Walk = &Walk {
    lead: ORDERS,
    key: "id",
    name: "number",
    within: None,
    beside: &[beside(ITEMS, "order_id"), beside(HISTORY, "order_id")],
};

/// Coupons with what their uses add up to.
pub(super) const COUPON_BOOK: &Walk =
    &Walk { lead: COUPONS, key: "id", name: "code", within: None, beside: &[beside(USES, "coupon_id")] };

/// Wallets with what their entries add up to.
pub(super) const WALLET_BOOK: &Walk =
    &Walk { lead: WALLETS, key: "user_id", name: "user_id", within: None, beside: &[beside(WALLET_SUMS, "user_id")] };

/// Products with everything that belongs to them.
pub(super) const PRODUCT_BOOK: &Walk = &Walk {
    lead: PRODUCTS,
    key: "id",
    name: "slug",
    within: None,
    beside: &[
        beside(VARIANTS, "product_id"),
        beside(IMAGES, "product_id"),
        beside(INVENTORY, "product_id"),
        beside(REVIEW_SUMS, "product_id"),
        beside(OUTBOX, "aggregate_id"),
    ],
};

/// Users with what belongs to them.
pub(super) const USER_BOOK: &Walk = &Walk {
    lead: USERS,
    key: "id",
    name: "id",
    within: None,
    beside: &[
        beside(ADDRESSES, "user_id"),
        beside(ERASURES, "user_id"),
        beside(OUTBOX, "aggregate_id"),
        beside(KEYS, "result_id"),
    ],
};

/// Guests with whether they were erased.
pub(super) const GUEST_BOOK: &Walk =
    &Walk { lead: GUESTS, key: "id", name: "id", within: None, beside: &[beside(ERASURES, "user_id")] };

/// Sessions with the chain of their refresh tokens.
pub(super) const SESSION_BOOK: &Walk =
    &Walk { lead: SESSIONS, key: "id", name: "user_id", within: None, beside: &[beside(TOKENS, "session_id")] };

/// A way through one table alone.
pub(super) const fn alone(lead: &'static Table, key: &'static str, name: &'static str) -> Walk {
    Walk { lead, key, name, within: None, beside: &[] }
}

/// A way through the rows of one table that hold `value` in `column`.
pub(super) fn within(lead: &'static Table, (column, value): (&'static str, Cell), key: &'static str) -> Walk {
    Walk { within: Some((column, value)), ..alone(lead, key, key) }
}

pub(super) const CATEGORY_LIST: &Walk = &alone(CATEGORIES, "id", "slug");
pub(super) const TREE_LIST: &Walk = &alone(CATEGORY_TREE, "only", "only");
pub(super) const REVIEW_LIST: &Walk = &alone(REVIEWS, "id", "id");
pub(super) const WISH_LIST: &Walk = &alone(WISHLISTS, "id", "id");
pub(super) const SELLER_LIST: &Walk = &alone(SELLERS, "id", "slug");
pub(super) const ERASURE_LIST: &Walk = &alone(ERASURES, "user_id", "user_id");
pub(super) const STAFF_LIST: &Walk = &alone(STAFF_LOG, "position", "position");
pub(super) const TOKEN_LIST: &Walk = &alone(TOKENS, "hash", "hash");
pub(super) const CART_LIST: &Walk = &alone(CARTS, "owner_id", "owner_id");
pub(super) const ENTRY_LIST: &Walk = &alone(WALLET_ENTRIES, "id", "user_id");
pub(super) const TOP_UP_LIST: &Walk = &alone(TOP_UPS, "id", "user_id");
pub(super) const CLAIM_LIST: &Walk = &alone(CART_CLAIMS, "claim", "claim");
pub(super) const MESSAGE_LIST: &Walk = &alone(NOTIFICATIONS, "id", "id");
pub(super) const ENDPOINT_LIST: &Walk = &alone(WEBHOOK_ENDPOINTS, "id", "id");
pub(super) const DELIVERY_LIST: &Walk = &alone(WEBHOOK_DELIVERIES, "id", "id");
pub(super) const EVENT_LIST: &Walk = &alone(OUTBOX, "position", "aggregate_id");
pub(super) const LETTER_LIST: &Walk = &alone(DEAD_LETTERS, "place", "event_id");
pub(super) const LEASE_LIST: &Walk = &alone(LEASES, "name", "name");
pub(super) const WRITER_LIST: &Walk = &alone(WRITERS, "id", "id");
pub(super) const KEY_LIST: &Walk = &alone(KEYS, "scope", "scope");
pub(super) const ORDERS_BY_HOLD: &Walk = &alone(ORDERS, "hold_key", "number");
pub(super) const EVENTS_BY_ID: &Walk = &alone(OUTBOX, "id", "id");
pub(super) const ENTRIES_BY_EVENT: &Walk = &alone(STAFF_LOG, "event_id", "position");
pub(super) const MESSAGES_BY_EVENT: &Walk = &alone(NOTIFICATIONS, "event_id", "id");

/// The rows of one key.
pub(super) struct Entry<'p> {
    /// What people know it by.
    pub(super) name: String,
    /// The key itself.
    pub(super) key: Cell,
    rows: Vec<&'p Row>,
}

impl<'p> Entry<'p> {
    /// Its rows in a table.
    pub(super) fn of(&self, table: &'static Table) -> impl Iterator<Item = &'p Row> + Clone {
        self.rows.iter().copied().filter(move |row| row.table().name == table.name)
    }

    /// Its row in a table that has at most one.
    pub(super) fn one(&self, table: &'static Table) -> Option<&'p Row> {
        self.of(table).next()
    }

    /// All its rows.
    pub(super) fn rows(&self) -> impl Iterator<Item = &'p Row> {
        self.rows.iter().copied()
    }
}

/// The rows of a stretch by key. A key whose leading row is missing has an entry, too.
pub(super) fn entries<'p>(walk: &Walk, pages: &'p Pages) -> Vec<Entry<'p>> {
    let mut by_key: BTreeMap<Cell, Vec<&Row>> = BTreeMap::new();
    for row in pages.of(walk.lead) {
        by_key.entry(row.cell(walk.key).clone()).or_default().push(row);
    }
    for beside in walk.beside {
        for row in pages.of(beside.table) {
            by_key.entry(read_key(beside, row)).or_default().push(row);
        }
    }
    let entry = |(key, rows): (Cell, Vec<&'p Row>)| {
        let lead = rows.first().filter(|row| row.table().name == walk.lead.name);
        let name = lead.map_or_else(|| key.to_string(), |row| row.cell(walk.name).to_string());
        Entry { name, key, rows }
    };
    by_key.into_iter().map(entry).collect()
}

fn read_key(beside: &Beside, row: &Row) -> Cell {
    let spelt = row.cell(beside.key);
    match spelt {
        Cell::Text(text) if beside.in_hex => hex::decode(text).map_or_else(|_| spelt.clone(), Cell::Blob),
        Cell::Null | Cell::Int(_) | Cell::Text(_) | Cell::Blob(_) => spelt.clone(),
    }
}
