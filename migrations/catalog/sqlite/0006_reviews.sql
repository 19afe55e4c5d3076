-- What customers say about products, once each, and what they wish for.

CREATE TABLE reviews (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    product_id BLOB NOT NULL REFERENCES products (id),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    rating INTEGER NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title TEXT,
    body TEXT NOT NULL,
    verified_purchase INTEGER NOT NULL CHECK (verified_purchase IN (0, 1)),
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED')),
    reason TEXT,
    created_at INTEGER NOT NULL,
    moderated_at INTEGER,
    moderated_by BLOB CHECK (length(moderated_by) = 16),
    version INTEGER NOT NULL CHECK (version >= 1),
    UNIQUE (user_id, product_id),
    CHECK ((status = 'PENDING') = (moderated_at IS NULL))
) STRICT;
CREATE INDEX reviews_product ON reviews (product_id, status, id);
CREATE INDEX reviews_status ON reviews (status, id);

CREATE TABLE wishlists (
    id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
    user_id BLOB NOT NULL CHECK (length(user_id) = 16),
    product_id BLOB NOT NULL REFERENCES products (id),
    added_at INTEGER NOT NULL,
    UNIQUE (user_id, product_id)
) STRICT;
CREATE INDEX wishlists_user ON wishlists (user_id, id);
CREATE INDEX wishlists_product ON wishlists (product_id);
