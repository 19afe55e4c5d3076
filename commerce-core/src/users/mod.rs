//! Users: who may log in, what they may do, and where they live.
//!
//! Owns users, addresses, sessions and refresh tokens. Never knows what anybody bought.
//! Start reading at [`model`], then [`register`] and [`login`].

pub mod model;
pub mod ports;

use std::sync::Arc;

use crate::ids::IdSource;
use crate::time::Clock;

pub use model::*;
pub use ports::*;

/// The use cases of the users context.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Arc<dyn UserStore>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) tokens: Arc<dyn TokenSigner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: AuthPolicy,
}

/// What the shop asks of passwords.
#[derive(Clone, Copy, Debug)]
pub struct AuthPolicy {
    /// Characters a password must have at least.
    pub password_min_length: usize,
}
