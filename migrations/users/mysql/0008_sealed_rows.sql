-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

-- Tables in which that is done.
CREATE TABLE IF NOT EXISTS sealed_tables (
    name VARCHAR(64) NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE erasures ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'erasures' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE sessions ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'sessions' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE refresh_tokens ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'refresh_tokens' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
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
