-- What comes back of orders, and what refunds are for.

CREATE TABLE IF NOT EXISTS returns_refunds (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(16) NOT NULL CHECK (kind IN ('RETURN', 'REFUND', 'EXCHANGE')),
    status VARCHAR(16) NOT NULL CHECK (status IN ('REQUESTED', 'APPROVED', 'REJECTED', 'RECEIVED', 'REFUNDED', 'EXCHANGED')),
    `lines` LONGTEXT NOT NULL CHECK (JSON_VALID(`lines`)),
    reason TEXT NOT NULL,
    note TEXT,
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    refund_minor BIGINT CHECK (refund_minor >= 0),
    requested_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, position),
    UNIQUE KEY return_id (id),
    KEY of_status (status, id),
    KEY of_user (user_id, id),
    CHECK ((status = 'REFUNDED') = (refund_minor IS NOT NULL)),
    CHECK (requested_at <= updated_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE refunds ADD COLUMN cause VARCHAR(16) NOT NULL DEFAULT ''OWED'' CHECK (cause IN (''OWED'', ''RETURN'', ''GOODWILL'')),
        ADD COLUMN return_id BINARY(16)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'refunds' AND column_name = 'return_id'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
