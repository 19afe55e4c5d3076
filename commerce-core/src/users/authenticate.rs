//! Who stands behind an access token, asked on every request.

use std::time::Duration;

use crate::actor::Actor;
use crate::change::ChangeSet;
use crate::error::{Outcome, Refusal};
use crate::ids::SessionId;
use crate::limits;
use crate::time::Timestamp;

use super::Users;
use super::model::{Claims, Role, Session, User};
use super::ports::UserWrite;

/// How far ahead the clock of the process that signed a token may be.
const CLOCK_SKEW: Duration = Duration::from_mins(1);

/// Somebody who has logged in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
        let claims = self.tokens.read(access_token).filter(|claims| is_current(claims, now)).ok_or(Refusal::Unauthenticated)?;
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

fn is_current(claims: &Claims, now: Timestamp) -> bool {
    now < claims.expires_at && claims.issued_at <= now.plus(CLOCK_SKEW)
}

fn holds(claims: &Claims, session: &Session, user: &User, now: Timestamp) -> bool {
    claims.user == user.id && session.is_alive(now) && !user.is_erased()
}

impl User {
    /// As whom the user acts.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match (self.role, self.seller) {
            (Role::Admin, _) => Actor::Admin(self.id),
            (Role::Seller, Some(seller)) => Actor::Seller(self.id, seller),
            (Role::Seller, None) | (Role::Customer, _) => Actor::Customer(self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{Id, UserId};

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
        assert!(is_current(&claims, NOON));
        assert!(is_current(&claims, NOON.minus(CLOCK_SKEW)));
        assert!(!is_current(&claims, NOON.minus(Duration::from_secs(61))));
        assert!(!is_current(&claims, claims.expires_at));
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
