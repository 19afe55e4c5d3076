//! Who stands behind an access token, asked on every request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::ChangeSet;
use crate::error::{Outcome, Refusal};
use crate::ids::{SellerId, SessionId, UserId};
use crate::limits;
use crate::time::Timestamp;

use super::Users;
use super::model::{Claims, Role, Session, User};
use super::ports::UserWrite;

/// What an access token says by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// It was signed for somebody, and its time has not passed.
    By(Authenticated),
    /// It holds for nobody.
    Nobody,
    /// The keys to read it with are not to be had.
    Unknown,
}

/// How far ahead the clock of the process that signed a token may be.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Somebody who has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authenticated {
    /// As whom she acts.
    pub actor: Actor,
    /// In which session.
    pub session: SessionId,
    /// With which role.
    pub role: Role,
}

impl Users {
    /// Reads an access token and asks whether its session is alive. Roles come from the user as she
    /// is now, not from the token, so that a change holds from the next request.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub async fn authenticate(&self, access_token: &str) -> Outcome<Authenticated> {
        let now = self.clock.now();
        let claims = self.tokens.read(access_token).filter(|claims| claims.is_current(now)).ok_or(Refusal::Unauthenticated)?;
        let found = self.store.session(claims.session).await?;
        let (session, user) =
            found.filter(|(session, user)| holds(&claims, session, user, now)).ok_or(Refusal::Unauthenticated)?;
        self.touch(&session, now).await;
        Ok(Authenticated { actor: user.actor(), session: session.id, role: user.role })
    }

    /// Notes the use of a session, now and then. A request that only reads does not fail for it.
    async fn touch(&self, session: &Session, now: Timestamp) {
        if now.since(session.last_used_at) < limits::SESSION_TOUCH {
            return;
        }
        if let Err(error) = self.store.commit(ChangeSet::of([UserWrite::TouchSession(session.id, now)])).await {
            tracing::warn!(session = %session.id, %error, "the use of a session was not noted");
        }
    }
}

impl Claims {
    /// Whether `now` is within their time.
    #[must_use]
    pub fn is_current(&self, now: Timestamp) -> bool {
        now < self.expires_at && self.issued_at <= now.plus(CLOCK_SKEW)
    }

    /// Whom they speak of, as she was when they were signed.
    #[must_use]
    pub fn speaker(&self) -> Authenticated {
        Authenticated { actor: acting(self.user, self.role, self.seller), session: self.session, role: self.role }
    }
}

impl Claimed {
    /// By what a token was found to say, if its signature holds.
    #[must_use]
    pub fn of(claims: Option<&Claims>, now: Timestamp) -> Self {
        claims.filter(|claims| claims.is_current(now)).map_or(Self::Nobody, |claims| Self::By(claims.speaker()))
    }
}

fn holds(claims: &Claims, session: &Session, user: &User, now: Timestamp) -> bool {
    claims.user == user.id && session.is_alive(now) && !user.is_erased()
}

impl User {
    /// As whom the user acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        acting(self.id, self.role, self.seller)
    }
}

fn acting(user: UserId, role: Role, seller: Option<SellerId>) -> Actor {
    match (role, seller) {
        (Role::Admin, _) => Actor::Admin(user),
        (Role::Seller, Some(seller)) => Actor::Seller(user, seller),
        (Role::Seller, None) | (Role::Customer, _) => Actor::Customer(user),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::Id;

    const NOON: Timestamp = Timestamp::from_micros(1_772_366_400_000_000);

    #[test]
    fn a_token_holds_until_the_instant_it_expires() {
        let claims = Claims {
            user: UserId::from_uuid(Uuid::from_u128(1)),
            session: SessionId::from_uuid(Uuid::from_u128(2)),
            role: Role::Customer,
            seller: None,
            issued_at: NOON,
            expires_at: NOON.plus(limits::ACCESS_TOKEN_FOR),
        };
        assert!(claims.is_current(NOON));
        assert!(claims.is_current(NOON.minus(CLOCK_SKEW)));
        assert!(!claims.is_current(NOON.minus(Duration::from_secs(61))));
        assert!(!claims.is_current(claims.expires_at));
    }

    #[test]
    fn a_session_dies_by_logout_idleness_and_age() {
        let session = Session {
            id: SessionId::from_uuid(Uuid::from_u128(2)),
            user: UserId::from_uuid(Uuid::from_u128(1)),
            created_at: NOON,
            last_used_at: NOON,
            revoked_at: None,
        };
        assert!(session.is_alive(NOON));
        assert!(!session.is_alive(NOON.plus(limits::SESSION_IDLE)));
        let used = Session { last_used_at: NOON.plus(limits::SESSION_MAX), ..session.clone() };
        assert!(!used.is_alive(NOON.plus(limits::SESSION_MAX)));
        assert!(!Session { revoked_at: Some(NOON), ..session }.is_alive(NOON));
    }
}
