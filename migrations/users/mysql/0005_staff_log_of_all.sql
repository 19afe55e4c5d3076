-- The log of staff tells of what is done in every context, which events bring. What is there is of accounts.

-- Once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE staff_log ADD COLUMN subject_kind VARCHAR(32) NOT NULL DEFAULT ''USER'', ADD COLUMN event_id BINARY(16), ADD UNIQUE KEY by_event (event_id), ADD KEY by_actor (actor_id, position), ADD KEY by_subject (subject_id, position)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'staff_log' AND column_name = 'subject_kind'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
