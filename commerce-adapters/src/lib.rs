//! Adapters: what the ports of `commerce-core` meet in the world.
//!
//! Each folder is one neighbour (a database engine, a search index, a payment provider) and knows
//! nothing of the others. Adapters translate errors once, at their edge, and never decide anything
//! about orders, money or stock. Start reading at the port in `commerce-core` that a folder serves.

#![warn(missing_docs)]

pub mod auth;
#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "sqlite")]
pub mod backup;
pub mod chaos;
#[cfg(feature = "sqlite")]
pub mod embedded;
mod files;
#[cfg(feature = "http")]
pub mod http;
pub mod images;
pub mod mail;
pub mod payments;
#[cfg(any(feature = "redis", feature = "aws"))]
pub mod receive;
#[cfg(feature = "redis")]
pub mod redis;
pub mod search;
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub mod sql;
pub mod stores;
pub mod system;
#[cfg(any(feature = "aws", feature = "razorpay", feature = "stripe", feature = "webhooks"))]
mod tls;
pub mod traffic;
pub mod watch;
pub mod webhooks;

pub use commerce_core;
#[cfg(feature = "sqlite")]
pub use embedded::{Embedded, Shop, embedded};
