-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

ALTER TABLE notification_logs ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX notification_logs_unsealed ON notification_logs (id) WHERE seal IS NULL;

ALTER TABLE webhook_deliveries ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX webhook_deliveries_unsealed ON webhook_deliveries (id) WHERE seal IS NULL;

ALTER TABLE outbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX outbox_unsealed ON outbox (position) WHERE seal IS NULL;

ALTER TABLE inbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX inbox_unsealed ON inbox (consumer) WHERE seal IS NULL;

ALTER TABLE dead_letters ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX dead_letters_unsealed ON dead_letters (place) WHERE seal IS NULL;

ALTER TABLE idempotency_keys ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX idempotency_keys_unsealed ON idempotency_keys (scope) WHERE seal IS NULL;
