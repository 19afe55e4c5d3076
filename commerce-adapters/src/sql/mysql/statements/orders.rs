//! Orders with payments and refunds, history, providers' messages, carts.

use commerce_core::limits;

use super::Put;
use crate::sql::Old;
use crate::sql::mysql::insert::Insert;
use crate::sql::mysql::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "orders",
    [
        (1, "orders"),
        (2, "messages"),
        (3, "coupons"),
        (4, "returns"),
        (5, "shipments"),
        (6, "exchanges"),
        (7, "payments"),
        (8, "seals"),
        (9, "sealed_rows"),
        (10, "checks", "00"),
        (11, "refunded_units", "00")
    ]
);

pub(crate) const ORDERS_BY_ID: &str = locked!("t.id, t.number, t.version", "orders", id: id);

pub(crate) const ORDERS_BY_NUMBER: &str = concat!(
    "SELECT t.id, t.number, t.version FROM ",
    listed!(text),
    " STRAIGHT_JOIN order_numbers AS known ON known.number = it.v STRAIGHT_JOIN orders AS t ON t.id = known.order_id"
);

pub(crate) const KNOWN_ENTRIES: &str = concat!(
    "SELECT t.id FROM ",
    rows!(0 order_id: id, 1 id: id),
    " STRAIGHT_JOIN order_status_history AS t ON t.order_id = UNHEX(it.order_id) AND t.id = UNHEX(it.id)"
);

pub(crate) const KNOWN_CLAIMS: &str = found!("t.claim, t.order_id", "cart_claims", claim: id);

pub(crate) const HEARD_BEFORE: &str = concat!(
    "SELECT t.provider, t.event_id, t.state FROM ",
    aside!(rows!(0 provider: text, 1 event_id: text)),
    " STRAIGHT_JOIN provider_events AS t ON t.provider = it.provider AND t.event_id = it.event_id FOR UPDATE"
);

pub(crate) const KNOWN_CARTS: &str = locked!("t.owner_id, t.version, t.expires_at", "carts", owner_id: id);

/// A new order's number is taken with it.
pub(crate) const ORDERS: Put = Put {
    new: &[
        insert!(
            "orders", 0 id: id, 1 number: text, 2 user_id: id, 3 status: text, 4 currency: text, 5 subtotal_minor: int,
            6 discount_minor: int, 7 shipping_minor: int, 8 tax_minor: int, 9 total_minor: int, 10 tax_lines: text,
            11 coupon: text, 12 ship_full_name: text, 13 ship_line1: text, 14 ship_line2: text, 15 ship_city: text,
            16 ship_state: text, 17 ship_postal_code: text, 18 ship_country: text, 19 ship_phone: text,
            20 shipping_option: text, 21 hold_key: hash, 22 hold_generation: int, 23 payment_due_at: int,
            24 payment_extended: int, 25 metadata: text, 26 updated_at: int, 27 version: int, 28 seal: hash
        ),
        insert!("order_numbers", 0 order_id: id, 1 number: text),
    ],
    changed: update!(
        "orders", 0 id: id; 3 status: text, 4 currency: text, 5 subtotal_minor: int,
        6 discount_minor: int, 7 shipping_minor: int, 8 tax_minor: int, 9 total_minor: int, 10 tax_lines: text,
        11 coupon: text, 12 ship_full_name: text, 13 ship_line1: text, 14 ship_line2: text, 15 ship_city: text,
        16 ship_state: text, 17 ship_postal_code: text, 18 ship_country: text, 19 ship_phone: text,
        20 shipping_option: text, 21 hold_key: hash, 22 hold_generation: int, 23 payment_due_at: int,
        24 payment_extended: int, 25 metadata: text, 26 updated_at: int, 27 version: int, 28 seal: hash
    ),
};

