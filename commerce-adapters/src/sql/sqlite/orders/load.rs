//! Loads what a batch of order and cart changes touches, one statement for each table it touches.

use commerce_core::error::StoreError;
use commerce_core::ids::{Id, OrderId, TimelineId};
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use crate::sql::bulk::{Bulk, RowText, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{CartRow, HeardRow, Loaded, OrdersJudge, OrdersWants, Versioned};
use crate::sql::sqlite::script::Queries;

const OPERATION: &str = "orders.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, OrdersJudge<'a>>>, wants: &OrdersWants) {
    if !wants.orders.is_empty() {
        const SQL: &str = "SELECT id, number, version FROM orders
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR number IN (SELECT value FROM json_each(?))";
        let params = [ids(wants.orders.iter().copied()).into(), list(&wants.numbers).into()];
        queries.ask(SQL, params, |row, loaded| load_order(row, &mut loaded.judge));
    }
    let entries = Bulk::of(&wants.timeline, |row: RowText, (order, entry)| row.id(*order).id(*entry));
    if let Some(entries) = entries {
        const SQL: &str = "SELECT id FROM order_status_history WHERE (order_id, id) IN
            (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?))";
        queries.ask(SQL, [entries.into_text().into()], |row, loaded| {
            let id: Uuid = Fields::of(row, OPERATION).uuid("id")?;
            loaded.judge.timeline.load([(TimelineId::from_uuid(id), None)]);
            Ok(())
        });
    }
    if !wants.claims.is_empty() {
        const SQL: &str = "SELECT claim, order_id FROM cart_claims WHERE claim IN (SELECT unhex(value) FROM json_each(?))";
        let claims = list(wants.claims.iter().map(|claim| claim.simple().to_string()));
        queries.ask(SQL, [claims.into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            loaded.judge.claims.load([(fields.uuid("claim")?, fields.id("order_id")?)]);
            Ok(())
        });
    }
    let names = Bulk::of(&wants.heard, |row: RowText, (provider, event)| row.text(provider).text(event));
    if let Some(names) = names {
        const SQL: &str = "SELECT provider, event_id, state FROM provider_events WHERE (provider, event_id) IN
            (SELECT value ->> 0, value ->> 1 FROM jsonb_each(?))";
        queries.ask(SQL, [names.into_text().into()], |row, loaded| load_heard(row, &mut loaded.judge));
    }
    if !wants.carts.is_empty() {
        const SQL: &str = "SELECT owner_id, version, expires_at FROM carts
            WHERE owner_id IN (SELECT unhex(value) FROM json_each(?))";
        let owners = list(wants.carts.iter().map(|owner| owner.simple().to_string()));
        queries.ask(SQL, [owners.into()], |row, loaded| load_cart(row, &mut loaded.judge));
    }
}

fn load_order(row: &SqliteRow, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let id = fields.id::<OrderId>("id")?;
    judge.orders.load([(id, Versioned { version: fields.count("version")?, write: None })]);
    judge.numbers.load([(fields.text("number")?, id)]);
    Ok(())
}

fn load_heard(row: &SqliteRow, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let name = (fields.text("provider")?, fields.text("event_id")?);
    judge.heard.load([(name, HeardRow { state: fields.parse("state")?, write: None })]);
    Ok(())
}

fn load_cart(row: &SqliteRow, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let row = CartRow { version: fields.count("version")?, expires_at: fields.at("expires_at")?, write: None };
    judge.carts.load([(fields.uuid("owner_id")?, row)]);
    Ok(())
}
