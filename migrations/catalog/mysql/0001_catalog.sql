-- The catalog. Ids are UUIDs in 16 bytes, times microseconds since 1970 in UTC, money minor units
-- beside an ISO 4217 code. Each statement is a step of its own and can be executed again.

CREATE TABLE IF NOT EXISTS sellers (
    id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    slug VARCHAR(200) NOT NULL,
    user_id BINARY(16),
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY slug (slug)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS categories (
    id BINARY(16) NOT NULL,
    slug VARCHAR(200) NOT NULL,
    name VARCHAR(255) NOT NULL,
    parent_id BINARY(16),
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY slug (slug),
    CHECK (parent_id <> id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One row: the version of the tree as a whole.
CREATE TABLE IF NOT EXISTS category_tree (
    only INT NOT NULL CHECK (only = 1),
    version BIGINT NOT NULL CHECK (version >= 0),
    PRIMARY KEY (only)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT IGNORE INTO category_tree (only, version) VALUES (1, 0);

CREATE TABLE IF NOT EXISTS products (
    id BINARY(16) NOT NULL,
    slug VARCHAR(200) NOT NULL,
    name VARCHAR(255) NOT NULL,
    description LONGTEXT NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN ('DRAFT', 'ACTIVE', 'ARCHIVED')),
    category_id BINARY(16),
    seller_id BINARY(16) NOT NULL,
    rating_count BIGINT NOT NULL CHECK (rating_count >= 0),
    rating_sum BIGINT NOT NULL CHECK (rating_sum >= 0),
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- The last commit that wrote it, or took one of its SKUs into or out of stock.
    changed_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY slug (slug),
    KEY changed (changed_at, id),
    KEY of_category (category_id, id),
    KEY of_seller (seller_id, id),
    KEY of_status (status, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS product_variants (
    sku VARCHAR(64) NOT NULL,
    product_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    price_minor BIGINT NOT NULL CHECK (price_minor >= 0),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    compare_at_minor BIGINT,
    compare_at_currency CHAR(3),
    options LONGTEXT NOT NULL CHECK (JSON_VALID(options)),
    weight_grams BIGINT CHECK (weight_grams >= 0),
    barcode VARCHAR(255),
    -- The client's own notes on a variant.
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    PRIMARY KEY (sku),
    KEY of_product (product_id, position),
    FOREIGN KEY (product_id) REFERENCES products (id),
    CHECK ((compare_at_minor IS NULL) = (compare_at_currency IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS product_images (
    id BINARY(16) NOT NULL,
    product_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    url TEXT NOT NULL,
    alt TEXT NOT NULL,
    PRIMARY KEY (id),
    KEY of_product (product_id, position),
    FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS inventory (
    sku VARCHAR(64) NOT NULL,
    product_id BINARY(16) NOT NULL,
    on_hand BIGINT NOT NULL CHECK (on_hand BETWEEN 0 AND 1000000000),
    reserved BIGINT NOT NULL,
    low_stock_threshold BIGINT NOT NULL,
    low_stock_alerted TINYINT NOT NULL CHECK (low_stock_alerted IN (0, 1)),
    version BIGINT NOT NULL CHECK (version >= 1),
    -- Whether the alert state is not what the stock says.
    crossing TINYINT AS (low_stock_alerted <> (on_hand - reserved <= low_stock_threshold)) STORED,
    PRIMARY KEY (sku),
    KEY of_product (product_id),
    KEY crossing (crossing, sku),
    FOREIGN KEY (product_id) REFERENCES products (id),
    CHECK (reserved BETWEEN 0 AND on_hand)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Holds: one row for each SKU of each generation. They leave ACTIVE once.
CREATE TABLE IF NOT EXISTS reservations (
    hold_key BINARY(32) NOT NULL,
    generation BIGINT NOT NULL CHECK (generation >= 1),
    sku VARCHAR(64) NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity >= 1),
    unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    state VARCHAR(16) NOT NULL CHECK (state IN ('ACTIVE', 'COMMITTED', 'RELEASED', 'EXPIRED')),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    -- When the sweeper looks at it.
    active_until BIGINT AS (IF(state = 'ACTIVE', expires_at, NULL)) STORED,
    PRIMARY KEY (hold_key, generation, sku),
    KEY active (active_until)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Every change of stock; its sums are the inventory.
CREATE TABLE IF NOT EXISTS stock_ledger (
    sku VARCHAR(64) NOT NULL,
    id BINARY(16) NOT NULL,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('RECEIPT', 'ADJUSTMENT', 'RESERVATION', 'RELEASE', 'EXPIRY', 'SALE', 'RESTOCK')),
    on_hand_change BIGINT NOT NULL,
    reserved_change BIGINT NOT NULL,
    reference VARCHAR(64),
    reason TEXT NOT NULL,
    actor_id BINARY(16),
    moved_at BIGINT NOT NULL,
    PRIMARY KEY (sku, id),
    KEY reference (reference)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
