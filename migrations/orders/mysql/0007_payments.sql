-- What is to be taken of what was promised; wallets, what was entered in them, and money on its way into them.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE payment_attempts ADD COLUMN to_capture_minor BIGINT,
        ADD CHECK (to_capture_minor >= 0 AND to_capture_minor <= amount_minor)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'to_capture_minor'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
-- So far everything was taken at once.
UPDATE payment_attempts SET to_capture_minor = amount_minor WHERE to_capture_minor IS NULL;

CREATE TABLE IF NOT EXISTS wallets (
    user_id BINARY(16) NOT NULL,
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    -- What its entries add up to.
    balance_minor BIGINT NOT NULL CHECK (balance_minor >= 0),
    PRIMARY KEY (user_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS wallet_entries (
    -- Of the attempt, refund or top-up that it is about.
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('TOP_UP', 'SPEND', 'REFUND', 'DECLINED', 'VOIDED')),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    amount_minor BIGINT NOT NULL,
    entered_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    KEY of_user (user_id, id),
    CHECK ((kind IN ('TOP_UP', 'REFUND') AND amount_minor > 0) OR (kind = 'SPEND' AND amount_minor < 0)
        OR (kind NOT IN ('TOP_UP', 'REFUND', 'SPEND') AND amount_minor = 0))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS wallet_top_ups (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    provider VARCHAR(64) NOT NULL,
    method VARCHAR(16) NOT NULL CHECK (method IN ('UPI', 'CARD', 'NET_BANKING')),
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    to_capture_minor BIGINT CHECK (to_capture_minor >= 0),
    state VARCHAR(16) NOT NULL CHECK (state IN
        ('CREATED', 'PENDING', 'UNKNOWN', 'AUTHORIZED', 'CAPTURED', 'DECLINED', 'VOIDED')),
    token TEXT,
    reference VARCHAR(255),
    failure_code TEXT,
    next_action_type VARCHAR(32),
    next_action_url TEXT,
    created_at BIGINT NOT NULL,
    check_at BIGINT,
    checks BIGINT NOT NULL CHECK (checks >= 0),
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    KEY of_reference (provider, reference),
    KEY to_check (check_at),
    CHECK ((next_action_type IS NULL) = (next_action_url IS NULL)),
    CHECK (to_capture_minor <= amount_minor)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
