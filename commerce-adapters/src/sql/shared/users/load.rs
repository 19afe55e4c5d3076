//! Loads what a batch of changes to users touches, one statement for each way into a table.

use commerce_core::error::StoreError;
use commerce_core::ids::UserId;
use commerce_core::text::Email;
use commerce_core::users::StaffHead;

use super::super::engine::Row;
use super::super::fields::Fields;
use super::super::script::Queries;
use super::super::statements::users as sql;
use crate::sql::bulk::{hashes, ids, list};
use crate::sql::judge::{GuestRow, Loaded, SessionRow, TokenRow, UserJudge, UserRow, UsersWants};

const OPERATION: &str = "users.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, UserJudge<'a>>>, wants: &UsersWants) {
    if !wants.users.is_empty() {
        let by_id = ids(wants.users.iter().copied());
        queries.ask(sql::USERS_BY_ID, [by_id.into()], |row, loaded| load_user(row, &mut loaded.judge));
    }
    if !wants.emails.is_empty() {
        let by_email = list(&wants.emails);
        queries.ask(sql::USERS_BY_EMAIL, [by_email.into()], |row, loaded| load_user(row, &mut loaded.judge));
    }
    if !wants.guests.is_empty() {
        let by_id = ids(wants.guests.iter().copied());
        queries.ask(sql::GUESTS_BY_ID, [by_id.into()], |row, loaded| load_guest(row, &mut loaded.judge));
        let by_email = list(&wants.guest_emails);
        queries.ask(sql::GUESTS_BY_EMAIL, [by_email.into()], |row, loaded| load_guest(row, &mut loaded.judge));
    }
    if !wants.addresses.is_empty() {
        queries.ask(sql::KNOWN_ADDRESSES, [ids(wants.addresses.iter().copied()).into()], |row, loaded| {
            loaded.judge.addresses.load([(Fields::of(row, OPERATION).id("id")?, None)]);
            Ok(())
        });
    }
    if !wants.sessions.is_empty() {
        queries.ask(sql::KNOWN_SESSIONS, [ids(wants.sessions.iter().copied()).into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let session = SessionRow {
                user: fields.id("user_id")?,
                created_at: fields.at("created_at")?,
                last_used_at: fields.at("last_used_at")?,
                revoked_at: fields.opt_at("revoked_at")?,
                made: false,
            };
            loaded.judge.sessions.load([(fields.id("id")?, session)]);
            Ok(())
        });
    }
    if wants.staff_log {
        queries.ask(sql::STAFF_HEAD, [], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let head = StaffHead { position: fields.count("position")?, hash: fields.hash("hash")? };
            loaded.judge.staff_head.load([((), head)]);
            Ok(())
        });
    }
    if !wants.tokens.is_empty() {
        queries.ask(sql::KNOWN_TOKENS, [hashes(wants.tokens.iter().copied()).into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let token = TokenRow {
                session: fields.id("session_id")?,
                created_at: fields.at("created_at")?,
                rotated_at: fields.opt_at("rotated_at")?,
                user: fields.opt_id("user_id")?,
                made: false,
            };
            loaded.judge.tokens.load([(fields.hash("hash")?, token)]);
            Ok(())
        });
    }
}

fn load_user(row: &Row, judge: &mut UserJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, email) = (fields.id::<UserId>("id")?, fields.parse::<Email>("email")?);
    judge.users.load([(id, UserRow { version: fields.count("version")?, email: email.clone(), write: None })]);
    judge.emails.load([(email, id)]);
    Ok(())
}

fn load_guest(row: &Row, judge: &mut UserJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, email) = (fields.id::<UserId>("id")?, fields.parse::<Email>("email")?);
    judge.guests.load([(id, GuestRow { version: fields.count("version")?, email: email.clone(), write: None })]);
    judge.guest_emails.load([(email, id)]);
    Ok(())
}
