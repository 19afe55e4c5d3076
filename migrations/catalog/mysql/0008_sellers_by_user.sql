-- Whoever is to run a seller is looked up. No unique key: shops from before may have somebody who runs two.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for its
-- connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE sellers ADD KEY by_user (user_id)',
    'DO 0')
    FROM information_schema.statistics
    WHERE table_schema = DATABASE() AND table_name = 'sellers' AND index_name = 'by_user'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
