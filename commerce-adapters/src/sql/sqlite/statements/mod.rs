//! The texts that `SQLite` has of its own, under the names that the shared stores call them by.
//!
//! What is written over and over says `OR FAIL`: a statement that may undo its own part of a transaction
//! keeps a copy of every page it changes, and here a failure takes the whole transaction back anyway.

pub(super) mod catalog;
pub(super) mod head;
pub(super) mod notifications;
pub(super) mod orders;
pub(super) mod users;
