//! Products, categories, sellers, stock, holds, reviews, wishlists.

use super::Put;
use crate::sql::Old;
use crate::sql::mysql::insert::Insert;
use crate::sql::mysql::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "catalog",
    [
        (1, "catalog"),
        (2, "messages"),
        (3, "reviews"),
        (4, "ended_holds"),
        (5, "seals"),
        (6, "sealed_rows"),
        (7, "checks"),
        (8, "sellers_by_user")
    ]
);

/// Holds that ended without a sale, all generations of a key together: those of a key that was sold, or is young, stay.
pub(crate) const OLD: &[Old] = &[(
    "DELETE gone FROM (SELECT DISTINCT old.hold_key FROM reservations AS old
        WHERE old.unsold_until < ? AND NOT EXISTS (SELECT 1 FROM reservations AS other
            WHERE other.hold_key = old.hold_key AND (other.unsold_until IS NULL OR other.expires_at > old.unsold_until))
        LIMIT ?) AS some
        STRAIGHT_JOIN reservations AS gone ON gone.hold_key = some.hold_key",
    |keep| keep.holds,
)];

pub(crate) const PRODUCTS_BY_ID: &str = locked!(
    "t.id, t.slug, t.version, (SELECT CAST(COALESCE(JSON_ARRAYAGG(stock.sku), '[]') AS CHAR) FROM inventory AS stock
        WHERE stock.product_id = t.id) AS skus",
    "products", id: id
);

pub(crate) const PRODUCTS_BY_SLUG: &str = found!(
    "t.id, t.slug, t.version, (SELECT CAST(COALESCE(JSON_ARRAYAGG(stock.sku), '[]') AS CHAR) FROM inventory AS stock
        WHERE stock.product_id = t.id) AS skus",
    "products", slug: text
);

pub(crate) const STOCK_OF_PRODUCTS: &str = locked!(
    "t.sku, t.product_id, t.on_hand, t.reserved, t.low_stock_threshold, t.low_stock_alerted, t.version",
    "inventory", product_id: id
);

pub(crate) const STOCK: &str = locked!(
    "t.sku, t.product_id, t.on_hand, t.reserved, t.low_stock_threshold, t.low_stock_alerted, t.version",
    "inventory", sku: text
);

/// A row for each line; all lines of one generation share state and expiry.
pub(crate) const HOLDS: &str = locked!("t.hold_key, t.generation, t.state, t.expires_at", "reservations", hold_key: hash);

pub(crate) const REVIEWS_BY_ID: &str = locked!("t.id, t.user_id, t.product_id, t.version", "reviews", id: id);

pub(crate) const REVIEWS_BY_AUTHOR: &str = concat!(
    "SELECT t.id, t.user_id, t.product_id, t.version FROM ",
    rows!(0 user_id: id, 1 product_id: id),
    " STRAIGHT_JOIN reviews AS t ON t.user_id = UNHEX(it.user_id) AND t.product_id = UNHEX(it.product_id)"
);

pub(crate) const KNOWN_WISHES: &str = concat!(
    "SELECT t.user_id, t.product_id FROM ",
    aside!(rows!(0 user_id: id, 1 product_id: id)),
    " STRAIGHT_JOIN wishlists AS t ON t.user_id = UNHEX(it.user_id) AND t.product_id = UNHEX(it.product_id) FOR UPDATE"
);

pub(crate) const CATEGORIES_BY_ID: &str = locked!("t.id, t.slug, t.version", "categories", id: id);

pub(crate) const CATEGORIES_BY_SLUG: &str = found!("t.id, t.slug, t.version", "categories", slug: text);

pub(crate) const SELLERS_BY_ID: &str = locked!("t.id, t.slug, t.user_id, t.version", "sellers", id: id);

pub(crate) const SELLERS_BY_SLUG: &str = found!("t.id, t.slug, t.version", "sellers", slug: text);

pub(crate) const SELLERS_BY_USER: &str = found!("t.id, t.user_id", "sellers", user_id: id);

pub(crate) const TREE: &str = "SELECT version FROM category_tree FOR UPDATE";

pub(crate) const OCCUPIED: &str = found!("DISTINCT t.category_id", "products", category_id: id);

pub(crate) const TREE_TOUCHED: &str = "UPDATE category_tree SET version = ?, seal = ?";

pub(crate) const CATEGORIES_GONE: &str = delete!("categories", id: id);

pub(crate) const CATEGORIES: Put =
    put!("categories", 0 id: id; 1 slug: text, 2 name: text, 3 parent_id: id, 4 created_at: int, 5 version: int, 6 seal: hash);

pub(crate) const SELLERS: Put =
    put!("sellers", 0 id: id; 1 slug: text, 2 name: text, 3 user_id: id, 4 created_at: int, 5 version: int, 6 seal: hash);

pub(crate) const REVIEWS: Put = put!(
    "reviews", 0 id: id; 1 product_id: id, 2 user_id: id, 3 rating: int, 4 title: text, 5 body: text,
    6 verified_purchase: int, 7 status: text, 8 reason: text, 9 created_at: int, 10 moderated_at: int,
    11 moderated_by: id, 12 version: int, 13 seal: hash
);

