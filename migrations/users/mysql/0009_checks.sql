-- What is written without its row being read is written twice, so that an audit sees when one of the two was altered: when
-- an event was published, with its place. Leases are sealed. Rows from before get theirs when the database is opened.

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE outbox ADD COLUMN published_check BIGINT',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'outbox' AND column_name = 'published_check'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE leases ADD COLUMN seal BINARY(32)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'leases' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
