//! Sessions, seen and ended.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{SessionId, UserId};
use crate::staff::StaffAction;

use super::Users;
use super::model::Session;
use super::ports::UserWrite;
use super::staff_log::Deed;

impl Users {
    /// Ends a session: its tokens are refused from the next request on.
    ///
    /// # Errors
    /// None of its own; a session that has ended already is fine.
    pub async fn logout(&self, session: SessionId) -> Outcome<()> {
        self.store.commit(ChangeSet::of([UserWrite::RevokeSession(session, self.clock.now())])).await?;
        Ok(())
    }

    /// A user's sessions that are alive, newest first.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers.
    pub async fn sessions(&self, actor: &Actor, user: UserId) -> Outcome<Vec<Session>> {
        actor.require_owner(user, "user")?;
        self.present(user).await?;
        let now = self.clock.now();
        let mut sessions = self.store.sessions(user).await?;
        sessions.retain(|session| session.is_alive(now));
        Ok(sessions)
    }

    /// Ends one session of a user.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and for a session that is not hers or not alive.
    pub async fn revoke_session(&self, actor: &Actor, user: UserId, session: SessionId) -> Outcome<()> {
        rounds("session", || async move {
            let alive = self.sessions(actor, user).await?;
            if !alive.iter().any(|known| known.id == session) {
                return Err(Refusal::NotFound("session").into());
            }
            let changes = ChangeSet::of([UserWrite::RevokeSession(session, self.clock.now())]);
            let deed = Deed { action: StaffAction::SessionEnded, subject: user, detail: json!({ "session": session }) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }
}
