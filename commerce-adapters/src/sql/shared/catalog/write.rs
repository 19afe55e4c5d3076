//! Writes what was accepted of a batch of catalog changes: a statement for each table touched.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::audit::tables::{CATEGORIES, CATEGORY_TREE, IMAGES, INVENTORY, LEDGER, PRODUCTS, SELLERS, VARIANTS};
use commerce_core::catalog::{Category, Hold, HoldLine, Image, Inventory, Movement, Product, Seller, Variant};
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;

use super::super::script::Script;
use super::super::statements::catalog as sql;
use crate::sql::bulk::{Bulk, RowText, seal_of};
use crate::sql::judge::CatalogJudge;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    write_named(script, judge);
    write_products(script, judge, now);
    write_stock(script, judge);
    write_holds(script, judge);
    touch_products(script, judge, now);
    super::opinions::write(script, &judge.opinions);
}

fn write_named(script: &mut Script, judge: &CatalogJudge<'_>) {
    for ((), version) in judge.tree.written() {
        let seal = seal_of(CATEGORY_TREE, |row| row.int(1).count(*version));
        script.with(sql::TREE_TOUCHED, [i64::try_from(*version).unwrap_or(i64::MAX).into(), seal.to_vec().into()]);
    }
    script.bulk(sql::CATEGORIES_GONE, Bulk::ids(judge.categories.removed().copied()));
    let categories = judge.categories.written().filter_map(|(id, row)| Some((judge.categories.is_stored(id), row.write?)));
    script.put(sql::CATEGORIES, categories, |row: RowText, it: &Category| {
        row.id(it.id).text(it.slug.as_str()).text(&it.name).opt_id(it.parent).at(it.created_at).count(it.version).seal(CATEGORIES)
    });
    let sellers = judge.sellers.written().filter_map(|(id, row)| Some((judge.sellers.is_stored(id), row.write?)));
    script.put(sql::SELLERS, sellers, |row: RowText, it: &Seller| {
        row.id(it.id).text(it.slug.as_str()).text(&it.name).opt_id(it.user).at(it.created_at).count(it.version).seal(SELLERS)
    });
}

fn write_products(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    let products: Vec<&Product> = judge.products.written().filter_map(|(_, row)| row.write).collect();
    if products.is_empty() {
        return;
    }
    let rows = products.iter().map(|product| (judge.products.is_stored(&product.id), *product));
    script.put(sql::PRODUCTS, rows, |row: RowText, it: &Product| {
        let row = row.id(it.id).text(it.slug.as_str()).text(&it.name).text(&it.description).text(it.status.as_str());
        let row = row.opt_id(it.category).id(it.seller).int(it.rating.count).int(it.rating.sum).json(&it.metadata);
        row.at(it.created_at).at(it.updated_at).count(it.version).seal(PRODUCTS).at(now)
    });
    // Variants and images are replaced as a whole; a product that is new has none yet.
    let known: Vec<ProductId> = products.iter().map(|product| product.id).filter(|id| judge.products.is_stored(id)).collect();
    script.bulk(sql::VARIANTS_GONE, Bulk::ids(known.iter().copied()));
    script.bulk(sql::IMAGES_GONE, Bulk::ids(known.iter().copied()));
    let variants = products.iter().flat_map(|product| numbered(product.id, &product.variants));
    script.bulk(sql::VARIANTS, Bulk::of(variants, variant_row));
    let images = products.iter().flat_map(|product| numbered(product.id, &product.images));
    script.bulk(sql::IMAGES, Bulk::of(images, image_row));
}

fn numbered<T>(product: ProductId, parts: &[T]) -> impl Iterator<Item = (ProductId, i64, &T)> {
    (0..).zip(parts).map(move |(position, part)| (product, position, part))
}

fn variant_row(row: RowText, (product, position, it): (ProductId, i64, &Variant)) -> RowText {
    let row = row.text(it.sku.as_str()).id(product).int(position).int(it.price.minor).text(it.price.currency.code());
    let row = row.opt_int(it.compare_at.map(|price| price.minor));
    let row = row.opt_text(it.compare_at.as_ref().map(|price| price.currency.code()));
    row.json(&it.options).opt_int(it.weight_grams).opt_text(it.barcode.as_deref()).json(&it.metadata).seal(VARIANTS)
}

fn image_row(row: RowText, (product, position, it): (ProductId, i64, &Image)) -> RowText {
    row.id(it.id).id(product).int(position).text(&it.url).text(&it.alt).seal(IMAGES)
}

fn write_stock(script: &mut Script, judge: &CatalogJudge<'_>) {
    script.bulk(sql::STOCK_GONE, Bulk::texts(judge.inventory.removed().map(Sku::as_str)));
    let stock = judge.inventory.written().map(|(sku, stock)| (judge.inventory.is_stored(sku), stock));
    script.put(sql::INVENTORY, stock, |row: RowText, it: &Inventory| {
        let row = row.text(it.sku.as_str()).id(it.product).int(it.low_stock_threshold).int(it.on_hand).int(it.reserved);
        row.flag(it.low_stock_alerted).count(it.version).seal(INVENTORY)
    });
    let movements = Bulk::of(judge.movements.iter(), |row: RowText, it: &&Movement| {
        let row = row.text(it.sku.as_str()).id(it.id).text(it.kind.as_str()).int(it.on_hand).int(it.reserved);
        row.opt_text(it.reference.as_deref()).text(&it.reason).opt_id(it.actor).at(it.at).seal(LEDGER)
    });
    script.bulk(sql::LEDGER, movements);
}

fn write_holds(script: &mut Script, judge: &CatalogJudge<'_>) {
    let made = judge.holds.written().filter_map(|(_, row)| row.made.map(|hold| (hold, row)));
    let lines = made.flat_map(|(hold, row)| hold.lines.iter().map(move |line| (hold, line, row)));
    let lines = Bulk::of(lines, |text: RowText, (hold, line, row): (&Hold, &HoldLine, _)| {
        let text = text.hash(&hold.key.0).int(hold.generation).text(line.sku.as_str()).int(line.quantity);
        let text = text.int(line.unit_price.minor).text(line.unit_price.currency.code()).text(row.state.as_str());
        text.at(hold.created_at).at(row.expires_at)
    });
    script.bulk(sql::HOLDS_MADE, lines);
    let changed = judge.holds.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, ((key, generation), row)| {
        text.hash(&key.0).int(*generation).text(row.state.as_str()).at(row.expires_at)
    });
    script.bulk(sql::HOLDS_CHANGED, changed);
}

/// Notes a change of the products one of whose SKUs came into stock or ran out.
fn touch_products(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    let had = |sku| judge.available_before.get(sku).is_some_and(|available| *available > 0);
    let crossed = judge.inventory.written().filter(|(sku, stock)| had(*sku) != (stock.available() > 0));
    let crossed: BTreeSet<ProductId> = crossed.map(|(_, stock)| stock.product).collect();
    script.bulk(sql::TOUCHED, Bulk::of(crossed, |row: RowText, product| row.id(product).at(now)));
}
