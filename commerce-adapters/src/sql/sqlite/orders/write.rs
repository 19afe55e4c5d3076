//! Writes what was accepted of a batch of order and cart changes: a statement for each table
//! touched.

use commerce_core::Timestamp;
use commerce_core::ids::OrderId;
use commerce_core::orders::{Attempt, Cart, CartOwner, Order, OrderLine, PaymentStatus, ProviderEvent, Refund, TimelineEntry};

use crate::sql::bulk::{Bulk, RowText};
use crate::sql::judge::OrdersJudge;
use crate::sql::sqlite::script::Script;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &OrdersJudge<'_>, now: Timestamp) {
    write_orders(script, judge);
    write_payments(script, judge);
    write_records(script, judge, now);
    write_carts(script, judge);
}

fn written<'w>(judge: &'w OrdersJudge<'_>) -> impl Iterator<Item = &'w Order> {
    judge.orders.written().filter_map(|(_, row)| row.write)
}

fn write_orders(script: &mut Script, judge: &OrdersJudge<'_>) {
    const ORDERS: &str = "INSERT INTO orders (id, number, user_id, status, currency, subtotal_minor, discount_minor,
            shipping_minor, tax_minor, total_minor, tax_lines, coupon, ship_full_name, ship_line1, ship_line2, ship_city,
            ship_state, ship_postal_code, ship_country, ship_phone, shipping_option, hold_key, hold_generation,
            payment_due_at, payment_extended, metadata, updated_at, version)
        SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
            value ->> 15, value ->> 16, value ->> 17, value ->> 18, value ->> 19, value ->> 20, unhex(value ->> 21),
            value ->> 22, value ->> 23, value ->> 24, value ->> 25, value ->> 26, value ->> 27
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
            updated_at = excluded.updated_at, version = excluded.version";
    const ITEMS: &str = "INSERT INTO order_items (order_id, position, sku, product_id, name, quantity, currency,
            unit_price_minor, discount_minor, tax_minor, total_minor)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (order_id, position) DO UPDATE SET sku = excluded.sku, product_id = excluded.product_id,
            name = excluded.name, quantity = excluded.quantity, currency = excluded.currency,
            unit_price_minor = excluded.unit_price_minor, discount_minor = excluded.discount_minor,
            tax_minor = excluded.tax_minor, total_minor = excluded.total_minor
        WHERE (sku, product_id, name, quantity, currency, unit_price_minor, discount_minor, tax_minor, total_minor)
            IS NOT (excluded.sku, excluded.product_id, excluded.name, excluded.quantity, excluded.currency,
                excluded.unit_price_minor, excluded.discount_minor, excluded.tax_minor, excluded.total_minor)";
    const SURPLUS: &str = "DELETE FROM order_items WHERE (order_id, position) IN
        (SELECT item.order_id, item.position FROM jsonb_each(?) AS new
            JOIN order_items AS item ON item.order_id = unhex(new.value ->> 0) AND item.position >= new.value ->> 1)";
    script.bulk(ORDERS, Bulk::of(written(judge), order_row));
    // The lines of a placed order hardly ever change; what is the same is not written again.
    let items = written(judge).flat_map(|order| numbered(order.id, &order.lines));
    script.bulk(ITEMS, Bulk::of(items, item_row));
    let known = written(judge).filter(|order| judge.orders.is_stored(&order.id));
    let known = Bulk::of(known, |row: RowText, order| row.id(order.id).int(i64::try_from(order.lines.len()).unwrap_or(i64::MAX)));
    script.bulk(SURPLUS, known);
}

fn numbered<T>(order: OrderId, parts: &[T]) -> impl Iterator<Item = (OrderId, i64, &T)> {
    (0..).zip(parts).map(move |(position, part)| (order, position, part))
}

