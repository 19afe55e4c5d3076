//! Products, categories, sellers, stock, holds, reviews, wishlists.

use crate::sql::Old;
use crate::sql::sqlite::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "catalog",
    [
        (1, "catalog"),
        (2, "messages"),
        (3, "writers"),
        (4, "variant_notes"),
        (5, "audit"),
        (6, "reviews"),
        (7, "ended_holds"),
        (8, "seals"),
        (9, "sealed_rows"),
        (10, "checks", "00"),
        (11, "sellers_by_user", "00"),
        (12, "receipts", "00")
    ]
);

/// Holds that ended without a sale, all generations of a key together: those of a key that was sold, or is young, stay.
pub(crate) const OLD: &[Old] = &[(
    "DELETE FROM reservations WHERE hold_key IN (SELECT DISTINCT hold_key FROM reservations AS old INDEXED BY reservations_ended
        WHERE state IN ('RELEASED', 'EXPIRED') AND expires_at < ?1 AND NOT EXISTS (SELECT 1 FROM reservations AS other
            WHERE other.hold_key = old.hold_key AND (other.state NOT IN ('RELEASED', 'EXPIRED') OR other.expires_at >= ?1))
        LIMIT ?2)",
    |keep| keep.holds,
)];

/// A product as a batch needs it.
macro_rules! product_rows {
    ($tail:literal) => {
        concat!(
            "SELECT id, slug, version,
                (SELECT json_group_array(sku) FROM inventory WHERE product_id = products.id) AS skus
            FROM products ",
            $tail
        )
    };
}

pub(crate) const PRODUCTS_BY_ID: &str = product_rows!("WHERE id IN (SELECT unhex(value) FROM json_each(?))");

pub(crate) const PRODUCTS_BY_SLUG: &str = product_rows!("WHERE slug IN (SELECT value FROM json_each(?))");

pub(crate) const STOCK_OF_PRODUCTS: &str =
    "SELECT sku, product_id, on_hand, reserved, low_stock_threshold, low_stock_alerted, version
    FROM inventory WHERE product_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const STOCK: &str = "SELECT sku, product_id, on_hand, reserved, low_stock_threshold, low_stock_alerted, version
    FROM inventory WHERE sku IN (SELECT value FROM json_each(?))";

/// All lines of one generation share state and expiry; a generation is one row here.
pub(crate) const HOLDS: &str = "SELECT hold_key, generation, min(state) AS state, max(expires_at) AS expires_at
    FROM reservations WHERE hold_key IN (SELECT unhex(value) FROM json_each(?))
    GROUP BY hold_key, generation";

pub(crate) const REVIEWS_BY_ID: &str = "SELECT id, user_id, product_id, version FROM reviews
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const REVIEWS_BY_AUTHOR: &str = "SELECT id, user_id, product_id, version FROM reviews
    WHERE (user_id, product_id) IN (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?))";

pub(crate) const KNOWN_WISHES: &str = "SELECT user_id, product_id FROM wishlists
    WHERE (user_id, product_id) IN (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?))";

pub(crate) const CATEGORIES_BY_ID: &str = "SELECT id, slug, version FROM categories
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const CATEGORIES_BY_SLUG: &str = "SELECT id, slug, version FROM categories
    WHERE slug IN (SELECT value FROM json_each(?))";

pub(crate) const SELLERS_BY_ID: &str = "SELECT id, slug, user_id, version FROM sellers
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const SELLERS_BY_SLUG: &str = "SELECT id, slug, version FROM sellers
    WHERE slug IN (SELECT value FROM json_each(?))";

pub(crate) const SELLERS_BY_USER: &str = "SELECT id, user_id FROM sellers
    WHERE user_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const TREE: &str = "SELECT version FROM category_tree";

pub(crate) const OCCUPIED: &str = "SELECT DISTINCT category_id FROM products
    WHERE category_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const TREE_TOUCHED: &str = "UPDATE category_tree SET version = ?, seal = ?";

