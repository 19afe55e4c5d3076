-- People who buy with a mail address and without an account. One mail address has one guest, whoever else has it. Each
-- statement is a step of its own and can be executed again.

CREATE TABLE IF NOT EXISTS guests (
    id BINARY(16) NOT NULL,
    email VARCHAR(254) NOT NULL CHECK (email <> ''),
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY email (email)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
