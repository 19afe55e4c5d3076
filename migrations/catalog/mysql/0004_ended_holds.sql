-- What ended without a sale is found by its age, to be forgotten. The statement is looked up first, so that a migration that
-- was cut off can be done again; it stands in one step, because a statement is prepared for its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE reservations ADD COLUMN unsold_until BIGINT AS (IF(state IN (''RELEASED'', ''EXPIRED''), expires_at, NULL)) STORED,
        ADD KEY ended (unsold_until)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'reservations' AND column_name = 'unsold_until'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
