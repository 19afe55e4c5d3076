//! What staff did, all over the shop: an append-only log, each entry bound to the one before by its hash.
//!
//! What staff does to accounts is written in the change set of the deed. What is done elsewhere is said there, in the
//! change set of the deed, and brought here by [`StaffLogKeeper`]. The store binds entries to each other as it writes them, so
//! that many who append at once are written together. There is one log and one writer, so one chain holds for the whole shop.
//!
//! Entries name identities, amounts and statuses, never what an erased person must not leave behind.

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, Round, digest, rounds, settle};
use crate::error::Outcome;
use crate::events::{ConsumeError, Consumer, Envelope, EventData, EventKind};
use crate::ids::{EventId, Id, UserId};
use crate::page::{Page, PageRequest};
use crate::staff::{StaffActed, StaffAction, Subject, SubjectKind};
use crate::time::Timestamp;

use super::Users;
use super::ports::UserWrite;

/// What an entry is to tell, before it has its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaffNews {
    /// When it was done.
    pub at: Timestamp,
    /// Who; none for the operator's command line.
    pub actor: Option<UserId>,
    /// What.
    pub action: StaffAction,
    /// To what.
    pub subject: Subject,
    /// What else is to be known of it.
    pub detail: EventData,
    /// The event that told of it; none of what was done to accounts.
    pub event: Option<EventId>,
}

impl StaffNews {
    /// The entry that follows `head`.
    #[must_use]
    pub fn after(&self, head: StaffHead) -> StaffEntry {
        let position = head.position.saturating_add(1);
        let entry = StaffEntry { position, told: self.clone(), previous: head.hash, hash: [0; 32] };
        StaffEntry { hash: entry.sealed(), ..entry }
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaffEntry {
    /// Which, from 1, without gaps.
    pub position: u64,
    /// What it tells.
    pub told: StaffNews,
    /// The hash of the entry before; zeros for the first.
    pub previous: [u8; 32],
    /// Of all the above.
    pub hash: [u8; 32],
}

impl StaffEntry {
    /// Its place in the log as pages are cut by it.
    #[must_use]
    pub fn place(&self) -> Uuid {
        Uuid::from_u128(self.position.into())
    }

    /// Where the log is with it.
    #[must_use]
    pub fn head(&self) -> StaffHead {
        StaffHead { position: self.position, hash: self.hash }
    }

    /// The hash that its members have. Of an account alone, told by no event, as it was when the log was of accounts alone.
    #[must_use]
    pub fn sealed(&self) -> [u8; 32] {
        let StaffNews { at, actor, action, subject, detail, event } = &self.told;
        let bytes = |id: Uuid| id.as_bytes().to_vec();
        let actor = actor.map(|actor| bytes(actor.uuid())).unwrap_or_default();
        let (position, at) = (self.position.to_be_bytes(), at.as_micros().to_be_bytes());
        let event = event.map(|event| bytes(event.uuid())).unwrap_or_default();
        let members: [&[u8]; 9] = [
            &self.previous,
            &position,
            &at,
            &actor,
            action.as_str().as_bytes(),
            subject.id.as_bytes(),
            detail.as_str().as_bytes(),
            subject.kind.as_str().as_bytes(),
            &event,
        ];
        let [account @ .., _, _] = &members;
        let of_account = subject.kind == SubjectKind::User && event.is_empty();
        digest(if of_account { account } else { &members })
    }
}

/// The last entry's position and hash; nothing of an empty log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StaffHead {
    /// Zero of an empty log.
    pub position: u64,
    /// Zeros of an empty log.
    pub hash: [u8; 32],
}

/// Which entries a list shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StaffLogFilter {
    /// Only what she did.
    pub actor: Option<UserId>,
    /// Only what was done to this.
    pub subject: Option<Uuid>,
    /// Only this.
    pub action: Option<StaffAction>,
}

impl StaffLogFilter {
    /// Whether it shows this entry.
    #[must_use]
    pub fn shows(&self, entry: &StaffEntry) -> bool {
        let told = &entry.told;
        self.actor.is_none_or(|actor| told.actor == Some(actor))
            && self.subject.is_none_or(|subject| told.subject.id == subject)
            && self.action.is_none_or(|action| told.action == action)
    }
}

/// What is to be told of what was done to an account.
pub(super) struct Deed {
    pub(super) action: StaffAction,
    pub(super) subject: UserId,
    pub(super) detail: Value,
}

