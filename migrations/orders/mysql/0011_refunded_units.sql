-- The units whose money a refund gives back without a return. Refunds from before say none.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for its
-- connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE refunds ADD COLUMN `lines` LONGTEXT CHECK (JSON_VALID(`lines`))',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'refunds' AND column_name = 'lines'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
