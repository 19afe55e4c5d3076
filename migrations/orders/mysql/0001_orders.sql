-- Orders. Ids are UUIDs in 16 bytes (an order's carries when it was placed), times microseconds
-- since 1970 in UTC, money minor units beside an ISO 4217 code. Each statement is a step of its own and
-- can be executed again.

-- By month of the id. A partitioned table can have no key that is unique beside its id, and no
-- foreign key to or from it. Months are made ahead while the shop runs; what is beyond them is caught.
CREATE TABLE IF NOT EXISTS orders (
    id BINARY(16) NOT NULL,
    number VARCHAR(64) NOT NULL,
    user_id BINARY(16) NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN
        ('PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'CANCELLED')),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    subtotal_minor BIGINT NOT NULL CHECK (subtotal_minor >= 0),
    discount_minor BIGINT NOT NULL,
    shipping_minor BIGINT NOT NULL CHECK (shipping_minor >= 0),
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    total_minor BIGINT NOT NULL,
    tax_lines LONGTEXT NOT NULL CHECK (JSON_VALID(tax_lines)),
    coupon VARCHAR(255),
    ship_full_name VARCHAR(255) NOT NULL,
    ship_line1 VARCHAR(255) NOT NULL,
    ship_line2 VARCHAR(255),
    ship_city VARCHAR(255) NOT NULL,
    ship_state VARCHAR(255),
    ship_postal_code VARCHAR(64) NOT NULL,
    ship_country CHAR(2) NOT NULL CHECK (CHAR_LENGTH(ship_country) = 2),
    ship_phone VARCHAR(64),
    shipping_option VARCHAR(255) NOT NULL,
    hold_key BINARY(32) NOT NULL,
    hold_generation BIGINT NOT NULL CHECK (hold_generation >= 1),
    payment_due_at BIGINT,
    payment_extended TINYINT NOT NULL CHECK (payment_extended IN (0, 1)),
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    -- When it is cancelled unless it is paid.
    unpaid_until BIGINT AS (IF(status = 'PENDING', payment_due_at, NULL)) STORED,
    PRIMARY KEY (id),
    KEY of_user (user_id, id),
    KEY of_status (status, id),
    KEY of_hold (hold_key, hold_generation),
    KEY unpaid (unpaid_until, id),
    CHECK (discount_minor BETWEEN 0 AND subtotal_minor),
    CHECK (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_minor)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Numbers of orders, each given once.
CREATE TABLE IF NOT EXISTS order_numbers (
    order_id BINARY(16) NOT NULL,
    number VARCHAR(64) NOT NULL,
    PRIMARY KEY (order_id),
    UNIQUE KEY number (number)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS order_items (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    sku VARCHAR(64) NOT NULL,
    product_id BINARY(16) NOT NULL,
    name TEXT NOT NULL,
    quantity BIGINT NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    unit_price_minor BIGINT NOT NULL CHECK (unit_price_minor >= 0),
    discount_minor BIGINT NOT NULL CHECK (discount_minor >= 0),
    tax_minor BIGINT NOT NULL CHECK (tax_minor >= 0),
    total_minor BIGINT NOT NULL,
    PRIMARY KEY (order_id, position),
    CHECK (total_minor = unit_price_minor * quantity - discount_minor + tax_minor)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS order_status_history (
    order_id BINARY(16) NOT NULL,
    id BINARY(16) NOT NULL,
    status VARCHAR(16) NOT NULL CHECK (status IN
        ('PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'CANCELLED')),
    reached_at BIGINT NOT NULL,
    note TEXT NOT NULL,
    actor VARCHAR(64) NOT NULL,
    PRIMARY KEY (order_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS payments (
    order_id BINARY(16) NOT NULL,
    id BINARY(16) NOT NULL,
    method VARCHAR(16) NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING', 'COD', 'WALLET')),
    -- What the sums and the last attempt say, for readers of the table.
    status VARCHAR(32) NOT NULL CHECK (status IN
        ('PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'FAILED', 'VOIDED', 'PARTIALLY_REFUNDED', 'REFUNDED')),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    captured_minor BIGINT NOT NULL CHECK (captured_minor >= 0),
    refunded_minor BIGINT NOT NULL,
    PRIMARY KEY (order_id),
    CHECK (refunded_minor BETWEEN 0 AND captured_minor)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS payment_attempts (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    id BINARY(16) NOT NULL,
    provider VARCHAR(64) NOT NULL,
    method VARCHAR(16) NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING', 'COD', 'WALLET')),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    state VARCHAR(16) NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
    token TEXT,
    reference VARCHAR(255),
    failure_code TEXT,
    next_action_type VARCHAR(64),
    next_action_url TEXT,
    created_at BIGINT NOT NULL,
    check_at BIGINT,
    checks BIGINT NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (order_id, position),
    KEY reference (provider, reference),
    KEY check_at (check_at),
    CHECK ((next_action_type IS NULL) = (next_action_url IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS refunds (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    id BINARY(16) NOT NULL,
    attempt_id BINARY(16) NOT NULL,
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    state VARCHAR(16) NOT NULL CHECK (state IN ('PENDING', 'UNKNOWN', 'SUCCEEDED', 'FAILED')),
    reason TEXT NOT NULL,
    reference VARCHAR(255),
    created_at BIGINT NOT NULL,
    check_at BIGINT,
    checks BIGINT NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (order_id, position),
    KEY reference (reference),
    KEY check_at (check_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Providers' messages, kept to know repeats.
CREATE TABLE IF NOT EXISTS provider_events (
    provider VARCHAR(64) NOT NULL,
    event_id VARCHAR(255) NOT NULL,
    reference TEXT NOT NULL,
    fact LONGTEXT NOT NULL CHECK (JSON_VALID(fact)),
    state VARCHAR(16) NOT NULL CHECK (state IN ('APPLIED', 'PARKED', 'QUARANTINED')),
    received_at BIGINT NOT NULL,
    PRIMARY KEY (provider, event_id),
    KEY of_state (state, received_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS carts (
    owner_id BINARY(16) NOT NULL,
    owner_kind VARCHAR(16) NOT NULL CHECK (owner_kind IN ('USER', 'GUEST')),
    `lines` LONGTEXT NOT NULL CHECK (JSON_VALID(`lines`)),
    coupon VARCHAR(255),
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    updated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    begun_at BIGINT NOT NULL,
    PRIMARY KEY (owner_id),
    KEY expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Carts that were ordered: each once from its beginning until what was ordered has left it.
CREATE TABLE IF NOT EXISTS cart_claims (
    claim BINARY(16) NOT NULL,
    claimed_at BIGINT NOT NULL,
    order_id BINARY(16) NOT NULL,
    PRIMARY KEY (claim),
    KEY claimed_at (claimed_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
