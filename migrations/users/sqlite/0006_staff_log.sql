-- What staff did to accounts, each entry bound to the one before by its hash.

CREATE TABLE staff_log (
    position INTEGER PRIMARY KEY NOT NULL CHECK (position >= 1),
    happened_at INTEGER NOT NULL,
    actor_id BLOB CHECK (length(actor_id) = 16),
    action TEXT NOT NULL,
    subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
    detail TEXT NOT NULL CHECK (json_valid(detail)),
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
