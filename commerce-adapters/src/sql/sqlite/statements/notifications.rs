//! Notifications.

use crate::sql::Old;
use crate::sql::sqlite::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "notifications",
    [
        (1, "notifications"),
        (2, "messages"),
        (3, "writers"),
        (4, "trace"),
        (5, "webhooks"),
        (6, "seals"),
        (7, "sealed_rows"),
        (8, "checks")
    ]
);

pub(crate) const BY_ID: &str =
    "SELECT id, event_id, template, recipient, version, error IS NOT NULL AS has_error FROM notification_logs
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const BY_EVENT: &str =
    "SELECT id, event_id, template, recipient, version, error IS NOT NULL AS has_error FROM notification_logs
    WHERE event_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const NEW: &str = "INSERT OR FAIL INTO notification_logs (id, event_id, kind, template, recipient, address,
        data, status, tries, due_at, error, created_at, sent_at, maybe_twice, version, traceparent, held_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, value ->> 16, unhex(value ->> 17)
    FROM jsonb_each(?)";

pub(crate) const CHANGED: &str = "UPDATE OR FAIL notification_logs SET address = value ->> 1, status = value ->> 2,
        tries = value ->> 3, due_at = value ->> 4, error = value ->> 5, sent_at = value ->> 6, maybe_twice = value ->> 7,
        version = value ->> 8, held_at = value ->> 9, seal = unhex(value ->> 10), data = value ->> 11
    FROM jsonb_each(?) WHERE notification_logs.id = unhex(value ->> 0)";

/// Of those that have no error and had none, and are not forgotten.
pub(crate) const CHANGED_WELL: &str = "UPDATE OR FAIL notification_logs SET address = value ->> 1, status = value ->> 2,
        tries = value ->> 3, due_at = value ->> 4, sent_at = value ->> 6, maybe_twice = value ->> 7, version = value ->> 8,
        held_at = value ->> 9, seal = unhex(value ->> 10)
    FROM jsonb_each(?) WHERE notification_logs.id = unhex(value ->> 0)";

pub(crate) const DUE: &str = "SELECT * FROM notification_logs INDEXED BY notification_logs_due
    WHERE due_at IS NOT NULL AND due_at <= ? AND status IN ('PENDING', 'SENDING')
    ORDER BY due_at, id LIMIT ?";

pub(crate) const ENDPOINTS_BY_ID: &str =
    "SELECT id, version FROM webhook_endpoints WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const ENDPOINTS_NEW: &str = "INSERT OR FAIL INTO webhook_endpoints (id, url, events, secret, former_secret,
        former_until, status, reason, failing_since, created_at, updated_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7,
        value ->> 8, value ->> 9, value ->> 10, value ->> 11, unhex(value ->> 12)
    FROM jsonb_each(?)";

pub(crate) const ENDPOINTS_CHANGED: &str = "UPDATE OR FAIL webhook_endpoints SET url = value ->> 1, events = value ->> 2,
        secret = value ->> 3, former_secret = value ->> 4, former_until = value ->> 5, status = value ->> 6,
        reason = value ->> 7, failing_since = value ->> 8, updated_at = value ->> 10, version = value ->> 11,
        seal = unhex(value ->> 12)
    FROM jsonb_each(?) WHERE webhook_endpoints.id = unhex(value ->> 0)";

pub(crate) const DELIVERIES_BY_ID: &str = "SELECT id, endpoint_id, event_id, version FROM webhook_deliveries
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const DELIVERIES_BY_EVENT: &str = "SELECT id, endpoint_id, event_id, version FROM webhook_deliveries
    WHERE event_id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const DELIVERIES_NEW: &str = "INSERT OR FAIL INTO webhook_deliveries (id, endpoint_id, event_id, kind,
        occurred_at, data, status, tries, due_at, held_at, answered, error, created_at, delivered_at, traceparent, version, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), unhex(value ->> 2), value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
        value ->> 15, unhex(value ->> 16)
    FROM jsonb_each(?)";

pub(crate) const DELIVERIES_CHANGED: &str = "UPDATE OR FAIL webhook_deliveries SET status = value ->> 1, tries = value ->> 2,
        due_at = value ->> 3, held_at = value ->> 4, answered = value ->> 5, error = value ->> 6, delivered_at = value ->> 7,
        version = value ->> 8, seal = unhex(value ->> 9)
    FROM jsonb_each(?) WHERE webhook_deliveries.id = unhex(value ->> 0)";

/// Mails and webhook deliveries that are through, whose ids say when they were recorded; and removed endpoints
/// when the last of theirs are gone.
pub(crate) const OLD: &[Old] = &[
    (
        "DELETE FROM notification_logs WHERE id IN (SELECT id FROM notification_logs
            WHERE id < unhex(printf('%012x00000000000000000000', ?1 / 1000)) AND status NOT IN ('PENDING', 'SENDING')
            ORDER BY id LIMIT ?2)",
        |keep| keep.messages,
    ),
    (
        "DELETE FROM webhook_deliveries WHERE id IN (SELECT id FROM webhook_deliveries
            WHERE id < unhex(printf('%012x00000000000000000000', ?1 / 1000)) AND status <> 'PENDING' ORDER BY id LIMIT ?2)",
        |keep| keep.deliveries,
    ),
    (
        "DELETE FROM webhook_endpoints WHERE id IN (SELECT id FROM webhook_endpoints AS it
            WHERE updated_at < ?1 AND status = 'REMOVED'
            AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE endpoint_id = it.id) LIMIT ?2)",
        |keep| keep.deliveries,
    ),
];