pub(crate) const ITEMS: Insert = upsert!(
    "order_items", 0 order_id: id, 1 position: int; 2 sku: text, 3 product_id: id, 4 name: text, 5 quantity: int,
    6 currency: text, 7 unit_price_minor: int, 8 discount_minor: int, 9 tax_minor: int, 10 total_minor: int,
    11 seal: hash
);

pub(crate) const SURPLUS_ITEMS: &str = concat!(
    "DELETE t FROM ",
    rows!(0 order_id: id, 1 position: int),
    " STRAIGHT_JOIN order_items AS t ON t.order_id = UNHEX(it.order_id) AND t.position >= it.position"
);

pub(crate) const PAYMENTS: Insert = upsert!(
    "payments", 0 order_id: id; 1 id: id, 2 method: text, 3 currency: text, 4 amount_minor: int, 5 captured_minor: int,
    6 refunded_minor: int, 7 seal: hash, 8 status: text
);

pub(crate) const RESTATED: &str = update!("payments", 0 order_id: id; 1 status: word);

pub(crate) const ATTEMPTS: Insert = upsert!(
    "payment_attempts", 0 order_id: id, 1 position: int; 2 id: id, 3 provider: text, 4 method: text, 5 currency: text,
    6 amount_minor: int, 7 state: text, 8 token: text, 9 reference: text, 10 failure_code: text,
    11 next_action_type: text, 12 next_action_url: text, 13 created_at: int, 14 check_at: int, 15 checks: int,
    16 to_capture_minor: int, 17 seal: hash
);

pub(crate) const REFUNDS: Insert = upsert!(
    "refunds", 0 order_id: id, 1 position: int; 2 id: id, 3 attempt_id: id, 4 currency: text, 5 amount_minor: int,
    6 state: text, 7 reason: text, 8 reference: text, 9 created_at: int, 10 check_at: int, 11 checks: int,
    12 cause: text, 13 return_id: id, 14 lines: text, 15 seal: hash
);

pub(crate) const RETURNS: Insert = upsert!(
    "returns_refunds", 0 order_id: id, 1 position: int; 2 id: id, 3 user_id: id, 4 kind: text, 5 status: text, 6 lines: text,
    7 reason: text, 8 note: text, 9 currency: text, 10 refund_minor: int, 11 requested_at: int, 12 updated_at: int,
    13 exchanged_for: id, 14 worth_minor: int, 15 credit_minor: int, 16 seal: hash
);

pub(crate) const CANCELLATIONS: Insert = upsert!(
    "order_cancellations", 0 order_id: id, 1 position: int; 2 id: id, 3 lines: text, 4 reason: text, 5 currency: text,
    6 worth_minor: int, 7 created_at: int, 8 seal: hash
);

pub(crate) const SHIPMENTS: Insert = upsert!(
    "shipments", 0 order_id: id, 1 position: int; 2 id: id, 3 carrier: text, 4 tracking_number: text, 5 status: text,
    6 lines: text, 7 events: text, 8 created_at: int, 9 updated_at: int, 10 seal: hash
);

pub(crate) const HISTORY: Insert = insert!(
    "order_status_history", 0 order_id: id, 1 id: id, 2 status: text, 3 reached_at: int, 4 note: text, 5 actor: text,
    6 seal: hash
);

pub(crate) const REWORDED: &str = update!("order_status_history", 0 order_id: id, 1 id: id; 4 note: text, 6 seal: hash);

pub(crate) const CLAIMS: Insert = insert!("cart_claims", 0 claim: id, 1 claimed_at: int, 2 order_id: id, 3 seal: hash);

pub(crate) const HEARD: Put = put!(
    "provider_events", 0 provider: text, 1 event_id: text; 2 reference: text, 3 fact: text, 4 state: text, 5 received_at: int,
    6 seal: hash
);

pub(crate) const CARTS: Put = put!(
    "carts", 0 owner_id: id; 1 owner_kind: text, 2 lines: text, 3 coupon: text, 4 metadata: text, 5 updated_at: int,
    6 expires_at: int, 7 version: int, 8 begun_at: int, 9 seal: hash
);

