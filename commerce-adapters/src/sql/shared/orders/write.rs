//! Writes what was accepted of a batch of order and cart changes: a statement for each table
//! touched.

use commerce_core::Timestamp;
use commerce_core::audit::tables::{
    ATTEMPTS, CANCELLATIONS, CART_CLAIMS, CARTS, HISTORY, ITEMS, ORDERS, PAYMENTS, PROVIDER_EVENTS, REFUNDS, RETURNS, SHIPMENTS,
};
use commerce_core::ids::OrderId;
use commerce_core::orders::{
    Attempt, Cancellation, Cart, CartOwner, Order, OrderLine, PaymentStatus, ProviderEvent, Refund, Return, Shipment,
    TimelineEntry,
};

use super::super::script::Script;
use super::super::statements::orders as sql;
use super::{coupons, wallets};
use crate::sql::bulk::{Bulk, RowText};
use crate::sql::judge::OrdersJudge;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &OrdersJudge<'_>, now: Timestamp) {
    write_orders(script, judge);
    write_payments(script, judge);
    write_records(script, judge, now);
    coupons::write(script, &judge.coupons);
    wallets::write(script, &judge.wallets);
    write_carts(script, judge);
}

fn written<'w>(judge: &'w OrdersJudge<'_>) -> impl Iterator<Item = &'w Order> {
    judge.orders.written().filter_map(|(_, row)| row.write)
}

fn write_orders(script: &mut Script, judge: &OrdersJudge<'_>) {
    let orders = judge.orders.written().filter_map(|(id, row)| Some((judge.orders.is_stored(id), row.write?)));
    script.put(sql::ORDERS, orders, order_row);
    // The lines of a placed order hardly ever change; what is the same is not written again.
    let items = written(judge).flat_map(|order| numbered(order.id, &order.lines));
    script.bulk(sql::ITEMS, Bulk::of(items, item_row));
    let known = written(judge).filter(|order| judge.orders.is_stored(&order.id));
    let known = Bulk::of(known, |row: RowText, order| row.id(order.id).int(i64::try_from(order.lines.len()).unwrap_or(i64::MAX)));
    script.bulk(sql::SURPLUS_ITEMS, known);
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
    row.flag(it.payment_extended).json(&it.metadata).at(it.updated_at).count(it.version).seal(ORDERS)
}

fn item_row(row: RowText, (order, position, it): (OrderId, i64, &OrderLine)) -> RowText {
    let row = row.id(order).int(position).text(it.sku.as_str()).id(it.product_id).text(&it.name).int(it.quantity.get());
    let row = row.text(it.total.currency.code()).int(it.unit_price.minor).int(it.discount.minor);
    row.int(it.tax.minor).int(it.total.minor).seal(ITEMS)
}

fn write_payments(script: &mut Script, judge: &OrdersJudge<'_>) {
    let payments = Bulk::of(written(judge), |row: RowText, order| {
        let it = &order.payment;
        let row = row.id(order.id).id(it.id).text(it.method.as_str()).text(it.amount.currency.code()).int(it.amount.minor);
        row.int(it.captured.minor).int(it.refunded.minor).seal(PAYMENTS).text(it.status().as_str())
    });
    script.bulk(sql::PAYMENTS, payments);
    let restated = Bulk::of(judge.restated.iter(), |row: RowText, (order, status): &(OrderId, PaymentStatus)| {
        row.id(*order).text(status.as_str())
    });
    script.bulk(sql::RESTATED, restated);
    let attempts = written(judge).flat_map(|order| numbered(order.id, &order.payment.attempts));
    script.bulk(sql::ATTEMPTS, Bulk::of(attempts, attempt_row));
    let refunds = written(judge).flat_map(|order| numbered(order.id, &order.payment.refunds));
    script.bulk(sql::REFUNDS, Bulk::of(refunds, refund_row));
    let cancellations = written(judge).flat_map(|order| numbered(order.id, &order.cancellations));
    script.bulk(sql::CANCELLATIONS, Bulk::of(cancellations, cancellation_row));
    let shipments = written(judge).flat_map(|order| numbered(order.id, &order.shipments));
    script.bulk(sql::SHIPMENTS, Bulk::of(shipments, shipment_row));
    let returns = written(judge).flat_map(|order| (0..).zip(&order.returns).map(move |(position, it)| (order, position, it)));
    script.bulk(sql::RETURNS, Bulk::of(returns, return_row));
}