fn order_row(row: RowText, it: &Order) -> RowText {
    let row = row.id(it.id).text(&it.number).id(it.user).text(it.status.as_str()).text(it.total.currency.code());
    let row = row.int(it.subtotal.minor).int(it.discount.minor).int(it.shipping.minor).int(it.tax.minor);
    let row = row.int(it.total.minor).json(&it.tax_lines).opt_text(it.coupon.as_deref());
    let to = &it.shipping_address;
    let row = row.text(&to.full_name).text(&to.line1).opt_text(to.line2.as_deref()).text(&to.city);
    let row = row.opt_text(to.state.as_deref()).text(&to.postal_code).text(to.country.as_str()).opt_text(to.phone.as_deref());
    let row = row.text(&it.shipping_option).hash(&it.hold.key.0).int(it.hold.generation).opt_at(it.payment_due_at);
    row.flag(it.payment_extended).json(&it.metadata).at(it.updated_at).count(it.version)
}

fn item_row(row: RowText, (order, position, it): (OrderId, i64, &OrderLine)) -> RowText {
    let row = row.id(order).int(position).text(it.sku.as_str()).id(it.product_id).text(&it.name).int(it.quantity.get());
    let row = row.text(it.total.currency.code()).int(it.unit_price.minor).int(it.discount.minor);
    row.int(it.tax.minor).int(it.total.minor)
}

fn write_payments(script: &mut Script, judge: &OrdersJudge<'_>) {
    const PAYMENTS: &str = "INSERT INTO payments
            (order_id, id, method, status, currency, amount_minor, captured_minor, refunded_minor)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (order_id) DO UPDATE SET id = excluded.id, method = excluded.method, status = excluded.status,
            currency = excluded.currency, amount_minor = excluded.amount_minor,
            captured_minor = excluded.captured_minor, refunded_minor = excluded.refunded_minor";
    const RESTATED: &str = "UPDATE payments SET status = new.status
        FROM (SELECT unhex(value ->> 0) AS order_id, value ->> 1 AS status FROM jsonb_each(?)) AS new
        WHERE payments.order_id = new.order_id";
    const ATTEMPTS: &str = "INSERT INTO payment_attempts (order_id, position, id, provider, method, currency, amount_minor,
            state, token, reference, failure_code, next_action_type, next_action_url, created_at, check_at, checks)
        SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
            value ->> 15
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, provider = excluded.provider,
            method = excluded.method, currency = excluded.currency, amount_minor = excluded.amount_minor,
            state = excluded.state, token = excluded.token, reference = excluded.reference,
            failure_code = excluded.failure_code, next_action_type = excluded.next_action_type,
            next_action_url = excluded.next_action_url, created_at = excluded.created_at, check_at = excluded.check_at,
            checks = excluded.checks";
    const REFUNDS: &str = "INSERT INTO refunds (order_id, position, id, attempt_id, currency, amount_minor, state, reason,
            reference, created_at, check_at, checks)
        SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), unhex(value ->> 3), value ->> 4, value ->> 5,
            value ->> 6, value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (order_id, position) DO UPDATE SET id = excluded.id, attempt_id = excluded.attempt_id,
            currency = excluded.currency, amount_minor = excluded.amount_minor, state = excluded.state,
            reason = excluded.reason, reference = excluded.reference, created_at = excluded.created_at,
            check_at = excluded.check_at, checks = excluded.checks";
    let payments = Bulk::of(written(judge), |row: RowText, order| {
        let it = &order.payment;
        let row = row.id(order.id).id(it.id).text(it.method.as_str()).text(it.status().as_str());
        row.text(it.amount.currency.code()).int(it.amount.minor).int(it.captured.minor).int(it.refunded.minor)
    });
    script.bulk(PAYMENTS, payments);
    let restated = Bulk::of(judge.restated.iter(), |row: RowText, (order, status): &(OrderId, PaymentStatus)| {
        row.id(*order).text(status.as_str())
    });
    script.bulk(RESTATED, restated);
    let attempts = written(judge).flat_map(|order| numbered(order.id, &order.payment.attempts));
    script.bulk(ATTEMPTS, Bulk::of(attempts, attempt_row));
    let refunds = written(judge).flat_map(|order| numbered(order.id, &order.payment.refunds));
    script.bulk(REFUNDS, Bulk::of(refunds, refund_row));
}

