//! The users' database: users, addresses, sessions, refresh tokens.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read` reads for use
//! cases.

mod load;
mod read;
mod write;

use std::time::Duration;

use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;
use commerce_core::limits;
use commerce_core::users::UserWrite;

use super::engine::Context;
use super::migrate::{Migration, migrations};
use super::script::{Queries, Script};
use crate::sql::judge::{Loaded, UserJudge, UsersWants};

const MIGRATIONS: &[Migration] =
    migrations!("users", [(1, "users"), (2, "messages"), (3, "writers"), (4, "audit"), (5, "sessions")]);

impl Context for UserWrite {
    type Judge<'a> = UserJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "users";
    const COMMIT: &'static str = "users.commit";

    /// Sessions and refresh tokens that are past their longest life.
    const OLD: &'static [(&'static str, Duration)] = &[
        (
            "DELETE FROM refresh_tokens WHERE hash IN
                (SELECT hash FROM refresh_tokens WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
            limits::SESSION_MAX,
        ),
        (
            "DELETE FROM sessions WHERE id IN
                (SELECT id FROM sessions WHERE created_at < ?1 ORDER BY created_at LIMIT ?2)",
            limits::SESSION_MAX,
        ),
    ];

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        load::ask(queries, &UsersWants::of(sets));
    }

    fn write(script: &mut Script, judge: &Self::Judge<'_>, _: Timestamp) {
        write::write(script, judge);
    }
}