pub(crate) const COUPONS_BY_ID: &str =
    locked!("t.id, t.code, t.version, t.used, t.usage_limit, t.per_user_limit", "coupons", id: id);

pub(crate) const COUPONS_BY_CODE: &str =
    locked!("t.id, t.code, t.version, t.used, t.usage_limit, t.per_user_limit", "coupons", code: text);

pub(crate) const COUPONS_OF_ORDERS: &str = concat!(
    "SELECT t.id, t.code, t.version, t.used, t.usage_limit, t.per_user_limit FROM ",
    aside!(listed!(id)),
    " STRAIGHT_JOIN coupon_redemptions AS used ON used.order_id = UNHEX(it.v)
    STRAIGHT_JOIN coupons AS t ON t.id = used.coupon_id FOR UPDATE"
);

pub(crate) const USES_OF_ORDERS: &str = locked!(
    "t.order_id, t.coupon_id, t.code, t.coupon_version, t.user_id, t.redeemed_at, t.returned_at", "coupon_redemptions",
    order_id: id
);

/// Read once their coupon is locked: nobody else uses it then, nor gives a use of it back.
pub(crate) const USES_BY_USER: &str = concat!(
    "SELECT t.coupon_id, t.user_id, COUNT(*) AS uses FROM ",
    rows!(0 coupon_id: id, 1 user_id: id),
    " STRAIGHT_JOIN coupon_redemptions AS t
        ON t.coupon_id = UNHEX(it.coupon_id) AND t.user_id = UNHEX(it.user_id) AND t.returned_at IS NULL
    GROUP BY t.coupon_id, t.user_id"
);

/// How often a coupon is used is never changed with it.
pub(crate) const COUPONS: Put = Put {
    new: &[insert!(
        "coupons", 0 id: id, 1 code: text, 2 kind: text, 3 percent: int, 4 amount_minor: int, 5 currency: text,
        6 usage_limit: int, 7 per_user_limit: int, 8 starts_at: int, 9 ends_at: int, 10 minimum_minor: int,
        11 maximum_minor: int, 12 categories: text, 13 products: text, 14 combinable: int, 15 metadata: text,
        16 created_at: int, 17 version: int, 18 seal: hash, 19 used: int
    )],
    changed: update!(
        "coupons", 0 id: id; 1 code: text, 2 kind: text, 3 percent: int, 4 amount_minor: int, 5 currency: text,
        6 usage_limit: int, 7 per_user_limit: int, 8 starts_at: int, 9 ends_at: int, 10 minimum_minor: int,
        11 maximum_minor: int, 12 categories: text, 13 products: text, 14 combinable: int, 15 metadata: text,
        16 created_at: int, 17 version: int, 18 seal: hash
    ),
};

pub(crate) const COUPONS_USED: &str = update!("coupons", 0 id: id; 1 used: int);

pub(crate) const COUPONS_GONE: &str = delete!("coupons", id: id);

pub(crate) const REDEMPTIONS: Insert = insert!(
    "coupon_redemptions", 0 order_id: id, 1 coupon_id: id, 2 code: text, 3 coupon_version: int, 4 user_id: id,
    5 redeemed_at: int, 6 returned_at: int, 7 seal: hash
);

pub(crate) const GIVEN_BACK: &str =
    update!("coupon_redemptions", 0 order_id: id, 1 coupon_id: id; 6 returned_at: int, 7 seal: hash);

pub(crate) const WALLETS_BY_USER: &str = locked!("t.user_id, t.currency, t.balance_minor", "wallets", user_id: id);

pub(crate) const KNOWN_WALLET_ENTRIES: &str = found!("t.id", "wallet_entries", id: id);

pub(crate) const KNOWN_TOP_UPS: &str = locked!("t.id, t.version", "wallet_top_ups", id: id);

