-- Webhooks: other systems that are told what happens; and what waits for a word after a restore. Each
-- statement is a step of its own and can be executed again.

-- Since when a message waits for a word. Once, also by a process that begins again after it was halted; one
-- step, because a statement is prepared for its connection alone.
SET @step = (SELECT IF(COUNT(*) = 0,
    'ALTER TABLE notification_logs ADD COLUMN held_at BIGINT, ADD KEY held (held_at, id)',
    'DO 0')
    FROM information_schema.columns
    WHERE table_schema = DATABASE() AND table_name = 'notification_logs' AND column_name = 'held_at'); PREPARE step FROM @step; EXECUTE step; DEALLOCATE PREPARE step;

CREATE TABLE IF NOT EXISTS webhook_endpoints (
    id BINARY(16) NOT NULL,
    url VARCHAR(2000) NOT NULL,
    -- Names of events, or "*".
    events LONGTEXT NOT NULL CHECK (JSON_VALID(events)),
    secret VARCHAR(128) NOT NULL,
    former_secret VARCHAR(128),
    former_until BIGINT,
    status VARCHAR(16) NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED', 'REMOVED')),
    reason LONGTEXT,
    failing_since BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    CHECK ((former_secret IS NULL) = (former_until IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id BINARY(16) NOT NULL,
    endpoint_id BINARY(16) NOT NULL,
    event_id BINARY(16) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    occurred_at BIGINT NOT NULL,
    data LONGTEXT NOT NULL CHECK (JSON_VALID(data)),
    status VARCHAR(16) NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    tries BIGINT NOT NULL CHECK (tries >= 0),
    due_at BIGINT,
    held_at BIGINT,
    -- The HTTP status of the last answer.
    answered BIGINT,
    error LONGTEXT,
    created_at BIGINT NOT NULL,
    delivered_at BIGINT,
    -- W3C traceparent of the request that caused the event.
    traceparent VARCHAR(255),
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY delivered (event_id, endpoint_id),
    KEY of_endpoint (endpoint_id, id),
    KEY due (endpoint_id, due_at),
    KEY held (held_at, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