fn attempt_row(row: RowText, (order, position, it): (OrderId, i64, &Attempt)) -> RowText {
    let row = row.id(order).int(position).id(it.id).text(&it.provider).text(it.method.as_str());
    let row = row.text(it.amount.currency.code()).int(it.amount.minor).text(it.state.as_str());
    let row = row.opt_text(it.token.as_deref()).opt_text(it.reference.as_deref()).opt_text(it.failure_code.as_deref());
    let next = it.next_action.as_ref();
    let row = row.opt_text(next.map(|next| next.kind.as_str())).opt_text(next.map(|next| next.url.as_str()));
    row.at(it.created_at).opt_at(it.check_at).int(it.checks).opt_int(it.to_capture.map(|amount| amount.minor)).seal(ATTEMPTS)
}

fn refund_row(row: RowText, (order, position, it): (OrderId, i64, &Refund)) -> RowText {
    let row = row.id(order).int(position).id(it.id).id(it.attempt).text(it.amount.currency.code()).int(it.amount.minor);
    let row = row.text(it.state.as_str()).text(&it.reason).opt_text(it.reference.as_deref());
    let row = row.at(it.created_at).opt_at(it.check_at).int(it.checks);
    let row = row.text(it.cause.as_str()).opt_id(it.cause.return_id());
    if it.lines.is_empty() { row.null() } else { row.json(&it.lines) }.seal(REFUNDS)
}

fn cancellation_row(row: RowText, (order, position, it): (OrderId, i64, &Cancellation)) -> RowText {
    let row = row.id(order).int(position).id(it.id).json(&it.lines).text(&it.reason).text(it.worth.currency.code());
    row.int(it.worth.minor).at(it.created_at).seal(CANCELLATIONS)
}

fn shipment_row(row: RowText, (order, position, it): (OrderId, i64, &Shipment)) -> RowText {
    let row = row.id(order).int(position).id(it.id).opt_text(it.carrier.as_deref()).opt_text(it.tracking_number.as_deref());
    row.text(it.status().as_str()).json(&it.lines).json(&it.events).at(it.created_at).at(it.updated_at).seal(SHIPMENTS)
}

fn return_row(row: RowText, (order, position, it): (&Order, i64, &Return)) -> RowText {
    let row = row.id(order.id).int(position).id(it.id).id(order.user).text(it.kind.as_str()).text(it.status.as_str());
    let row = row.json(&it.lines).text(&it.reason).opt_text(it.note.as_deref()).text(order.total.currency.code());
    let row = row.opt_int(it.refund.map(|refund| refund.minor)).at(it.requested_at).at(it.updated_at);
    let row = row.opt_id(it.exchange.map(|exchange| exchange.order));
    let amounts = it.exchange.map(|exchange| (exchange.worth.minor, exchange.credit.minor));
    row.opt_int(amounts.map(|amounts| amounts.0)).opt_int(amounts.map(|amounts| amounts.1)).seal(RETURNS)
}

fn write_records(script: &mut Script, judge: &OrdersJudge<'_>, now: Timestamp) {
    let entries = judge.timeline.written().filter_map(|(_, entry)| *entry);
    script.bulk(sql::HISTORY, Bulk::of(entries, history_row));
    script.bulk(sql::REWORDED, Bulk::of(judge.reworded.iter().copied(), history_row));
    let claims =
        Bulk::of(judge.claims.written(), |row: RowText, (claim, order)| row.uuid(*claim).at(now).id(*order).seal(CART_CLAIMS));
    script.bulk(sql::CLAIMS, claims);
    let heard = judge.heard.written().filter_map(|(name, row)| Some((judge.heard.is_stored(name), row.write?)));
    script.put(sql::HEARD, heard, heard_row);
}

fn history_row(row: RowText, it: &TimelineEntry) -> RowText {
    row.id(it.order).id(it.id).text(it.status.as_str()).at(it.at).text(&it.note).text(&it.actor).seal(HISTORY)
}

fn heard_row(row: RowText, it: &ProviderEvent) -> RowText {
    let row = row.text(&it.provider).text(&it.event_id).text(&it.reference).json(&it.fact);
    row.text(it.state.as_str()).at(it.at).seal(PROVIDER_EVENTS)
}

fn write_carts(script: &mut Script, judge: &OrdersJudge<'_>) {
    let carts = judge.carts.written().filter_map(|(owner, row)| Some((judge.carts.is_stored(owner), row.write?)));
    script.put(sql::CARTS, carts, cart_row);
}

fn cart_row(row: RowText, it: &Cart) -> RowText {
    let kind = match it.owner {
        CartOwner::User(_) => "USER",
        CartOwner::Guest(_) => "GUEST",
    };
    let row = row.uuid(it.owner.key()).text(kind).json(&it.lines).opt_text(it.coupon.as_deref()).json(&it.metadata);
    row.at(it.updated_at).at(it.expires_at()).count(it.version).at(it.begun_at).seal(CARTS)
}
