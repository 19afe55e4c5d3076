//! Loads what a batch of catalog changes touches, one statement for each table it touches.

use std::collections::BTreeSet;

use commerce_core::catalog::{HoldKey, Inventory};
use commerce_core::error::StoreError;
use commerce_core::ids::Id;
use commerce_core::text::{Sku, Slug};
use sqlx::sqlite::SqliteRow;

use crate::sql::bulk::{hashes, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{CatalogJudge, CatalogWants, HeldRow, Loaded, NamedRow, ProductRow};
use crate::sql::sqlite::script::{Param, Queries};
use crate::sql::table::Table;

const OPERATION: &str = "catalog.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, CatalogJudge<'a>>>, wants: &CatalogWants) {
    if !wants.products.is_empty() {
        const SQL: &str = "SELECT id, slug, version,
                (SELECT json_group_array(sku) FROM inventory WHERE product_id = products.id) AS skus
            FROM products
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR slug IN (SELECT value FROM json_each(?))";
        let params = [ids(wants.products.iter().copied()).into(), slugs(&wants.product_slugs)];
        queries.ask(SQL, params, |row, loaded| load_product(row, &mut loaded.judge));
    }
    if !wants.skus.is_empty() {
        const SQL: &str = "SELECT sku, product_id, on_hand, reserved, low_stock_threshold, low_stock_alerted, version
            FROM inventory
            WHERE sku IN (SELECT value FROM json_each(?)) OR product_id IN (SELECT unhex(value) FROM json_each(?))";
        let params = [list(wants.skus.iter().map(Sku::as_str)).into(), ids(wants.products.iter().copied()).into()];
        queries.ask(SQL, params, |row, loaded| load_inventory(row, &mut loaded.judge));
    }
    if !wants.holds.is_empty() {
        // All lines of one generation share state and expiry; a generation is one row here.
        const SQL: &str = "SELECT hold_key, generation, min(state) AS state, max(expires_at) AS expires_at FROM reservations
            WHERE hold_key IN (SELECT unhex(value) FROM json_each(?))
            GROUP BY hold_key, generation ORDER BY hold_key, generation";
        let keys = hashes(wants.holds.iter().map(|key| key.0));
        queries.ask(SQL, [keys.into()], |row, loaded| load_hold(row, &mut loaded.judge));
    }
    if !wants.categories.is_empty() {
        const SQL: &str = "SELECT id, slug, version FROM categories
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR slug IN (SELECT value FROM json_each(?))";
        let params = [ids(wants.categories.iter().copied()).into(), slugs(&wants.category_slugs)];
        queries.ask(SQL, params, |row, Loaded { judge, .. }| load_named(row, &mut judge.categories, &mut judge.category_slugs));
    }
    if !wants.sellers.is_empty() {
        const SQL: &str = "SELECT id, slug, version FROM sellers
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR slug IN (SELECT value FROM json_each(?))";
        let params = [ids(wants.sellers.iter().copied()).into(), slugs(&wants.seller_slugs)];
        queries.ask(SQL, params, |row, Loaded { judge, .. }| load_named(row, &mut judge.sellers, &mut judge.seller_slugs));
    }
    if wants.tree {
        queries.ask("SELECT version FROM category_tree", [], |row, loaded| {
            loaded.judge.tree.load([((), Fields::of(row, OPERATION).count("version")?)]);
            Ok(())
        });
    }
}

fn slugs(slugs: &BTreeSet<Slug>) -> Param {
    list(slugs.iter().map(Slug::as_str)).into()
}

fn load_product(row: &SqliteRow, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, slug) = (fields.id("id")?, fields.parse::<Slug>("slug")?);
    let row = ProductRow { version: fields.count("version")?, slug: slug.clone(), skus: fields.json("skus")?, write: None };
    judge.products.load([(id, row)]);
    judge.product_slugs.load([(slug, id)]);
    Ok(())
}

fn load_inventory(row: &SqliteRow, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let stock = read_inventory(row, OPERATION)?;
    judge.available_before.insert(stock.sku.clone(), stock.available());
    judge.inventory.load([(stock.sku.clone(), stock)]);
    Ok(())
}

fn load_hold(row: &SqliteRow, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (key, generation) = (HoldKey(fields.hash("hold_key")?), fields.count("generation")?);
    let row = HeldRow { state: fields.parse("state")?, expires_at: fields.at("expires_at")?, made: None };
    judge.holds.load([((key, generation), row)]);
    judge.newest_holds.load([(key, generation)]);
    Ok(())
}

fn load_named<T: Id + Ord, N: Clone>(
    row: &SqliteRow,
    named: &mut Table<T, NamedRow<'_, N>>,
    slugs: &mut Table<Slug, T>,
) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, slug) = (fields.id::<T>("id")?, fields.parse::<Slug>("slug")?);
    named.load([(id, NamedRow { version: fields.count("version")?, slug: slug.clone(), write: None })]);
    slugs.load([(slug, id)]);
    Ok(())
}

/// Reads a row of stock.
pub(super) fn read_inventory(row: &SqliteRow, operation: &'static str) -> Result<Inventory, StoreError> {
    let fields = Fields::of(row, operation);
    let stock = Inventory {
        sku: fields.parse("sku")?,
        product: fields.id("product_id")?,
        on_hand: fields.int("on_hand")?,
        reserved: fields.int("reserved")?,
        low_stock_threshold: fields.int("low_stock_threshold")?,
        low_stock_alerted: fields.flag("low_stock_alerted")?,
        version: fields.count("version")?,
    };
    if stock.reserved < 0 || stock.reserved > stock.on_hand {
        return Err(fields.corrupt(format_args!("{}: {} of {} are reserved", stock.sku, stock.reserved, stock.on_hand)));
    }
    Ok(stock)
}
