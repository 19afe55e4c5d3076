-- Seals of what is written whole, or never again. Rows from before are sealed when the database is opened.

ALTER TABLE orders ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX orders_unsealed ON orders (id) WHERE seal IS NULL;

ALTER TABLE order_items ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX order_items_unsealed ON order_items (order_id) WHERE seal IS NULL;

ALTER TABLE order_status_history ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX order_status_history_unsealed ON order_status_history (order_id) WHERE seal IS NULL;

ALTER TABLE payments ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX payments_unsealed ON payments (order_id) WHERE seal IS NULL;

ALTER TABLE payment_attempts ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX payment_attempts_unsealed ON payment_attempts (order_id) WHERE seal IS NULL;

ALTER TABLE refunds ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX refunds_unsealed ON refunds (order_id) WHERE seal IS NULL;

ALTER TABLE order_cancellations ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX order_cancellations_unsealed ON order_cancellations (order_id) WHERE seal IS NULL;

ALTER TABLE shipments ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX shipments_unsealed ON shipments (order_id) WHERE seal IS NULL;

ALTER TABLE returns_refunds ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX returns_refunds_unsealed ON returns_refunds (order_id) WHERE seal IS NULL;

ALTER TABLE provider_events ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX provider_events_unsealed ON provider_events (provider) WHERE seal IS NULL;

ALTER TABLE carts ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX carts_unsealed ON carts (owner_id) WHERE seal IS NULL;

ALTER TABLE cart_claims ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX cart_claims_unsealed ON cart_claims (claim) WHERE seal IS NULL;

ALTER TABLE coupon_redemptions ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX coupon_redemptions_unsealed ON coupon_redemptions (order_id) WHERE seal IS NULL;

ALTER TABLE wallets ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX wallets_unsealed ON wallets (user_id) WHERE seal IS NULL;

ALTER TABLE wallet_entries ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX wallet_entries_unsealed ON wallet_entries (id) WHERE seal IS NULL;

ALTER TABLE wallet_top_ups ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX wallet_top_ups_unsealed ON wallet_top_ups (id) WHERE seal IS NULL;

ALTER TABLE outbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX outbox_unsealed ON outbox (position) WHERE seal IS NULL;

ALTER TABLE inbox ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX inbox_unsealed ON inbox (consumer) WHERE seal IS NULL;

ALTER TABLE dead_letters ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX dead_letters_unsealed ON dead_letters (place) WHERE seal IS NULL;

ALTER TABLE idempotency_keys ADD COLUMN seal BLOB CHECK (length(seal) = 32);
CREATE INDEX idempotency_keys_unsealed ON idempotency_keys (scope) WHERE seal IS NULL;
