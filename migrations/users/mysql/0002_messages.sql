-- What every database has besides its own tables.

CREATE TABLE IF NOT EXISTS outbox (
    position BIGINT NOT NULL AUTO_INCREMENT,
    id BINARY(16) NOT NULL,
    topic VARCHAR(64) NOT NULL,
    type VARCHAR(64) NOT NULL,
    `schema` INT NOT NULL,
    aggregate_id BINARY(16) NOT NULL,
    version BIGINT NOT NULL,
    occurred_at BIGINT NOT NULL,
    traceparent VARCHAR(255),
    data LONGTEXT NOT NULL CHECK (JSON_VALID(data)),
    published_at BIGINT,
    PRIMARY KEY (position),
    UNIQUE KEY id (id),
    KEY unpublished (published_at, position),
    KEY aggregate (aggregate_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS inbox (
    consumer VARCHAR(128) NOT NULL,
    event_id BINARY(16) NOT NULL,
    handled_at BIGINT NOT NULL,
    PRIMARY KEY (consumer, event_id),
    KEY handled_at (handled_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS dead_letters (
    place BINARY(16) NOT NULL,
    consumer VARCHAR(128) NOT NULL,
    event_id BINARY(16) NOT NULL,
    event LONGTEXT NOT NULL CHECK (JSON_VALID(event)),
    reason LONGTEXT NOT NULL,
    receives INT NOT NULL CHECK (receives >= 0),
    buried_at BIGINT NOT NULL,
    PRIMARY KEY (place),
    UNIQUE KEY delivery (consumer, event_id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leases (
    name VARCHAR(128) NOT NULL,
    owner_id BINARY(16) NOT NULL,
    epoch BIGINT NOT NULL CHECK (epoch >= 1),
    -- NULL once it was given back.
    until_at BIGINT,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS idempotency_keys (
    -- SHA-256 of user, route and key.
    scope BINARY(32) NOT NULL,
    route VARCHAR(255) NOT NULL,
    body_hash BINARY(32) NOT NULL,
    outcome VARCHAR(16) NOT NULL CHECK (outcome IN ('DONE', 'REFUSED')),
    result_id BINARY(16),
    generation BIGINT NOT NULL CHECK (generation >= 0),
    used_at BIGINT NOT NULL,
    PRIMARY KEY (scope),
    KEY used_at (used_at),
    KEY result (result_id),
    CHECK ((outcome = 'DONE') = (result_id IS NOT NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The last batch that each writer committed. A writer whose COMMIT was not answered looks its own
-- row up and knows what became of the batch.
CREATE TABLE IF NOT EXISTS writers (
    id BINARY(16) NOT NULL,
    batch BIGINT NOT NULL CHECK (batch >= 1),
    committed_at BIGINT NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
