-- Users. Ids are UUIDs in 16 bytes, times microseconds since 1970 in UTC. Each statement is a step of
-- its own and can be executed again.

CREATE TABLE IF NOT EXISTS users (
    id BINARY(16) NOT NULL,
    email VARCHAR(254) NOT NULL,
    full_name VARCHAR(255) NOT NULL,
    phone VARCHAR(64),
    role VARCHAR(16) NOT NULL CHECK (role IN ('CUSTOMER', 'SELLER', 'ADMIN')),
    seller_id BINARY(16),
    password_hash VARCHAR(512) NOT NULL,
    metadata LONGTEXT NOT NULL CHECK (JSON_VALID(metadata)),
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY email (email),
    KEY of_role (role, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS addresses (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    full_name VARCHAR(255) NOT NULL,
    line1 VARCHAR(255) NOT NULL,
    line2 VARCHAR(255),
    city VARCHAR(255) NOT NULL,
    state VARCHAR(255),
    postal_code VARCHAR(64) NOT NULL,
    country CHAR(2) NOT NULL CHECK (CHAR_LENGTH(country) = 2),
    phone VARCHAR(64),
    is_default TINYINT NOT NULL CHECK (is_default IN (0, 1)),
    created_at BIGINT NOT NULL,
    -- Whose default it is; each user has one at most.
    default_of BINARY(16) AS (IF(is_default = 1, user_id, NULL)) STORED,
    PRIMARY KEY (id),
    UNIQUE KEY one_default (default_of),
    KEY of_user (user_id, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS sessions (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    revoked_at BIGINT,
    PRIMARY KEY (id),
    KEY of_user (user_id, id),
    KEY created_at (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS refresh_tokens (
    -- SHA-256 of the token; the token itself is nowhere.
    hash BINARY(32) NOT NULL,
    session_id BINARY(16) NOT NULL,
    created_at BIGINT NOT NULL,
    rotated_at BIGINT,
    PRIMARY KEY (hash),
    KEY of_session (session_id),
    KEY created_at (created_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