pub(crate) const WALLETS: Put = put!("wallets", 0 user_id: id; 1 currency: text, 2 balance_minor: int, 3 seal: hash);

pub(crate) const WALLET_ENTRIES: Insert = insert!(
    "wallet_entries", 0 id: id, 1 user_id: id, 2 kind: text, 3 currency: text, 4 amount_minor: int, 5 entered_at: int,
    6 seal: hash
);

pub(crate) const ENTERED: &str = found!("t.*", "wallet_entries", id: id);

pub(crate) const TOP_UPS: Put = put!(
    "wallet_top_ups", 0 id: id; 1 user_id: id, 2 provider: text, 3 method: text, 4 currency: text, 5 amount_minor: int,
    6 to_capture_minor: int, 7 state: text, 8 token: text, 9 reference: text, 10 failure_code: text,
    11 next_action_type: text, 12 next_action_url: text, 13 created_at: int, 14 check_at: int, 15 checks: int,
    16 version: int, 17 seal: hash
);

/// One element of what belongs to an order, as JSON.
macro_rules! element {
    (items) => {
        "JSON_ARRAY(item.position, item.sku, HEX(item.product_id), item.name, item.quantity, item.currency,
            item.unit_price_minor, item.discount_minor, item.tax_minor, item.total_minor)"
    };
    (attempts) => {
        "JSON_ARRAY(attempt.position, HEX(attempt.id), attempt.provider, attempt.method, attempt.currency,
            attempt.amount_minor, attempt.state, attempt.token, attempt.reference, attempt.failure_code,
            attempt.next_action_type, attempt.next_action_url, attempt.created_at, attempt.check_at, attempt.checks,
            attempt.to_capture_minor)"
    };
    (refunds) => {
        "JSON_ARRAY(refund.position, HEX(refund.id), HEX(refund.attempt_id), refund.currency, refund.amount_minor,
            refund.state, refund.reason, refund.reference, refund.created_at, refund.check_at, refund.checks, refund.cause,
            HEX(refund.return_id), refund.`lines`)"
    };
    (sent_back) => {
        "JSON_ARRAY(back.position, HEX(back.id), back.kind, back.status, back.`lines`, back.reason, back.note,
            back.refund_minor, back.requested_at, back.updated_at, HEX(back.exchanged_for), back.worth_minor,
            back.credit_minor)"
    };
    (given_up) => {
        "JSON_ARRAY(gone.position, HEX(gone.id), gone.`lines`, gone.reason, gone.currency, gone.worth_minor,
            gone.created_at)"
    };
    (parcels) => {
        "JSON_ARRAY(parcel.position, HEX(parcel.id), parcel.carrier, parcel.tracking_number, parcel.status,
            parcel.`lines`, parcel.events, parcel.created_at, parcel.updated_at)"
    };
}

/// All elements that belong to an order, in one cell.
macro_rules! gathered {
    ($part:ident, $table:literal, $as:literal) => {
        concat!(
            "(SELECT CAST(COALESCE(JSON_ARRAYAGG(",
            element!($part),
            "), '[]') AS CHAR) FROM ",
            $table,
            " AS ",
            $as,
            " WHERE ",
            $as,
            ".order_id = orders.id) AS ",
            stringify!($part)
        )
    };
}

/// The columns of an order and its payment.
macro_rules! order_columns {
    () => {
        "orders.*, payments.id AS payment_id, payments.method AS payment_method, payments.status AS payment_status,
            payments.currency AS payment_currency, payments.amount_minor, payments.captured_minor, payments.refunded_minor"
    };
}

/// Orders with their payments, and all that belongs to them as JSON cells.
macro_rules! select_orders {
    ($tail:literal) => {
        concat!(
            "SELECT ",
            order_columns!(),
            ", ",
            gathered!(items, "order_items", "item"),
            ", ",
            gathered!(attempts, "payment_attempts", "attempt"),
            ", ",
            gathered!(refunds, "refunds", "refund"),
            ", ",
            gathered!(sent_back, "returns_refunds", "back"),
            ", ",
            gathered!(given_up, "order_cancellations", "gone"),
            ", ",
            gathered!(parcels, "shipments", "parcel"),
            " FROM orders LEFT JOIN payments ON payments.order_id = orders.id ",
            $tail
        )
    };
}

