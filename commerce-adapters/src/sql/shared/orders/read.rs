//! Reads orders. An order comes with its items, attempts and refunds in one statement, so that one state of it
//! is seen, and a page costs one statement too.

use async_trait::async_trait;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::ids::{AttemptId, Id, OrderId, ProductId, RefundId, UserId};
use commerce_core::orders::{
    Attempt, AttemptState, DueWork, HoldRef, NextAction, Order, OrderFilter, OrderLine, OrderStatus, OrderStore, OrderWrite,
    Payment, PaymentMethod, ProviderEvent, PurchaseReads, Refund, RefundCause, RefundState, ShipmentLine, TimelineEntry,
};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::{Quantity, Sku};
use commerce_core::users::{ERASED, PostalAddress};
use commerce_core::{Currency, Money, Timestamp, catalog::HoldKey};
use serde::Deserialize;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::gathered::Gathered;
use super::super::statements::orders as sql;
use super::parcels::{read_cancellations, read_returns, read_shipments};
use crate::sql::bulk::Nested;
use crate::sql::judge::OrdersWrite;
use crate::sql::question::{Question, above, below, blob};

#[derive(Deserialize)]
struct LineCells(i64, Sku, ProductId, String, Quantity, Currency, i64, i64, i64, i64);

#[derive(Deserialize)]
struct AttemptCells(
    i64,
    AttemptId,
    String,
    PaymentMethod,
    Currency,
    i64,
    AttemptState,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    Option<i64>,
    u32,
    Option<i64>,
);

#[derive(Deserialize)]
struct RefundCells(
    i64,
    RefundId,
    AttemptId,
    Currency,
    i64,
    RefundState,
    String,
    Option<String>,
    i64,
    Option<i64>,
    u32,
    String,
    Option<String>,
    Option<Nested<Vec<ShipmentLine>>>,
);

fn read_order(fields: &Fields<'_>) -> Result<Order, StoreError> {
    let currency: Currency = fields.parse("currency")?;
    let mut lines: Vec<LineCells> = fields.json("items")?;
    lines.sort_by_key(|cells| cells.0);
    let order = Order {
        id: fields.id("id")?,
        number: fields.text("number")?,
        user: fields.id("user_id")?,
        status: fields.parse("status")?,
        lines: lines.into_iter().map(line).collect(),
        subtotal: fields.minor("subtotal_minor", currency)?,
        discount: fields.minor("discount_minor", currency)?,
        shipping: fields.minor("shipping_minor", currency)?,
        tax: fields.minor("tax_minor", currency)?,
        total: fields.minor("total_minor", currency)?,
        tax_lines: fields.json("tax_lines")?,
        coupon: fields.opt_text("coupon")?,
        shipping_address: read_address(fields)?,
        shipping_option: fields.text("shipping_option")?,
        payment: read_payment(fields)?,
        cancellations: read_cancellations(fields)?,
        shipments: read_shipments(fields)?,
        returns: read_returns(fields, currency)?,
        hold: HoldRef { key: HoldKey(fields.hash("hold_key")?), generation: fields.count("hold_generation")? },
        payment_due_at: fields.opt_at("payment_due_at")?,
        payment_extended: fields.flag("payment_extended")?,
        metadata: fields.json("metadata")?,
        updated_at: fields.at("updated_at")?,
        version: fields.count("version")?,
    };
    check(&order).map_err(|what| fields.corrupt(format_args!("order {}: {what}", order.number)))?;
    Ok(order)
}

fn read_address(fields: &Fields<'_>) -> Result<PostalAddress, StoreError> {
    Ok(PostalAddress {
        full_name: fields.text("ship_full_name")?,
        line1: fields.text("ship_line1")?,
        line2: fields.opt_text("ship_line2")?,
        city: fields.text("ship_city")?,
        state: fields.opt_text("ship_state")?,
        postal_code: fields.text("ship_postal_code")?,
        country: fields.parse("ship_country")?,
        phone: fields.opt_text("ship_phone")?,
    })
}

fn read_payment(fields: &Fields<'_>) -> Result<Payment, StoreError> {
    let currency: Currency = fields.parse("payment_currency")?;
    let mut attempts: Vec<AttemptCells> = fields.json("attempts")?;
    attempts.sort_by_key(|cells| cells.0);
    let mut refunds: Vec<RefundCells> = fields.json("refunds")?;
    refunds.sort_by_key(|cells| cells.0);
    let payment = Payment {
        id: fields.id("payment_id")?,
        method: fields.parse("payment_method")?,
        amount: fields.minor("amount_minor", currency)?,
        captured: fields.minor("captured_minor", currency)?,
        refunded: fields.minor("refunded_minor", currency)?,
        attempts: attempts.into_iter().map(attempt).collect(),
        refunds: refunds
            .into_iter()
            .map(|cells| refund(cells).ok_or_else(|| fields.corrupt("a refund for nothing that is known")))
            .collect::<Result<_, _>>()?,
    };
    let stored = fields.text("payment_status")?;
    if stored != payment.status().as_str() {
        return Err(fields.corrupt(format_args!("the payment is {stored}, its sums and attempts say {}", payment.status())));
    }
    Ok(payment)
}

