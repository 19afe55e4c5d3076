//! Who asks: the bearer token of a request, turned into an actor once, at the door.
//!
//! [`identify`] runs before every handler and never refuses by itself, so that a stale token does
//! not keep anybody from logging in again; the extractors refuse where it matters.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use commerce_core::error::ErrorClass;
use commerce_core::ids::SessionId;
use commerce_core::users::{Accounts, Authenticated, Claimed};
use commerce_core::{Actor, Refusal};

use crate::extract::headers::text;
use crate::problem::{Answered, Problem};
use crate::state::Shared;

/// Where a guest shows the link of her order.
pub const ORDER_LINK: &str = "x-order-link";

/// What the token of a request says.
#[derive(Clone, Debug)]
pub enum Identity {
    /// There is none.
    Nobody,
    /// It holds.
    Known(Authenticated),
    /// It does not hold, or cannot be judged now.
    Refused(Problem),
    /// There is one, and whoever it is brought to will judge it.
    Unjudged,
}

impl Identity {
    /// The actor, if the token holds.
    #[must_use]
    pub fn actor(&self) -> Option<Actor> {
        match self {
            Self::Known(known) => Some(known.actor),
            Self::Nobody | Self::Refused(_) | Self::Unjudged => None,
        }
    }
}

/// Reads `Authorization` and asks users about the token. While they cannot be asked, whoever holds a
/// token whose time has not passed may `only_read`.
pub async fn identify(headers: &HeaderMap, accounts: &dyn Accounts, only_read: bool) -> Identity {
    let token = match token(headers) {
        Ok(Some(token)) => token,
        Ok(None) => return Identity::Nobody,
        Err(problem) => return Identity::Refused(problem),
    };
    match accounts.authenticate(token).await {
        Ok(known) => Identity::Known(known),
        Err(error) if only_read && error.class() == ErrorClass::Unavailable => match accounts.claimed(token) {
            Claimed::By(known) => Identity::Known(known),
            Claimed::Nobody | Claimed::Unknown => Identity::Refused(error.into()),
        },
        Err(error) => Identity::Refused(error.into()),
    }
}

/// Reads `Authorization` and judges the token by itself, for a request that others will judge again.
pub fn glance(headers: &HeaderMap, accounts: &dyn Accounts) -> Identity {
    match token(headers).map(|token| token.map(|token| accounts.claimed(token))) {
        Ok(None) => Identity::Nobody,
        Ok(Some(Claimed::By(known))) => Identity::Known(known),
        Ok(Some(Claimed::Nobody)) => Identity::Refused(Refusal::Unauthenticated.into()),
        Ok(Some(Claimed::Unknown)) => Identity::Unjudged,
        Err(problem) => Identity::Refused(problem),
    }
}

/// The one token of a request, if it has any.
fn token(headers: &HeaderMap) -> Answered<Option<&str>> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(bearer).filter(|_| values.next().is_none());
    token.map(Some).ok_or_else(|| Refusal::Unauthenticated.into())
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
            Some(Identity::Unjudged) => Err(Refusal::Unauthenticated.into()),
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
            None | Some(Identity::Nobody | Identity::Unjudged) => Err(Refusal::Unauthenticated.into()),
            Some(Identity::Known(known)) => Ok(Self { actor: known.actor, session: known.session }),
            Some(Identity::Refused(problem)) => Err(problem.clone()),
        }
    }
}

/// Whoever logs out.
pub enum Leaving {
    /// Somebody who has logged in.
    Here(Authenticated),
    /// Somebody whose token says who she was, in a session that has ended; and what others are answered.
    Gone(Authenticated, Problem),
}

impl FromRequestParts<Shared> for Leaving {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Answered<Self> {
        let problem = match parts.extensions.get::<Identity>() {
            None | Some(Identity::Nobody | Identity::Unjudged) => return Err(Refusal::Unauthenticated.into()),
            Some(Identity::Known(known)) => return Ok(Self::Here(*known)),
            Some(Identity::Refused(problem)) => problem.clone(),
        };
        let claimed = token(&parts.headers)?.map(|token| shared.accounts().claimed(token));
        match claimed {
            Some(Claimed::By(known)) if problem.status() == StatusCode::UNAUTHORIZED => Ok(Self::Gone(known, problem)),
            None | Some(Claimed::By(_) | Claimed::Nobody | Claimed::Unknown) => Err(problem),
        }
    }
}

/// Whoever may look after one order: somebody who has logged in, or a guest who shows its link in
/// [`ORDER_LINK`], which then counts alone.
pub struct Holder(pub Actor);

impl FromRequestParts<Shared> for Holder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Answered<Self> {
        match text(&parts.headers, ORDER_LINK)? {
            Some(link) => Ok(Self(shared.orders().by_link(link).await?)),
            None => Ok(Self(SignedIn::from_request_parts(parts, shared).await?.actor)),
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
