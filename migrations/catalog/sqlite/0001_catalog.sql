-- The catalog. Ids are UUIDs in 16 bytes, times microseconds since 1970 in UTC, money minor units
-- beside an ISO 4217 code.

CREATE TABLE sellers (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    name TEXT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    user_id BLOB CHECK (length(user_id) = 16),
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;

CREATE TABLE categories (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    parent_id BLOB CHECK (length(parent_id) = 16),
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK (parent_id <> id)
) STRICT;

-- One row: the version of the tree as a whole.
CREATE TABLE category_tree (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    version INTEGER NOT NULL CHECK (version >= 0)
) STRICT;
INSERT INTO category_tree (only, version) VALUES (1, 0);

CREATE TABLE products (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    category_id BLOB CHECK (length(category_id) = 16),
    seller_id BLOB NOT NULL CHECK (length(seller_id) = 16),
    rating_count INTEGER NOT NULL CHECK (rating_count >= 0),
    rating_sum INTEGER NOT NULL CHECK (rating_sum >= 0),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- The last commit that wrote it, or took one of its SKUs into or out of stock.
    changed_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;
CREATE INDEX products_changed ON products (changed_at, id);
CREATE INDEX products_category ON products (category_id, id);
CREATE INDEX products_seller ON products (seller_id, id);
CREATE INDEX products_status ON products (status, id);

CREATE TABLE product_variants (
    sku TEXT PRIMARY KEY NOT NULL,
    product_id BLOB NOT NULL REFERENCES products (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    price_minor INTEGER NOT NULL CHECK (price_minor >= 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    compare_at_minor INTEGER,
    compare_at_currency TEXT,
    options TEXT NOT NULL CHECK (json_valid(options)),
    weight_grams INTEGER CHECK (weight_grams >= 0),
    barcode TEXT,
    CHECK ((compare_at_minor IS NULL) = (compare_at_currency IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX product_variants_product ON product_variants (product_id, position);

CREATE TABLE product_images (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    product_id BLOB NOT NULL REFERENCES products (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    url TEXT NOT NULL,
    alt TEXT NOT NULL
) STRICT;
CREATE INDEX product_images_product ON product_images (product_id, position);

CREATE TABLE inventory (
    sku TEXT PRIMARY KEY NOT NULL,
    product_id BLOB NOT NULL REFERENCES products (id),
    on_hand INTEGER NOT NULL CHECK (on_hand BETWEEN 0 AND 1000000000),
    reserved INTEGER NOT NULL CHECK (reserved BETWEEN 0 AND on_hand),
    low_stock_threshold INTEGER NOT NULL,
    low_stock_alerted INTEGER NOT NULL CHECK (low_stock_alerted IN (0, 1)),
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_product ON inventory (product_id);
-- Rows whose alert state is not what their stock says.
CREATE INDEX inventory_low_stock_crossing ON inventory (sku)
    WHERE low_stock_alerted <> (on_hand - reserved <= low_stock_threshold);

-- Holds: one row for each SKU of each generation. They leave ACTIVE once.
CREATE TABLE reservations (
    hold_key BLOB NOT NULL CHECK (length(hold_key) = 32),
    generation INTEGER NOT NULL CHECK (generation >= 1),
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity >= 1),
    unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor >= 0),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    state TEXT NOT NULL CHECK (state IN ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (hold_key, generation, sku)
) STRICT, WITHOUT ROWID;
CREATE INDEX reservations_expiry ON reservations (expires_at) WHERE state = 'ACTIVE';

-- Every change of stock; its sums are the inventory.
CREATE TABLE stock_ledger (
    sku TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('RECEIPT', 'ADJUSTMENT', 'RESERVATION', 'RELEASE', 'EXPIRY', 'SALE', 'RESTOCK')),
    on_hand_change INTEGER NOT NULL,
    reserved_change INTEGER NOT NULL,
    reference TEXT,
    reason TEXT NOT NULL,
    actor_id BLOB CHECK (length(actor_id) = 16),
    moved_at INTEGER NOT NULL,
    PRIMARY KEY (sku, id)
) STRICT, WITHOUT ROWID;
