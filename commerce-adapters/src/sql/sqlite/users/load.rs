//! Loads what a batch of changes to users touches, one statement for each table it touches.

use commerce_core::error::StoreError;
use commerce_core::ids::UserId;
use commerce_core::text::Email;
use sqlx::sqlite::SqliteRow;

use crate::sql::bulk::{hashes, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{Loaded, SessionRow, TokenRow, UserJudge, UserRow, UsersWants};
use crate::sql::sqlite::script::Queries;

const OPERATION: &str = "users.commit";

/// Asks for the rows.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, UserJudge<'a>>>, wants: &UsersWants) {
    if !wants.users.is_empty() {
        const SQL: &str = "SELECT id, email, version FROM users
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR email IN (SELECT value FROM json_each(?))";
        let params = [ids(wants.users.iter().copied()).into(), list(&wants.emails).into()];
        queries.ask(SQL, params, |row, loaded| load_user(row, &mut loaded.judge));
    }
    if !wants.addresses.is_empty() {
        const SQL: &str = "SELECT id FROM addresses WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        queries.ask(SQL, [ids(wants.addresses.iter().copied()).into()], |row, loaded| {
            loaded.judge.addresses.load([(Fields::of(row, OPERATION).id("id")?, None)]);
            Ok(())
        });
    }
    if !wants.sessions.is_empty() {
        const SQL: &str = "SELECT id, last_used_at, revoked_at FROM sessions
            WHERE id IN (SELECT unhex(value) FROM json_each(?))";
        queries.ask(SQL, [ids(wants.sessions.iter().copied()).into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let (last_used_at, revoked_at) = (fields.at("last_used_at")?, fields.opt_at("revoked_at")?);
            loaded.judge.sessions.load([(fields.id("id")?, SessionRow { last_used_at, revoked_at, made: None })]);
            Ok(())
        });
    }
    if !wants.tokens.is_empty() {
        const SQL: &str = "SELECT hash, rotated_at FROM refresh_tokens
            WHERE hash IN (SELECT unhex(value) FROM json_each(?))";
        queries.ask(SQL, [hashes(wants.tokens.iter().copied()).into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let token = TokenRow { rotated_at: fields.opt_at("rotated_at")?, made: None };
            loaded.judge.tokens.load([(fields.hash("hash")?, token)]);
            Ok(())
        });
    }
}

fn load_user(row: &SqliteRow, judge: &mut UserJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let (id, email) = (fields.id::<UserId>("id")?, fields.parse::<Email>("email")?);
    judge.users.load([(id, UserRow { version: fields.count("version")?, email: email.clone(), write: None })]);
    judge.emails.load([(email, id)]);
    Ok(())
}
