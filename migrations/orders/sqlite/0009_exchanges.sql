-- What was sent for returns, and what of their worth pays that; and what was given up of orders.

ALTER TABLE returns_refunds ADD COLUMN exchanged_for BLOB CHECK (length(exchanged_for) = 16);
ALTER TABLE returns_refunds ADD COLUMN worth_minor INTEGER CHECK (worth_minor >= 0);
ALTER TABLE returns_refunds ADD COLUMN credit_minor INTEGER CHECK (credit_minor >= 0);

CREATE TABLE order_cancellations (
    order_id BLOB NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    lines TEXT NOT NULL CHECK (json_valid(lines)),
    reason TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (length(currency) = 3),
    worth_minor INTEGER NOT NULL CHECK (worth_minor >= 0),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, position)
) STRICT, WITHOUT ROWID;
