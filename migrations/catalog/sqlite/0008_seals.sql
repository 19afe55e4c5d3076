-- Seals of rows that are written whole, which an audit compares. Rows from before are sealed when the database is opened.

ALTER TABLE sellers ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX sellers_unsealed ON sellers (id) WHERE seal IS NULL;

ALTER TABLE categories ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX categories_unsealed ON categories (id) WHERE seal IS NULL;

ALTER TABLE products ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX products_unsealed ON products (id) WHERE seal IS NULL;

ALTER TABLE product_variants ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX product_variants_unsealed ON product_variants (sku) WHERE seal IS NULL;

ALTER TABLE product_images ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX product_images_unsealed ON product_images (id) WHERE seal IS NULL;

ALTER TABLE reviews ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX reviews_unsealed ON reviews (id) WHERE seal IS NULL;

ALTER TABLE wishlists ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX wishlists_unsealed ON wishlists (id) WHERE seal IS NULL;

ALTER TABLE inventory ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX inventory_unsealed ON inventory (sku) WHERE seal IS NULL;
