//! Loads what a batch of order and cart changes touches, one statement for each way into a table.

use commerce_core::error::StoreError;
use commerce_core::ids::{Id, OrderId, TimelineId};
use uuid::Uuid;

use super::super::engine::Row;
use super::super::fields::Fields;
use super::super::script::Queries;
use super::super::statements::orders as sql;
use super::{coupons, wallets};
use crate::sql::bulk::{Bulk, RowText, ids, list};
use crate::sql::judge::{CartRow, HeardRow, Loaded, OrdersJudge, OrdersWants, Versioned};

const OPERATION: &str = "orders.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, OrdersJudge<'a>>>, wants: &OrdersWants) {
    if !wants.orders.is_empty() {
        let by_id = ids(wants.orders.iter().copied());
        queries.ask(sql::ORDERS_BY_ID, [by_id.into()], |row, loaded| load_order(row, &mut loaded.judge));
    }
    if !wants.numbers.is_empty() {
        let by_number = list(&wants.numbers);
        queries.ask(sql::ORDERS_BY_NUMBER, [by_number.into()], |row, loaded| load_order(row, &mut loaded.judge));
    }
    let entries = Bulk::of(&wants.timeline, |row: RowText, (order, entry)| row.id(*order).id(*entry));
    if let Some(entries) = entries {
        queries.ask(sql::KNOWN_ENTRIES, [entries.into_text().into()], |row, loaded| {
            let id: Uuid = Fields::of(row, OPERATION).uuid("id")?;
            loaded.judge.timeline.load([(TimelineId::from_uuid(id), None)]);
            Ok(())
        });
    }
    if !wants.claims.is_empty() {
        let claims = list(wants.claims.iter().map(|claim| claim.simple().to_string()));
        queries.ask(sql::KNOWN_CLAIMS, [claims.into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            loaded.judge.claims.load([(fields.uuid("claim")?, fields.id("order_id")?)]);
            Ok(())
        });
    }
    let names = Bulk::of(&wants.heard, |row: RowText, (provider, event)| row.text(provider).text(event));
    if let Some(names) = names {
        queries.ask(sql::HEARD_BEFORE, [names.into_text().into()], |row, loaded| load_heard(row, &mut loaded.judge));
    }
    coupons::ask(queries, &wants.coupons);
    wallets::ask(queries, &wants.wallets);
    if !wants.carts.is_empty() {
        let owners = list(wants.carts.iter().map(|owner| owner.simple().to_string()));
        queries.ask(sql::KNOWN_CARTS, [owners.into()], |row, loaded| load_cart(row, &mut loaded.judge));
    }
}

fn load_order(row: &Row, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let id = fields.id::<OrderId>("id")?;
    judge.orders.load([(id, Versioned { version: fields.count("version")?, write: None })]);
    judge.numbers.load([(fields.text("number")?, id)]);
    Ok(())
}

fn load_heard(row: &Row, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let name = (fields.text("provider")?, fields.text("event_id")?);
    judge.heard.load([(name, HeardRow { state: fields.parse("state")?, write: None })]);
    Ok(())
}

fn load_cart(row: &Row, judge: &mut OrdersJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let row = CartRow { version: fields.count("version")?, expires_at: fields.at("expires_at")?, write: None };
    judge.carts.load([(fields.uuid("owner_id")?, row)]);
    Ok(())
}
