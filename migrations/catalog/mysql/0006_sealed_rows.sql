-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

-- Tables in which that is done.
CREATE TABLE IF NOT EXISTS sealed_tables (
    name VARCHAR(64) NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE category_tree ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'category_tree' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE stock_ledger ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'stock_ledger' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
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

-- The seal of a shelf is of all that it says.
UPDATE inventory SET seal = NULL;