fn line(cells: LineCells) -> OrderLine {
    let LineCells(_, sku, product_id, name, quantity, currency, unit_price, discount, tax, total) = cells;
    let money = |minor| Money::new(minor, currency);
    let (unit_price, discount, tax, total) = (money(unit_price), money(discount), money(tax), money(total));
    OrderLine { sku, product_id, name, quantity, unit_price, discount, tax, total }
}

fn attempt(cells: AttemptCells) -> Attempt {
    let AttemptCells(
        _,
        id,
        provider,
        method,
        currency,
        amount,
        state,
        token,
        reference,
        failure_code,
        kind,
        url,
        at,
        check,
        checks,
        part,
    ) = cells;
    Attempt {
        id,
        provider,
        method,
        amount: Money::new(amount, currency),
        to_capture: part.map(|minor| Money::new(minor, currency)),
        state,
        token,
        reference,
        failure_code,
        next_action: kind.zip(url).map(|(kind, url)| NextAction { kind, url }),
        created_at: Timestamp::from_micros(at),
        check_at: check.map(Timestamp::from_micros),
        checks,
    }
}

fn refund(cells: RefundCells) -> Option<Refund> {
    let RefundCells(_, id, attempt, currency, amount, state, reason, reference, at, check, checks, cause, return_id, lines) =
        cells;
    // SQLite writes no bytes as an empty text.
    let return_id = return_id.filter(|id| !id.is_empty()).map(|id| id.parse()).transpose().ok()?;
    Some(Refund {
        id,
        attempt,
        amount: Money::new(amount, currency),
        cause: RefundCause::of(&cause, return_id)?,
        lines: lines.map_or_else(Vec::new, |Nested(lines)| lines),
        state,
        reason,
        reference,
        created_at: Timestamp::from_micros(at),
        check_at: check.map(Timestamp::from_micros),
        checks,
    })
}

/// What must hold of every stored order, besides what the schema checks within one row.
fn check(order: &Order) -> Result<(), &'static str> {
    let sum = |part: fn(&OrderLine) -> i64| order.lines.iter().map(part).try_fold(0_i64, i64::checked_add);
    let gross = |line: &OrderLine| line.unit_price.minor.saturating_mul(i64::from(line.quantity.get()));
    let parts = order.subtotal.minor.checked_sub(order.discount.minor).and_then(|sum| sum.checked_add(order.shipping.minor));
    let total = parts.and_then(|sum| sum.checked_add(order.tax.minor));
    if order.lines.is_empty() {
        Err("has no lines")
    } else if order.lines.iter().any(|line| line.total.currency != order.total.currency) {
        Err("has lines of another currency")
    } else if sum(gross) != Some(order.subtotal.minor) {
        Err("its lines do not sum to its subtotal")
    } else if total != Some(order.total.minor) {
        Err("its parts do not sum to its total")
    } else if order.payment.amount != order.total {
        Err("its payment is not of its total")
    } else {
        Ok(())
    }
}

/// The same change set, its writes wrapped for the database they go into.
pub(super) fn wrap<W>(changes: ChangeSet<W>, write: fn(W) -> OrdersWrite) -> ChangeSet<OrdersWrite> {
    let ChangeSet { claim, handled, deadline, writes, events } = changes;
    ChangeSet { claim, handled, deadline, writes: writes.into_iter().map(write).collect(), events }
}

#[async_trait]
impl PurchaseReads for Database<OrdersWrite> {
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError> {
        const OPERATION: &str = "orders.bought";
        let query = Question::of(sql::BOUGHT).bind(blob(user.uuid())).bind(blob(product.uuid()));
        Ok(self.row(OPERATION, query).await?.is_some())
    }
}

