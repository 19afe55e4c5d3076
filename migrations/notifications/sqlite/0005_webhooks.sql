-- Webhooks: other systems that are told what happens; and what waits for a word after a restore.

-- Since when a message waits for a word.
ALTER TABLE notification_logs ADD COLUMN held_at INTEGER;
CREATE INDEX notification_logs_held ON notification_logs (id) WHERE held_at IS NOT NULL;

CREATE TABLE webhook_endpoints (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    url TEXT NOT NULL,
    -- Names of events, or "*".
    events TEXT NOT NULL CHECK (json_valid(events)),
    secret TEXT NOT NULL,
    former_secret TEXT,
    former_until INTEGER,
    status TEXT NOT NULL CHECK (status IN ('ACTIVE', 'DISABLED', 'REMOVED')),
    reason TEXT,
    failing_since INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version >= 1),
    CHECK ((former_secret IS NULL) = (former_until IS NULL))
) STRICT;

CREATE TABLE webhook_deliveries (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    endpoint_id BLOB NOT NULL CHECK (length(endpoint_id) = 16),
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    data TEXT NOT NULL CHECK (json_valid(data)),
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    tries INTEGER NOT NULL CHECK (tries >= 0),
    due_at INTEGER,
    held_at INTEGER,
    -- The HTTP status of the last answer.
    answered INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    delivered_at INTEGER,
    -- W3C traceparent of the request that caused the event.
    traceparent TEXT,
    version INTEGER NOT NULL CHECK (version >= 1),
    UNIQUE (event_id, endpoint_id)
) STRICT;
CREATE INDEX webhook_deliveries_of ON webhook_deliveries (endpoint_id, id);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_deliveries_held ON webhook_deliveries (id) WHERE held_at IS NOT NULL;
