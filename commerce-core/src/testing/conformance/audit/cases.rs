//! What is altered, and what must be found.

use crate::audit::Invariant as I;
use crate::audit::books::{Cell, Row, Table};
use crate::audit::tables::{
    ADDRESSES, ATTEMPTS, CART_CLAIMS, CARTS, CATEGORIES, CATEGORY_TREE, HISTORY, INBOX, INVENTORY, ITEMS, KEYS, LEDGER,
    NOTIFICATIONS, ORDERS, OUTBOX, PAYMENTS, PRODUCTS, REFUNDS, RESERVATIONS, SELLERS, SESSIONS, TOKENS, USERS, VARIANTS,
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

fn nonsense(cell: &Cell) -> Cell {
    match cell {
        Cell::Int(_) | Cell::Null => Cell::Int(-7),
        Cell::Text(_) => Cell::from("{nonsense"),
        Cell::Blob(bytes) => Cell::Blob(bytes.iter().copied().skip(1).collect()),
    }
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
const SELLER: (Context, &Table) = (Context::Catalog, SELLERS);
const ORDER: (Context, &Table) = (Context::Orders, ORDERS);
const ITEM: (Context, &Table) = (Context::Orders, ITEMS);
const STEP: (Context, &Table) = (Context::Orders, HISTORY);
const PAID: (Context, &Table) = (Context::Orders, PAYMENTS);
const TRY: (Context, &Table) = (Context::Orders, ATTEMPTS);
const BACK: (Context, &Table) = (Context::Orders, REFUNDS);
const CART: (Context, &Table) = (Context::Orders, CARTS);
const CLAIM: (Context, &Table) = (Context::Orders, CART_CLAIMS);
const SAID: (Context, &Table) = (Context::Orders, OUTBOX);
const USED: (Context, &Table) = (Context::Orders, KEYS);
const USER: (Context, &Table) = (Context::Users, USERS);
const HOME: (Context, &Table) = (Context::Users, ADDRESSES);
const SESSION: (Context, &Table) = (Context::Users, SESSIONS);
const TOKEN: (Context, &Table) = (Context::Users, TOKENS);
const TOLD: (Context, &Table) = (Context::Notifications, NOTIFICATIONS);
const NOTED: (Context, &Table) = (Context::Notifications, INBOX);

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
    case("a line of another order", ITEM, any, set("position", |_| Cell::Int(9)), I::Reference, Order("order_id")),
    case("a step is gone", STEP, any, GONE, I::History, Order("order_id")),
    case("a step to nowhere", STEP, any, set("status", nonsense), I::Readable, Order("order_id")),
    case("a payment of one more", PAID, any, set("amount_minor", more), I::Amounts, Order("order_id")),
    case("a payment is gone", PAID, any, GONE, I::Reference, Order("order_id")),
    case(
        "a line of the ledger has no kind",
        MOVED,
        |row| has(row, "kind", "RECEIPT"),
        set("kind", nonsense),
        I::Readable,
        Column("id"),
    ),
    case(
        "a line of the ledger has half an id",
        MOVED,
        |row| has(row, "kind", "RECEIPT"),
        set("id", nonsense),
        I::Readable,
        Word(""),
    ),
    case("a line of the ledger of another day", MOVED, any, set("moved_at", later), I::Times, Word("")),
    case(
        "a sale of one less",
        MOVED,
        |row| has(row, "kind", "SALE"),
        set("on_hand_change", more),
        I::HoldEnds,
        Column("reference"),
    ),
    case(
        "a sale of another hold",
        MOVED,
        |row| has(row, "kind", "SALE"),
        set("reference", |_| "00".into()),
        I::HoldEnds,
        Column("reference"),
    ),
    case("a restock is gone", MOVED, |row| has(row, "kind", "RESTOCK"), GONE, I::HoldOfOrder, Word("ORD-")),
    case("a release is gone", MOVED, |row| has(row, "kind", "RELEASE"), GONE, I::HoldEnds, Column("reference")),
    case(
        "a release is a sale",
        MOVED,
        |row| has(row, "kind", "RELEASE"),
        set("kind", |_| "SALE".into()),
        I::HoldEnds,
        Column("reference"),
    ),
    case(
        "ops were told",
        SHELF,
        |row| row.int("low_stock_alerted") == Some(0),
        set("low_stock_alerted", more),
        I::Overdue,
        Column("sku"),
    ),
    case(
        "ops were not told",
        SHELF,
        |row| row.int("low_stock_alerted") == Some(1),
        set("low_stock_alerted", zero),
        I::Overdue,
        Column("sku"),
    ),
    case("a shelf of another product", SHELF, any, set("product_id", other), I::Reference, Column("sku")),
    case(
        "a hold at another price",
        HOLD,
        |row| has(row, "state", "COMMITTED"),
        set("unit_price_minor", more),
        I::Price,
        Word("ORD-"),
    ),
    case(
        "a hold in another currency",
        HOLD,
        |row| has(row, "state", "COMMITTED"),
        set("currency", |_| "USD".into()),
        I::Price,
        Word("ORD-"),
    ),
    case(
        "a hold of another generation",
        HOLD,
        |row| has(row, "state", "COMMITTED"),
        set("generation", more),
        I::HoldEnds,
        Column("hold_key"),
    ),
    case(
        "a given back hold was sold",
        HOLD,
        |row| has(row, "state", "RELEASED"),
        set("state", |_| "COMMITTED".into()),
        I::HoldEnds,
        Column("hold_key"),
    ),
    case(
        "an active hold has run out",
        HOLD,
        |row| has(row, "state", "ACTIVE"),
        set("state", |_| "EXPIRED".into()),
        I::Reserved,
        Column("sku"),
    ),
    case(
        "a hold that should long have ended",
        HOLD,
        |row| has(row, "state", "ACTIVE"),
        set("expires_at", |_| Cell::Int(5)),
        I::HoldEnds,
        Column("hold_key"),
    ),
    case("a product is gone", PRODUCT, any, GONE, I::Reference, Column("id")),
    case("a product of no category", PRODUCT, any, set("category_id", other), I::Reference, Column("slug")),
    case("a product of no seller", PRODUCT, any, set("seller_id", other), I::Reference, Column("slug")),
    case("a product with a rating", PRODUCT, any, set("rating_count", more), I::Rating, Column("slug")),
    case("a product with stars", PRODUCT, any, set("rating_sum", more), I::Rating, Column("slug")),
    case("a product one version on", PRODUCT, any, set("version", more), I::Event, Column("slug")),
    case("a product of no status", PRODUCT, any, set("status", nonsense), I::Readable, Column("slug")),
    case("a product with broken metadata", PRODUCT, any, set("metadata", nonsense), I::Readable, Column("slug")),
    case("a product created later", PRODUCT, any, set("created_at", later), I::Times, Column("slug")),
    case("a variant in another currency", VARIANT, any, set("currency", |_| "USD".into()), I::Amounts, Word("cup")),
    case("a variant in another place", VARIANT, any, set("position", |_| Cell::Int(9)), I::Reference, Word("cup")),
    case("a variant of another product", VARIANT, any, set("product_id", other), I::Reference, Column("sku")),
    case("a variant with broken options", VARIANT, any, set("options", nonsense), I::Readable, Word("")),
    case("half a price to compare with", VARIANT, any, set("compare_at_minor", |_| Cell::Int(5)), I::Amounts, Word("cup")),
    case(
        "a category below nothing",
        CATEGORY,
        |row| *row.cell("parent_id") != Cell::Null,
        set("parent_id", other),
        I::Forest,
        Column("slug"),
    ),
    case("a category is gone", CATEGORY, |row| has(row, "slug", "kitchen"), GONE, I::Forest, Word("cups")),
    case(
        "the version of the tree fell",
        (Context::Catalog, CATEGORY_TREE),
        any,
        set("version", zero),
        I::Version,
        Word("category tree"),
    ),
    case("the version of the tree is gone", (Context::Catalog, CATEGORY_TREE), any, GONE, I::Forest, Word("category tree")),
    case("a seller is gone", SELLER, |row| has(row, "slug", "potter"), GONE, I::Reference, Word("cup")),
    case("a seller of no user", SELLER, any, set("user_id", |_| Cell::Blob(vec![1; 16])), I::Reference, Column("slug")),
    case("an order of nobody", ORDER, any, set("user_id", other), I::Reference, Column("number")),
    case("an order on no hold", ORDER, any, set("hold_key", other), I::Reference, Column("number")),
    case("an order on another generation", ORDER, any, set("hold_generation", more), I::Reference, Column("number")),
    case(
        "an order of a version before its events",
        ORDER,
        |row| has(row, "status", "DELIVERED"),
        set("version", one),
        I::Version,
        Column("number"),
    ),
    case(
        "an order that waits for no money",
        ORDER,
        |row| has(row, "status", "PENDING"),
        set("payment_due_at", |_| Cell::Null),
        I::Paid,
        Column("number"),
    ),
    case(
        "an order that should long be paid",
        ORDER,
        |row| has(row, "status", "PENDING"),
        set("payment_due_at", |_| Cell::Int(5)),
        I::Times,
        Column("number"),
    ),
    case(
        "a paid order that waits for money",
        ORDER,
        |row| has(row, "status", "CONFIRMED"),
        set("payment_due_at", later_from_null),
        I::Paid,
        Column("number"),
    ),
    case(
        "an unpaid order was confirmed",
        ORDER,
        |row| has(row, "status", "PENDING"),
        set("status", |_| "CONFIRMED".into()),
        I::Paid,
        Column("number"),
    ),
    case(
        "a confirmed order was cancelled",
        ORDER,
        |row| has(row, "status", "CONFIRMED"),
        set("status", |_| "CANCELLED".into()),
        I::HoldOfOrder,
        Column("number"),
    ),
    case("an order updated before its last step", ORDER, any, set("updated_at", |_| Cell::Int(5)), I::Times, Column("number")),
    case("half a user's id", ORDER, any, set("user_id", nonsense), I::Readable, Column("number")),
    case("no country", ORDER, any, set("ship_country", nonsense), I::Readable, Column("number")),
    case("a line of another SKU", ITEM, any, set("sku", |_| "CUP-9".into()), I::HoldOfOrder, Order("order_id")),
    case("a line of another product", ITEM, any, set("product_id", other), I::Reference, Order("order_id")),
    case("a line of another name", ITEM, any, set("name", |_| "Mug".into()), I::Event, Order("order_id")),
    case("a line in another currency", ITEM, any, set("currency", |_| "USD".into()), I::Amounts, Order("order_id")),
    case("a line with a discount", ITEM, any, set("discount_minor", more), I::Amounts, Order("order_id")),
    case("a line with a tax", ITEM, any, set("tax_minor", more), I::Amounts, Order("order_id")),
    case("a step at another time", STEP, any, set("reached_at", later), I::Event, Order("order_id")),
    case(
        "a step before the one before",
        STEP,
        |row| has(row, "status", "CONFIRMED"),
        set("reached_at", |_| Cell::Int(5)),
        I::Times,
        Order("order_id"),
    ),
    case("a step of another event", STEP, any, set("id", other), I::Event, Order("order_id")),
    case(
        "another step",
        STEP,
        |row| has(row, "status", "CONFIRMED"),
        set("status", |_| "SHIPPED".into()),
        I::History,
        Order("order_id"),
    ),
    case("more captured", PAID, any, set("captured_minor", more), I::Money, Order("order_id")),
    case("more refunded", PAID, any, set("refunded_minor", more), I::Money, Order("order_id")),
    case("another payment status", PAID, any, set("status", |_| "UNKNOWN".into()), I::Money, Order("order_id")),
    case("another method", PAID, |row| has(row, "method", "CARD"), set("method", |_| "UPI".into()), I::Money, Order("order_id")),
    case("a payment in another currency", PAID, any, set("currency", |_| "USD".into()), I::Amounts, Order("order_id")),
    case("an attempt is gone", TRY, |row| has(row, "state", "CAPTURED"), GONE, I::Money, Order("order_id")),
    case("an attempt of one more", TRY, any, set("amount_minor", more), I::Money, Order("order_id")),
    case(
        "a capture was declined",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("state", |_| "DECLINED".into()),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a decline was captured",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("state", |_| "CAPTURED".into()),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a decline without a reason",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("failure_code", |_| Cell::Null),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a final attempt is asked about",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("check_at", |_| Cell::Int(5)),
        I::Money,
        Order("order_id"),
    ),
    case(
        "a capture without its name",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("reference", |_| Cell::Null),
        I::Money,
        Order("order_id"),
    ),
    case("an attempt that was always there", TRY, any, set("created_at", |_| Cell::Int(5)), I::Times, Order("order_id")),
    case("an order updated later", ORDER, any, set("updated_at", more), I::Times, Column("number")),
    case("an order without a city", ORDER, any, set("ship_city", |_| "".into()), I::Readable, Column("number")),
    case(
        "an order of a version that nothing made",
        ORDER,
        |row| has(row, "status", "DELIVERED"),
        set("version", |_| Cell::Int(99)),
        I::Version,
        Column("number"),
    ),
    case(
        "an order with more time to pay",
        ORDER,
        |row| has(row, "status", "PENDING"),
        set("payment_due_at", later),
        I::Times,
        Column("number"),
    ),
    case(
        "a step in other words",
        STEP,
        |row| has(row, "status", "CANCELLED"),
        set("note", |_| "fraud".into()),
        I::Event,
        Order("order_id"),
    ),
    case("a step of nobody", STEP, any, set("actor", |_| "fraud".into()), I::Readable, Order("order_id")),
    case("a hold that was taken later", HOLD, any, set("created_at", more), I::Times, Column("hold_key")),
    case("a hold that never runs out", HOLD, any, set("expires_at", later), I::HoldEnds, Column("hold_key")),
    case(
        "a receipt for a hold",
        MOVED,
        |row| has(row, "kind", "RECEIPT"),
        set("reserved_change", more),
        I::Reserved,
        Column("sku"),
    ),
    case(
        "a sale of no hold",
        MOVED,
        |row| has(row, "kind", "SALE"),
        set("reference", |_| Cell::Null),
        I::Reference,
        Column("sku"),
    ),
    case(
        "a movement by nobody",
        MOVED,
        |row| has(row, "kind", "RECEIPT"),
        set("actor_id", |_| Cell::Blob(vec![1; 16])),
        I::Reference,
        Column("sku"),
    ),
    case(
        "an event in another trace",
        SAID,
        |row| has(row, "type", "PAYMENT_SUCCESS"),
        set("traceparent", |_| "00-1-2-3".into()),
        I::Event,
        Json("data", "/number"),
    ),
    case("an event of another time", SAID, any, set("occurred_at", more), I::Event, Json("data", "/number")),
    case("an event of a later schema", SAID, any, set("schema", more), I::Readable, Json("data", "/number")),
    case("an event in no place", SAID, any, set("position", nonsense), I::Readable, Json("data", "/number")),
    case("a message never tried", TOLD, |row| has(row, "status", "SENT"), set("tries", zero), I::Notification, Column("id")),
    case("a message of the first version", TOLD, |row| has(row, "status", "SENT"), set("version", one), I::Version, Column("id")),
    case(
        "a message with an error",
        TOLD,
        |row| has(row, "status", "SENT"),
        set("error", |_| "busy".into()),
        I::Notification,
        Column("id"),
    ),
    case(
        "a message that may be there twice",
        TOLD,
        |row| has(row, "status", "SENT"),
        set("maybe_twice", one),
        I::Notification,
        Column("id"),
    ),
    case("a message in another trace", TOLD, any, set("traceparent", |_| "00-1-2-3".into()), I::Notification, Column("id")),
    case("a delivery of another day", NOTED, any, set("handled_at", later), I::Times, Word("")),
    case("a key used later", USED, |row| has(row, "route", "POST /api/orders"), set("used_at", later), I::Key, Word("")),
    case(
        "a user of another name",
        USER,
        |row| row.int("version") == Some(1),
        set("full_name", |_| "Eve".into()),
        I::Event,
        Column("id"),
    ),
    case("a user registered later", USER, any, set("created_at", more), I::Times, Column("id")),
    case("a product of another status", PRODUCT, any, set("status", |_| "ARCHIVED".into()), I::Event, Column("slug")),
    case("a product without a name", PRODUCT, any, set("name", |_| "".into()), I::Readable, Column("slug")),
    case("a product of another slug", PRODUCT, any, set("slug", |_| "mug".into()), I::Event, Word("mug")),
    case("a product updated later", PRODUCT, any, set("updated_at", later), I::Times, Column("slug")),
    case("an attempt in another place", TRY, any, set("position", more), I::Reference, Order("order_id")),
    case("an attempt made later", TRY, any, set("created_at", later), I::Times, Order("order_id")),
    case("a refund is gone", BACK, any, GONE, I::Money, Order("order_id")),
    case("a refund of one more", BACK, any, set("amount_minor", more), I::Money, Order("order_id")),
    case("a refund of no capture", BACK, any, set("attempt_id", other), I::Money, Order("order_id")),
    case("a refund failed", BACK, any, set("state", |_| "FAILED".into()), I::Paid, Order("order_id")),
    case("a refund without its name", BACK, any, set("reference", |_| Cell::Null), I::Money, Order("order_id")),
    case(
        "a cart with a broken line",
        CART,
        |row| has(row, "owner_kind", "USER"),
        set("lines", nonsense),
        I::Readable,
        Column("owner_id"),
    ),
    case(
        "a capture that the provider refused",
        TRY,
        |row| has(row, "state", "DECLINED"),
        set("state", |_| "CAPTURED".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a refusal that the provider captured",
        TRY,
        |row| has(row, "state", "CAPTURED"),
        set("state", |_| "DECLINED".into()),
        I::Provider,
        Order("order_id"),
    ),
    case(
        "a refund that failed and went through",
        BACK,
        |row| has(row, "state", "SUCCEEDED"),
        set("state", |_| "FAILED".into()),
        I::Provider,
        Order("order_id"),
    ),
    case("an event left a gap", SAID, |row| row.int("position") == Some(2), GONE, I::Event, Word("2")),
    case("a claim on a cart is gone", CLAIM, any, GONE, I::Cart, Word("ORD-")),
    case("a claim on a cart for no order", CLAIM, any, set("order_id", other), I::Reference, Column("claim")),
    case("a cart that begins later", CART, any, set("begun_at", later), I::Times, Column("owner_id")),
    case("a cart that lives longer", CART, any, set("expires_at", more), I::Times, Column("owner_id")),
    case(
        "a guest's cart of a user",
        CART,
        |row| has(row, "owner_kind", "GUEST"),
        set("owner_kind", |_| "USER".into()),
        I::Reference,
        Column("owner_id"),
    ),
    case("an event is gone", SAID, |row| has(row, "type", "ORDER_CONFIRMED"), GONE, I::Event, Json("data", "/number")),
    case("a payment's event is gone", SAID, |row| has(row, "type", "PAYMENT_SUCCESS"), GONE, I::Event, Json("data", "/number")),
    case("a refund's event is gone", SAID, |row| has(row, "type", "REFUND_SUCCEEDED"), GONE, I::Event, Json("data", "/number")),
    case("a decline's event is gone", SAID, |row| has(row, "type", "PAYMENT_FAILED"), GONE, I::Event, Json("data", "/number")),
    case(
        "an event of another kind",
        SAID,
        |row| has(row, "type", "ORDER_CONFIRMED"),
        set("type", |_| "ORDER_SHIPPED".into()),
        I::Event,
        Json("data", "/number"),
    ),
    case("an event of no kind", SAID, any, set("type", nonsense), I::Readable, Json("data", "/number")),
    case("an event of a later version", SAID, any, set("version", |_| Cell::Int(99)), I::Version, Json("data", "/number")),
    case("an event of no order", SAID, any, set("aggregate_id", other), I::Event, Word("")),
    case("an event without words", SAID, any, set("data", |_| "{}".into()), I::Event, Word("ORD-")),
    case("an event that is no JSON", SAID, any, set("data", nonsense), I::Readable, Word("ORD-")),
    case("an event of another topic", SAID, any, set("topic", |_| "user-events".into()), I::Event, Json("data", "/number")),
    case("an event that waits", SAID, any, set("occurred_at", |_| Cell::Int(5)), I::Times, Json("data", "/number")),
    case(
        "a product's event is gone",
        (Context::Catalog, OUTBOX),
        |row| has(row, "type", "PRODUCT_UPDATED"),
        GONE,
        I::Event,
        Word("cup"),
    ),
    case(
        "an alert is gone",
        (Context::Catalog, OUTBOX),
        |row| has(row, "type", "LOW_STOCK_ALERT"),
        GONE,
        I::Notification,
        Word(""),
    ),
    case("a registration's event is gone", (Context::Users, OUTBOX), any, GONE, I::Event, Column("aggregate_id")),
    case("an order's key is gone", USED, |row| has(row, "route", "POST /api/orders"), GONE, I::Key, Word("ORD-")),
    case("a key of no order", USED, |row| has(row, "route", "POST /api/orders"), set("result_id", other), I::Key, Word("")),
    case(
        "a key of another generation",
        USED,
        |row| has(row, "route", "POST /api/orders"),
        set("generation", more),
        I::Key,
        Word("ORD-"),
    ),
    case(
        "a key of a product that is none",
        (Context::Catalog, KEYS),
        |row| has(row, "route", "POST /api/products"),
        set("result_id", other),
        I::Key,
        Word(""),
    ),
    case(
        "a key of no movement",
        (Context::Catalog, KEYS),
        |row| has(row, "route", "POST /api/inventory/CUP-1/adjust"),
        set("result_id", other),
        I::Key,
        Word(""),
    ),
    case(
        "a key of no user",
        (Context::Users, KEYS),
        |row| has(row, "route", "POST /api/users"),
        set("result_id", other),
        I::Key,
        Word(""),
    ),
    case("a user is gone", USER, |row| has(row, "email", "asha@example.com"), GONE, I::Reference, Column("id")),
    case("a user of no role", USER, any, set("role", nonsense), I::Readable, Column("id")),
    case("a user without a mail address", USER, any, set("email", nonsense), I::Readable, Column("id")),
    case("a customer with a seller", USER, any, set("seller_id", |_| Cell::Blob(vec![1; 16])), I::Reference, Column("id")),
    case("a user created later", USER, any, set("created_at", later), I::Times, Column("id")),
    case(
        "no default address",
        HOME,
        |row| row.int("is_default") == Some(1),
        set("is_default", zero),
        I::DefaultAddress,
        Column("user_id"),
    ),
    case("the default address is gone", HOME, |row| row.int("is_default") == Some(1), GONE, I::DefaultAddress, Column("user_id")),
    case("an address of nobody", HOME, any, set("user_id", other), I::Reference, Word("")),
    case("an address of no country", HOME, any, set("country", nonsense), I::Readable, Column("user_id")),
    case("a session of nobody", SESSION, any, set("user_id", other), I::Reference, Word("")),
    case("a session is gone", SESSION, |row| *row.cell("revoked_at") == Cell::Null, GONE, I::Reference, Word("")),
    case("a session used before it began", SESSION, any, set("last_used_at", |_| Cell::Int(5)), I::Times, Column("user_id")),
    case(
        "a token that another took the place of",
        TOKEN,
        |row| *row.cell("rotated_at") != Cell::Null,
        GONE,
        I::Reference,
        Word(""),
    ),
    case(
        "a token that nobody put in its place",
        TOKEN,
        |row| *row.cell("rotated_at") != Cell::Null,
        set("rotated_at", |_| Cell::Null),
        I::Reference,
        Word(""),
    ),
    case("a token of no session", TOKEN, any, set("session_id", |_| young()), I::Reference, Column("hash")),
    case("a message is gone", TOLD, |row| has(row, "kind", "ORDER_CONFIRMED"), GONE, I::Notification, Json("data", "/number")),
    case(
        "a message to somebody else",
        TOLD,
        |row| has(row, "kind", "ORDER_CONFIRMED"),
        set("recipient", |_| "ops".into()),
        I::Notification,
        Column("id"),
    ),
    case(
        "a message of another kind",
        TOLD,
        |row| has(row, "kind", "ORDER_CONFIRMED"),
        set("kind", |_| "ORDER_SHIPPED".into()),
        I::Notification,
        Column("id"),
    ),
    case("another mail", TOLD, any, set("template", |_| "low_stock".into()), I::Notification, Column("id")),
    case("a message of no event", TOLD, any, set("event_id", other), I::Notification, Column("id")),
    case(
        "a message of other words",
        TOLD,
        |row| has(row, "kind", "ORDER_CONFIRMED"),
        set("data", |_| "{}".into()),
        I::Notification,
        Column("id"),
    ),
    case("a message that is no JSON", TOLD, any, set("data", nonsense), I::Readable, Column("id")),
    case("a message of no status", TOLD, any, set("status", nonsense), I::Readable, Column("id")),
    case(
        "a message sent nowhere",
        TOLD,
        |row| has(row, "status", "SENT"),
        set("address", |_| Cell::Null),
        I::Notification,
        Column("id"),
    ),
    case(
        "a message sent at no time",
        TOLD,
        |row| has(row, "status", "SENT"),
        set("sent_at", |_| Cell::Null),
        I::Notification,
        Column("id"),
    ),
    case("a delivery is gone", NOTED, any, GONE, I::Event, Word("")),
    case("a delivery of no event", NOTED, any, set("event_id", other), I::Event, Word("")),
    case("a delivery to nobody", NOTED, any, set("consumer", |_| "nobody".into()), I::Event, Word("")),
    case("stock heard nothing", (Context::Catalog, INBOX), any, GONE, I::Event, Word("ORD-")),
    case("the cart heard nothing", (Context::Orders, INBOX), any, GONE, I::Event, Word("ORD-")),
];
