//! Who asks: the bearer token of a request, turned into an actor once, at the door.
//!
//! [`identify`] runs before every handler and never refuses by itself, so that a stale token does
//! not keep anybody from logging in again; the extractors refuse where it matters.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use commerce_core::ids::SessionId;
use commerce_core::users::{Authenticated, Users};
use commerce_core::{Actor, Refusal};

use crate::problem::{Answered, Problem};

/// What the token of a request says.
#[derive(Clone, Debug)]
pub enum Identity {
    /// There is none.
    Nobody,
    /// It holds.
    Known(Authenticated),
    /// It does not hold, or cannot be judged now.
    Refused(Problem),
}

impl Identity {
    /// The actor, if the token holds.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        match self {
            Self::Known(known) => Some(known.actor),
            Self::Nobody | Self::Refused(_) => None,
        }
    }
}

/// Reads `Authorization` and asks users about the token.
pub async fn identify(headers: &HeaderMap, users: &Users) -> Identity {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Identity::Nobody;
    };
    let token = value.to_str().ok().and_then(bearer).filter(|_| values.next().is_none());
    let Some(token) = token else {
        return Identity::Refused(Refusal::Unauthenticated.into());
    };
    match users.authenticate(token).await {
        Ok(known) => Identity::Known(known),
        Err(error) => Identity::Refused(error.into()),
    }
}

/// The token of an `Authorization` header's value, if it is a bearer's.
#[must_use]
pub fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whoever asks: perhaps nobody. A token that does not hold is refused.
pub struct Caller(pub Actor);

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answered<Self> {
        match parts.extensions.get::<Identity>() {
            None | Some(Identity::Nobody) => Ok(Self(Actor::Anonymous)),
            Some(Identity::Known(known)) => Ok(Self(known.actor)),
            Some(Identity::Refused(problem)) => Err(problem.clone()),
        }
    }
}

/// Somebody who has logged in, and in which session.
pub struct SignedIn {
    /// Who.
    pub actor: Actor,
    /// In which session.
    pub session: SessionId,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answered<Self> {
        match parts.extensions.get::<Identity>() {
            None | Some(Identity::Nobody) => Err(Refusal::Unauthenticated.into()),
            Some(Identity::Known(known)) => Ok(Self { actor: known.actor, session: known.session }),
            Some(Identity::Refused(problem)) => Err(problem.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn only_bearer_tokens_are_read() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer  abc"), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}
