//! Loads what a batch of catalog changes touches, one statement for each way into a table.

use std::collections::BTreeSet;

use commerce_core::catalog::{HoldKey, Inventory};
use commerce_core::error::StoreError;
use commerce_core::ids::Id;
use commerce_core::text::{Sku, Slug};

use super::super::engine::Row;
use super::super::fields::Fields;
use super::super::script::Queries;
use super::super::statements::catalog as sql;
use crate::sql::bulk::{hashes, ids, list};
use crate::sql::judge::{CatalogJudge, CatalogWants, HeldRow, Loaded, NamedRow, ProductRow};
use crate::sql::question::Param;
use crate::sql::table::Table;

const OPERATION: &str = "catalog.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, CatalogJudge<'a>>>, wants: &CatalogWants) {
    if !wants.products.is_empty() {
        let by_id = ids(wants.products.iter().copied());
        queries.ask(sql::PRODUCTS_BY_ID, [by_id.clone().into()], |row, loaded| load_product(row, &mut loaded.judge));
        queries.ask(sql::PRODUCTS_BY_SLUG, [slugs(&wants.product_slugs)], |row, loaded| load_product(row, &mut loaded.judge));
        queries.ask(sql::STOCK_OF_PRODUCTS, [by_id.into()], |row, loaded| load_inventory(row, &mut loaded.judge));
    }
    if !wants.skus.is_empty() {
        let skus = list(wants.skus.iter().map(Sku::as_str));
        queries.ask(sql::STOCK, [skus.into()], |row, loaded| load_inventory(row, &mut loaded.judge));
    }
    if !wants.holds.is_empty() {
        let keys = hashes(wants.holds.iter().map(|key| key.0));
        queries.ask(sql::HOLDS, [keys.into()], |row, loaded| load_hold(row, &mut loaded.judge));
    }
    if !wants.categories.is_empty() {
        let by_id = ids(wants.categories.iter().copied());
        queries.ask(sql::CATEGORIES_BY_ID, [by_id.into()], |row, Loaded { judge, .. }| {
            load_named(row, &mut judge.categories, &mut judge.category_slugs)
        });
        queries.ask(sql::CATEGORIES_BY_SLUG, [slugs(&wants.category_slugs)], |row, Loaded { judge, .. }| {
            load_named(row, &mut judge.categories, &mut judge.category_slugs)
        });
    }
    if !wants.sellers.is_empty() {
        let by_id = ids(wants.sellers.iter().copied());
        queries.ask(sql::SELLERS_BY_ID, [by_id.into()], |row, Loaded { judge, .. }| {
            load_runner(row, judge)?;
            load_named(row, &mut judge.sellers, &mut judge.seller_slugs)
        });
        queries.ask(sql::SELLERS_BY_SLUG, [slugs(&wants.seller_slugs)], |row, Loaded { judge, .. }| {
            load_named(row, &mut judge.sellers, &mut judge.seller_slugs)
        });
    }
    super::opinions::ask(queries, &wants.opinions);
    // The tree is locked, too, for whoever is to run a seller: of two who name her at once the second sees the first.
    if wants.tree || !wants.seller_users.is_empty() {
        queries.ask(sql::TREE, [], |row, loaded| {
            loaded.judge.tree.load([((), Fields::of(row, OPERATION).count("version")?)]);
            Ok(())
        });
    }
    if !wants.seller_users.is_empty() {
        let users = ids(wants.seller_users.iter().copied());
        queries.ask(sql::SELLERS_BY_USER, [users.into()], |row, loaded| load_runner(row, &mut loaded.judge));
    }
    // After the tree: whoever puts a product into a category has it until she is done.
    if !wants.leaving.is_empty() {
        queries.ask(sql::OCCUPIED, [ids(wants.leaving.iter().copied()).into()], |row, loaded| {
            loaded.judge.occupied.load([(Fields::of(row, OPERATION).id("category_id")?, ())]);
            Ok(())
        });
    }
}

fn slugs(slugs: &BTreeSet<Slug>) -> Param {
    list(slugs.iter().map(Slug::as_str)).into()
}

fn load_product(row: &Row, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, slug) = (fields.id("id")?, fields.parse::<Slug>("slug")?);
    let row = ProductRow { version: fields.count("version")?, slug: slug.clone(), skus: fields.json("skus")?, write: None };
    judge.products.load([(id, row)]);
    judge.product_slugs.load([(slug, id)]);
    Ok(())
}

fn load_inventory(row: &Row, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let stock = read_inventory(row, OPERATION)?;
    judge.available_before.insert(stock.sku.clone(), stock.available());
    judge.inventory.load([(stock.sku.clone(), stock)]);
    Ok(())
}

fn load_hold(row: &Row, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (key, generation) = (HoldKey(fields.hash("hold_key")?), fields.count("generation")?);
    let row = HeldRow { state: fields.parse("state")?, expires_at: fields.at("expires_at")?, made: None };
    judge.holds.load([((key, generation), row)]);
    if judge.newest_holds.get(&key).is_none_or(|known| *known < generation) {
        judge.newest_holds.load([(key, generation)]);
    }
    Ok(())
}

fn load_named<T: Id + Ord, N: Clone>(
    row: &Row,
    named: &mut Table<T, NamedRow<'_, N>>,
    slugs: &mut Table<Slug, T>,
) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, slug) = (fields.id::<T>("id")?, fields.parse::<Slug>("slug")?);
    named.load([(id, NamedRow { version: fields.count("version")?, slug: slug.clone(), write: None })]);
    slugs.load([(slug, id)]);
    Ok(())
}

fn load_runner(row: &Row, judge: &mut CatalogJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    if let Some(user) = fields.opt_id("user_id")? {
        judge.seller_users.load([(fields.id("id")?, user)]);
    }
    Ok(())
}

/// Reads a row of stock.
pub(super) fn read_inventory(row: &Row, operation: &'static str) -> Result<Inventory, StoreError> {
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
