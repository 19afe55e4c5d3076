//! Reads stock: items for carts and orders, inventory, the ledger, holds.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use commerce_core::catalog::{CatalogWrite, Hold, HoldKey, HoldLine, Inventory, Item, Movement, StockReads, item_name};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, MovementId};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Sku;
use commerce_core::{Currency, Money, Timestamp};
use serde::Deserialize;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::gathered::Gathered;
use super::super::statements::catalog as sql;
use super::load::read_inventory;
use crate::sql::bulk::list;
use crate::sql::question::{Question, below};

fn read_item(row: &Row, operation: &'static str) -> Result<Item, StoreError> {
    let fields = Fields::of(row, operation);
    let options: BTreeMap<String, String> = fields.json("options")?;
    let several = fields.int("variants")? > 1;
    Ok(Item {
        sku: fields.parse("sku")?,
        product: fields.id("product_id")?,
        name: item_name(&fields.text("name")?, several, &options),
        unit_price: fields.money("price_minor", "currency")?,
        available: fields.int("available")?,
        on_sale: fields.flag("on_sale")?,
        weight_grams: fields.opt_count("weight_grams")?,
    })
}

fn read_movement(row: &Row, operation: &'static str) -> Result<Movement, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Movement {
        id: fields.id::<MovementId>("id")?,
        sku: fields.parse("sku")?,
        kind: fields.parse("kind")?,
        on_hand: fields.int("on_hand_change")?,
        reserved: fields.int("reserved_change")?,
        reference: fields.opt_text("reference")?,
        reason: fields.text("reason")?,
        actor: fields.opt_id("actor_id")?,
        at: fields.at("moved_at")?,
    })
}

#[derive(Deserialize)]
struct LineCells(Sku, u32, i64, Currency);

fn read_hold(fields: &Fields<'_>) -> Result<Hold, StoreError> {
    if fields.text("state")? != fields.text("last_state")? {
        return Err(fields.corrupt("the lines of a hold are in different states"));
    }
    let mut lines: Vec<LineCells> = fields.json("lines")?;
    lines.sort_by(|one, other| one.0.cmp(&other.0));
    let line = |LineCells(sku, quantity, minor, currency)| HoldLine { sku, quantity, unit_price: Money::new(minor, currency) };
    Ok(Hold {
        key: HoldKey(fields.hash("hold_key")?),
        generation: fields.count("generation")?,
        lines: lines.into_iter().map(line).collect(),
        state: fields.parse("state")?,
        created_at: fields.at("created_at")?,
        expires_at: fields.at("expires_at")?,
    })
}

/// These SKUs as a parameter, each once.
fn each(skus: &[Sku]) -> String {
    let each: BTreeSet<&str> = skus.iter().map(Sku::as_str).collect();
    list(each)
}

impl Database<CatalogWrite> {
    /// What the catalog says about these SKUs, from a replica if it may lag.
    pub(super) async fn read_items(&self, skus: &[Sku], may_lag: bool) -> Result<Vec<Item>, StoreError> {
        const OPERATION: &str = "catalog.items";
        let query = Question::frequent(sql::ITEMS).shown_if(may_lag).bind(each(skus));
        let rows = self.rows(OPERATION, query).await?;
        rows.iter().map(|row| read_item(row, OPERATION)).collect()
    }

    /// The stock of these SKUs, from a replica if it may lag.
    pub(super) async fn read_stock(&self, skus: &[Sku], may_lag: bool) -> Result<Vec<Inventory>, StoreError> {
        const OPERATION: &str = "catalog.inventory";
        let query = Question::frequent(sql::STOCK_AMONG).shown_if(may_lag).browsed().bind(each(skus));
        let rows = self.rows(OPERATION, query).await?;
        rows.iter().map(|row| read_inventory(row, OPERATION)).collect()
    }
}

#[async_trait]
impl StockReads for Database<CatalogWrite> {
    async fn items(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        self.read_items(skus, false).await
    }

    async fn inventory(&self, skus: &[Sku]) -> Result<Vec<Inventory>, StoreError> {
        self.read_stock(skus, false).await
    }

    async fn ledger(&self, sku: &Sku, page: &PageRequest) -> Result<Page<Movement>, StoreError> {
        const OPERATION: &str = "catalog.ledger";
        const SQL: &str = "SELECT * FROM stock_ledger WHERE sku = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let query = Question::of(SQL).shown().bind(sku.as_str()).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let movements = rows.iter().map(|row| read_movement(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(movements, page, |movement: &Movement| movement.id.uuid()))
    }

    async fn last_receipt(&self, sku: &Sku) -> Result<Option<MovementId>, StoreError> {
        const OPERATION: &str = "catalog.last_receipt";
        const SQL: &str = "SELECT id FROM stock_ledger WHERE sku = ? AND kind = 'RECEIPT' ORDER BY id DESC LIMIT 1";
        let found = self.row(OPERATION, Question::of(SQL).bind(sku.as_str())).await?;
        found.map(|row| Fields::of(&row, OPERATION).id("id")).transpose()
    }

    async fn hold(&self, key: HoldKey) -> Result<Option<Hold>, StoreError> {
        const OPERATION: &str = "catalog.hold";
        let query = Question::frequent(sql::NEWEST_HOLD).bind(key.0.to_vec()).bind(key.0.to_vec());
        let hold = Gathered::of(self.rows(OPERATION, query).await?, sql::PARTS_OF_HOLD, OPERATION)?;
        hold.map(|hold| read_hold(&hold.fields(OPERATION))).transpose()
    }

    async fn expired_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError> {
        const OPERATION: &str = "catalog.expired_holds";
        let rows = self.rows(OPERATION, Question::of(sql::EXPIRED_HOLDS).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| read_hold(&Fields::of(row, OPERATION))).collect()
    }

    async fn low_stock_crossings(&self, limit: u32) -> Result<Vec<Inventory>, StoreError> {
        const OPERATION: &str = "catalog.low_stock_crossings";
        let rows = self.rows(OPERATION, Question::of(sql::CROSSINGS).bind(limit)).await?;
        rows.iter().map(|row| read_inventory(row, OPERATION)).collect()
    }
}