/// What an element belongs to, in the order of the parts of [`ORDER`].
pub(crate) const PARTS_OF_ORDER: &[&str] = &["items", "attempts", "refunds", "sent_back", "given_up", "parcels"];

/// One order and all that belongs to it, an element in each row. Each cell that is gathered in a row would be a table
/// on the server's disk, made and thrown away for it.
pub(crate) const ORDER: &str = concat!(
    "SELECT ",
    order_columns!(),
    ", kind.part, CASE kind.part
        WHEN 0 THEN IF(item.order_id IS NULL, NULL, ",
    element!(items),
    ") WHEN 1 THEN IF(attempt.order_id IS NULL, NULL, ",
    element!(attempts),
    ") WHEN 2 THEN IF(refund.order_id IS NULL, NULL, ",
    element!(refunds),
    ") WHEN 3 THEN IF(back.order_id IS NULL, NULL, ",
    element!(sent_back),
    ") WHEN 4 THEN IF(gone.order_id IS NULL, NULL, ",
    element!(given_up),
    ") ELSE IF(parcel.order_id IS NULL, NULL, ",
    element!(parcels),
    ") END AS cells
    FROM orders LEFT JOIN payments ON payments.order_id = orders.id
    JOIN (SELECT 0 AS part UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5) AS kind
    LEFT JOIN order_items AS item ON kind.part = 0 AND item.order_id = orders.id
    LEFT JOIN payment_attempts AS attempt ON kind.part = 1 AND attempt.order_id = orders.id
    LEFT JOIN refunds AS refund ON kind.part = 2 AND refund.order_id = orders.id
    LEFT JOIN returns_refunds AS back ON kind.part = 3 AND back.order_id = orders.id
    LEFT JOIN order_cancellations AS gone ON kind.part = 4 AND gone.order_id = orders.id
    LEFT JOIN shipments AS parcel ON kind.part = 5 AND parcel.order_id = orders.id
    WHERE orders.id = ?"
);

pub(crate) const ORDERS_BELOW: &str = select_orders!("WHERE orders.id < ?");

/// One user's orders are few: no index has the expression, so that the user's is taken.
pub(crate) const STATUS_OF_FEW: &str = " AND CONCAT(orders.status, '') = ?";

pub(crate) const NUMBER_IS: &str = " AND orders.id = (SELECT known.order_id FROM order_numbers AS known WHERE known.number = ?)";

/// One user's orders are few.
pub(crate) const BOUGHT: &str = "SELECT orders.id FROM orders
    STRAIGHT_JOIN order_items ON order_items.order_id = orders.id
    WHERE orders.user_id = ? AND order_items.product_id = ? AND CONCAT(orders.status, '') NOT IN ('PENDING', 'CANCELLED')
    LIMIT 1";

pub(crate) const UNPAID: &str = "SELECT id AS order_id FROM orders WHERE unpaid_until <= ? ORDER BY unpaid_until, id LIMIT ?";

/// Expired carts, and what was claimed of carts so long ago that no delivery comes any more.
pub(crate) const OLD: &[Old] = &[
    ("DELETE FROM carts WHERE expires_at < ? ORDER BY expires_at LIMIT ?", |_| limits::CART_KEEP),
    ("DELETE FROM cart_claims WHERE claimed_at < ? ORDER BY claimed_at LIMIT ?", |_| limits::HANDLED_KEEP),
    ("DELETE FROM provider_events WHERE state = 'APPLIED' AND received_at < ? ORDER BY received_at LIMIT ?", |keep| {
        keep.provider_messages
    }),
];
