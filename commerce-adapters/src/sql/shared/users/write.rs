//! Writes what was accepted of a batch of changes to users: a statement for each table touched.

use commerce_core::audit::tables::{ADDRESSES, GUESTS, USERS};
use commerce_core::users::{Address, Erasure, Guest, StaffEntry, StaffNews, User};

use super::super::script::Script;
use super::super::statements::users as sql;
use crate::sql::bulk::{Bulk, RowText};
use crate::sql::judge::UserJudge;

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &UserJudge<'_>) {
    let users = judge.users.written().filter_map(|(id, row)| Some((judge.users.is_stored(id), row.write?)));
    script.put(sql::USERS, users, user_row);
    let guests = judge.guests.written().filter_map(|(id, row)| Some((judge.guests.is_stored(id), row.write?)));
    script.put(sql::GUESTS, guests, guest_row);
    let erasures =
        Bulk::of(judge.erasures.iter(), |row: RowText, it: &Erasure| row.id(it.user).at(it.erased_at).opt_at(it.due_at));
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
    let made = judge.sessions.written().filter_map(|(_, row)| row.made.map(|session| (session, row)));
    let made = Bulk::of(made, |text: RowText, (it, row)| {
        text.id(it.id).id(it.user).at(it.created_at).at(row.last_used_at).opt_at(row.revoked_at)
    });
    script.bulk(sql::SESSIONS_MADE, made);
    let changed = judge.sessions.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, (id, row)| text.id(*id).at(row.last_used_at).opt_at(row.revoked_at));
    script.bulk(sql::SESSIONS_CHANGED, changed);
}

fn write_tokens(script: &mut Script, judge: &UserJudge<'_>) {
    let made = judge.tokens.written().filter_map(|(_, row)| row.made.map(|token| (token, row)));
    let made = Bulk::of(made, |text: RowText, (it, row)| {
        text.hash(&it.hash).id(it.session).at(it.created_at).opt_at(row.rotated_at).id(it.user)
    });
    script.bulk(sql::TOKENS_MADE, made);
    let changed = judge.tokens.written().filter(|(_, row)| row.made.is_none());
    let changed = Bulk::of(changed, |text: RowText, (hash, row)| text.hash(hash).opt_at(row.rotated_at));
    script.bulk(sql::TOKENS_CHANGED, changed);
}
