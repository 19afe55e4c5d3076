-- What was sent for returns, and what of their worth pays that; and what was given up of orders.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE returns_refunds ADD COLUMN exchanged_for BINARY(16), ADD COLUMN worth_minor BIGINT CHECK (worth_minor >= 0),
        ADD COLUMN credit_minor BIGINT CHECK (credit_minor >= 0)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'returns_refunds' AND column_name = 'credit_minor'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS order_cancellations (
    order_id BINARY(16) NOT NULL,
    position BIGINT NOT NULL CHECK (position >= 0),
    id BINARY(16) NOT NULL,
    `lines` LONGTEXT NOT NULL CHECK (JSON_VALID(`lines`)),
    reason TEXT NOT NULL,
    currency CHAR(3) NOT NULL CHECK (CHAR_LENGTH(currency) = 3),
    worth_minor BIGINT NOT NULL CHECK (worth_minor >= 0),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (order_id, position),
    UNIQUE KEY cancellation_id (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
