//! Notifications.

use crate::sql::mysql::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!("notifications", [(1, "notifications"), (2, "messages")]);

pub(crate) const BY_ID: &str = locked!("t.id, t.event_id, t.template, t.recipient, t.version", "notification_logs", id: id);

pub(crate) const BY_EVENT: &str =
    found!("t.id, t.event_id, t.template, t.recipient, t.version", "notification_logs", event_id: id);

pub(crate) const NEW: &str = insert!(
    "notification_logs", 0 id: id, 1 event_id: id, 2 kind: text, 3 template: text, 4 recipient: text, 5 address: text,
    6 data: text, 7 status: text, 8 tries: int, 9 due_at: int, 10 error: text, 11 created_at: int, 12 sent_at: int,
    13 maybe_twice: int, 14 version: int, 15 traceparent: text
);

pub(crate) const CHANGED: &str = update!(
    "notification_logs", 0 id: id; 1 address: text, 2 status: text, 3 tries: int, 4 due_at: int, 5 error: text,
    6 sent_at: int, 7 maybe_twice: int, 8 version: int
);

pub(crate) const DUE: &str = "SELECT * FROM notification_logs WHERE waits_until <= ? ORDER BY waits_until, id LIMIT ?";
