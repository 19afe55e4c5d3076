//! The rules of a shop, and nothing but the rules.
//!
//! This crate owns the four contexts ([`users`], [`catalog`], [`orders`], [`notifications`]), the
//! events between them ([`events`]) and the ports through which they reach the world. It knows no
//! database, no network, no runtime, no clock and no dice: all of these come in through traits.
//!
//! Every use case has three beats: **read** the aggregates through a port, **decide** with pure
//! functions on owned values, **commit** one [`change::ChangeSet`] whole or not at all.
//!
//! Start reading at [`orders`], at the use case `place`: it is the longest walk through the house.

#![warn(missing_docs)]
#![cfg_attr(
    not(test),
    warn(clippy::arithmetic_side_effects, clippy::float_arithmetic, clippy::indexing_slicing, clippy::wildcard_enum_match_arm)
)]

pub mod actor;
pub mod audit;
pub mod catalog;
pub mod change;
pub mod commerce;
pub mod error;
pub mod events;
pub mod ids;
mod keyed;
pub mod limits;
pub mod money;
pub mod notifications;
pub mod orders;
pub mod page;
pub mod part;
pub mod staff;
pub mod text;
pub mod time;
pub mod traffic;
pub mod users;

#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use actor::Actor;
pub use commerce::Commerce;
pub use error::{Error, Outcome, Refusal, StoreError};
pub use money::{Currency, Money};
pub use part::Part;
pub use time::{Clock, Timestamp};
