//! Keys, inbox entries, events, the mark of a batch.

use super::Put;

pub(crate) const USED_KEYS: &str =
    locked!("t.scope, t.body_hash, t.outcome, t.result_id, t.generation, t.used_at", "idempotency_keys", scope: hash);

pub(crate) const HANDLED: &str = concat!(
    "SELECT t.consumer, t.event_id, t.handled_at FROM ",
    rows!(0 consumer: text, 1 event_id: id),
    " STRAIGHT_JOIN inbox AS t ON t.consumer = it.consumer AND t.event_id = UNHEX(it.event_id)"
);

pub(crate) const KEYS: Put = put!(
    "idempotency_keys", 0 scope: hash; 1 route: word, 2 body_hash: hash, 3 outcome: word, 4 result_id: id,
    5 generation: int, 6 used_at: int, 7 seal: hash
);

pub(crate) const INBOX: &str = insert!("inbox", 0 consumer: text, 1 event_id: id, 2 handled_at: int, 3 seal: hash);

/// The events' positions follow the order in which they were said.
pub(crate) const OUTBOX: &str = "INSERT INTO outbox
        (id, topic, type, `schema`, aggregate_id, version, occurred_at, traceparent, data, seal)
    SELECT UNHEX(it.id), it.topic, it.type, it.kind, UNHEX(it.aggregate_id), it.version, it.occurred_at, it.traceparent, it.data,
        UNHEX(it.seal)
    FROM JSON_TABLE(?, '$[*]' COLUMNS (place FOR ORDINALITY, id CHAR(32) PATH '$[0]', topic LONGTEXT PATH '$[1]',
        type LONGTEXT PATH '$[2]', kind BIGINT PATH '$[3]', aggregate_id CHAR(32) PATH '$[4]', version BIGINT PATH '$[5]',
        occurred_at BIGINT PATH '$[6]', traceparent LONGTEXT PATH '$[7]', data LONGTEXT PATH '$[8]',
        seal CHAR(64) PATH '$[9]')) AS it
    ORDER BY it.place";

/// A writer has its own row.
pub(crate) const MARK: &str = "INSERT INTO writers (id, batch, committed_at) VALUES (?, ?, ?)
    ON DUPLICATE KEY UPDATE batch = VALUES(batch), committed_at = VALUES(committed_at)";
