-- The client's own notes on a variant.
ALTER TABLE product_variants ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metadata));
