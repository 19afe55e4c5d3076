-- What an audit looks up: what was said about a thing, and which key made it. Ids grow, so that new
-- entries go to the end of these indexes.

CREATE INDEX outbox_aggregate ON outbox (aggregate_id);
CREATE INDEX idempotency_keys_result ON idempotency_keys (result_id) WHERE result_id IS NOT NULL;
