//! Keys, inbox entries, events.

pub(crate) const USED_KEYS: &str = "SELECT scope, body_hash, outcome, result_id, generation, used_at
    FROM idempotency_keys WHERE scope IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const HANDLED: &str = "SELECT consumer, event_id, handled_at FROM inbox WHERE (consumer, event_id) IN
    (SELECT value ->> 0, unhex(value ->> 1) FROM jsonb_each(?))";

pub(crate) const KEYS: &str = "INSERT INTO idempotency_keys
        (scope, route, body_hash, outcome, result_id, generation, used_at, seal)
    SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6,
        unhex(value ->> 7)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (scope) DO UPDATE SET route = excluded.route, body_hash = excluded.body_hash,
        outcome = excluded.outcome, result_id = excluded.result_id, generation = excluded.generation,
        used_at = excluded.used_at, seal = excluded.seal";

pub(crate) const INBOX: &str = "INSERT OR FAIL INTO inbox (consumer, event_id, handled_at, seal)
    SELECT value ->> 0, unhex(value ->> 1), value ->> 2, unhex(value ->> 3) FROM jsonb_each(?)";

pub(crate) const OUTBOX: &str = "INSERT OR FAIL INTO outbox
        (id, topic, type, schema, aggregate_id, version, occurred_at, traceparent, data, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, unhex(value ->> 9)
    FROM jsonb_each(?) ORDER BY key";
