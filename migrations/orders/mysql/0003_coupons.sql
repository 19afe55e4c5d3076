-- Coupons, and what orders have used of them.

CREATE TABLE IF NOT EXISTS coupons (
    id BINARY(16) NOT NULL,
    code VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('PERCENTAGE', 'FIXED', 'FREE_SHIPPING')),
    percent BIGINT CHECK (percent BETWEEN 1 AND 100),
    amount_minor BIGINT CHECK (amount_minor > 0),
    -- Of all its amounts.
    currency CHAR(3) CHECK (CHAR_LENGTH(currency) = 3),
    usage_limit BIGINT CHECK (usage_limit >= 1),
    per_user_limit BIGINT CHECK (per_user_limit >= 1),
    starts_at BIGINT,
    ends_at BIGINT,
    minimum_minor BIGINT CHECK (minimum_minor > 0),
    maximum_minor BIGINT CHECK (maximum_minor > 0),
    categories LONGTEXT NOT NULL CHECK (JSON_VALID(categories)),
    products LONGTEXT NOT NULL CHECK (JSON_VALID(products)),
    combinable BIGINT NOT NULL CHECK (combinable IN (0, 1)),
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    created_at BIGINT NOT NULL,
    -- Uses that count now: the rows below that were not given back.
    used BIGINT NOT NULL CHECK (used >= 0),
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY code (code),
    CHECK (usage_limit IS NULL OR used <= usage_limit),
    CHECK (starts_at IS NULL OR ends_at IS NULL OR starts_at < ends_at),
    CHECK ((kind = 'PERCENTAGE') = (percent IS NOT NULL)),
    CHECK ((kind = 'FIXED') = (amount_minor IS NOT NULL)),
    CHECK ((currency IS NULL) = (amount_minor IS NULL AND minimum_minor IS NULL AND maximum_minor IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- They stay when their coupon goes.
CREATE TABLE IF NOT EXISTS coupon_redemptions (
    order_id BINARY(16) NOT NULL,
    coupon_id BINARY(16) NOT NULL,
    code VARCHAR(64) NOT NULL,
    -- The coupon's version that the order was judged by.
    coupon_version BIGINT NOT NULL CHECK (coupon_version >= 1),
    user_id BINARY(16) NOT NULL,
    redeemed_at BIGINT NOT NULL,
    -- Since when it counts no more.
    returned_at BIGINT,
    PRIMARY KEY (order_id, coupon_id),
    KEY of_user (coupon_id, user_id, returned_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
