//! Loads what a batch of catalog changes touches, one statement for each table it touches.

use std::collections::{BTreeMap, BTreeSet};

use commerce_core::catalog::{HoldKey, Inventory};
use commerce_core::error::StoreError;
use commerce_core::ids::Id;
use commerce_core::text::{Sku, Slug};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteRow;

use crate::sql::batch::Failure;
use crate::sql::bulk::{hashes, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{CatalogJudge, CatalogWants, HeldRow, NamedRow, ProductRow};
use crate::sql::sqlite::error::failure;
use crate::sql::table::Table;

const OPERATION: &str = "catalog.commit";

/// Loads the rows.
pub(super) async fn load<'a>(connection: &mut SqliteConnection, wants: &CatalogWants) -> Result<CatalogJudge<'a>, Failure> {
    let mut judge = CatalogJudge::default();
    if !wants.products.is_empty() {
        load_products(connection, wants, &mut judge).await?;
    }
    if !wants.skus.is_empty() {
        load_inventory(connection, wants, &mut judge).await?;
    }
    if !wants.holds.is_empty() {
        load_holds(connection, wants, &mut judge).await?;
    }
    if !wants.categories.is_empty() {
        const SQL: &str = "SELECT id, slug, version FROM categories
            WHERE id IN (SELECT unhex(value) FROM json_each(?1)) OR slug IN (SELECT value FROM json_each(?2))";
        let params = (ids(wants.categories.iter().copied()), slugs(&wants.category_slugs));
        let rows = fetch(connection, SQL, params).await?;
        load_named(&rows, &mut judge.categories, &mut judge.category_slugs)?;
    }
    if !wants.sellers.is_empty() {
        const SQL: &str = "SELECT id, slug, version FROM sellers
            WHERE id IN (SELECT unhex(value) FROM json_each(?1)) OR slug IN (SELECT value FROM json_each(?2))";
        let params = (ids(wants.sellers.iter().copied()), slugs(&wants.seller_slugs));
        let rows = fetch(connection, SQL, params).await?;
        load_named(&rows, &mut judge.sellers, &mut judge.seller_slugs)?;
    }
    if wants.tree {
        const SQL: &str = "SELECT version FROM category_tree";
        let row = sqlx::query(SQL).fetch_one(&mut *connection).await.map_err(failure(OPERATION))?;
        judge.tree.load([((), Fields::of(&row, OPERATION).count("version")?)]);
    }
    Ok(judge)
}

/// Which SKUs can be had, as stored.
pub(super) fn in_stock(judge: &CatalogJudge<'_>) -> BTreeMap<Sku, bool> {
    judge.inventory.iter().map(|(sku, stock)| (sku.clone(), stock.available() > 0)).collect()
}

async fn fetch(
    connection: &mut SqliteConnection,
    sql: &'static str,
    params: (String, String),
) -> Result<Vec<SqliteRow>, Failure> {
    sqlx::query(sql).bind(params.0).bind(params.1).fetch_all(connection).await.map_err(failure(OPERATION))
}

fn slugs(slugs: &BTreeSet<Slug>) -> String {
    list(slugs.iter().map(Slug::as_str))
}

async fn load_products(
    connection: &mut SqliteConnection,
    wants: &CatalogWants,
    judge: &mut CatalogJudge<'_>,
) -> Result<(), Failure> {
    const SQL: &str = "SELECT id, slug, version,
            (SELECT json_group_array(sku) FROM inventory WHERE product_id = products.id) AS skus
        FROM products
        WHERE id IN (SELECT unhex(value) FROM json_each(?1)) OR slug IN (SELECT value FROM json_each(?2))";
    let params = (ids(wants.products.iter().copied()), slugs(&wants.product_slugs));
    for row in fetch(connection, SQL, params).await? {
        let fields = Fields::of(&row, OPERATION);
        let (id, slug) = (fields.id("id")?, fields.parse::<Slug>("slug")?);
        let row = ProductRow { version: fields.count("version")?, slug: slug.clone(), skus: fields.json("skus")?, write: None };
        judge.products.load([(id, row)]);
        judge.product_slugs.load([(slug, id)]);
    }
    Ok(())
}

async fn load_inventory(
    connection: &mut SqliteConnection,
    wants: &CatalogWants,
    judge: &mut CatalogJudge<'_>,
) -> Result<(), Failure> {
    const SQL: &str = "SELECT sku, product_id, on_hand, reserved, low_stock_threshold, low_stock_alerted, version
        FROM inventory
        WHERE sku IN (SELECT value FROM json_each(?1)) OR product_id IN (SELECT unhex(value) FROM json_each(?2))";
    let params = (list(wants.skus.iter().map(Sku::as_str)), ids(wants.products.iter().copied()));
    for row in fetch(connection, SQL, params).await? {
        let stock = read_inventory(&row, OPERATION)?;
        judge.inventory.load([(stock.sku.clone(), stock)]);
    }
    Ok(())
}

async fn load_holds(
    connection: &mut SqliteConnection,
    wants: &CatalogWants,
    judge: &mut CatalogJudge<'_>,
) -> Result<(), Failure> {
    // All lines of one generation share state and expiry; a generation is one row here.
    const SQL: &str = "SELECT hold_key, generation, min(state) AS state, max(expires_at) AS expires_at FROM reservations
        WHERE hold_key IN (SELECT unhex(value) FROM json_each(?1))
        GROUP BY hold_key, generation ORDER BY hold_key, generation";
    let keys = hashes(wants.holds.iter().map(|key| key.0));
    for row in sqlx::query(SQL).bind(keys).fetch_all(connection).await.map_err(failure(OPERATION))? {
        let fields = Fields::of(&row, OPERATION);
        let (key, generation) = (HoldKey(fields.hash("hold_key")?), fields.count("generation")?);
        let row = HeldRow { state: fields.parse("state")?, expires_at: fields.at("expires_at")?, made: None };
        judge.holds.load([((key, generation), row)]);
        judge.newest_holds.load([(key, generation)]);
    }
    Ok(())
}

fn load_named<T: Id + Ord, N: Clone>(
    rows: &[SqliteRow],
    named: &mut Table<T, NamedRow<'_, N>>,
    slugs: &mut Table<Slug, T>,
) -> Result<(), StoreError> {
    for row in rows {
        let fields = Fields::of(row, OPERATION);
        let (id, slug) = (fields.id::<T>("id")?, fields.parse::<Slug>("slug")?);
        named.load([(id, NamedRow { version: fields.count("version")?, slug: slug.clone(), write: None })]);
        slugs.load([(slug, id)]);
    }
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
