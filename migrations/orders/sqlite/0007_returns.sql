-- What comes back of orders, and what refunds are for.

CREATE TABLE returns_refunds (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    kind TEXT NOT NULL CHECK (kind IN ('RETURN', 'REFUND', 'EXCHANGE')),
    status TEXT NOT NULL CHECK (status IN ('REQUESTED', 'APPROVED', 'REJECTED', 'RECEIVED', 'REFUNDED', 'EXCHANGED')),
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    reason TEXT NOT NULL,
    note TEXT,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    refund_minor INTEGER CHECK (refund_minor >= 0),
    requested_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, position),
    CHECK ((status = 'REFUNDED') = (refund_minor IS NOT NULL)),
    CHECK (requested_at <= updated_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX returns_refunds_status ON returns_refunds (status, id);
CREATE INDEX returns_refunds_user ON returns_refunds (user_id, id);

ALTER TABLE refunds ADD COLUMN cause TEXT NOT NULL DEFAULT 'OWED' CHECK (cause IN ('OWED', 'RETURN', 'GOODWILL'));
ALTER TABLE refunds ADD COLUMN return_id BLOB CHECK (length(return_id) = 16);
