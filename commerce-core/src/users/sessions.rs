//! Sessions, seen and ended.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, RequestKey, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, SessionId, UserId};
use crate::page::{Page, PageRequest, sifted, whole};
use crate::staff::StaffAction;

use super::Users;
use super::authenticate::Authenticated;
use super::model::Session;
use super::passwords::endings;
use super::ports::UserWrite;
use super::repeat::{Committed, Keyed};
use super::staff_log::Deed;

impl Users {
    /// Ends the caller's session: its tokens are refused from the next request on. A key counts for this session
    /// alone, so that one used twice ends the second session, too.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH`; a session that has ended already is fine.
    pub async fn logout(&self, caller: &Authenticated, key: Option<RequestKey>) -> Outcome<Answer<()>> {
        let keyed = self.logout_keyed(caller, key);
        if self.made_before(keyed.as_ref()).await?.is_some() {
            return Ok(Answer::Replayed(()));
        }
        let (session, now) = (caller.session, self.clock.now());
        let claim = keyed.as_ref().map(|keyed| keyed.claim(session.uuid(), now));
        let changes = ChangeSet::of([UserWrite::RevokeSession(session, now)]).claim(claim);
        match self.commit_keyed(changes, keyed.as_ref()).await? {
            Committed::Now => Ok(Answer::Fresh(())),
            Committed::ByTwin(_) => Ok(Answer::Replayed(())),
            Committed::Stale => Err(Refusal::Conflict("session").into()),
        }
    }

    /// Whether it was a logout under this key that ended the session of `caller`, whose token opens nothing any more.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH`.
    pub async fn has_logged_out(&self, caller: &Authenticated, key: RequestKey) -> Outcome<bool> {
        Ok(self.made_before(self.logout_keyed(caller, Some(key)).as_ref()).await?.is_some())
    }

    fn logout_keyed(&self, caller: &Authenticated, key: Option<RequestKey>) -> Option<Keyed> {
        self.keyed(&caller.actor, &format!("POST /api/auth/logout {}", caller.session), key)
    }

    /// A user's sessions that are alive, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers.
    pub async fn sessions(&self, actor: &Actor, user: UserId, page: &PageRequest) -> Outcome<Page<Session>> {
        actor.require_owner(user, "user")?;
        self.present(user).await?;
        let now = self.clock.now();
        let list = async |page| self.store.sessions(user, &page).await;
        Ok(sifted(page, list, |session| session.is_alive(now), |session| session.id.uuid()).await?)
    }

    /// All of a user's sessions that nobody ended, however long ago they were used: to end or to tell all of them.
    pub(super) async fn every_session(&self, user: UserId) -> Outcome<Vec<Session>> {
        Ok(whole(async |page| self.store.sessions(user, &page).await).await?)
    }

    /// Ends one session of a user.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and for a session that is not hers or not alive.
    pub async fn revoke_session(&self, actor: &Actor, user: UserId, session: SessionId) -> Outcome<()> {
        rounds("session", || async move {
            actor.require_owner(user, "user")?;
            self.present(user).await?;
            let known = self.store.session(session).await?.map(|(known, _)| known);
            if known.is_none_or(|known| known.user != user || !known.is_alive(self.clock.now())) {
                return Err(Refusal::NotFound("session").into());
            }
            let changes = ChangeSet::of([UserWrite::RevokeSession(session, self.clock.now())]);
            let deed = Deed { action: StaffAction::SessionEnded, subject: user, detail: json!({ "session": session }) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }

    /// Ends all of a user's sessions, the caller's own among them: whoever holds a token of hers has to log in again.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and where none is alive.
    pub async fn revoke_sessions(&self, actor: &Actor, user: UserId) -> Outcome<()> {
        rounds("session", || async move {
            actor.require_owner(user, "user")?;
            self.present(user).await?;
            let (all, now) = (self.every_session(user).await?, self.clock.now());
            if !all.iter().any(|session| session.is_alive(now)) {
                return Err(Refusal::NotFound("session").into());
            }
            let deed = |session: &Session| {
                let detail = json!({ "session": session.id });
                Deed { action: StaffAction::SessionEnded, subject: user, detail }
            };
            let changes = ChangeSet::of(endings(&all, None, now));
            let changes = all.iter().fold(changes, |changes, session| self.told(actor, deed(session), changes));
            settle(self.store.commit(changes).await, ())
        })
        .await
    }
}
