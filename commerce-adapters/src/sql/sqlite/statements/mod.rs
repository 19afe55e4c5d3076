//! The texts that `SQLite` has of its own, under the names that the shared stores call them by.

pub(super) mod catalog;
pub(super) mod head;
pub(super) mod notifications;
pub(super) mod orders;
pub(super) mod users;
