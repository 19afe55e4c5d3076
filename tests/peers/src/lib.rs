//! Private servers that tests run against.
//!
//! Owns nothing of the system: each server is a child process with a folder and a port of its own on
//! 127.0.0.1, and both are gone when the test is, however it ends. A server whose program is missing
//! fails the test that asks for it. Start reading at [`Peer`]; `sql_server` says how one server is
//! started, and others stand beside it.

#![warn(missing_docs)]

mod make;

mod moto;
mod peer;
mod port;
mod redis;
mod sql_server;

pub use make::Make;
pub use moto::Moto;
pub use peer::{Ground, Peer, Plan};
pub use port::free_port;
pub use redis::Redis;
pub use sql_server::{Kept, SqlServer};
