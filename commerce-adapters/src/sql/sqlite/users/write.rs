//! Writes what was accepted of a batch of changes to users: a statement for each table touched.

use commerce_core::users::{Address, User};

use crate::sql::bulk::{Bulk, RowText};
use crate::sql::judge::UserJudge;
use crate::sql::sqlite::script::Script;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &UserJudge<'_>) {
    write_users(script, judge);
    write_addresses(script, judge);
    write_sessions(script, judge);
    write_tokens(script, judge);
}

fn write_users(script: &mut Script, judge: &UserJudge<'_>) {
    const SQL: &str = "INSERT INTO users
            (id, email, full_name, phone, role, seller_id, password_hash, metadata, created_at, version)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, unhex(value ->> 5), value ->> 6,
            value ->> 7, value ->> 8, value ->> 9
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (id) DO UPDATE SET email = excluded.email, full_name = excluded.full_name, phone = excluded.phone,
            role = excluded.role, seller_id = excluded.seller_id, password_hash = excluded.password_hash,
            metadata = excluded.metadata, created_at = excluded.created_at, version = excluded.version";
    let users = judge.users.written().filter_map(|(_, row)| row.write);
    let users = Bulk::of(users, |row: RowText, it: &User| {
        let row = row.id(it.id).text(it.email.as_str()).text(&it.full_name).opt_text(it.phone.as_deref());
        let row = row.text(it.role.as_str()).opt_id(it.seller).text(&it.password_hash.0).json(&it.metadata);
        row.at(it.created_at).count(it.version)
    });
    script.bulk(SQL, users);
}

fn write_addresses(script: &mut Script, judge: &UserJudge<'_>) {
    const GONE: &str = "DELETE FROM addresses WHERE id IN (SELECT unhex(value) FROM json_each(?))";
    const SQL: &str = "INSERT INTO addresses (id, user_id, full_name, line1, line2, city, state, postal_code, country,
            phone, is_default, created_at)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
            value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11
        FROM jsonb_each(?) ORDER BY key
        ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id, full_name = excluded.full_name,
            line1 = excluded.line1, line2 = excluded.line2, city = excluded.city, state = excluded.state,
            postal_code = excluded.postal_code, country = excluded.country, phone = excluded.phone,
            is_default = excluded.is_default, created_at = excluded.created_at";
    script.bulk(GONE, Bulk::ids(judge.addresses.removed().copied()));
    // The old default steps down before the new one steps up: there is one at any instant.
    let mut addresses: Vec<&Address> = judge.addresses.written().filter_map(|(_, address)| *address).collect();
    addresses.sort_by_key(|address| address.is_default);
    let addresses = Bulk::of(addresses, |row: RowText, it| {
        let to = &it.postal;
        let row = row.id(it.id).id(it.user).text(&to.full_name).text(&to.line1).opt_text(to.line2.as_deref());
        let row = row.text(&to.city).opt_text(to.state.as_deref()).text(&to.postal_code).text(to.country.as_str());
        row.opt_text(to.phone.as_deref()).flag(it.is_default).at(it.created_at)
    });
    script.bulk(SQL, addresses);
}

fn write_sessions(script: &mut Script, judge: &UserJudge<'_>) {
    const MADE: &str = "INSERT INTO sessions (id, user_id, created_at, last_used_at, revoked_at)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4 FROM jsonb_each(?)";
    const CHANGED: &str = "UPDATE sessions SET last_used_at = new.last_used_at, revoked_at = new.revoked_at
        FROM (SELECT unhex(value ->> 0) AS id, value ->> 1 AS last_used_at, value ->> 2 AS revoked_at
            FROM jsonb_each(?)) AS new
        WHERE sessions.id = new.id";
    let made = judge.sessions.written().filter_map(|(_, row)| row.made.map(|session| (session, row)));
    let made = Bulk::of(made, |text: RowText, (it, row)| {
        text.id(it.id).id(it.user).at(it.created_at).at(row.last_used_at).opt_at(row.revoked_at)
    });
    script.bulk(MADE, made);
    let changed = judge.sessions.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, (id, row)| text.id(*id).at(row.last_used_at).opt_at(row.revoked_at));
    script.bulk(CHANGED, changed);
}

fn write_tokens(script: &mut Script, judge: &UserJudge<'_>) {
    const MADE: &str = "INSERT INTO refresh_tokens (hash, session_id, created_at, rotated_at)
        SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3 FROM jsonb_each(?)";
    const CHANGED: &str = "UPDATE refresh_tokens SET rotated_at = new.rotated_at
        FROM (SELECT unhex(value ->> 0) AS hash, value ->> 1 AS rotated_at FROM jsonb_each(?)) AS new
        WHERE refresh_tokens.hash = new.hash";
    let made = judge.tokens.written().filter_map(|(_, row)| row.made.map(|token| (token, row)));
    let made =
        Bulk::of(made, |text: RowText, (it, row)| text.hash(&it.hash).id(it.session).at(it.created_at).opt_at(row.rotated_at));
    script.bulk(MADE, made);
    let changed = judge.tokens.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, (hash, row)| text.hash(hash).opt_at(row.rotated_at));
    script.bulk(CHANGED, changed);
}
