//! Users, addresses, sessions, refresh tokens.

use commerce_core::limits;

use super::Put;
use crate::sql::Old;
use crate::sql::mysql::insert::Insert;
use crate::sql::mysql::migrate::{Migration, migrations};

pub(crate) const MIGRATIONS: &[Migration] = migrations!(
    "users",
    [
        (1, "users"),
        (2, "messages"),
        (3, "staff_log"),
        (4, "guests"),
        (5, "staff_log_of_all"),
        (6, "erasures"),
        (7, "seals"),
        (8, "sealed_rows"),
        (9, "checks")
    ]
);

pub(crate) const USERS_BY_ID: &str = locked!("t.id, t.email, t.version", "users", id: id);

pub(crate) const USERS_OF: &str = found!("t.*", "users", id: id);

pub(crate) const USERS_BY_EMAIL: &str = found!("t.id, t.email, t.version", "users", email: text);

pub(crate) const KNOWN_ADDRESSES: &str = locked!("t.id", "addresses", id: id);

pub(crate) const KNOWN_SESSIONS: &str =
    locked!("t.id, t.user_id, t.created_at, t.last_used_at, t.revoked_at", "sessions", id: id);

pub(crate) const KNOWN_TOKENS: &str =
    locked!("t.hash, t.session_id, t.created_at, t.rotated_at, t.user_id", "refresh_tokens", hash: hash);

pub(crate) const USERS: Put = put!(
    "users", 0 id: id; 1 email: text, 2 full_name: text, 3 phone: text, 4 role: text, 5 seller_id: id,
    6 password_hash: text, 7 metadata: text, 8 created_at: int, 9 version: int, 10 seal: hash
);

pub(crate) const GUESTS_BY_ID: &str = locked!("t.id, t.email, t.version", "guests", id: id);

pub(crate) const GUESTS_OF: &str = found!("t.*", "guests", id: id);

pub(crate) const GUESTS_BY_EMAIL: &str = found!("t.id, t.email, t.version", "guests", email: text);

pub(crate) const GUESTS: Put = put!("guests", 0 id: id; 1 email: text, 2 created_at: int, 3 version: int, 4 seal: hash);

pub(crate) const ERASURES: Insert = upsert!("erasures", 0 user_id: id; 1 erased_at: int, 2 due_at: int, 3 seal: hash);

pub(crate) const STAFF_HEAD: &str = "SELECT position, hash FROM staff_log ORDER BY position DESC LIMIT 1 FOR UPDATE";

pub(crate) const STAFF_LOG: Insert = insert!(
    "staff_log", 0 position: int, 1 happened_at: int, 2 actor_id: id, 3 action: text, 4 subject_id: id, 5 detail: text,
    6 previous: hash, 7 hash: hash, 8 subject_kind: text, 9 event_id: id
);

pub(crate) const ADDRESSES_GONE: &str = delete!("addresses", id: id);

pub(crate) const ADDRESSES: Put = put!(
    "addresses", 0 id: id; 1 user_id: id, 2 full_name: text, 3 line1: text, 4 line2: text, 5 city: text, 6 state: text,
    7 postal_code: text, 8 country: text, 9 phone: text, 10 is_default: int, 11 created_at: int, 12 seal: hash
);

pub(crate) const SESSIONS_MADE: Insert =
    insert!("sessions", 0 id: id, 1 user_id: id, 2 created_at: int, 3 last_used_at: int, 4 revoked_at: int, 5 seal: hash);

pub(crate) const SESSIONS_CHANGED: &str = update!("sessions", 0 id: id; 3 last_used_at: int, 4 revoked_at: int, 5 seal: hash);

pub(crate) const TOKENS_MADE: Insert =
    insert!("refresh_tokens", 0 hash: hash, 1 session_id: id, 2 created_at: int, 3 rotated_at: int, 4 user_id: id, 5 seal: hash);

pub(crate) const TOKENS_CHANGED: &str = update!("refresh_tokens", 0 hash: hash; 3 rotated_at: int, 5 seal: hash);

/// Refresh tokens and sessions past their longest life.
pub(crate) const OLD: &[Old] = &[
    ("DELETE FROM refresh_tokens WHERE created_at < ? ORDER BY created_at LIMIT ?", |_| limits::SESSION_MAX),
    ("DELETE FROM sessions WHERE created_at < ? ORDER BY created_at LIMIT ?", |_| limits::SESSION_MAX),
];
