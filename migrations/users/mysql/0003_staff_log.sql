-- What staff did to accounts, each entry bound to the one before by its hash. Each statement is a step of
-- its own and can be executed again.

CREATE TABLE IF NOT EXISTS staff_log (
    position BIGINT NOT NULL CHECK (position >= 1),
    happened_at BIGINT NOT NULL,
    actor_id BINARY(16),
    action VARCHAR(32) NOT NULL,
    subject_id BINARY(16) NOT NULL,
    detail LONGTEXT NOT NULL CHECK (JSON_VALID(detail)),
    previous BINARY(32) NOT NULL,
    hash BINARY(32) NOT NULL,
    PRIMARY KEY (position)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
