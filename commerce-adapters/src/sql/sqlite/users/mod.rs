//! The users' database: users, addresses, sessions, refresh tokens.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read` reads for use
//! cases.

mod load;
mod read;
mod write;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;
use commerce_core::users::UserWrite;
use sqlx::SqliteConnection;

use super::engine::Context;
use super::error::failure;
use super::head::{load_head, write_head};
use super::migrate::{Migration, migrations};
use crate::sql::batch::{Failure, Verdict};
use crate::sql::judge::{UsersWants, judge_all};

const MIGRATIONS: &[Migration] = migrations!("users", [(1, "users"), (2, "messages")]);

#[async_trait]
impl Context for UserWrite {
    const NAME: &'static str = "users";
    const COMMIT: &'static str = "users.commit";

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    async fn judge_and_write(
        connection: &mut SqliteConnection,
        sets: &[&ChangeSet<Self>],
        now: Timestamp,
    ) -> Result<Vec<Verdict>, Failure> {
        let mut head = load_head(connection, sets, now).await?;
        let mut judge = load::load(connection, &UsersWants::of(sets)).await?;
        let verdicts = judge_all(&mut head, &mut judge, sets);
        write::write(connection, &judge).await.map_err(failure(Self::COMMIT))?;
        write_head(connection, &head).await.map_err(failure(Self::COMMIT))?;
        Ok(verdicts)
    }
}
