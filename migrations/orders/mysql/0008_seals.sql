-- Seals of rows that are written whole, which an audit compares. Rows from before are sealed when the database is opened;
-- one byte of a seal is enough to find them.

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE coupons ADD COLUMN seal BINARY(32), ADD KEY unsealed (seal(1))',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'coupons' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