impl Users {
    /// What staff did, newest first. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn staff_log(&self, actor: &Actor, filter: &StaffLogFilter, page: &PageRequest) -> Outcome<Page<StaffEntry>> {
        actor.require_staff()?;
        Ok(self.store.staff_log(filter, page).await?)
    }

    /// The change set, with an entry of the log where it is staff that does this to somebody else.
    pub(super) fn told(&self, actor: &Actor, deed: Deed, changes: ChangeSet<UserWrite>) -> ChangeSet<UserWrite> {
        if is_of_staff(actor, deed.subject) { self.told_also_of_herself(actor, deed, changes) } else { changes }
    }

    /// As [`told`](Self::told), of what staff alone may do, be it to herself.
    pub(super) fn told_also_of_herself(&self, actor: &Actor, deed: Deed, changes: ChangeSet<UserWrite>) -> ChangeSet<UserWrite> {
        if !actor.is_staff() {
            return changes;
        }
        let Deed { action, subject, detail } = deed;
        let subject = Subject::of(SubjectKind::User, subject);
        let (at, actor) = (self.clock.now(), actor.user());
        changes.and(UserWrite::LogStaff(StaffNews { at, actor, action, subject, detail: detail.into(), event: None }))
    }
}

/// Whether this is staff dealing with somebody else.
fn is_of_staff(actor: &Actor, subject: UserId) -> bool {
    actor.is_staff() && actor.user() != Some(subject)
}

/// Brings what staff did in other contexts into the log, each deed once.
#[derive(Clone)]
pub struct StaffLogKeeper(Users);

impl StaffLogKeeper {
    /// The stable name: the inbox key and, on a broker, the queue.
    pub const NAME: &'static str = "staff-log-queue";

    /// Into the log of these users.
    #[must_use]
    pub fn new(users: Users) -> Self {
        Self(users)
    }
}

#[async_trait]
impl Consumer for StaffLogKeeper {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::StaffActed
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let StaffActed { actor, action, subject, detail } = event.data()?;
        let news = StaffNews { at: event.at, actor, action, subject, detail: detail.into(), event: Some(event.id) };
        let brought = rounds("staff log", || async {
            let handled = Handled { consumer: Self::NAME, event: event.id, at: self.0.clock.now() };
            let changes = ChangeSet::of([UserWrite::LogStaff(news.clone())]).handling(Some(handled));
            match self.0.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(())),
                committed => settle(committed, ()),
            }
        });
        Ok(brought.await?)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::OrderId;

    fn id<I: Id>(number: u128) -> I {
        I::from_uuid(Uuid::from_u128(number))
    }

    fn entry() -> StaffEntry {
        let told = StaffNews {
            at: Timestamp::from_micros(5),
            actor: None,
            action: StaffAction::RoleChanged,
            subject: Subject::of(SubjectKind::User, id::<UserId>(1)),
            detail: json!({"role": "ADMIN"}).into(),
            event: None,
        };
        told.after(StaffHead { position: 1, hash: [3; 32] })
    }

    #[test]
    fn every_member_of_an_entry_is_sealed() {
        let entry = entry();
        let told = |change: fn(&mut StaffNews)| {
            let mut other = entry.clone();
            change(&mut other.told);
            other
        };
        let others = [
            StaffEntry { position: 3, ..entry.clone() },
            StaffEntry { previous: [4; 32], ..entry.clone() },
            told(|it| it.at = Timestamp::from_micros(6)),
            told(|it| it.actor = Some(id(2))),
            told(|it| it.action = StaffAction::UserErased),
            told(|it| it.subject = Subject::of(SubjectKind::User, id::<UserId>(2))),
            told(|it| it.subject = Subject::of(SubjectKind::Order, id::<OrderId>(1))),
            told(|it| it.detail = json!({"role": "SELLER"}).into()),
            told(|it| it.event = Some(id(1))),
        ];
        for other in others {
            assert_ne!(other.sealed(), entry.hash, "{other:?}");
        }
        assert_eq!(StaffEntry { hash: [9; 32], ..entry.clone() }.sealed(), entry.hash);
    }

    #[test]
    fn an_entry_of_an_account_has_the_hash_that_it_had_when_the_log_was_of_accounts_alone() {
        let entry = entry();
        let subject = Uuid::from_u128(1);
        let before = digest(&[
            &[3; 32],
            &2_u64.to_be_bytes(),
            &5_i64.to_be_bytes(),
            &[],
            b"ROLE_CHANGED",
            subject.as_bytes(),
            br#"{"role":"ADMIN"}"#,
        ]);
        assert_eq!(entry.hash, before);
    }

    #[test]
    fn what_staff_does_to_herself_is_her_own() {
        let (me, you) = (id(1), id(2));
        assert!(is_of_staff(&Actor::Admin(me), you) && is_of_staff(&Actor::System, you));
        assert!(!is_of_staff(&Actor::Admin(me), me) && !is_of_staff(&Actor::Customer(me), you));
    }
}