#[async_trait]
impl OrderStore for Database<OrdersWrite> {
    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        const OPERATION: &str = "orders.order";
        let rows = self.rows(OPERATION, Question::frequent(sql::ORDER).bind(blob(id.uuid()))).await?;
        let order = Gathered::of(rows, sql::PARTS_OF_ORDER, OPERATION)?;
        order.map(|order| read_order(&order.fields(OPERATION))).transpose()
    }

    async fn orders(&self, filter: &OrderFilter, page: &PageRequest) -> Result<Page<Order>, StoreError> {
        const OPERATION: &str = "orders.orders";
        let query = Question::of(sql::ORDERS_BELOW).shown_if(filter.user.is_none()).bind(below(page));
        let status = filter.status.map(OrderStatus::as_str);
        let personal = filter.personal.then_some(ERASED);
        let query = query
            .when(" AND user_id = ?", filter.user.map(|user| blob(user.uuid())))
            .when(if filter.user.is_some() { sql::STATUS_OF_FEW } else { " AND orders.status = ?" }, status)
            .when(" AND orders.id >= ?", filter.from.map(|at| blob(OrderId::lower_bound(at).uuid())))
            .when(" AND orders.id < ?", filter.to.map(|at| blob(OrderId::lower_bound(at).uuid())))
            .when(sql::NUMBER_IS, filter.number.as_deref())
            .when(" AND (orders.ship_full_name <> ?", personal)
            .when(" OR orders.ship_line1 <> ?", personal)
            .when(" OR orders.ship_city <> ?", personal)
            .when(" OR orders.ship_postal_code <> ?", personal)
            .when(
                " OR orders.ship_line2 IS NOT NULL OR orders.ship_phone IS NOT NULL OR orders.metadata <> ?)",
                personal.map(|_| "{}"),
            );
        let query = query.then(" ORDER BY orders.id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let orders = rows.iter().map(|row| read_order(&Fields::of(row, OPERATION))).collect::<Result<_, _>>()?;
        Ok(Page::cut(orders, page, |order: &Order| order.id.uuid()))
    }

    async fn timeline(&self, order: OrderId, page: &PageRequest) -> Result<Page<TimelineEntry>, StoreError> {
        const OPERATION: &str = "orders.timeline";
        const SQL: &str = "SELECT * FROM order_status_history
            WHERE order_id = ? AND id > ? ORDER BY id LIMIT ?";
        let query = Question::of(SQL).bind(blob(order.uuid())).bind(above(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let entries = rows.iter().map(|row| read_entry(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, |entry: &TimelineEntry| entry.id.uuid()))
    }

    async fn order_by_reference(&self, provider: &str, reference: &str) -> Result<Option<OrderId>, StoreError> {
        const OPERATION: &str = "orders.order_by_reference";
        const SQL: &str = "SELECT order_id FROM payment_attempts WHERE provider = ? AND reference = ?
            UNION ALL
            SELECT refund.order_id FROM refunds AS refund
            JOIN payment_attempts AS attempt ON attempt.order_id = refund.order_id AND attempt.id = refund.attempt_id
            WHERE refund.reference = ? AND attempt.provider = ?
            LIMIT 1";
        let query = Question::of(SQL).bind(provider).bind(reference).bind(reference).bind(provider);
        let row = self.row(OPERATION, query).await?;
        row.map(|row| Fields::of(&row, OPERATION).id("order_id")).transpose()
    }

    async fn order_on_hold(&self, hold: HoldRef) -> Result<Option<(OrderId, OrderStatus)>, StoreError> {
        const OPERATION: &str = "orders.order_on_hold";
        const SQL: &str = "SELECT id, status FROM orders WHERE hold_key = ? AND hold_generation = ?";
        let row = self.row(OPERATION, Question::frequent(SQL).bind(hold.key.0.to_vec()).bind(hold.generation)).await?;
        let Some(row) = row else { return Ok(None) };
        let fields = Fields::of(&row, OPERATION);
        Ok(Some((fields.id("id")?, fields.parse("status")?)))
    }

    async fn due(&self, work: DueWork, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        const OPERATION: &str = "orders.due";
        const ATTEMPTS: &str = "SELECT order_id FROM payment_attempts WHERE check_at IS NOT NULL AND check_at <= ?
            GROUP BY order_id ORDER BY min(check_at), order_id LIMIT ?";
        const REFUNDS: &str = "SELECT order_id FROM refunds WHERE check_at IS NOT NULL AND check_at <= ?
            GROUP BY order_id ORDER BY min(check_at), order_id LIMIT ?";
        let due = match work {
            DueWork::Attempts => ATTEMPTS,
            DueWork::Refunds => REFUNDS,
            DueWork::Deadlines => sql::UNPAID,
        };
        let rows = self.rows(OPERATION, Question::of(due).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| Fields::of(row, OPERATION).id("order_id")).collect()
    }

    async fn parked(&self, limit: u32) -> Result<Vec<ProviderEvent>, StoreError> {
        const OPERATION: &str = "orders.parked";
        const SQL: &str = "SELECT * FROM provider_events WHERE state = 'PARKED' ORDER BY received_at DESC LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_provider_event(row, OPERATION)).collect()
    }

    async fn commit(&self, changes: ChangeSet<OrderWrite>) -> Result<(), CommitError> {
        Self::commit(self, wrap(changes, OrdersWrite::Order)).await
    }
}

fn read_entry(row: &Row, operation: &'static str) -> Result<TimelineEntry, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(TimelineEntry {
        id: fields.id("id")?,
        order: fields.id("order_id")?,
        status: fields.parse("status")?,
        at: fields.at("reached_at")?,
        note: fields.text("note")?,
        actor: fields.text("actor")?,
    })
}

fn read_provider_event(row: &Row, operation: &'static str) -> Result<ProviderEvent, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(ProviderEvent {
        provider: fields.text("provider")?,
        event_id: fields.text("event_id")?,
        reference: fields.text("reference")?,
        fact: fields.json("fact")?,
        state: fields.parse("state")?,
        at: fields.at("received_at")?,
    })
}
