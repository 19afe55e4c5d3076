-- Coupons, and what orders have used of them.

CREATE TABLE coupons (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    code TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('PERCENTAGE', 'FIXED', 'FREE_SHIPPING')),
    percent INTEGER CHECK (percent BETWEEN 1 AND 100),
    amount_minor INTEGER CHECK (amount_minor > 0),
    -- Of all its amounts.
    currency TEXT CHECK (length(currency) = 3),
    usage_limit INTEGER CHECK (usage_limit >= 1),
    per_user_limit INTEGER CHECK (per_user_limit >= 1),
    starts_at INTEGER,
    ends_at INTEGER,
    minimum_minor INTEGER CHECK (minimum_minor > 0),
    maximum_minor INTEGER CHECK (maximum_minor > 0),
    categories TEXT NOT NULL CHECK (json_valid(categories)),
    products TEXT NOT NULL CHECK (json_valid(products)),
    combinable INTEGER NOT NULL CHECK (combinable IN (0, 1)),
    metadata TEXT NOT NULL CHECK (json_valid(metadata)),
    created_at INTEGER NOT NULL,
    -- Uses that count now: the rows below that were not given back.
    used INTEGER NOT NULL CHECK (used >= 0),
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK (usage_limit IS NULL OR used <= usage_limit),
    CHECK (starts_at IS NULL OR ends_at IS NULL OR starts_at < ends_at),
    CHECK ((kind = 'PERCENTAGE') = (percent IS NOT NULL)),
    CHECK ((kind = 'FIXED') = (amount_minor IS NOT NULL)),
    CHECK ((currency IS NULL) = (amount_minor IS NULL AND minimum_minor IS NULL AND maximum_minor IS NULL))
) STRICT;

-- They stay when their coupon goes.
CREATE TABLE coupon_redemptions (
    order_id BLOB NOT NULL CHECK (length(order_id) = 16),
    coupon_id BLOB NOT NULL CHECK (length(coupon_id) = 16),
    code TEXT NOT NULL,
    -- The coupon's version that the order was judged by.
    coupon_version INTEGER NOT NULL CHECK (coupon_version >= 1),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    redeemed_at INTEGER NOT NULL,
    -- Since when it counts no more.
    returned_at INTEGER,
    PRIMARY KEY (order_id, coupon_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX coupon_redemptions_live ON coupon_redemptions (coupon_id, user_id) WHERE returned_at IS NULL;
