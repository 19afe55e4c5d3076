//! Users, addresses, sessions, refresh tokens.

use commerce_core::limits;

use crate::sql::Old;
use crate::sql::sqlite::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "users",
    [
        (1, "users"),
        (2, "messages"),
        (3, "writers"),
        (4, "audit"),
        (5, "sessions"),
        (6, "staff_log"),
        (7, "guests"),
        (8, "staff_log_of_all"),
        (9, "erasures"),
        (10, "seals", "00"),
        (11, "sealed_rows", "00"),
        (12, "checks", "00"),
    ]
);

pub(crate) const USERS_BY_ID: &str = "SELECT id, email, version FROM users
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const USERS_OF: &str = "SELECT * FROM users WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const USERS_BY_EMAIL: &str = "SELECT id, email, version FROM users
    WHERE email IN (SELECT value FROM json_each(?))";

pub(crate) const KNOWN_ADDRESSES: &str = "SELECT id FROM addresses
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const KNOWN_SESSIONS: &str = "SELECT id, user_id, created_at, last_used_at, revoked_at FROM sessions
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const KNOWN_TOKENS: &str = "SELECT hash, session_id, created_at, rotated_at, user_id FROM refresh_tokens
    WHERE hash IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const USERS: &str = "INSERT INTO users
        (id, email, full_name, phone, role, seller_id, password_hash, metadata, created_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, unhex(value ->> 10)
    FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET email = excluded.email, full_name = excluded.full_name, phone = excluded.phone,
        role = excluded.role, seller_id = excluded.seller_id, password_hash = excluded.password_hash,
        metadata = excluded.metadata, created_at = excluded.created_at, version = excluded.version, seal = excluded.seal";

pub(crate) const GUESTS_BY_ID: &str = "SELECT id, email, version FROM guests
    WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const GUESTS_OF: &str = "SELECT * FROM guests WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const GUESTS_BY_EMAIL: &str = "SELECT id, email, version FROM guests
    WHERE email IN (SELECT value FROM json_each(?))";

pub(crate) const GUESTS: &str = "INSERT INTO guests (id, email, created_at, version, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4) FROM jsonb_each(?) WHERE true
    ON CONFLICT (id) DO UPDATE SET email = excluded.email, created_at = excluded.created_at, version = excluded.version,
        seal = excluded.seal";

pub(crate) const ERASURES: &str = "INSERT INTO erasures (user_id, erased_at, due_at, seal)
    SELECT unhex(value ->> 0), value ->> 1, value ->> 2, unhex(value ->> 3) FROM jsonb_each(?) WHERE true
    ON CONFLICT (user_id) DO UPDATE SET erased_at = excluded.erased_at, due_at = excluded.due_at, seal = excluded.seal";

pub(crate) const STAFF_HEAD: &str = "SELECT position, hash FROM staff_log ORDER BY position DESC LIMIT 1";

pub(crate) const STAFF_LOG: &str = "INSERT INTO staff_log
        (position, happened_at, actor_id, action, subject_id, detail, previous, hash, subject_kind, event_id)
    SELECT value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3, unhex(value ->> 4), value ->> 5, unhex(value ->> 6),
        unhex(value ->> 7), value ->> 8, unhex(value ->> 9)
    FROM jsonb_each(?)";

pub(crate) const ADDRESSES_GONE: &str = "DELETE FROM addresses WHERE id IN (SELECT unhex(value) FROM json_each(?))";

pub(crate) const ADDRESSES: &str = "INSERT INTO addresses (id, user_id, full_name, line1, line2, city, state,
        postal_code, country, phone, is_default, created_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
        value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, unhex(value ->> 12)
    FROM jsonb_each(?) ORDER BY key
    ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, full_name = excluded.full_name,
        line1 = excluded.line1, line2 = excluded.line2, city = excluded.city, state = excluded.state,
        postal_code = excluded.postal_code, country = excluded.country, phone = excluded.phone,
        is_default = excluded.is_default, created_at = excluded.created_at, seal = excluded.seal";

pub(crate) const SESSIONS_MADE: &str = "INSERT INTO sessions (id, user_id, created_at, last_used_at, revoked_at, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5)
    FROM jsonb_each(?)";

pub(crate) const SESSIONS_CHANGED: &str = "UPDATE sessions
    SET last_used_at = new.last_used_at, revoked_at = new.revoked_at, seal = new.seal
    FROM (SELECT unhex(value ->> 0) AS id, value ->> 3 AS last_used_at, value ->> 4 AS revoked_at, unhex(value ->> 5) AS seal
        FROM jsonb_each(?)) AS new
    WHERE sessions.id = new.id";

pub(crate) const TOKENS_MADE: &str = "INSERT INTO refresh_tokens (hash, session_id, created_at, rotated_at, user_id, seal)
    SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, unhex(value ->> 4), unhex(value ->> 5)
    FROM jsonb_each(?)";

pub(crate) const TOKENS_CHANGED: &str = "UPDATE refresh_tokens SET rotated_at = new.rotated_at, seal = new.seal
    FROM (SELECT unhex(value ->> 0) AS hash, value ->> 3 AS rotated_at, unhex(value ->> 5) AS seal FROM jsonb_each(?)) AS new
    WHERE refresh_tokens.hash = new.hash";

/// Refresh tokens and sessions past their longest life.
pub(crate) const OLD: &[Old] = &[
    (
        "DELETE FROM refresh_tokens WHERE hash IN
            (SELECT hash FROM refresh_tokens WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
        |_| limits::SESSION_MAX,
    ),
    (
        "DELETE FROM sessions WHERE id IN
            (SELECT id FROM sessions WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
        |_| limits::SESSION_MAX,
    ),
];