fn attempt_row(row: RowText, (order, position, it): (OrderId, i64, &Attempt)) -> RowText {
    let row = row.id(order).int(position).id(it.id).text(&it.provider).text(it.method.as_str());
    let row = row.text(it.amount.currency.code()).int(it.amount.minor).text(it.state.as_str());
    let row = row.opt_text(it.token.as_deref()).opt_text(it.reference.as_deref()).opt_text(it.failure_code.as_deref());
    let next = it.next_action.as_ref();
    let row = row.opt_text(next.map(|next| next.kind.as_str())).opt_text(next.map(|next| next.url.as_str()));
    row.at(it.created_at).opt_at(it.check_at).int(it.checks)
}

fn refund_row(row: RowText, (order, position, it): (OrderId, i64, &Refund)) -> RowText {
    let row = row.id(order).int(position).id(it.id).id(it.attempt).text(it.amount.currency.code()).int(it.amount.minor);
    let row = row.text(it.state.as_str()).text(&it.reason).opt_text(it.reference.as_deref());
    row.at(it.created_at).opt_at(it.check_at).int(it.checks)
}

fn write_records(script: &mut Script, judge: &OrdersJudge<'_>, now: Timestamp) {
    const HISTORY: &str = "INSERT INTO order_status_history (id, order_id, status, reached_at, note, actor)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5
        FROM jsonb_each(?)";
    const CLAIMS: &str = "INSERT INTO cart_claims (claim, claimed_at, order_id)
        SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2) FROM jsonb_each(?)";
    const HEARD: &str = "INSERT INTO provider_events (provider, event_id, reference, fact, state, received_at)
        SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM jsonb_each(?) WHERE true
        ON CONFLICT (provider, event_id) DO UPDATE SET reference = excluded.reference, fact = excluded.fact,
            state = excluded.state, received_at = excluded.received_at";
    let entries = judge.timeline.written().filter_map(|(_, entry)| *entry);
    let entries = Bulk::of(entries, |row: RowText, it: &TimelineEntry| {
        row.id(it.id).id(it.order).text(it.status.as_str()).at(it.at).text(&it.note).text(&it.actor)
    });
    script.bulk(HISTORY, entries);
    let claims = Bulk::of(judge.claims.written(), |row: RowText, (claim, order)| row.uuid(*claim).at(now).id(*order));
    script.bulk(CLAIMS, claims);
    let heard = judge.heard.written().filter_map(|(_, row)| row.write);
    let heard = Bulk::of(heard, |row: RowText, it: &ProviderEvent| {
        let row = row.text(&it.provider).text(&it.event_id).text(&it.reference).json(&it.fact);
        row.text(it.state.as_str()).at(it.at)
    });
    script.bulk(HEARD, heard);
}

fn write_carts(script: &mut Script, judge: &OrdersJudge<'_>) {
    const GONE: &str = "DELETE FROM carts WHERE owner_id IN (SELECT unhex(value) FROM json_each(?))";
    const CARTS: &str = "INSERT INTO carts
            (owner_id, owner_kind, lines, coupon, metadata, updated_at, expires_at, version, begun_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (owner_id) DO UPDATE SET owner_kind = excluded.owner_kind, lines = excluded.lines,
            coupon = excluded.coupon, metadata = excluded.metadata, updated_at = excluded.updated_at,
            expires_at = excluded.expires_at, version = excluded.version, begun_at = excluded.begun_at";
    let gone = judge.carts.removed().map(|owner| owner.simple().to_string());
    script.bulk(GONE, Bulk::texts(gone));
    let carts = judge.carts.written().filter_map(|(_, row)| row.write);
    let carts = Bulk::of(carts, |row: RowText, it: &Cart| {
        let kind = match it.owner {
            CartOwner::User(_) => "USER",
            CartOwner::Guest(_) => "GUEST",
        };
        let row = row.uuid(it.owner.key()).text(kind).json(&it.lines).opt_text(it.coupon.as_deref()).json(&it.metadata);
        row.at(it.updated_at).at(it.expires_at()).count(it.version).at(it.begun_at)
    });
    script.bulk(CARTS, carts);
}
