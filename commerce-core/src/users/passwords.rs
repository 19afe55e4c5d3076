//! Setting passwords. A new password ends the sessions of the old one.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, SessionId, UserId};
use crate::limits;
use crate::staff::StaffAction;
use crate::time::Timestamp;

use super::model::{Session, User};
use super::ports::{UserWrite, Verdict};
use super::repeat::{Committed, Keyed};
use super::staff_log::Deed;
use super::{AuthPolicy, Users};

/// The code of a field that is to be the present password and is not: shells count it like a login that failed.
pub const WRONG_PASSWORD: &str = "WRONG_PASSWORD";

impl Users {
    /// Sets a user's password and ends all her sessions.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, `INVALID` for a password the policy refuses.
    pub async fn set_password(&self, actor: &Actor, id: UserId, new: &str) -> Outcome<()> {
        actor.require_owner(id, "user")?;
        self.replace_password(actor, id, ("password", new), None, None, |_| Ok(())).await?;
        Ok(())
    }

    /// Sets the own password, knowing the current one, and ends all sessions but `keep`.
    ///
    /// # Errors
    /// `INVALID`, naming `current`, when that is not the password, `VERSION_MISMATCH` when the user is not
    /// `expected`, else as [`set_password`](Self::set_password).
    pub async fn change_password(
        &self,
        actor: &Actor,
        id: UserId,
        current: &str,
        new: &str,
        keep: Option<SessionId>,
        expected: Option<u64>,
    ) -> Outcome<()> {
        actor.require_owner(id, "user")?;
        let user = self.present(id).await?;
        if current.chars().count() > limits::PASSWORD_MAX || !self.is_password_of(&user, current).await? {
            // She has logged in: what is wrong is a field, not who she is.
            return Err(Refusal::field("current", WRONG_PASSWORD, "is not the present password").into());
        }
        let holds = |user: &User| expect_version("user", expected, user.version);
        self.replace_password(actor, id, ("new", new), keep, None, holds).await?;
        Ok(())
    }

    pub(super) async fn is_password_of(&self, user: &User, password: &str) -> Outcome<bool> {
        let verdict = self.passwords.verify(password, Some(&user.password_hash)).await?;
        Ok(verdict != Verdict::Wrong)
    }

    /// Puts a password in the place of the one that a user has who passes `holds`; once under a key.
    pub(super) async fn replace_password(
        &self,
        actor: &Actor,
        id: UserId,
        (field, new): (&str, &str),
        keep: Option<SessionId>,
        keyed: Option<&Keyed>,
        holds: impl Fn(&User) -> Result<(), Refusal>,
    ) -> Outcome<Answer<()>> {
        check_password(field, new, self.policy)?;
        let hash = &self.passwords.hash(new).await?;
        let answer = rounds("user", || async {
            let user = self.present(id).await?;
            if self.made_before(keyed).await?.is_some() {
                return Ok(Round::Done(Answer::Replayed(())));
            }
            holds(&user)?;
            let ended = self.endings(id, keep).await?;
            let changed = User { password_hash: hash.clone(), ..user }.next_version();
            let changes = ChangeSet::of([UserWrite::UpdateUser(changed)]);
            let changes = ended.into_iter().fold(changes, ChangeSet::and);
            let deed = Deed { action: StaffAction::PasswordSet, subject: id, detail: json!({}) };
            let claim = keyed.map(|keyed| keyed.claim(id.uuid(), self.clock.now()));
            let changes = self.told(actor, deed, changes).claim(claim);
            Ok(match self.commit_keyed(changes, keyed).await? {
                Committed::Now => Round::Done(Answer::Fresh(())),
                Committed::ByTwin(_) => Round::Done(Answer::Replayed(())),
                Committed::Stale => Round::Again,
            })
        })
        .await?;
        // A login with the old password may have slipped in between reading and committing. Any
        // later one sees the new hash itself.
        let late = self.endings(id, keep).await?;
        if !late.is_empty() {
            self.store.commit(ChangeSet::of(late)).await?;
        }
        Ok(answer)
    }

    async fn endings(&self, id: UserId, keep: Option<SessionId>) -> Outcome<Vec<UserWrite>> {
        Ok(endings(&self.every_session(id).await?, keep, self.clock.now()))
    }
}

/// Ends all of these sessions but one.
pub(super) fn endings(sessions: &[Session], keep: Option<SessionId>, now: Timestamp) -> Vec<UserWrite> {
    let ended = sessions.iter().filter(|session| Some(session.id) != keep);
    ended.map(|session| UserWrite::RevokeSession(session.id, now)).collect()
}

/// Length is all that is asked of a password; every character counts, spaces too.
///
/// # Errors
/// `INVALID`, naming `field`.
pub(super) fn check_password(field: &str, password: &str, policy: AuthPolicy) -> Result<(), Refusal> {
    let (length, min) = (password.chars().count(), policy.password_min_length.max(1));
    if length < min {
        return Err(Refusal::field(field, "TOO_SHORT", format!("must have at least {min} characters")));
    }
    if length > limits::PASSWORD_MAX {
        return Err(Refusal::field(field, "TOO_LONG", format!("must have at most {} characters", limits::PASSWORD_MAX)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_judged_by_its_characters_not_its_bytes() {
        let policy = AuthPolicy { password_min_length: 8 };
        assert!(check_password("password", "short77", policy).is_err());
        assert!(check_password("password", "üüüüüüüü", policy).is_ok());
        assert!(check_password("password", "üüüü", policy).is_err());
        assert!(check_password("password", &"x".repeat(256), policy).is_ok());
        assert!(check_password("password", &"x".repeat(257), policy).is_err());
        assert!(check_password("password", "", AuthPolicy { password_min_length: 0 }).is_err());
    }
}
