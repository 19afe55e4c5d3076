//! Loads what a batch of order and cart changes touches, one statement for each table it touches.

use commerce_core::Timestamp;
use commerce_core::ids::{Id, OrderId, TimelineId};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::sql::batch::Failure;
use crate::sql::bulk::{Bulk, RowText, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{CartRow, HeardRow, OrdersJudge, OrdersWants, Versioned};
use crate::sql::sqlite::error::failure;

const OPERATION: &str = "orders.commit";

/// Loads the rows.
pub(super) async fn load<'a>(
    connection: &mut SqliteConnection,
    wants: &OrdersWants,
    now: Timestamp,
) -> Result<OrdersJudge<'a>, Failure> {
    let mut judge = OrdersJudge::at(now);
    if !wants.orders.is_empty() {
        load_orders(connection, wants, &mut judge).await?;
    }
    load_history(connection, wants, &mut judge).await?;
    if !wants.claims.is_empty() {
        const SQL: &str = "SELECT claim FROM cart_claims WHERE claim IN (SELECT unhex(value) FROM json_each(?1))";
        let claims = list(wants.claims.iter().map(|claim| claim.simple().to_string()));
        for row in fetch(connection, SQL, claims).await? {
            judge.claims.load([(Fields::of(&row, OPERATION).uuid("claim")?, ())]);
        }
    }
    load_heard(connection, wants, &mut judge).await?;
    if !wants.carts.is_empty() {
        const SQL: &str = "SELECT owner_id, version, expires_at FROM carts
            WHERE owner_id IN (SELECT unhex(value) FROM json_each(?1))";
        let owners = list(wants.carts.iter().map(|owner| owner.simple().to_string()));
        for row in fetch(connection, SQL, owners).await? {
            let fields = Fields::of(&row, OPERATION);
            let row = CartRow { version: fields.count("version")?, expires_at: fields.at("expires_at")?, write: None };
            judge.carts.load([(fields.uuid("owner_id")?, row)]);
        }
    }
    Ok(judge)
}

async fn fetch(connection: &mut SqliteConnection, sql: &'static str, param: String) -> Result<Vec<SqliteRow>, Failure> {
    sqlx::query(sql).bind(param).fetch_all(connection).await.map_err(failure(OPERATION))
}

async fn load_orders(connection: &mut SqliteConnection, wants: &OrdersWants, judge: &mut OrdersJudge<'_>) -> Result<(), Failure> {
    const SQL: &str = "SELECT id, number, version FROM orders
        WHERE id IN (SELECT unhex(value) FROM json_each(?1)) OR number IN (SELECT value FROM json_each(?2))";
    let query = sqlx::query(SQL).bind(ids(wants.orders.iter().copied())).bind(list(&wants.numbers));
    for row in query.fetch_all(connection).await.map_err(failure(OPERATION))? {
        let fields = Fields::of(&row, OPERATION);
        let id = fields.id::<OrderId>("id")?;
        judge.orders.load([(id, Versioned { version: fields.count("version")?, write: None })]);
        judge.numbers.load([(fields.text("number")?, id)]);
    }
    Ok(())
}

async fn load_history(
    connection: &mut SqliteConnection,
    wants: &OrdersWants,
    judge: &mut OrdersJudge<'_>,
) -> Result<(), Failure> {
    const SQL: &str = "SELECT id FROM order_status_history WHERE (order_id, id) IN
        (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?1))";
    let entries = Bulk::of(&wants.timeline, |row: RowText, (order, entry)| row.id(*order).id(*entry));
    let Some(entries) = entries else { return Ok(()) };
    for row in fetch(connection, SQL, entries.into_text()).await? {
        let id: Uuid = Fields::of(&row, OPERATION).uuid("id")?;
        judge.timeline.load([(TimelineId::from_uuid(id), None)]);
    }
    Ok(())
}

async fn load_heard(connection: &mut SqliteConnection, wants: &OrdersWants, judge: &mut OrdersJudge<'_>) -> Result<(), Failure> {
    const SQL: &str = "SELECT provider, event_id, state FROM provider_events WHERE (provider, event_id) IN
        (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?1))";
    let names = Bulk::of(&wants.heard, |row: RowText, (provider, event)| row.text(provider).text(event));
    let Some(names) = names else { return Ok(()) };
    for row in fetch(connection, SQL, names.into_text()).await? {
        let fields = Fields::of(&row, OPERATION);
        let name = (fields.text("provider")?, fields.text("event_id")?);
        judge.heard.load([(name, HeardRow { state: fields.parse("state")?, write: None })]);
    }
    Ok(())
}