pub(crate) const CATEGORIES_GONE: &str = "DELETE FROM categories WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const CATEGORIES: &str = "INSERT INTO categories (id, slug, name, parent_id, created_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, unhex(value ->> 6)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, parent_id = excluded.parent_id,
        version = excluded.version, seal = excluded.seal";

pub(crate) const SELLERS: &str = "INSERT INTO sellers (id, slug, name, user_id, created_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5, unhex(value ->> 6)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, user_id = excluded.user_id,
        version = excluded.version, seal = excluded.seal";

pub(crate) const REVIEWS: &str = "INSERT INTO reviews (id, product_id, user_id, rating, title, body, verified_purchase, status,
        reason, created_at, moderated_at, moderated_by, version, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, unhex(value ->> 11), value ->> 12, unhex(value ->> 13)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET title = excluded.title, body = excluded.body, status = excluded.status,
        reason = excluded.reason, moderated_at = excluded.moderated_at, moderated_by = excluded.moderated_by, version = excluded.version,
        seal = excluded.seal";

pub(crate) const WISHES_GONE: &str = "DELETE FROM wishlists
    WHERE (user_id, product_id) IN (SELECT unhex(value ->> 0), unhex(value ->> 1) FROM jsonb_each(?))";

pub(crate) const WISHES: &str = "INSERT INTO wishlists (id, user_id, product_id, added_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, unhex(value ->> 4)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (user_id, product_id) DO UPDATE SET id = excluded.id, added_at = excluded.added_at, seal = excluded.seal";

pub(crate) const PRODUCTS: &str = "INSERT INTO products (id, slug, name, description, status, category_id, seller_id,
        rating_count, rating_sum, metadata, created_at, updated_at, version, seal, changed_at, changed_check)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5),
        unhex(value ->> 6), value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12,
        unhex(value ->> 13), value ->> 14, value ->> 14
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET slug = excluded.slug, name = excluded.name, description = excluded.description,
        status = excluded.status, category_id = excluded.category_id, seller_id = excluded.seller_id,
        rating_count = excluded.rating_count, rating_sum = excluded.rating_sum, metadata = excluded.metadata,
        updated_at = excluded.updated_at, changed_at = excluded.changed_at, changed_check = excluded.changed_check,
        version = excluded.version, seal = excluded.seal";

pub(crate) const VARIANTS_GONE: &str = "DELETE FROM product_variants WHERE product_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const IMAGES_GONE: &str = "DELETE FROM product_images WHERE product_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const VARIANTS: &str = "INSERT INTO product_variants (sku, product_id, position, price_minor, currency,
        compare_at_minor, compare_at_currency, options, weight_grams, barcode, metadata, seal)
    SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, unhex(value ->> 11)
    FROM jsonb_each(?)";

pub(crate) const IMAGES: &str = "INSERT INTO product_images (id, product_id, position, url, alt, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5)
    FROM jsonb_each(?)";

pub(crate) const STOCK_GONE: &str = "DELETE FROM inventory WHERE sku IN (SELECT value FROM json_each(?))";

pub(crate) const INVENTORY: &str = "INSERT INTO inventory
        (sku, product_id, low_stock_threshold, on_hand, reserved, low_stock_alerted, version, seal)
    SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, unhex(value ->> 7)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (sku) DO UPDATE SET product_id = excluded.product_id, on_hand = excluded.on_hand,
        reserved = excluded.reserved, low_stock_threshold = excluded.low_stock_threshold,
        low_stock_alerted = excluded.low_stock_alerted, version = excluded.version, seal = excluded.seal";

pub(crate) const LEDGER: &str = "INSERT OR FAIL INTO stock_ledger
        (sku, id, kind, on_hand_change, reserved_change, reference, reason, actor_id, moved_at, seal)
    SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        unhex(value ->> 7), value ->> 8, unhex(value ->> 9)
    FROM jsonb_each(?)";

pub(crate) const HOLDS_MADE: &str = "INSERT OR FAIL INTO reservations
        (hold_key, generation, sku, quantity, unit_price_minor, currency, state, created_at, expires_at, expires_check)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 8
    FROM jsonb_each(?)";

pub(crate) const HOLDS_CHANGED: &str = "UPDATE OR FAIL reservations SET state = new.state, expires_at = new.expires_at,
        expires_check = new.expires_at
    FROM (SELECT unhex(value ->> 0) AS hold_key, value ->> 1 AS generation, value ->> 2 AS state,
        value ->> 3 AS expires_at FROM jsonb_each(?)) AS new
    WHERE reservations.hold_key = new.hold_key AND reservations.generation = new.generation";

