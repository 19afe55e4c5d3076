-- What is written without its row being read is written twice, so that an audit sees when one of the two was altered: when
-- an event was published, with its place; when a product changed; until when something is held.
-- Leases are sealed, those from before when the database is opened.

ALTER TABLE outbox ADD COLUMN published_check INTEGER;
UPDATE outbox SET published_check = published_at + position WHERE published_at IS NOT NULL;

ALTER TABLE products ADD COLUMN changed_check INTEGER;
UPDATE products SET changed_check = changed_at;

ALTER TABLE reservations ADD COLUMN expires_check INTEGER;
UPDATE reservations SET expires_check = expires_at;

ALTER TABLE leases ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX leases_unsealed ON leases (name) WHERE seal IS NULL;
