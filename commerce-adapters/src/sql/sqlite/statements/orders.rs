//! Orders with payments and refunds, history, providers' messages, carts.

use commerce_core::limits;

use crate::sql::Old;
use crate::sql::sqlite::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "orders",
    [
        (1, "orders"),
        (2, "messages"),
        (3, "writers"),
        (4, "audit"),
        (5, "carts"),
        (6, "coupons"),
        (7, "returns"),
        (8, "shipments"),
        (9, "exchanges"),
        (10, "payments", "00"),
        (11, "provider_messages", "00"),
        (12, "seals", "00"),
        (13, "sealed_rows", "00"),
        (14, "checks", "00"),
        (15, "refunded_units", "00")
    ]
);

pub(crate) const ORDERS_BY_ID: &str = "SELECT id, number, version FROM orders
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const ORDERS_BY_NUMBER: &str = "SELECT id, number, version FROM orders
    WHERE number IN (SELECT value FROM json_each(?))";

pub(crate) const KNOWN_ENTRIES: &str = "SELECT id FROM order_status_history WHERE (order_id, id) IN
    (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?))";

pub(crate) const KNOWN_CLAIMS: &str = "SELECT claim, order_id FROM cart_claims
    WHERE claim IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const HEARD_BEFORE: &str = "SELECT provider, event_id, state FROM provider_events
    WHERE (provider, event_id) IN (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))";

pub(crate) const KNOWN_CARTS: &str = "SELECT owner_id, version, expires_at FROM carts
    WHERE owner_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const ORDERS: &str = "INSERT INTO orders (id, number, user_id, status, currency, subtotal_minor, discount_minor,
        shipping_minor, tax_minor, total_minor, tax_lines, coupon, ship_full_name, ship_line1, ship_line2, ship_city,
        ship_state, ship_postal_code, ship_country, ship_phone, shipping_option, hold_key, hold_generation,
        payment_due_at, payment_extended, metadata, updated_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, unhex(value ->> 21),
        value ->> 22, value ->> 23, value ->> 24, value ->> 25, value ->> 26, value ->> 27, unhex(value ->> 28)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET number = excluded.number, user_id = excluded.user_id, status = excluded.status,
        currency = excluded.currency, subtotal_minor = excluded.subtotal_minor,
        discount_minor = excluded.discount_minor, shipping_minor = excluded.shipping_minor,
        tax_minor = excluded.tax_minor, total_minor = excluded.total_minor, tax_lines = excluded.tax_lines,
        coupon = excluded.coupon, ship_full_name = excluded.ship_full_name, ship_line1 = excluded.ship_line1,
        ship_line2 = excluded.ship_line2, ship_city = excluded.ship_city, ship_state = excluded.ship_state,
        ship_postal_code = excluded.ship_postal_code, ship_country = excluded.ship_country,
        ship_phone = excluded.ship_phone, shipping_option = excluded.shipping_option, hold_key = excluded.hold_key,
        hold_generation = excluded.hold_generation, payment_due_at = excluded.payment_due_at,
        payment_extended = excluded.payment_extended, metadata = excluded.metadata,
        updated_at = excluded.updated_at, version = excluded.version, seal = excluded.seal";

pub(crate) const ITEMS: &str = "INSERT INTO order_items (order_id, position, sku, product_id, name, quantity, currency,
        unit_price_minor, discount_minor, tax_minor, total_minor, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, unhex(value ->> 11)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET sku = excluded.sku, product_id = excluded.product_id,
        name = excluded.name, quantity = excluded.quantity, currency = excluded.currency,
        unit_price_minor = excluded.unit_price_minor, discount_minor = excluded.discount_minor,
        tax_minor = excluded.tax_minor, total_minor = excluded.total_minor, seal = excluded.seal
    WHERE (sku, product_id, name, quantity, currency, unit_price_minor, discount_minor, tax_minor, total_minor)
        IS NOT (excluded.sku, excluded.product_id, excluded.name, excluded.quantity, excluded.currency,
            excluded.unit_price_minor, excluded.discount_minor, excluded.tax_minor, excluded.total_minor)";

pub(crate) const SURPLUS_ITEMS: &str = "DELETE FROM order_items WHERE (order_id, position) IN
    (SELECT item.order_id, item.position FROM jsonb_each(?) AS new
        JOIN order_items AS item ON item.order_id = unhex(new.value ->> 0) AND item.position >= new.value ->> 1)";

pub(crate) const PAYMENTS: &str = "INSERT INTO payments
        (order_id, id, method, currency, amount_minor, captured_minor, refunded_minor, seal, status)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        unhex(value ->> 7), value ->> 8
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id) DO UPDATE SET id = excluded.id, method = excluded.method, status = excluded.status,
        currency = excluded.currency, amount_minor = excluded.amount_minor,
        captured_minor = excluded.captured_minor, refunded_minor = excluded.refunded_minor, seal = excluded.seal";

