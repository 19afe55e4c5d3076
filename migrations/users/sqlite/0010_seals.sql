-- What an audit compares: whose a refresh token is, and seals of rows that are written whole. Rows from before are sealed when the
-- database is opened.

ALTER TABLE refresh_tokens ADD COLUMN user_id BLOB CHECK (length(user_id) = 16);
UPDATE refresh_tokens SET user_id = (SELECT user_id FROM sessions WHERE sessions.id = refresh_tokens.session_id);

ALTER TABLE users ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX users_unsealed ON users (id) WHERE seal IS NULL;

ALTER TABLE addresses ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX addresses_unsealed ON addresses (id) WHERE seal IS NULL;

ALTER TABLE guests ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX guests_unsealed ON guests (id) WHERE seal IS NULL;
