-- Who was erased, and when other contexts are to be asked next to forget her; nobody once they have. Each statement is a step
-- of its own and can be executed again.

CREATE TABLE IF NOT EXISTS erasures (
    user_id BINARY(16) NOT NULL,
    erased_at BIGINT NOT NULL,
    due_at BIGINT,
    PRIMARY KEY (user_id),
    KEY erasures_due (due_at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who went before this was kept is forgotten now.
INSERT IGNORE INTO erasures (user_id, erased_at, due_at)
SELECT id, created_at, created_at FROM users WHERE password_hash = '';

INSERT IGNORE INTO erasures (user_id, erased_at, due_at)
SELECT id, created_at, created_at FROM guests WHERE email LIKE 'erased-%@erased.invalid';
