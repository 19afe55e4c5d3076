//! Writes what was accepted of a batch of catalog changes: a statement for each table touched.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::catalog::{Category, Hold, HoldLine, Image, Inventory, Movement, Product, Seller, Variant};
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;

use crate::sql::bulk::{Bulk, RowText, ids};
use crate::sql::judge::CatalogJudge;
use crate::sql::sqlite::script::Script;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    write_named(script, judge);
    write_products(script, judge, now);
    write_stock(script, judge);
    write_holds(script, judge);
    touch_products(script, judge, now);
}

fn write_named(script: &mut Script, judge: &CatalogJudge<'_>) {
    const TREE: &str = "UPDATE category_tree SET version = ?";
    const GONE: &str = "DELETE FROM categories WHERE id IN (SELECT unhex(value) FROM json_each(?))";
    const CATEGORIES: &str = "INSERT INTO categories (id, slug, name, parent_id, created_at, version)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, parent_id = excluded.parent_id,
            version = excluded.version";
    const SELLERS: &str = "INSERT INTO sellers (id, slug, name, user_id, created_at, version)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, user_id = excluded.user_id,
            version = excluded.version";
    for ((), version) in judge.tree.written() {
        script.with(TREE, [i64::try_from(*version).unwrap_or(i64::MAX).into()]);
    }
    script.bulk(GONE, Bulk::ids(judge.categories.removed().copied()));
    let categories = judge.categories.written().filter_map(|(_, row)| row.write);
    let categories = Bulk::of(categories, |row: RowText, it: &Category| {
        row.id(it.id).text(it.slug.as_str()).text(&it.name).opt_id(it.parent).at(it.created_at).count(it.version)
    });
    script.bulk(CATEGORIES, categories);
    let sellers = judge.sellers.written().filter_map(|(_, row)| row.write);
    let sellers = Bulk::of(sellers, |row: RowText, it: &Seller| {
        row.id(it.id).text(it.slug.as_str()).text(&it.name).opt_id(it.user).at(it.created_at).count(it.version)
    });
    script.bulk(SELLERS, sellers);
}

fn write_products(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    const PRODUCTS: &str = "INSERT INTO products (id, slug, name, description, status, category_id, seller_id,
            rating_count, rating_sum, metadata, created_at, updated_at, changed_at, version)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5),
            unhex(value ->> 6), value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, description = excluded.description,
            status = excluded.status, category_id = excluded.category_id, seller_id = excluded.seller_id,
            rating_count = excluded.rating_count, rating_sum = excluded.rating_sum, metadata = excluded.metadata,
            updated_at = excluded.updated_at, changed_at = excluded.changed_at, version = excluded.version";
    const VARIANTS_GONE: &str = "DELETE FROM product_variants WHERE product_id IN (SELECT unhex(value) FROM json_each(?))";
    const IMAGES_GONE: &str = "DELETE FROM product_images WHERE product_id IN (SELECT unhex(value) FROM json_each(?))";
    const VARIANTS: &str = "INSERT INTO product_variants (sku, product_id, position, price_minor, currency,
            compare_at_minor, compare_at_currency, options, weight_grams, barcode, metadata)
        SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10
        FROM jsonb_each(?)";
    const IMAGES: &str = "INSERT INTO product_images (id, product_id, position, url, alt)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?)";
    let products: Vec<&Product> = judge.products.written().filter_map(|(_, row)| row.write).collect();
    if products.is_empty() {
        return;
    }
    let rows = Bulk::of(&products, |row: RowText, it| {
        let row = row.id(it.id).text(it.slug.as_str()).text(&it.name).text(&it.description).text(it.status.as_str());
        let row = row.opt_id(it.category).id(it.seller).int(it.rating.count).int(it.rating.sum).json(&it.metadata);
        row.at(it.created_at).at(it.updated_at).at(now).count(it.version)
    });
    script.bulk(PRODUCTS, rows);
    // Variants and images are replaced as a whole; a product that is new has none yet.
    let known: Vec<ProductId> = products.iter().map(|product| product.id).filter(|id| judge.products.is_stored(id)).collect();
    script.bulk(VARIANTS_GONE, Bulk::ids(known.iter().copied()));
    script.bulk(IMAGES_GONE, Bulk::ids(known.iter().copied()));
    let variants = products.iter().flat_map(|product| numbered(product.id, &product.variants));
    script.bulk(VARIANTS, Bulk::of(variants, variant_row));
    let images = products.iter().flat_map(|product| numbered(product.id, &product.images));
    script.bulk(IMAGES, Bulk::of(images, image_row));
}

fn numbered<T>(product: ProductId, parts: &[T]) -> impl Iterator<Item = (ProductId, i64, &T)> {
    (0..).zip(parts).map(move |(position, part)| (product, position, part))
}

