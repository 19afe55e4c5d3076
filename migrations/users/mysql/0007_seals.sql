-- What an audit compares: whose a refresh token is, and seals of rows that are written whole. Rows from before are sealed when the
-- database is opened; one byte of a seal is enough to find them.

-- Each once, also by a process that begins again after it was halted; one step, because a statement is prepared for
-- its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE refresh_tokens ADD COLUMN user_id BINARY(16)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'refresh_tokens' AND column_name = 'user_id'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
UPDATE refresh_tokens AS it JOIN sessions AS session ON session.id = it.session_id SET it.user_id = session.user_id
WHERE it.user_id IS NULL;

SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE users ADD COLUMN seal BINARY(32), ADD KEY unsealed (seal(1))',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'users' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE addresses ADD COLUMN seal BINARY(32), ADD KEY unsealed (seal(1))',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'addresses' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE guests ADD COLUMN seal BINARY(32), ADD KEY unsealed (seal(1))',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'guests' AND column_name = 'seal'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;