pub(crate) const RESTATED: &str = "UPDATE payments SET status = new.status
    FROM (SELECT unhex(value ->> 0) AS order_id, value ->> 1 AS status FROM jsonb_each(?)) AS new
    WHERE payments.order_id = new.order_id";

pub(crate) const ATTEMPTS: &str =
    "INSERT INTO payment_attempts (order_id, position, id, provider, method, currency, amount_minor,
        state, token, reference, failure_code, next_action_type, next_action_url, created_at, check_at, checks,
        to_capture_minor, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, value ->> 16, unhex(value ->> 17)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, provider = excluded.provider,
        method = excluded.method, currency = excluded.currency, amount_minor = excluded.amount_minor,
        state = excluded.state, token = excluded.token, reference = excluded.reference,
        failure_code = excluded.failure_code, next_action_type = excluded.next_action_type,
        next_action_url = excluded.next_action_url, created_at = excluded.created_at, check_at = excluded.check_at,
        checks = excluded.checks, to_capture_minor = excluded.to_capture_minor, seal = excluded.seal";

pub(crate) const REFUNDS: &str = "INSERT INTO refunds (order_id, position, id, attempt_id, currency, amount_minor, state, reason,
        reference, created_at, check_at, checks, cause, return_id, lines, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3), value ->> 4, value ->> 5,
        value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, unhex(value ->> 13),
        value ->> 14, unhex(value ->> 15)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, attempt_id = excluded.attempt_id,
        currency = excluded.currency, amount_minor = excluded.amount_minor, state = excluded.state,
        reason = excluded.reason, reference = excluded.reference, created_at = excluded.created_at,
        check_at = excluded.check_at, checks = excluded.checks, cause = excluded.cause, return_id = excluded.return_id,
        lines = excluded.lines, seal = excluded.seal";

pub(crate) const RETURNS: &str =
    "INSERT INTO returns_refunds (order_id, position, id, user_id, kind, status, lines, reason, note,
        currency, refund_minor, requested_at, updated_at, exchanged_for, worth_minor, credit_minor, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, unhex(value ->> 13), value ->> 14,
        value ->> 15, unhex(value ->> 16)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, user_id = excluded.user_id, kind = excluded.kind,
        status = excluded.status, lines = excluded.lines, reason = excluded.reason, note = excluded.note,
        currency = excluded.currency, refund_minor = excluded.refund_minor, requested_at = excluded.requested_at,
        updated_at = excluded.updated_at, exchanged_for = excluded.exchanged_for, worth_minor = excluded.worth_minor,
        credit_minor = excluded.credit_minor, seal = excluded.seal";

pub(crate) const CANCELLATIONS: &str =
    "INSERT INTO order_cancellations (order_id, position, id, lines, reason, currency, worth_minor,
        created_at, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        unhex(value ->> 8)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET reason = excluded.reason, seal = excluded.seal
    WHERE reason IS NOT excluded.reason";

pub(crate) const SHIPMENTS: &str =
    "INSERT INTO shipments (order_id, position, id, carrier, tracking_number, status, lines, events,
        created_at, updated_at, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, unhex(value ->> 10)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, carrier = excluded.carrier,
        tracking_number = excluded.tracking_number, status = excluded.status, lines = excluded.lines, events = excluded.events,
        created_at = excluded.created_at, updated_at = excluded.updated_at, seal = excluded.seal
    WHERE (status, events) IS NOT (excluded.status, excluded.events)";

pub(crate) const HISTORY: &str = "INSERT OR FAIL INTO order_status_history (order_id, id, status, reached_at, note, actor, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
    FROM jsonb_each(?)";

pub(crate) const REWORDED: &str = "UPDATE order_status_history SET note = new.note, seal = new.seal
    FROM (SELECT unhex(value ->> 0) AS order_id, unhex(value ->> 1) AS id, value ->> 4 AS note, unhex(value ->> 6) AS seal
        FROM jsonb_each(?)) AS new
    WHERE order_status_history.order_id = new.order_id AND order_status_history.id = new.id";

pub(crate) const CLAIMS: &str = "INSERT OR FAIL INTO cart_claims (claim, claimed_at, order_id, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3) FROM jsonb_each(?)";

pub(crate) const HEARD: &str = "INSERT INTO provider_events (provider, event_id, reference, fact, state, received_at, seal)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (provider, event_id) DO UPDATE SET reference = excluded.reference, fact = excluded.fact,
        state = excluded.state, received_at = excluded.received_at, seal = excluded.seal";

