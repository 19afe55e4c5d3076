//! The SQL stores: change sets in, rows out, many change sets in one transaction.
//!
//! Owns the queue in front of each database ([`batch`]), the judging of change sets in memory
//! ([`judge`]) and the tables' shapes. Must never decide a rule of the shop: it only checks the
//! conditions a change set carries. A change set's way: [`batch::Queue::commit`], then the engine's
//! `commit_batch` (load, [`judge::judge_all`], write, COMMIT), then the caller's answer.

mod batch;
mod bulk;
mod fields;
mod judge;
mod table;

pub mod sqlite;
