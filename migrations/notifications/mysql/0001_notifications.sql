-- Notifications. Ids are UUIDs in 16 bytes, times microseconds since 1970 in UTC. Each statement is a
-- step of its own and can be executed again.

CREATE TABLE IF NOT EXISTS notification_logs (
    id BINARY(16) NOT NULL,
    event_id BINARY(16) NOT NULL,
    kind VARCHAR(64) NOT NULL,
    template VARCHAR(64) NOT NULL,
    -- A user's id, or `ops`.
    recipient VARCHAR(64) NOT NULL,
    address VARCHAR(254),
    data LONGTEXT NOT NULL CHECK (JSON_VALID(data)),
    status VARCHAR(16) NOT NULL CHECK (status IN ('PENDING', 'SENDING', 'SENT', 'FAILED', 'SUPPRESSED')),
    tries BIGINT NOT NULL CHECK (tries >= 0),
    due_at BIGINT,
    error LONGTEXT,
    created_at BIGINT NOT NULL,
    sent_at BIGINT,
    maybe_twice TINYINT NOT NULL CHECK (maybe_twice IN (0, 1)),
    version BIGINT NOT NULL CHECK (version >= 1),
    -- W3C traceparent of the request that caused the event.
    traceparent VARCHAR(255),
    -- When somebody must look at it.
    waits_until BIGINT AS (IF(status IN ('PENDING', 'SENDING'), due_at, NULL)) STORED,
    PRIMARY KEY (id),
    UNIQUE KEY told (event_id, template, recipient),
    KEY waiting (waits_until, id),
    KEY of_recipient (recipient, id),
    KEY of_status (status, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
