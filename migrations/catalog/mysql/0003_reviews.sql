-- What customers say about products, once each, and what they wish for. Each statement is a step of its
-- own and can be executed again.

CREATE TABLE IF NOT EXISTS reviews (
    id BINARY(16) NOT NULL,
    product_id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    rating BIGINT NOT NULL CHECK (rating BETWEEN 1 AND 5),
    title VARCHAR(255),
    body LONGTEXT NOT NULL,
    verified_purchase TINYINT NOT NULL CHECK (verified_purchase IN (0, 1)),
    status VARCHAR(16) NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED')),
    reason VARCHAR(255),
    created_at BIGINT NOT NULL,
    moderated_at BIGINT,
    moderated_by BINARY(16),
    version BIGINT NOT NULL CHECK (version >= 1),
    PRIMARY KEY (id),
    UNIQUE KEY once (user_id, product_id),
    KEY of_product (product_id, status, id),
    KEY of_status (status, id),
    FOREIGN KEY (product_id) REFERENCES products (id),
    CHECK ((status = 'PENDING') = (moderated_at IS NULL))
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS wishlists (
    id BINARY(16) NOT NULL,
    user_id BINARY(16) NOT NULL,
    product_id BINARY(16) NOT NULL,
    added_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY once (user_id, product_id),
    KEY of_user (user_id, id),
    KEY of_product (product_id),
    FOREIGN KEY (product_id) REFERENCES products (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
