-- The last batch that each writer committed. A writer whose COMMIT was not answered looks its own
-- row up and knows what became of the batch.
CREATE TABLE writers (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    batch INTEGER NOT NULL CHECK (batch >= 1),
    committed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
