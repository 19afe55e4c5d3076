-- A cart is ordered once from its beginning until what was ordered has left it, and a claim names its
-- order. Claims of exact states, as they were before, are asked for by nobody any more.
ALTER TABLE carts ADD COLUMN begun_at INTEGER NOT NULL DEFAULT 0;

DELETE FROM cart_claims;
ALTER TABLE cart_claims ADD COLUMN order_id BLOB NOT NULL DEFAULT x'00000000000000000000000000000000'
    CHECK (length(order_id) = 16);
