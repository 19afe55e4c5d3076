-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

ALTER TABLE category_tree ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX category_tree_unsealed ON category_tree (only) WHERE seal IS NULL;

ALTER TABLE stock_ledger ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX stock_ledger_unsealed ON stock_ledger (sku) WHERE seal IS NULL;

ALTER TABLE outbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX outbox_unsealed ON outbox (position) WHERE seal IS NULL;

ALTER TABLE inbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX inbox_unsealed ON inbox (consumer) WHERE seal IS NULL;

ALTER TABLE dead_letters ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX dead_letters_unsealed ON dead_letters (place) WHERE seal IS NULL;

ALTER TABLE idempotency_keys ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX idempotency_keys_unsealed ON idempotency_keys (scope) WHERE seal IS NULL;

-- The seal of a shelf is of all that it says.
UPDATE inventory SET seal = NULL;