pub(crate) const WISHES_GONE: &str = concat!(
    "DELETE t FROM ",
    rows!(0 user_id: id, 1 product_id: id),
    " STRAIGHT_JOIN wishlists AS t ON t.user_id = UNHEX(it.user_id) AND t.product_id = UNHEX(it.product_id)"
);

pub(crate) const WISHES: Put = put!("wishlists", 1 user_id: id, 2 product_id: id; 0 id: id, 3 added_at: int, 4 seal: hash);

pub(crate) const PRODUCTS: Put = put!(
    "products", 0 id: id; 1 slug: text, 2 name: text, 3 description: text, 4 status: text, 5 category_id: id,
    6 seller_id: id, 7 rating_count: int, 8 rating_sum: int, 9 metadata: text, 10 created_at: int, 11 updated_at: int,
    12 version: int, 13 seal: hash, 14 changed_at: int, 14 changed_check: int
);

pub(crate) const VARIANTS_GONE: &str = delete!("product_variants", product_id: id);

pub(crate) const IMAGES_GONE: &str = delete!("product_images", product_id: id);

pub(crate) const VARIANTS: Insert = insert!(
    "product_variants", 0 sku: text, 1 product_id: id, 2 position: int, 3 price_minor: int, 4 currency: text,
    5 compare_at_minor: int, 6 compare_at_currency: text, 7 options: text, 8 weight_grams: int, 9 barcode: text,
    10 metadata: text, 11 seal: hash
);

pub(crate) const IMAGES: Insert =
    insert!("product_images", 0 id: id, 1 product_id: id, 2 position: int, 3 url: text, 4 alt: text, 5 seal: hash);

pub(crate) const STOCK_GONE: &str = delete!("inventory", sku: text);

pub(crate) const INVENTORY: Put = put!(
    "inventory", 0 sku: text; 1 product_id: id, 2 low_stock_threshold: int, 3 on_hand: int, 4 reserved: int,
    5 low_stock_alerted: int, 6 version: int, 7 seal: hash
);

pub(crate) const LEDGER: Insert = insert!(
    "stock_ledger", 0 sku: text, 1 id: id, 2 kind: text, 3 on_hand_change: int, 4 reserved_change: int,
    5 reference: text, 6 reason: text, 7 actor_id: id, 8 moved_at: int, 9 seal: hash
);

pub(crate) const HOLDS_MADE: Insert = insert!(
    "reservations", 0 hold_key: hash, 1 generation: int, 2 sku: text, 3 quantity: int, 4 unit_price_minor: int,
    5 currency: text, 6 state: text, 7 created_at: int, 8 expires_at: int, 8 expires_check: int
);

pub(crate) const HOLDS_CHANGED: &str =
    update!("reservations", 0 hold_key: hash, 1 generation: int; 2 state: word, 3 expires_at: int, 3 expires_check: int);

/// Whichever of the two the server sets first. What a program of before wrote says it once.
pub(crate) const TOUCHED: &str = concat!(
    "UPDATE ",
    rows!(0 id: id, 1 at: int),
    " STRAIGHT_JOIN products AS t ON t.id = UNHEX(it.id) SET t.changed_at = GREATEST(t.changed_at, it.at),
        t.changed_check = GREATEST(COALESCE(t.changed_check, t.changed_at), it.at)"
);

/// One element of what belongs to a product, as JSON.
macro_rules! element {
    (variants) => {
        "JSON_ARRAY(variant.position, variant.sku, variant.price_minor, variant.currency, variant.compare_at_minor,
            variant.compare_at_currency, variant.options, variant.weight_grams, variant.barcode, variant.metadata)"
    };
    (images) => {
        "JSON_ARRAY(image.position, HEX(image.id), image.url, image.alt)"
    };
}

