//! What the black-box tests share: a shop started as a user starts it, and clients that speak to it.
//!
//! Owns the child process (it ends with the last handle to its [`Server`]) and what every answer of
//! the shop must have, whatever it answers: see [`Call::send`]. Must never look into the shop's
//! database or link its crates; what cannot be seen over HTTP, on the command line or in `mail/` is
//! no behaviour. [`events()`] alone does, so that shapes of the shop can be compared by what they said. Start reading at [`Server`], then [`Client`].

#![expect(clippy::missing_panics_doc, reason = "a helper that panics is a test that fails")]

mod client;
mod events;
mod mail;
mod processes;
mod proxy;
mod purchase;
mod raw;
mod server;
mod shapes;
mod shop;
mod tls;
mod wait;

pub use client::{Answer, Call, Client};
pub use events::events;
pub use mail::{Mail, mails};
pub use proxy::{Fault, Proxy};
pub use purchase::purchase;
pub use raw::raw_request;
pub use server::{CommandOutput, Options, Server, binary, run_command, run_command_with, shared, sql_server};
pub use shop::{Order, Product, address, cod, inr, sign_webhook, unique};
pub use tls::Authority;
pub use wait::{eventually, eventually_within};
