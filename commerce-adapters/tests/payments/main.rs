//! Payment providers as their API references publish them, each over a local server that speaks its shapes: calls that go
//! unanswered, promises, refunds, and webhooks that come twice, late, out of order, or lie.
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod local;
mod razorpay;
mod reconciled;
mod scene;
mod stripe;
mod tokens;