/// Products with their variants and images as JSON cells.
macro_rules! select_products {
    ($from:literal, $tail:literal) => {
        concat!(
            "SELECT products.*,
                (SELECT CAST(COALESCE(JSON_ARRAYAGG(",
            element!(variants),
            "), '[]') AS CHAR) FROM product_variants AS variant WHERE variant.product_id = products.id) AS variants,
                (SELECT CAST(COALESCE(JSON_ARRAYAGG(",
            element!(images),
            "), '[]') AS CHAR) FROM product_images AS image WHERE image.product_id = products.id) AS images
            FROM ",
            $from,
            " ",
            $tail
        )
    };
}

/// What an element belongs to, in the order of the parts of [`PRODUCT`].
pub(crate) const PARTS_OF_PRODUCT: &[&str] = &["variants", "images"];

/// One product and all that belongs to it, an element in each row. Each cell that is gathered in a row would be a table
/// on the server's disk, made and thrown away for it.
macro_rules! select_product {
    ($tail:literal) => {
        concat!(
            "SELECT products.*, kind.part, CASE kind.part WHEN 0 THEN IF(variant.product_id IS NULL, NULL, ",
            element!(variants),
            ") ELSE IF(image.product_id IS NULL, NULL, ",
            element!(images),
            ") END AS cells
            FROM products JOIN (SELECT 0 AS part UNION ALL SELECT 1) AS kind
            LEFT JOIN product_variants AS variant ON kind.part = 0 AND variant.product_id = products.id
            LEFT JOIN product_images AS image ON kind.part = 1 AND image.product_id = products.id ",
            $tail
        )
    };
}

/// These keys, of which each is named once.
macro_rules! keys {
    () => {
        "JSON_TABLE(?, '$[*]' COLUMNS (v VARCHAR(64) PATH '$')) AS it STRAIGHT_JOIN "
    };
}

pub(crate) const PRODUCT: &str = select_product!("WHERE products.id = ?");

pub(crate) const PRODUCT_BY_SLUG: &str = select_product!("WHERE products.slug = ?");

pub(crate) const PRODUCTS_BELOW: &str = select_products!("products", "WHERE id < ?");

pub(crate) const CATEGORY_AMONG: &str =
    " AND category_id IN (SELECT UNHEX(v) FROM JSON_TABLE(?, '$[*]' COLUMNS (v CHAR(32) PATH '$')) AS listed)";

pub(crate) const PRODUCTS_AMONG: &str = select_products!(
    "(SELECT DISTINCT v FROM JSON_TABLE(?, '$[*]' COLUMNS (v CHAR(32) PATH '$')) AS listed) AS it STRAIGHT_JOIN products",
    "ON products.id = UNHEX(it.v)"
);

pub(crate) const PRODUCTS_CHANGED: &str =
    select_products!("products", "WHERE changed_at >= ? AND (changed_at > ? OR id > ?) ORDER BY changed_at, id LIMIT ?");

pub(crate) const ITEMS: &str = concat!(
    "SELECT variant.sku, variant.product_id, product.name, variant.options, variant.price_minor, variant.currency,
        variant.weight_grams, stock.on_hand - stock.reserved AS available, product.status = 'ACTIVE' AS on_sale,
        (SELECT COUNT(*) FROM product_variants AS sibling WHERE sibling.product_id = variant.product_id) AS variants
    FROM ",
    keys!(),
    "product_variants AS variant ON variant.sku = it.v
    STRAIGHT_JOIN products AS product ON product.id = variant.product_id
    STRAIGHT_JOIN inventory AS stock ON stock.sku = variant.sku"
);

pub(crate) const STOCK_AMONG: &str = concat!("SELECT stock.* FROM ", keys!(), "inventory AS stock ON stock.sku = it.v");

/// The columns of one generation of a hold, its lines as one JSON cell.
macro_rules! select_holds {
    ($tail:literal) => {
        concat!(
            "SELECT held.hold_key, held.generation, MIN(held.state) AS state, MAX(held.state) AS last_state,
                MIN(held.created_at) AS created_at, MAX(held.expires_at) AS expires_at,
                CAST(JSON_ARRAYAGG(JSON_ARRAY(held.sku, held.quantity, held.unit_price_minor, held.currency)) AS CHAR)
                    AS `lines`
            FROM ",
            $tail
        )
    };
}

/// What an element belongs to, in the order of the parts of [`NEWEST_HOLD`].
pub(crate) const PARTS_OF_HOLD: &[&str] = &["lines"];

/// A line in each row.
pub(crate) const NEWEST_HOLD: &str = "SELECT held.hold_key, held.generation, held.created_at, held.expires_at,
        (SELECT MIN(one.state) FROM reservations AS one
            WHERE one.hold_key = held.hold_key AND one.generation = held.generation) AS state,
        (SELECT MAX(one.state) FROM reservations AS one
            WHERE one.hold_key = held.hold_key AND one.generation = held.generation) AS last_state,
        0 AS part, JSON_ARRAY(held.sku, held.quantity, held.unit_price_minor, held.currency) AS cells
    FROM reservations AS held WHERE held.hold_key = ?
        AND held.generation = (SELECT MAX(generation) FROM reservations WHERE hold_key = ?)";

pub(crate) const EXPIRED_HOLDS: &str = select_holds!(
    "(SELECT active_until, hold_key, generation FROM reservations WHERE active_until <= ?
            GROUP BY active_until, hold_key, generation ORDER BY active_until, hold_key LIMIT ?) AS late
        STRAIGHT_JOIN reservations AS held ON held.hold_key = late.hold_key AND held.generation = late.generation
    GROUP BY held.hold_key, held.generation ORDER BY expires_at, hold_key"
);

pub(crate) const TALLY: &str = "SELECT COUNT(*) AS approved, CAST(COALESCE(SUM(rating), 0) AS SIGNED) AS stars FROM reviews
    WHERE product_id = ? AND status = 'APPROVED'";

pub(crate) const CROSSINGS: &str = "SELECT * FROM inventory WHERE crossing = 1 ORDER BY sku LIMIT ?";
