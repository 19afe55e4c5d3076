-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

ALTER TABLE erasures ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX erasures_unsealed ON erasures (user_id) WHERE seal IS NULL;

ALTER TABLE sessions ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX sessions_unsealed ON sessions (id) WHERE seal IS NULL;

ALTER TABLE refresh_tokens ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX refresh_tokens_unsealed ON refresh_tokens (hash) WHERE seal IS NULL;

ALTER TABLE outbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX outbox_unsealed ON outbox (position) WHERE seal IS NULL;

ALTER TABLE inbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX inbox_unsealed ON inbox (consumer) WHERE seal IS NULL;

ALTER TABLE dead_letters ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX dead_letters_unsealed ON dead_letters (place) WHERE seal IS NULL;

ALTER TABLE idempotency_keys ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX idempotency_keys_unsealed ON idempotency_keys (scope) WHERE seal IS NULL;
