//! The texts that MySQL and MariaDB have of their own, under the names that the shared stores call
//! them by.
//!
//! Owns how a batch's rows go over: one JSON parameter, which `JSON_TABLE` reads back, so that a
//! statement has one shape however many rows it is about, and is prepared once. The rows of the parameter
//! drive each join (`STRAIGHT_JOIN`), so that rows are locked in their order, which is that of the keys. Rows to be inserted
//! go over as parameters of their own ([`Insert`]).
//!
//! What is to be inserted is inserted, never put over what is there: between reading and writing
//! another process may have taken a key, and the server's refusal is how that is learnt. Only rows
//! whose parent is locked may be put over others.

use super::insert::Insert;

#[macro_use]
mod rows;

pub(super) mod catalog;
pub(super) mod head;
pub(super) mod notifications;
pub(super) mod orders;
pub(super) mod users;

/// How rows are written whose key may be stored already.
#[derive(Clone, Copy)]
pub(crate) struct Put {
    /// Inserts those that are new; each statement gets all of them.
    pub(crate) new: &'static [Insert],
    /// Changes those that are stored and locked.
    pub(crate) changed: &'static str,
}
