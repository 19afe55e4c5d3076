-- What was sent for returns, and what of their worth pays that.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE returns_refunds ADD COLUMN exchanged_for BINARY(16), ADD COLUMN worth_minor BIGINT CHECK (worth_minor >= 0),
        ADD COLUMN credit_minor BIGINT CHECK (credit_minor >= 0)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'returns_refunds' AND column_name = 'credit_minor'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
