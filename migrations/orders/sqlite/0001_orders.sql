-- Orders. Ids are UUIDs in 16 bytes (an order's carries when it was placed), times microseconds
-- since 1970 in UTC, money minor units beside an ISO 4217 code.

CREATE TABLE orders (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    number TEXT NOT NULL UNIQUE,
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    status TEXT NOT NULL CHECK (status IN
        ('PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'CANCELLED')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    subtotal_minor INTEGER NOT NULL CHECK (subtotal_minor >= 0),
    discount_minor INTEGER NOT NULL CHECK (discount_minor BETWEEN 0 AND subtotal_minor),
    shipping_minor INTEGER NOT NULL CHECK (shipping_minor >= 0),
    tax_minor INTEGER NOT NULL CHECK (tax_minor >= 0),
    total_minor INTEGER NOT NULL,
    tax_lines TEXT NOT NULL CHECK (json_valid(tax_lines)),
    coupon TEXT,
    ship_full_name TEXT NOT NULL,
    ship_line1 TEXT NOT NULL,
    ship_line2 TEXT,
    ship_city TEXT NOT NULL,
    ship_state TEXT,
    ship_postal_code TEXT NOT NULL,
    ship_country TEXT NOT NULL CHECK (length(ship_country) = 2),
    ship_phone TEXT,
    shipping_option TEXT NOT NULL,
    hold_key BLOB NOT NULL CHECK (length(hold_key) = 32),
    hold_generation INTEGER NOT NULL CHECK (hold_generation >= 1),
    payment_due_at INTEGER,
    payment_extended INTEGER NOT NULL CHECK (payment_extended IN (0, 1)),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_minor)
) STRICT;
CREATE INDEX orders_user ON orders (user_id, id);
CREATE INDEX orders_status ON orders (status, id);
CREATE INDEX orders_hold ON orders (hold_key, hold_generation);
CREATE INDEX orders_payment_due ON orders (payment_due_at) WHERE status = 'PENDING' AND payment_due_at IS NOT NULL;

CREATE TABLE order_items (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    sku TEXT NOT NULL,
    product_id BLOB NOT NULL CHECK (length(product_id) = 16),
    name TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 999),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    unit_price_minor INTEGER NOT NULL CHECK (unit_price_minor >= 0),
    discount_minor INTEGER NOT NULL CHECK (discount_minor >= 0),
    tax_minor INTEGER NOT NULL CHECK (tax_minor >= 0),
    total_minor INTEGER NOT NULL,
    PRIMARY KEY (order_id, position),
    CHECK (total_minor = unit_price_minor * quantity - discount_minor + tax_minor)
) STRICT, WITHOUT ROWID;

CREATE TABLE order_status_history (
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    id BLOB NOT NULL CHECK (length(id) = 16),
    status TEXT NOT NULL CHECK (status IN
        ('PENDING', 'CONFIRMED', 'PROCESSING', 'SHIPPED', 'OUT_FOR_DELIVERY', 'DELIVERED', 'CANCELLED')),
    reached_at INTEGER NOT NULL,
    note TEXT NOT NULL,
    actor TEXT NOT NULL,
    PRIMARY KEY (order_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE payments (
    order_id BLOB PRIMARY KEY NOT NULL REFERENCES orders (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    method TEXT NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING', 'COD', 'WALLET')),
    -- What the sums and the last attempt say, for readers of the table.
    status TEXT NOT NULL CHECK (status IN
        ('PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'FAILED', 'VOIDED', 'PARTIALLY_REFUNDED', 'REFUNDED')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    captured_minor INTEGER NOT NULL CHECK (captured_minor >= 0),
    refunded_minor INTEGER NOT NULL CHECK (refunded_minor BETWEEN 0 AND captured_minor)
) STRICT, WITHOUT ROWID;

CREATE TABLE payment_attempts (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL CHECK (length(id) = 16),
    provider TEXT NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING', 'COD', 'WALLET')),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    state TEXT NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
    token TEXT,
    reference TEXT,
    failure_code TEXT,
    next_action_type TEXT,
    next_action_url TEXT,
    created_at INTEGER NOT NULL,
    check_at INTEGER,
    checks INTEGER NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (order_id, position),
    CHECK ((next_action_type IS NULL) = (next_action_url IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_attempts_reference ON payment_attempts (provider, reference) WHERE reference IS NOT NULL;
CREATE INDEX payment_attempts_check ON payment_attempts (check_at) WHERE check_at IS NOT NULL;

CREATE TABLE refunds (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL CHECK (length(id) = 16),
    attempt_id BLOB NOT NULL CHECK (length(attempt_id) = 16),
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    state TEXT NOT NULL CHECK (state IN ('PENDING', 'UNKNOWN', 'SUCCEEDED', 'FAILED')),
    reason TEXT NOT NULL,
    reference TEXT,
    created_at INTEGER NOT NULL,
    check_at INTEGER,
    checks INTEGER NOT NULL CHECK (checks >= 0),
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX refunds_reference ON refunds (reference) WHERE reference IS NOT NULL;
CREATE INDEX refunds_check ON refunds (check_at) WHERE check_at IS NOT NULL;

-- Providers' messages, kept to know repeats.
CREATE TABLE provider_events (
    provider TEXT NOT NULL,
    event_id TEXT NOT NULL,
    reference TEXT NOT NULL,
    fact TEXT NOT NULL CHECK (json_valid(fact)),
    state TEXT NOT NULL CHECK (state IN ('APPLIED', 'PARKED', 'QUARANTINED')),
    received_at INTEGER NOT NULL,
    PRIMARY KEY (provider, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_events_parked ON provider_events (received_at) WHERE state = 'PARKED';

CREATE TABLE carts (
    owner_id BLOB PRIMARY KEY NOT NULL CHECK (length(owner_id) = 16),
    owner_kind TEXT NOT NULL CHECK (owner_kind IN ('USER', 'GUEST')),
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    coupon TEXT,
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;
CREATE INDEX carts_expiry ON carts (expires_at);

-- States of carts that were ordered; each is ordered once.
CREATE TABLE cart_claims (
    claim BLOB PRIMARY KEY NOT NULL CHECK (length(claim) = 16),
    claimed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX cart_claims_claimed_at ON cart_claims (claimed_at);