pub(crate) const CARTS: &str = "INSERT INTO carts
        (owner_id, owner_kind, lines, coupon, metadata, updated_at, expires_at, version, begun_at, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, unhex(value ->> 9)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (owner_id) DO UPDATE SET owner_kind = excluded.owner_kind, lines = excluded.lines,
        coupon = excluded.coupon, metadata = excluded.metadata, updated_at = excluded.updated_at,
        expires_at = excluded.expires_at, version = excluded.version, begun_at = excluded.begun_at,
        seal = excluded.seal";

macro_rules! known_coupons {
    ($tail:literal) => {
        concat!("SELECT coupons.id, coupons.code, version, used, usage_limit, per_user_limit FROM coupons ", $tail)
    };
}

pub(crate) const COUPONS_BY_ID: &str = known_coupons!("WHERE id IN (SELECT unhex(value) FROM json_each(?))");

pub(crate) const COUPONS_BY_CODE: &str = known_coupons!("WHERE code IN (SELECT value FROM json_each(?))");

pub(crate) const COUPONS_OF_ORDERS: &str = known_coupons!(
    "WHERE id IN (SELECT coupon_id FROM coupon_redemptions WHERE order_id IN (SELECT unhex(value) FROM json_each(?)))"
);

pub(crate) const USES_OF_ORDERS: &str =
    "SELECT order_id, coupon_id, code, coupon_version, user_id, redeemed_at, returned_at FROM coupon_redemptions
    WHERE order_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const USES_BY_USER: &str = "SELECT it.coupon_id, it.user_id, count(*) AS uses
    FROM (SELECT unhex(value ->> 0) AS coupon_id, unhex(value ->> 1) AS user_id FROM jsonb_each(?)) AS it
    JOIN coupon_redemptions AS used ON used.coupon_id = it.coupon_id AND used.user_id = it.user_id
    WHERE used.returned_at IS NULL GROUP BY it.coupon_id, it.user_id";

/// How often a coupon is used is never changed with it.
pub(crate) const COUPONS: &str = "INSERT INTO coupons (id, code, kind, percent, amount_minor, currency, usage_limit,
        per_user_limit, starts_at, ends_at, minimum_minor, maximum_minor, categories, products, combinable, metadata,
        created_at, version, seal, used)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15,
        value ->> 16, value ->> 17, unhex(value ->> 18), 0
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET code = excluded.code, kind = excluded.kind, percent = excluded.percent,
        amount_minor = excluded.amount_minor, currency = excluded.currency, usage_limit = excluded.usage_limit,
        per_user_limit = excluded.per_user_limit, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
        minimum_minor = excluded.minimum_minor, maximum_minor = excluded.maximum_minor,
        categories = excluded.categories, products = excluded.products, combinable = excluded.combinable,
        metadata = excluded.metadata, created_at = excluded.created_at, version = excluded.version, seal = excluded.seal";

pub(crate) const COUPONS_USED: &str = "UPDATE coupons SET used = new.used
    FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS used FROM jsonb_each(?)) AS new WHERE coupons.id = new.id";

