-- Notifications. Ids are UUIDs in 16 bytes, times microseconds since 1970 in UTC.

CREATE TABLE notification_logs (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    kind TEXT NOT NULL,
    template TEXT NOT NULL,
    -- A user's id, or `ops`.
    recipient TEXT NOT NULL,
    address TEXT,
    data TEXT NOT NULL CHECK (json_valid(data)),
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'SENDING', 'SENT', 'FAILED', 'SUPPRESSED')),
    tries INTEGER NOT NULL CHECK (tries >= 0),
    due_at INTEGER,
    error TEXT,
    created_at INTEGER NOT NULL,
    sent_at INTEGER,
    maybe_twice INTEGER NOT NULL CHECK (maybe_twice IN (0, 1)),
    version INTEGER NOT NULL CHECK (version >= 1),
    UNIQUE (event_id, template, recipient)
) STRICT;
CREATE INDEX notification_logs_due ON notification_logs (due_at)
    WHERE due_at IS NOT NULL AND status IN ('PENDING', 'SENDING');
CREATE INDEX notification_logs_recipient ON notification_logs (recipient, id);
CREATE INDEX notification_logs_status ON notification_logs (status, id);
