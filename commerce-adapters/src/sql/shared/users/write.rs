//! Writes what was accepted of a batch of changes to users: a statement for each table touched.

use commerce_core::audit::tables::{ADDRESSES, ERASURES, GUESTS, SESSIONS, TOKENS, USERS};
use commerce_core::ids::SessionId;
use commerce_core::users::{Address, Erasure, Guest, StaffEntry, StaffNews, User};

use super::super::script::Script;
use super::super::statements::users as sql;
use crate::sql::bulk::{Bulk, RowText};
use crate::sql::judge::{SessionRow, TokenRow, UserJudge};

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &UserJudge<'_>) {
    let users = judge.users.written().filter_map(|(id, row)| Some((judge.users.is_stored(id), row.write?)));
    script.put(sql::USERS, users, user_row);
    let guests = judge.guests.written().filter_map(|(id, row)| Some((judge.guests.is_stored(id), row.write?)));
    script.put(sql::GUESTS, guests, guest_row);
    let erasures = Bulk::of(judge.erasures.iter(), |row: RowText, it: &Erasure| {
        row.id(it.user).at(it.erased_at).opt_at(it.due_at).seal(ERASURES)
    });
    script.bulk(sql::ERASURES, erasures);
    write_addresses(script, judge);
    write_sessions(script, judge);
    write_tokens(script, judge);
    let told = Bulk::of(judge.staff_log.iter(), |row: RowText, it: &StaffEntry| {
        let StaffNews { at, actor, action, subject, detail, event } = &it.told;
        let row = row.count(it.position).at(*at).opt_id(*actor).text(action.as_str()).uuid(subject.id);
        let row = row.text(detail.as_str()).hash(&it.previous).hash(&it.hash);
        row.text(subject.kind.as_str()).opt_id(*event)
    });
    script.bulk(sql::STAFF_LOG, told);
}

fn user_row(row: RowText, it: &User) -> RowText {
    let row = row.id(it.id).text(it.email.as_str()).text(&it.full_name).opt_text(it.phone.as_deref());
    let row = row.text(it.role.as_str()).opt_id(it.seller).text(&it.password_hash.0).json(&it.metadata);
    row.at(it.created_at).count(it.version).seal(USERS)
}

fn guest_row(row: RowText, it: &Guest) -> RowText {
    row.id(it.id).text(it.email.as_str()).at(it.created_at).count(it.version).seal(GUESTS)
}

fn write_addresses(script: &mut Script, judge: &UserJudge<'_>) {
    script.bulk(sql::ADDRESSES_GONE, Bulk::ids(judge.addresses.removed().copied()));
    // The old default steps down before the new one steps up: there is one at any instant.
    let written = judge.addresses.written().filter_map(|(id, address)| Some((judge.addresses.is_stored(id), (*address)?)));
    let mut addresses: Vec<(bool, &Address)> = written.collect();
    addresses.sort_by_key(|(_, address)| address.is_default);
    script.put(sql::ADDRESSES, addresses, address_row);
}

fn address_row(row: RowText, it: &Address) -> RowText {
    let to = &it.postal;
    let row = row.id(it.id).id(it.user).text(&to.full_name).text(&to.line1).opt_text(to.line2.as_deref());
    let row = row.text(&to.city).opt_text(to.state.as_deref()).text(&to.postal_code).text(to.country.as_str());
    row.opt_text(to.phone.as_deref()).flag(it.is_default).at(it.created_at).seal(ADDRESSES)
}

fn write_sessions(script: &mut Script, judge: &UserJudge<'_>) {
    let made = |made| judge.sessions.written().filter(move |(_, row)| row.made == made);
    script.bulk(sql::SESSIONS_MADE, Bulk::of(made(true), session_row));
    script.bulk(sql::SESSIONS_CHANGED, Bulk::of(made(false), session_row));
}

fn session_row(text: RowText, (id, it): (&SessionId, &SessionRow)) -> RowText {
    text.id(*id).id(it.user).at(it.created_at).at(it.last_used_at).opt_at(it.revoked_at).seal(SESSIONS)
}

fn write_tokens(script: &mut Script, judge: &UserJudge<'_>) {
    let made = |made| judge.tokens.written().filter(move |(_, row)| row.made == made);
    script.bulk(sql::TOKENS_MADE, Bulk::of(made(true), token_row));
    script.bulk(sql::TOKENS_CHANGED, Bulk::of(made(false), token_row));
}

fn token_row(text: RowText, (hash, it): (&[u8; 32], &TokenRow)) -> RowText {
    text.hash(hash).id(it.session).at(it.created_at).opt_at(it.rotated_at).opt_id(it.user).seal(TOKENS)
}
