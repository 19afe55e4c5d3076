-- What is written without its row being read is written twice, so that an audit sees when one of the two was altered: when
-- an event was published, with its place. Leases are sealed, those from before when the database is opened.

ALTER TABLE outbox ADD COLUMN published_check INTEGER;
UPDATE outbox SET published_check = published_at + position WHERE published_at IS NOT NULL;

ALTER TABLE leases ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX leases_unsealed ON leases (name) WHERE seal IS NULL;
