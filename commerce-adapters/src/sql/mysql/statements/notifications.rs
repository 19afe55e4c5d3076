//! Notifications.

use crate::sql::Old;
use crate::sql::mysql::insert::Insert;
use crate::sql::mysql::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "notifications",
    [(1, "notifications"), (2, "messages"), (3, "webhooks"), (4, "seals"), (5, "sealed_rows"), (6, "checks")]
);

pub(crate) const BY_ID: &str = locked!(
    "t.id, t.event_id, t.template, t.recipient, t.version, t.error IS NOT NULL AS has_error", "notification_logs", id: id
);

pub(crate) const BY_EVENT: &str = found!(
    "t.id, t.event_id, t.template, t.recipient, t.version, t.error IS NOT NULL AS has_error", "notification_logs",
    event_id: id
);

pub(crate) const NEW: Insert = insert!(
    "notification_logs", 0 id: id, 1 event_id: id, 2 kind: text, 3 template: text, 4 recipient: text, 5 address: text,
    6 data: text, 7 status: text, 8 tries: int, 9 due_at: int, 10 error: text, 11 created_at: int, 12 sent_at: int,
    13 maybe_twice: int, 14 version: int, 15 traceparent: text, 16 held_at: int, 17 seal: hash
);

pub(crate) const CHANGED: &str = update!(
    "notification_logs", 0 id: id; 1 address: word, 2 status: word, 3 tries: int, 4 due_at: int, 5 error: text,
    6 sent_at: int, 7 maybe_twice: int, 8 version: int, 9 held_at: int, 10 seal: hash, 11 data: text
);

/// Of those that have no error and had none, and are not forgotten, which are nearly all. Where an UPDATE sets a LONGTEXT, whatever to, the server
/// keeps the rows in a table on its disk meanwhile.
pub(crate) const CHANGED_WELL: &str = update!(
    "notification_logs", 0 id: id; 1 address: word, 2 status: word, 3 tries: int, 4 due_at: int, 6 sent_at: int,
    7 maybe_twice: int, 8 version: int, 9 held_at: int, 10 seal: hash
);

pub(crate) const DUE: &str = "SELECT * FROM notification_logs WHERE waits_until <= ? ORDER BY waits_until, id LIMIT ?";

pub(crate) const ENDPOINTS_BY_ID: &str = locked!("t.id, t.version", "webhook_endpoints", id: id);

pub(crate) const ENDPOINTS_NEW: Insert = insert!(
    "webhook_endpoints", 0 id: id, 1 url: text, 2 events: text, 3 secret: text, 4 former_secret: text, 5 former_until: int,
    6 status: text, 7 reason: text, 8 failing_since: int, 9 created_at: int, 10 updated_at: int, 11 version: int,
    12 seal: hash
);

pub(crate) const ENDPOINTS_CHANGED: &str = update!(
    "webhook_endpoints", 0 id: id; 1 url: text, 2 events: text, 3 secret: text, 4 former_secret: text, 5 former_until: int,
    6 status: text, 7 reason: text, 8 failing_since: int, 10 updated_at: int, 11 version: int, 12 seal: hash
);

pub(crate) const DELIVERIES_BY_ID: &str = locked!("t.id, t.endpoint_id, t.event_id, t.version", "webhook_deliveries", id: id);

pub(crate) const DELIVERIES_BY_EVENT: &str =
    found!("t.id, t.endpoint_id, t.event_id, t.version", "webhook_deliveries", event_id: id);

pub(crate) const DELIVERIES_NEW: Insert = insert!(
    "webhook_deliveries", 0 id: id, 1 endpoint_id: id, 2 event_id: id, 3 kind: text, 4 occurred_at: int, 5 data: text,
    6 status: text, 7 tries: int, 8 due_at: int, 9 held_at: int, 10 answered: int, 11 error: text, 12 created_at: int,
    13 delivered_at: int, 14 traceparent: text, 15 version: int, 16 seal: hash
);

pub(crate) const DELIVERIES_CHANGED: &str = update!(
    "webhook_deliveries", 0 id: id; 1 status: text, 2 tries: int, 3 due_at: int, 4 held_at: int, 5 answered: int,
    6 error: text, 7 delivered_at: int, 8 version: int, 9 seal: hash
);

/// Mails and webhook deliveries that are through, whose ids say when they were recorded; and removed endpoints
/// when the last of theirs are gone.
pub(crate) const OLD: &[Old] = &[
    (
        "DELETE FROM notification_logs WHERE id < UNHEX(CONCAT(LPAD(HEX(? DIV 1000), 12, '0'), REPEAT('0', 20)))
            AND status NOT IN ('PENDING', 'SENDING') ORDER BY id LIMIT ?",
        |keep| keep.messages,
    ),
    (
        "DELETE FROM webhook_deliveries WHERE id < UNHEX(CONCAT(LPAD(HEX(? DIV 1000), 12, '0'), REPEAT('0', 20)))
            AND status <> 'PENDING' ORDER BY id LIMIT ?",
        |keep| keep.deliveries,
    ),
    (
        "DELETE FROM webhook_endpoints WHERE updated_at < ? AND status = 'REMOVED'
            AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = webhook_endpoints.id) LIMIT ?",
        |keep| keep.deliveries,
    ),
];
