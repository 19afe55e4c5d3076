//! The adapters over a real Redis.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod carts;
mod shared;
mod streams;
mod support;
