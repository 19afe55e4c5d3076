-- Who was erased, and when other contexts are to be asked next to forget her; nobody once they have.

CREATE TABLE erasures (
    user_id BLOB PRIMARY KEY NOT NULL CHECK (length(user_id) = 16),
    erased_at INTEGER NOT NULL,
    due_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX erasures_due ON erasures (due_at) WHERE due_at IS NOT NULL;

-- Who went before this was kept is forgotten now.
INSERT INTO erasures (user_id, erased_at, due_at)
SELECT id, created_at, created_at FROM users WHERE password_hash = ''
UNION ALL
SELECT id, created_at, created_at FROM guests WHERE email LIKE 'erased-%@erased.invalid';
