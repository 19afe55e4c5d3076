-- Seals of rows that are written whole, which an audit compares. Rows from before are sealed when the database is opened.

ALTER TABLE webhook_endpoints ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX webhook_endpoints_unsealed ON webhook_endpoints (id) WHERE seal IS NULL;
