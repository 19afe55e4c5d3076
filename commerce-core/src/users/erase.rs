//! An account that goes: nothing of it is left but the identity, a pseudonym that its orders keep.
//!
//! Here that is so at once. What other contexts keep is forgotten by the worker afterwards ([`Users::forget_erased`]): an
//! order that is still to arrive needs its address until it has, and a context that does not answer is asked again. They are
//! asked once more a day later, for what was under way when she went.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, expect_version, rounds, settle};
use crate::commerce::Context;
use crate::error::{Error, Outcome, Refusal};
use crate::ids::UserId;
use crate::limits;
use crate::staff::StaffAction;
use crate::text::{Email, Metadata};
use crate::time::Timestamp;

use super::Users;
use super::model::{ERASED, PasswordHash, Role, User};
use super::passwords::endings;
use super::ports::UserWrite;
use super::staff_log::Deed;

/// Somebody who was erased, and how far other contexts have forgotten her.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Erasure {
    /// Who: a user or a guest.
    pub user: UserId,
    /// Since when.
    pub erased_at: Timestamp,
    /// When other contexts are to be asked next; none once they have forgotten her.
    pub due_at: Option<Timestamp>,
}

impl Erasure {
    /// Of somebody who goes now.
    fn new(user: UserId, now: Timestamp) -> Self {
        Self { user, erased_at: now, due_at: Some(now) }
    }

    /// After everybody was asked at `now`, and nothing or something was left.
    fn asked(self, nothing_left: bool, now: Timestamp) -> Self {
        let sure_at = self.erased_at.plus(limits::ERASURE_SURE);
        let due_at = match nothing_left {
            true if now >= sure_at => None,
            true => Some(sure_at),
            false => Some(now.plus(limits::ERASURE_AGAIN)),
        };
        Self { due_at, ..self }
    }
}

impl Users {
    /// Erases a user: her mail address is free again, her address book is gone, her sessions end. Erases a guest, too, for
    /// staff: the links of her orders end with her mail address.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers and when she is gone already; `LAST_ADMIN`, but not for the operator; `VERSION_MISMATCH` when
    /// she is not `expected`.
    pub async fn delete_user(&self, actor: &Actor, id: UserId, expected: Option<u64>) -> Outcome<()> {
        actor.require_owner(id, "user")?;
        if actor.is_staff() && self.store.user(id).await?.is_none() {
            return self.erase_guest(actor, id, expected).await;
        }
        rounds("user", || async {
            let user = self.present(id).await?;
            expect_version("user", expected, user.version)?;
            let addresses = self.store.addresses(id).await?;
            let sessions = self.every_session(id).await?;

            let now = self.clock.now();
            let written = [erased(&user).next_version()].into_iter().chain(self.who_stays(actor, &user).await?);
            let changes = ChangeSet::of(written.map(UserWrite::UpdateUser));
            let changes = changes.and(UserWrite::SaveErasure(Erasure::new(id, now)));
            let changes = addresses.iter().map(|address| UserWrite::DeleteAddress(address.id)).fold(changes, ChangeSet::and);
            let changes = endings(&sessions, None, now).into_iter().fold(changes, ChangeSet::and);
            let deed = Deed { action: StaffAction::UserErased, subject: id, detail: json!({}) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }

    async fn erase_guest(&self, actor: &Actor, id: UserId, expected: Option<u64>) -> Outcome<()> {
        rounds("guest", || async {
            let guest = self.store.guest(id).await?.filter(|guest| !guest.is_erased()).ok_or(Refusal::NotFound("user"))?;
            expect_version("user", expected, guest.version)?;
            let erasure = Erasure::new(id, self.clock.now());
            let changes = ChangeSet::of([UserWrite::SaveGuest(guest.erased()), UserWrite::SaveErasure(erasure)]);
            let deed = Deed { action: StaffAction::UserErased, subject: id, detail: json!({}) };
            settle(self.store.commit(self.told(actor, deed, changes)).await, ())
        })
        .await
    }

    /// Has other contexts forget who was erased, at most `limit` people, and answers how many it dealt with. Only who holds
    /// the worker's lease calls this.
    ///
    /// # Errors
    /// The first failure, after everybody else was dealt with: who is not forgotten yet stays due.
    pub async fn forget_erased(&self, limit: u32) -> Outcome<usize> {
        let mut failure = None;
        let mut forgotten = 0_usize;
        for erasure in self.store.due_erasures(self.clock.now(), limit).await? {
            match self.forget(erasure).await {
                Ok(()) => forgotten = forgotten.saturating_add(1),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        failure.map_or(Ok(forgotten), Err)
    }

    async fn forget(&self, erasure: Erasure) -> Outcome<()> {
        let mut nothing_left = true;
        for context in Context::ALL.iter().filter(|context| **context != Context::Users) {
            nothing_left &= self.records_of(*context)?.forget(erasure.user).await?;
        }
        let asked = erasure.asked(nothing_left, self.clock.now());
        self.store.commit(ChangeSet::of([UserWrite::SaveErasure(asked)])).await.map_err(Error::from)
    }
}

/// The identity alone.
fn erased(user: &User) -> User {
    User {
        email: Email::erased(user.id),
        full_name: ERASED.to_owned(),
        phone: None,
        role: Role::Customer,
        seller: None,
        password_hash: PasswordHash(String::new()),
        metadata: Metadata::new(),
        ..user.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::asha;
    use super::*;

    #[test]
    fn nothing_personal_is_left() {
        let erased = erased(&asha());
        assert!(erased.is_erased());
        let shown = format!("{erased:?} {}", erased.email);
        for trace in ["asha", "Asha", "98450", "argon2"] {
            assert!(!shown.contains(trace), "{trace} in {shown}");
        }
    }
    #[test]
    fn who_is_forgotten_is_looked_for_once_more_a_day_later() {
        let noon = Timestamp::EPOCH.plus(std::time::Duration::from_hours(12));
        let erasure = Erasure::new(asha().id, noon);
        assert_eq!(erasure.due_at, Some(noon));
        let waiting = erasure.asked(false, noon);
        assert_eq!(waiting.due_at, Some(noon.plus(limits::ERASURE_AGAIN)));
        let first = waiting.asked(true, noon.plus(limits::ERASURE_AGAIN));
        assert_eq!(first.due_at, Some(noon.plus(limits::ERASURE_SURE)));
        assert_eq!(first.asked(true, noon.plus(limits::ERASURE_SURE)).due_at, None);
        let month = noon.plus(limits::ERASURE_SURE.saturating_mul(30));
        assert_eq!(first.asked(false, month).due_at, Some(month.plus(limits::ERASURE_AGAIN)));
    }
}
