//! Adapters: what the ports of `commerce-core` meet in the world.
//!
//! Each folder is one neighbour (a database engine, a search index, a payment provider) and knows
//! nothing of the others. Adapters translate errors once, at their edge, and never decide anything
//! about orders, money or stock. Start reading at the port in `commerce-core` that a folder serves.

#![warn(missing_docs)]

pub mod auth;
#[cfg(feature = "sqlite")]
pub mod embedded;
mod files;
pub mod images;
pub mod mail;
pub mod payments;
pub mod search;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub mod sql;
pub mod system;

pub use commerce_core;
#[cfg(feature = "sqlite")]
pub use embedded::{Embedded, Shop, embedded};