pub(crate) const COUPONS_GONE: &str = "DELETE FROM coupons WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const REDEMPTIONS: &str = "INSERT INTO coupon_redemptions
        (order_id, coupon_id, code, coupon_version, user_id, redeemed_at, returned_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6,
        unhex(value ->> 7)
    FROM jsonb_each(?)";

pub(crate) const GIVEN_BACK: &str = "UPDATE coupon_redemptions SET returned_at = new.returned_at, seal = new.seal
    FROM (SELECT unhex(value ->> 0) AS order_id, unhex(value ->> 1) AS coupon_id, value ->> 6 AS returned_at,
            unhex(value ->> 7) AS seal
        FROM jsonb_each(?)) AS new
    WHERE coupon_redemptions.order_id = new.order_id AND coupon_redemptions.coupon_id = new.coupon_id";

pub(crate) const WALLETS_BY_USER: &str = "SELECT user_id, currency, balance_minor FROM wallets
    WHERE user_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const KNOWN_WALLET_ENTRIES: &str = "SELECT id FROM wallet_entries WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const KNOWN_TOP_UPS: &str = "SELECT id, version FROM wallet_top_ups
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const WALLETS: &str = "INSERT INTO wallets (user_id, currency, balance_minor, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3) FROM jsonb_each(?) WHERE true
    ON CONFLICT (user_id) DO UPDATE SET currency = excluded.currency, balance_minor = excluded.balance_minor,
        seal = excluded.seal";

pub(crate) const WALLET_ENTRIES: &str = "INSERT INTO wallet_entries (id, user_id, kind, currency, amount_minor, entered_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, unhex(value ->> 6)
    FROM jsonb_each(?)";

pub(crate) const ENTERED: &str = "SELECT * FROM wallet_entries WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const TOP_UPS: &str = "INSERT INTO wallet_top_ups (id, user_id, provider, method, currency, amount_minor,
        to_capture_minor, state, token, reference, failure_code, next_action_type, next_action_url, created_at, check_at,
        checks, version, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, value ->> 16, unhex(value ->> 17)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, provider = excluded.provider, method = excluded.method,
        currency = excluded.currency, amount_minor = excluded.amount_minor, created_at = excluded.created_at,
        to_capture_minor = excluded.to_capture_minor, state = excluded.state,
        token = excluded.token, reference = excluded.reference, failure_code = excluded.failure_code,
        next_action_type = excluded.next_action_type, next_action_url = excluded.next_action_url,
        check_at = excluded.check_at, checks = excluded.checks, version = excluded.version, seal = excluded.seal";

/// An order with its payment, and all that belongs to it as JSON cells.
macro_rules! select_orders {
    ($tail:literal) => {
        concat!(
            "SELECT orders.*, payments.id AS payment_id, payments.method AS payment_method,
                payments.status AS payment_status, payments.currency AS payment_currency, payments.amount_minor,
                payments.captured_minor, payments.refunded_minor,
                (SELECT json_group_array(json_array(position, sku, hex(product_id), name, quantity, currency,
                        unit_price_minor, discount_minor, tax_minor, total_minor))
                    FROM order_items WHERE order_id = orders.id) AS items,
                (SELECT json_group_array(json_array(position, hex(attempt.id), provider, method, currency, amount_minor,
                        state, token, reference, failure_code, next_action_type, next_action_url, created_at, check_at,
                        checks, to_capture_minor))
                    FROM payment_attempts AS attempt WHERE attempt.order_id = orders.id) AS attempts,
                (SELECT json_group_array(json_array(position, hex(refund.id), hex(attempt_id), currency, amount_minor,
                        state, reason, reference, created_at, check_at, checks, cause, hex(return_id), json(lines)))
                    FROM refunds AS refund WHERE refund.order_id = orders.id) AS refunds,
                (SELECT json_group_array(json_array(position, hex(back.id), kind, status, json(lines), reason, note,
                        refund_minor, requested_at, updated_at, hex(exchanged_for), worth_minor, credit_minor))
                    FROM returns_refunds AS back WHERE back.order_id = orders.id) AS sent_back,
                (SELECT json_group_array(json_array(position, hex(gone.id), json(lines), reason, currency, worth_minor, created_at))
                    FROM order_cancellations AS gone WHERE gone.order_id = orders.id) AS given_up,
                (SELECT json_group_array(json_array(position, hex(parcel.id), carrier, tracking_number, status, json(lines),
                        json(events), created_at, updated_at))
                    FROM shipments AS parcel WHERE parcel.order_id = orders.id) AS parcels
            FROM orders LEFT JOIN payments ON payments.order_id = orders.id ",
            $tail
        )
    };
}

pub(crate) const ORDER: &str = select_orders!("WHERE orders.id = ?");

/// All of an order is in one row.
pub(crate) const PARTS_OF_ORDER: &[&str] = &[];

pub(crate) const ORDERS_BELOW: &str = select_orders!("WHERE orders.id < ?");

/// One user's orders are few: the plus keeps the index on the status out of it.
pub(crate) const STATUS_OF_FEW: &str = " AND +orders.status = ?";

pub(crate) const NUMBER_IS: &str = " AND number = ?";

/// One user's orders are few: the plus keeps the index on the status out of it.
pub(crate) const BOUGHT: &str = "SELECT orders.id FROM orders JOIN order_items ON order_items.order_id = orders.id
    WHERE orders.user_id = ? AND order_items.product_id = ? AND +orders.status NOT IN ('PENDING', 'CANCELLED') LIMIT 1";

pub(crate) const UNPAID: &str = "SELECT id AS order_id FROM orders INDEXED BY orders_payment_due
    WHERE status = 'PENDING' AND payment_due_at IS NOT NULL AND payment_due_at <= ?
    ORDER BY payment_due_at, id LIMIT ?";

/// Expired carts, and what was claimed of carts so long ago that no delivery comes any more.
pub(crate) const OLD: &[Old] = &[
    (
        "DELETE FROM carts WHERE rowid IN
            (SELECT rowid FROM carts WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
        |_| limits::CART_KEEP,
    ),
    (
        "DELETE FROM cart_claims WHERE claim IN
            (SELECT claim FROM cart_claims WHERE claimed_at < ?1 ORDER BY claimed_at LIMIT ?2)",
        |_| limits::HANDLED_KEEP,
    ),
    (
        "DELETE FROM provider_events WHERE (provider, event_id) IN (SELECT provider, event_id FROM provider_events
            WHERE received_at < ?1 AND state = 'APPLIED' ORDER BY received_at LIMIT ?2)",
        |keep| keep.provider_messages,
    ),
];
