//! Keys, inbox entries, events, the mark of a batch.

use super::Put;
use crate::sql::mysql::insert::Insert;

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

pub(crate) const INBOX: Insert = insert!("inbox", 0 consumer: text, 1 event_id: id, 2 handled_at: int, 3 seal: hash);

/// The events' positions follow the order in which they were said.
pub(crate) const OUTBOX: Insert = insert!(
    "outbox", 0 id: id, 1 topic: text, 2 type: text, 3 schema: int, 4 aggregate_id: id, 5 version: int, 6 occurred_at: int,
    7 traceparent: text, 8 data: text, 9 seal: hash
);

/// A writer has its own row.
pub(crate) const MARK: &str = "INSERT INTO writers (id, batch, committed_at) VALUES (?, ?, ?)
    ON DUPLICATE KEY UPDATE batch = VALUES(batch), committed_at = VALUES(committed_at)";
