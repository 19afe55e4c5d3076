//! A refresh token for new tokens. Each works once; a stolen one ends its session.

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey, Round, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, SessionId};
use crate::limits;
use crate::time::Timestamp;

use super::Users;
use super::login::token_hash;
use super::model::{RefreshToken, Tokens, User};
use super::ports::UserWrite;
use super::repeat::Committed;

/// Where the keys of refreshes count: for whose session it is.
const ROUTE: &str = "POST /api/auth/refresh";

impl Users {
    /// Gives new tokens for a refresh token and takes it out of use. The same token again within ten
    /// seconds gets the same successor, because the first answer may have been lost; later, or once
    /// the successor itself was used, it has been stolen, and the session ends.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    pub async fn refresh(&self, refresh_token: &str) -> Outcome<Tokens> {
        Ok(self.refresh_keyed(refresh_token, None).await?.into_inner())
    }

    /// The same of a request that may have a key, which makes no token good again: repeated, it is answered as without one, and
    /// says that it is a replay.
    ///
    /// # Errors
    /// As [`refresh`](Self::refresh), and `IDEMPOTENCY_MISMATCH` while the token is good.
    pub async fn refresh_keyed(&self, refresh_token: &str, key: Option<RequestKey>) -> Outcome<Answer<Tokens>> {
        let hash = token_hash(refresh_token);
        rounds("refresh token", || async {
            let now = self.clock.now();
            let known = self.store.refresh_token(&hash).await?.ok_or(Refusal::Unauthenticated)?;
            let user = self.alive(known.session, now).await?;
            let successor = self.tokens.successor(refresh_token);
            let next = self.store.refresh_token(&token_hash(&successor)).await?;
            let rotation = match usage(&known, next.as_ref(), now) {
                Usage::First => Some(rotation(&known, &successor, now)),
                Usage::Repeated => None,
                Usage::Stolen => {
                    tracing::warn!(session = %known.session, user = %user.id, "a used refresh token came again: the session ends");
                    self.store.commit(ChangeSet::of([UserWrite::RevokeSession(known.session, now)])).await?;
                    return Err(Refusal::Unauthenticated.into());
                }
            };
            let keyed = self.keyed(&Actor::Customer(user.id), ROUTE, key.clone());
            let seen = self.made_before(keyed.as_ref()).await?.is_some();
            let claim = keyed.as_ref().filter(|_| !seen).map(|keyed| keyed.claim(known.session.uuid(), now));
            if rotation.is_some() || claim.is_some() {
                let changes = rotation.unwrap_or_default().claim(claim);
                match self.commit_keyed(changes, keyed.as_ref()).await? {
                    Committed::Now => {}
                    Committed::ByTwin(_) | Committed::Stale => return Ok(Round::Again),
                }
            }
            let tokens = self.tokens_for(user, known.session, successor, now);
            Ok(Round::Done(if seen { Answer::Replayed(tokens) } else { Answer::Fresh(tokens) }))
        })
        .await
    }

    /// The user of a session that is alive.
    async fn alive(&self, id: SessionId, now: Timestamp) -> Outcome<User> {
        let found = self.store.session(id).await?.filter(|(session, user)| session.is_alive(now) && !user.is_erased());
        Ok(found.map(|(_, user)| user).ok_or(Refusal::Unauthenticated)?)
    }
}

/// What it means that a token is used now.
#[derive(Debug, PartialEq, Eq)]
enum Usage {
    First,
    Repeated,
    Stolen,
}

/// `next` is the token that took its place. Whoever used that one had the answer, so nobody may
/// have lost it.
fn usage(token: &RefreshToken, next: Option<&RefreshToken>, now: Timestamp) -> Usage {
    let arrived = next.is_some_and(|next| next.rotated_at.is_some());
    match token.rotated_at {
        None => Usage::First,
        Some(at) if now.since(at) <= limits::REFRESH_GRACE && !arrived => Usage::Repeated,
        Some(_) => Usage::Stolen,
    }
}

fn rotation(used: &RefreshToken, successor: &str, now: Timestamp) -> ChangeSet<UserWrite> {
    let next = RefreshToken { hash: token_hash(successor), created_at: now, rotated_at: None, ..used.clone() };
    ChangeSet::of([
        UserWrite::RotateRefreshToken(used.hash, now),
        UserWrite::InsertRefreshToken(next),
        UserWrite::TouchSession(used.session, now),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::ids::{Id, UserId};

    #[test]
    fn a_used_token_is_forgiven_for_ten_seconds() {
        let used_at = Timestamp::from_micros(1_772_357_400_000_000);
        let fresh = RefreshToken {
            hash: [0; 32],
            session: SessionId::from_uuid(Uuid::from_u128(1)),
            user: UserId::from_uuid(Uuid::from_u128(2)),
            created_at: Timestamp::EPOCH,
            rotated_at: None,
        };
        assert_eq!(usage(&fresh, None, used_at), Usage::First);
        let used = RefreshToken { rotated_at: Some(used_at), ..fresh };
        let next = RefreshToken { hash: [1; 32], rotated_at: None, ..used };
        assert_eq!(usage(&used, Some(&next), used_at.plus(Duration::from_secs(10))), Usage::Repeated);
        assert_eq!(usage(&used, Some(&next), used_at.plus(Duration::from_micros(10_000_001))), Usage::Stolen);
        let used_too = RefreshToken { rotated_at: Some(used_at), ..next };
        assert_eq!(usage(&used, Some(&used_too), used_at), Usage::Stolen);
    }
}
