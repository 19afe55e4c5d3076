//! Users: who may log in, what they may do, and where they live.
//!
//! Owns users, addresses, sessions and refresh tokens, guests, and the log of what staff did. Never knows what
//! anybody bought.
//! Start reading at [`model`], then `register`, `login` and `authenticate`.

mod address_book;
mod addresses;
mod authenticate;
mod erase;
mod export;
mod guests;
mod login;
pub mod model;
mod passwords;
pub mod ports;
mod postal;
mod profile;
mod provide;
mod refresh;
pub(crate) mod register;
mod repeat;
pub(crate) mod reset;
mod roles;
mod sessions;
mod staff_log;

use std::sync::Arc;

use crate::commerce::Context;
use crate::error::{Outcome, Refusal};
use crate::ids::{IdSource, UserId};
use crate::time::Clock;

pub use crate::staff::{StaffAction, Subject, SubjectKind};
pub use addresses::{AddressBook, NewAddress};
pub use authenticate::{Authenticated, Claimed};
pub use erase::Erasure;
pub use guests::Guest;
pub use model::*;
pub use passwords::WRONG_PASSWORD;
pub use ports::*;
pub use postal::{RawAddress, parse_address};
pub use profile::UpdateUser;
pub use register::Register;
pub use roles::own_seller;
pub use staff_log::{StaffEntry, StaffHead, StaffLogFilter, StaffLogKeeper, StaffNews};

/// The use cases of the users context.
#[derive(Clone)]
pub struct Users {
    pub(crate) store: Arc<dyn UserStore>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) tokens: Arc<dyn TokenSigner>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: AuthPolicy,
    /// What other contexts keep about people, where they can be asked.
    pub(crate) records: Vec<(Context, Arc<dyn Records>)>,
    /// Who sells, where the catalog can be asked.
    pub(crate) sellers: Option<Arc<dyn Sellers>>,
}

impl Users {
    /// From the ports.
    pub fn new(
        store: Arc<dyn UserStore>,
        passwords: Arc<dyn PasswordHasher>,
        tokens: Arc<dyn TokenSigner>,
        clock: Arc<dyn Clock>,
        ids: IdSource,
        policy: AuthPolicy,
    ) -> Self {
        Self { store, passwords, tokens, clock, ids, policy, records: Vec::new(), sellers: None }
    }

    /// The same use cases in the course of this trace (W3C `traceparent`): their events carry it.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { ids: self.ids.in_trace(traceparent), ..self.clone() }
    }

    /// The public keys of access tokens as a JSON Web Key Set (RFC 7517).
    pub fn jwks(&self) -> serde_json::Value {
        self.tokens.jwks()
    }

    /// A user who is not erased.
    async fn present(&self, id: UserId) -> Outcome<User> {
        let user = self.store.user(id).await?.filter(|user| !user.is_erased());
        Ok(user.ok_or(Refusal::NotFound("user"))?)
    }
}

/// What the shop asks of passwords.
#[derive(Clone, Copy, Debug)]
pub struct AuthPolicy {
    /// Characters a password must have at least.
    pub password_min_length: usize,
}

impl Default for AuthPolicy {
    fn default() -> Self {
        Self { password_min_length: crate::limits::PASSWORD_MIN }
    }
}
