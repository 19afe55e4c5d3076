//! The users' database: users, guests, addresses, sessions, refresh tokens.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read` reads for use
//! cases.

mod load;
mod read;
mod write;

use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;
use commerce_core::users::UserWrite;

use super::engine::Context;
use super::migrate::Migration;
use super::script::{Queries, Script};
use super::statements;
use crate::sql::Old;
use crate::sql::judge::{Loaded, UserJudge, UsersWants};

impl Context for UserWrite {
    type Judge<'a> = UserJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "users";
    const COMMIT: &'static str = "users.commit";

    /// Sessions and refresh tokens that are past their longest life.
    const OLD: &'static [Old] = statements::users::OLD;

    fn migrations() -> &'static [Migration] {
        statements::users::MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        load::ask(queries, &UsersWants::of(sets));
    }

    fn write(script: &mut Script, judge: &Self::Judge<'_>, _: Timestamp) {
        write::write(script, judge);
    }
}