pub(crate) const TOUCHED: &str = "UPDATE products SET changed_at = max(changed_at, value ->> 1),
        changed_check = max(coalesce(changed_check, changed_at), value ->> 1)
    FROM jsonb_each(?) WHERE products.id = unhex(value ->> 0)";

/// A product with its variants and images as JSON cells.
macro_rules! select_products {
    ($tail:literal) => {
        concat!(
            "SELECT id, slug, name, description, status, category_id, seller_id, rating_count, rating_sum, metadata,
                created_at, updated_at, changed_at, version,
                (SELECT json_group_array(json_array(position, sku, price_minor, currency, compare_at_minor,
                        compare_at_currency, options, weight_grams, barcode, metadata))
                    FROM product_variants WHERE product_id = products.id) AS variants,
                (SELECT json_group_array(json_array(position, hex(images.id), url, alt))
                    FROM product_images AS images WHERE images.product_id = products.id) AS images
            FROM products ",
            $tail
        )
    };
}

pub(crate) const PRODUCT: &str = select_products!("WHERE id = ?");

/// All of a product is in one row.
pub(crate) const PARTS_OF_PRODUCT: &[&str] = &[];

pub(crate) const PRODUCT_BY_SLUG: &str = select_products!("WHERE slug = ?");

pub(crate) const PRODUCTS_BELOW: &str = select_products!("WHERE id < ?");

pub(crate) const CATEGORY_AMONG: &str = " AND category_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const PRODUCTS_AMONG: &str = select_products!("WHERE id IN (SELECT unhex(value) FROM json_each(?))");

pub(crate) const PRODUCTS_CHANGED: &str =
    select_products!("WHERE changed_at >= ? AND (changed_at > ? OR id > ?) ORDER BY changed_at, id LIMIT ?");

pub(crate) const ITEMS: &str = "SELECT variant.sku, variant.product_id, product.name, variant.options, variant.price_minor,
        variant.currency, variant.weight_grams, stock.on_hand - stock.reserved AS available,
        product.status = 'ACTIVE' AS on_sale,
        (SELECT count(*) FROM product_variants AS sibling WHERE sibling.product_id = variant.product_id) AS variants
    FROM product_variants AS variant
    JOIN products AS product ON product.id = variant.product_id
    JOIN inventory AS stock ON stock.sku = variant.sku
    WHERE variant.sku IN (SELECT value FROM json_each(?))";

pub(crate) const STOCK_AMONG: &str = "SELECT * FROM inventory WHERE sku IN (SELECT value FROM json_each(?))";

/// The columns of one generation of a hold, its lines as one JSON cell.
macro_rules! select_holds {
    ($tail:literal) => {
        concat!(
            "SELECT hold_key, generation, min(state) AS state, max(state) AS last_state, min(created_at) AS created_at,
                max(expires_at) AS expires_at,
                json_group_array(json_array(sku, quantity, unit_price_minor, currency)) AS lines
            FROM reservations ",
            $tail
        )
    };
}

/// All of a hold is in one row.
pub(crate) const PARTS_OF_HOLD: &[&str] = &[];

pub(crate) const NEWEST_HOLD: &str = select_holds!(
    "WHERE hold_key = ? AND generation = (SELECT max(generation) FROM reservations WHERE hold_key = ?)
    GROUP BY hold_key, generation"
);

pub(crate) const EXPIRED_HOLDS: &str = select_holds!(
    "WHERE (hold_key, generation) IN (SELECT DISTINCT hold_key, generation FROM reservations
        WHERE state = 'ACTIVE' AND expires_at <= ? ORDER BY expires_at, hold_key LIMIT ?)
    GROUP BY hold_key, generation ORDER BY expires_at, hold_key"
);

pub(crate) const TALLY: &str = "SELECT count(*) AS approved, CAST(total(rating) AS INTEGER) AS stars FROM reviews
    WHERE product_id = ? AND status = 'APPROVED'";

pub(crate) const CROSSINGS: &str = "SELECT * FROM inventory
    WHERE low_stock_alerted <> (on_hand - reserved <= low_stock_threshold) ORDER BY sku LIMIT ?";
