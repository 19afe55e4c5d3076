-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

-- Tables in which that is done.
CREATE TABLE IF NOT EXISTS sealed_tables (
    name VARCHAR(64) NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE orders ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'orders' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE order_items ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'order_items' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE order_status_history ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'order_status_history' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE payments ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'payments' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE payment_attempts ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE refunds ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'refunds' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE order_cancellations ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'order_cancellations' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE shipments ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'shipments' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE returns_refunds ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'returns_refunds' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE provider_events ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'provider_events' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE carts ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'carts' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE cart_claims ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'cart_claims' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE coupon_redemptions ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'coupon_redemptions' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE wallets ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'wallets' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE wallet_entries ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'wallet_entries' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE wallet_top_ups ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'wallet_top_ups' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE outbox ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'outbox' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE inbox ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'inbox' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE dead_letters ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'dead_letters' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE idempotency_keys ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'idempotency_keys' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
