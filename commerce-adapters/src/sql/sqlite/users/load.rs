//! Loads what a batch of changes to users touches, one statement for each table it touches.

use commerce_core::ids::UserId;
use commerce_core::text::Email;
use sqlx::SqliteConnection;

use crate::sql::batch::Failure;
use crate::sql::bulk::{hashes, ids, list};
use crate::sql::fields::Fields;
use crate::sql::judge::{SessionRow, TokenRow, UserJudge, UserRow, UsersWants};
use crate::sql::sqlite::error::failure;

const OPERATION: &str = "users.commit";

/// Loads the rows.
pub(super) async fn load<'a>(connection: &mut SqliteConnection, wants: &UsersWants) -> Result<UserJudge<'a>, Failure> {
    let mut judge = UserJudge::default();
    if !wants.users.is_empty() {
        const SQL: &str = "SELECT id, email, version FROM users
            WHERE id IN (SELECT unhex(value) FROM json_each(?1)) OR email IN (SELECT value FROM json_each(?2))";
        let query = sqlx::query(SQL).bind(ids(wants.users.iter().copied())).bind(list(&wants.emails));
        for row in query.fetch_all(&mut *connection).await.map_err(failure(OPERATION))? {
            let fields = Fields::of(&row, OPERATION);
            let (id, email) = (fields.id::<UserId>("id")?, fields.parse::<Email>("email")?);
            judge.users.load([(id, UserRow { version: fields.count("version")?, email: email.clone(), write: None })]);
            judge.emails.load([(email, id)]);
        }
    }
    if !wants.addresses.is_empty() {
        const SQL: &str = "SELECT id FROM addresses WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
        let query = sqlx::query(SQL).bind(ids(wants.addresses.iter().copied()));
        for row in query.fetch_all(&mut *connection).await.map_err(failure(OPERATION))? {
            judge.addresses.load([(Fields::of(&row, OPERATION).id("id")?, None)]);
        }
    }
    if !wants.sessions.is_empty() {
        const SQL: &str = "SELECT id, last_used_at, revoked_at FROM sessions
            WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
        let query = sqlx::query(SQL).bind(ids(wants.sessions.iter().copied()));
        for row in query.fetch_all(&mut *connection).await.map_err(failure(OPERATION))? {
            let fields = Fields::of(&row, OPERATION);
            let (last_used_at, revoked_at) = (fields.at("last_used_at")?, fields.opt_at("revoked_at")?);
            judge.sessions.load([(fields.id("id")?, SessionRow { last_used_at, revoked_at, made: None })]);
        }
    }
    if !wants.tokens.is_empty() {
        const SQL: &str = "SELECT hash, rotated_at FROM refresh_tokens
            WHERE hash IN (SELECT unhex(value) FROM json_each(?1))";
        let query = sqlx::query(SQL).bind(hashes(wants.tokens.iter().copied()));
        for row in query.fetch_all(&mut *connection).await.map_err(failure(OPERATION))? {
            let fields = Fields::of(&row, OPERATION);
            judge.tokens.load([(fields.hash("hash")?, TokenRow { rotated_at: fields.opt_at("rotated_at")?, made: None })]);
        }
    }
    Ok(judge)
}
