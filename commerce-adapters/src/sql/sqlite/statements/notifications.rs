//! Notifications.

use crate::sql::sqlite::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] =
    migrations!("notifications", [(1, "notifications"), (2, "messages"), (3, "writers"), (4, "trace")]);

pub(crate) const BY_ID: &str = "SELECT id, event_id, template, recipient, version FROM notification_logs
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const BY_EVENT: &str = "SELECT id, event_id, template, recipient, version FROM notification_logs
    WHERE event_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const NEW: &str = "INSERT OR FAIL INTO notification_logs (id, event_id, kind, template, recipient, address,
        data, status, tries, due_at, error, created_at, sent_at, maybe_twice, version, traceparent)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15
    FROM jsonb_each(?)";

pub(crate) const CHANGED: &str = "UPDATE OR FAIL notification_logs SET address = value ->> 1, status = value ->> 2,
        tries = value ->> 3, due_at = value ->> 4, error = value ->> 5, sent_at = value ->> 6, maybe_twice = value ->> 7,
        version = value ->> 8
    FROM jsonb_each(?) WHERE notification_logs.id = unhex(value ->> 0)";

pub(crate) const DUE: &str = "SELECT * FROM notification_logs INDEXED BY notification_logs_due
    WHERE due_at IS NOT NULL AND due_at <= ? AND status IN ('PENDING', 'SENDING')
    ORDER BY due_at, id LIMIT ?";
