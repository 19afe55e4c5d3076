-- What every database has besides its own tables.

CREATE TABLE outbox (
    position INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    topic TEXT NOT NULL,
    type TEXT NOT NULL,
    schema INTEGER NOT NULL,
    aggregate_id BLOB NOT NULL CHECK (length(aggregate_id) = 16),
    version INTEGER NOT NULL,
    occurred_at INTEGER NOT NULL,
    traceparent TEXT,
    data TEXT NOT NULL CHECK (json_valid(data)),
    published_at INTEGER
) STRICT;
CREATE INDEX outbox_unpublished ON outbox (position) WHERE published_at IS NULL;

CREATE TABLE inbox (
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    handled_at INTEGER NOT NULL,
    PRIMARY KEY (consumer, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_handled_at ON inbox (handled_at);

CREATE TABLE dead_letters (
    place BLOB PRIMARY KEY NOT NULL CHECK (length(place) = 16),
    consumer TEXT NOT NULL,
    event_id BLOB NOT NULL CHECK (length(event_id) = 16),
    event TEXT NOT NULL CHECK (json_valid(event)),
    reason TEXT NOT NULL,
    receives INTEGER NOT NULL CHECK (receives >= 0),
    buried_at INTEGER NOT NULL,
    UNIQUE (consumer, event_id)
) STRICT;

CREATE TABLE leases (
    name TEXT PRIMARY KEY NOT NULL,
    owner_id BLOB NOT NULL CHECK (length(owner_id) = 16),
    epoch INTEGER NOT NULL CHECK (epoch >= 1),
    -- NULL once it was given back.
    until_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
    -- SHA-256 of user, route and key.
    scope BLOB PRIMARY KEY NOT NULL CHECK (length(scope) = 32),
    route TEXT NOT NULL,
    body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
    outcome TEXT NOT NULL CHECK (outcome IN ('DONE', 'REFUSED')),
    result_id BLOB CHECK (length(result_id) = 16),
    generation INTEGER NOT NULL CHECK (generation >= 0),
    used_at INTEGER NOT NULL,
    CHECK ((outcome = 'DONE') = (result_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_used_at ON idempotency_keys (used_at);
