//! The adapters over a server that speaks as AWS does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bus;
mod mail;
mod pictures;
mod support;
