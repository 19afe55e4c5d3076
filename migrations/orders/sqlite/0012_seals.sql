-- Seals of rows that are written whole, which an audit compares. Rows from before are sealed when the database is opened.

ALTER TABLE coupons ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX coupons_unsealed ON coupons (id) WHERE seal IS NULL;