fn variant_row(row: RowText, (product, position, it): (ProductId, i64, &Variant)) -> RowText {
    let row = row.text(it.sku.as_str()).id(product).int(position).int(it.price.minor).text(it.price.currency.code());
    let row = row.opt_int(it.compare_at.map(|price| price.minor));
    let row = row.opt_text(it.compare_at.as_ref().map(|price| price.currency.code()));
    row.json(&it.options).opt_int(it.weight_grams).opt_text(it.barcode.as_deref()).json(&it.metadata)
}

fn image_row(row: RowText, (product, position, it): (ProductId, i64, &Image)) -> RowText {
    row.id(it.id).id(product).int(position).text(&it.url).text(&it.alt)
}

fn write_stock(script: &mut Script, judge: &CatalogJudge<'_>) {
    const GONE: &str = "DELETE FROM inventory WHERE sku IN (SELECT value FROM json_each(?))";
    const INVENTORY: &str = "INSERT INTO inventory
            (sku, product_id, on_hand, reserved, low_stock_threshold, low_stock_alerted, version)
        SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id, on_hand = excluded.on_hand,
            reserved = excluded.reserved, low_stock_threshold = excluded.low_stock_threshold,
            low_stock_alerted = excluded.low_stock_alerted, version = excluded.version";
    const LEDGER: &str = "INSERT INTO stock_ledger
            (id, sku, kind, on_hand_change, reserved_change, reference, reason, actor_id, moved_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            unhex(value ->> 7), value ->> 8
        FROM jsonb_each(?)";
    script.bulk(GONE, Bulk::texts(judge.inventory.removed().map(Sku::as_str)));
    let stock = Bulk::of(judge.inventory.written(), |row: RowText, (sku, it): (&Sku, &Inventory)| {
        let row = row.text(sku.as_str()).id(it.product).int(it.on_hand).int(it.reserved).int(it.low_stock_threshold);
        row.flag(it.low_stock_alerted).count(it.version)
    });
    script.bulk(INVENTORY, stock);
    let movements = Bulk::of(judge.movements.iter(), |row: RowText, it: &&Movement| {
        let row = row.id(it.id).text(it.sku.as_str()).text(it.kind.as_str()).int(it.on_hand).int(it.reserved);
        row.opt_text(it.reference.as_deref()).text(&it.reason).opt_id(it.actor).at(it.at)
    });
    script.bulk(LEDGER, movements);
}

fn write_holds(script: &mut Script, judge: &CatalogJudge<'_>) {
    const MADE: &str = "INSERT INTO reservations
            (hold_key, generation, sku, quantity, unit_price_minor, currency, state, created_at, expires_at)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8
        FROM jsonb_each(?)";
    const CHANGED: &str = "UPDATE reservations SET state = new.state, expires_at = new.expires_at
        FROM (SELECT unhex(value ->> 0) AS hold_key, value ->> 1 AS generation, value ->> 2 AS state,
            value ->> 3 AS expires_at FROM jsonb_each(?)) AS new
        WHERE reservations.hold_key = new.hold_key AND reservations.generation = new.generation";
    let made = judge.holds.written().filter_map(|(_, row)| row.made.map(|hold| (hold, row)));
    let lines = made.flat_map(|(hold, row)| hold.lines.iter().map(move |line| (hold, line, row)));
    let lines = Bulk::of(lines, |text: RowText, (hold, line, row): (&Hold, &HoldLine, _)| {
        let text = text.hash(&hold.key.0).int(hold.generation).text(line.sku.as_str()).int(line.quantity);
        let text = text.int(line.unit_price.minor).text(line.unit_price.currency.code()).text(row.state.as_str());
        text.at(hold.created_at).at(row.expires_at)
    });
    script.bulk(MADE, lines);
    let changed = judge.holds.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, ((key, generation), row)| {
        text.hash(&key.0).int(*generation).text(row.state.as_str()).at(row.expires_at)
    });
    script.bulk(CHANGED, changed);
}

/// Notes a change of the products one of whose SKUs came into stock or ran out.
fn touch_products(script: &mut Script, judge: &CatalogJudge<'_>, now: Timestamp) {
    const SQL: &str = "UPDATE products SET changed_at = max(changed_at, ?) WHERE id IN (SELECT unhex(value) FROM json_each(?))";
    let had = |sku| judge.available_before.get(sku).is_some_and(|available| *available > 0);
    let crossed = judge.inventory.written().filter(|(sku, stock)| had(*sku) != (stock.available() > 0));
    let crossed: BTreeSet<ProductId> = crossed.map(|(_, stock)| stock.product).collect();
    if !crossed.is_empty() {
        script.with(SQL, [now.as_micros().into(), ids(crossed).into()]);
    }
}
