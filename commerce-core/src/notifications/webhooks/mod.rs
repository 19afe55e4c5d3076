//! Webhooks: other systems are told what happens, at addresses that staff names.
//!
//! A consumer records one delivery for each event and endpoint that wants it; a worker makes them, with
//! its own backoff, signed as Standard Webhooks 1.0 says. A receiver may get a delivery twice and out of order,
//! and knows it by its id. Never decides where a call may lead: the port does. Start reading at [`model`], then `record`
//! and `send`.

mod deliveries;
mod endpoints;
mod held;
mod model;
mod ports;
mod record;
mod send;

pub use endpoints::{EndpointInput, MadeEndpoint};
pub use model::*;
pub use ports::*;
pub use record::WebhookRecorder;
