//! The SQL stores: change sets in, rows out, many change sets in one transaction.
//!
//! Owns the queue in front of each database ([`batch`]), the judging of change sets in memory
//! ([`judge`]) and the tables' shapes. Must never decide a rule of the shop: it only checks the
//! conditions a change set carries. A change set's way: [`batch::Queue::commit`], then the engine's
//! `commit_batch` (load, [`judge::judge_all`], write, COMMIT), then the caller's answer.
//!
//! What stands in `shared/` is compiled under each engine, against that engine's modules: which rows a
//! batch touches, how they are read and written, what each look-up asks. The texts that differ stand
//! in each engine's `statements/`, under the same names.

mod batch;
mod bulk;
mod databases;
mod judge;
mod question;
mod shelf;
mod table;

#[cfg(feature = "mysql")]
pub mod mysql;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::time::Duration;

use commerce_core::commerce::KeepPolicy;

pub use databases::{
    CatalogDatabase, Common, Databases, NotificationsDatabase, OrdersDatabase, PendingMigration, Place, UsersDatabase,
};

/// What a table need not keep: the statement that deletes rows from before its first parameter, as many as its second
/// says, and how old those are.
pub(crate) type Old = (&'static str, fn(&KeepPolicy) -> Duration);
