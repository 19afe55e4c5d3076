//! Reads what was given up of orders, what left the house, and what comes back.

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::ids::{CancellationId, Id, OrderId, ReturnId, ShipmentId};
use commerce_core::orders::{
    Cancellation, Exchange, Return, ReturnFilter, ReturnKind, ReturnLine, ReturnOf, ReturnReads, ReturnStatus, Shipment,
    ShipmentEvent, ShipmentLine, ShipmentStatus,
};
use commerce_core::page::{Page, PageRequest};
use commerce_core::{Currency, Money, Timestamp};
use serde::Deserialize;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use crate::sql::bulk::Nested;
use crate::sql::judge::OrdersWrite;
use crate::sql::question::{Question, below, blob};

#[derive(Deserialize)]
struct ReturnCells(
    i64,
    ReturnId,
    ReturnKind,
    ReturnStatus,
    Nested<Vec<ReturnLine>>,
    String,
    Option<String>,
    Option<i64>,
    i64,
    i64,
    Option<String>,
    Option<i64>,
    Option<i64>,
);

#[derive(Deserialize)]
struct ShipmentCells(
    i64,
    ShipmentId,
    Option<String>,
    Option<String>,
    ShipmentStatus,
    Nested<Vec<ShipmentLine>>,
    Nested<Vec<ShipmentEvent>>,
    i64,
    i64,
);

#[derive(Deserialize)]
struct CancellationCells(i64, CancellationId, Nested<Vec<ShipmentLine>>, String, Currency, i64, i64);

pub(super) fn read_cancellations(fields: &Fields<'_>) -> Result<Vec<Cancellation>, StoreError> {
    let mut given_up: Vec<CancellationCells> = fields.json("given_up")?;
    given_up.sort_by_key(|cells| cells.0);
    let read = |cells| {
        let CancellationCells(_, id, Nested(lines), reason, currency, worth, created) = cells;
        let (worth, created_at) = (Money::new(worth, currency), Timestamp::from_micros(created));
        Cancellation { id, lines, reason, worth, created_at }
    };
    Ok(given_up.into_iter().map(read).collect())
}

pub(super) fn read_shipments(fields: &Fields<'_>) -> Result<Vec<Shipment>, StoreError> {
    let mut shipments: Vec<ShipmentCells> = fields.json("parcels")?;
    shipments.sort_by_key(|cells| cells.0);
    let read = |cells| {
        let ShipmentCells(_, id, carrier, tracking_number, stored, Nested(lines), Nested(events), created, updated) = cells;
        let (created_at, updated_at) = (Timestamp::from_micros(created), Timestamp::from_micros(updated));
        let it = Shipment { id, carrier, tracking_number, lines, events, created_at, updated_at };
        let says = it.status();
        let fits = stored == says;
        if fits { Ok(it) } else { Err(fields.corrupt(format_args!("a shipment is {stored}, its events say {says}"))) }
    };
    shipments.into_iter().map(read).collect()
}

pub(super) fn read_returns(fields: &Fields<'_>, currency: Currency) -> Result<Vec<Return>, StoreError> {
    let mut returns: Vec<ReturnCells> = fields.json("sent_back")?;
    returns.sort_by_key(|cells| cells.0);
    let read = |cells| {
        let ReturnCells(_, id, kind, status, Nested(lines), reason, note, refund, requested, updated, order, worth, credit) =
            cells;
        let order =
            order.filter(|id| !id.is_empty()).map(|id| id.parse()).transpose().map_err(|_| fields.corrupt("an order's id"))?;
        let exchange = exchange(order, worth, credit, currency);
        Ok(Return {
            id,
            kind,
            status,
            lines,
            reason,
            note,
            refund: refund.map(|minor| Money::new(minor, currency)),
            exchange,
            requested_at: Timestamp::from_micros(requested),
            updated_at: Timestamp::from_micros(updated),
        })
    };
    returns.into_iter().map(read).collect()
}

#[async_trait]
impl ReturnReads for Database<OrdersWrite> {
    async fn order_of_return(&self, id: ReturnId) -> Result<Option<OrderId>, StoreError> {
        const OPERATION: &str = "orders.order_of_return";
        const SQL: &str = "SELECT order_id FROM returns_refunds WHERE id = ?";
        let row = self.row(OPERATION, Question::of(SQL).bind(blob(id.uuid()))).await?;
        row.map(|row| Fields::of(&row, OPERATION).id("order_id")).transpose()
    }

    async fn returns(&self, filter: &ReturnFilter, page: &PageRequest) -> Result<Page<ReturnOf>, StoreError> {
        const OPERATION: &str = "orders.returns";
        let query = Question::of("SELECT * FROM returns_refunds WHERE id < ?").shown_if(filter.user.is_none()).bind(below(page));
        let query = query
            .when(" AND user_id = ?", filter.user.map(|user| blob(user.uuid())))
            .when(" AND status = ?", filter.status.map(ReturnStatus::as_str));
        let rows = self.rows(OPERATION, query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1)).await?;
        let returns = rows.iter().map(|row| read_return(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(returns, page, |it: &ReturnOf| it.it.id.uuid()))
    }
}

fn exchange(order: Option<OrderId>, worth: Option<i64>, credit: Option<i64>, currency: Currency) -> Option<Exchange> {
    let (worth, credit) = (Money::new(worth?, currency), Money::new(credit?, currency));
    Some(Exchange { order: order?, worth, credit })
}

fn read_return(row: &Row, operation: &'static str) -> Result<ReturnOf, StoreError> {
    let fields = Fields::of(row, operation);
    let currency: Currency = fields.parse("currency")?;
    let refund: Option<i64> = fields.opt_count("refund_minor")?;
    let it = Return {
        id: fields.id("id")?,
        kind: fields.parse("kind")?,
        status: fields.parse("status")?,
        lines: fields.json("lines")?,
        reason: fields.text("reason")?,
        note: fields.opt_text("note")?,
        refund: refund.map(|minor| Money::new(minor, currency)),
        exchange: exchange(
            fields.opt_id("exchanged_for")?,
            fields.opt_count("worth_minor")?,
            fields.opt_count("credit_minor")?,
            currency,
        ),
        requested_at: fields.at("requested_at")?,
        updated_at: fields.at("updated_at")?,
    };
    Ok(ReturnOf { order: fields.id("order_id")?, user: fields.id("user_id")?, it })
}
