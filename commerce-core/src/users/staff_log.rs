//! What staff did to accounts that are not their own: an append-only log, each entry bound to the one
//! before by its hash, written in the change set of what it tells.
//!
//! Entries name identities, roles and sessions, never what an erased person must not leave behind.

use serde_json::Value;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{ChangeSet, digest};
use crate::error::Outcome;
use crate::events::{EventData, wire_names};
use crate::ids::{Id, UserId};
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

use super::Users;
use super::ports::UserWrite;

wire_names! {
    /// What was done.
    StaffAction {
        /// An account with a role was opened.
        UserCreated = "USER_CREATED",
        /// An account was changed.
        UserChanged = "USER_CHANGED",
        /// An account was erased.
        UserErased = "USER_ERASED",
        /// A user got another role.
        RoleChanged = "ROLE_CHANGED",
        /// A user acts for a seller.
        SellerChanged = "SELLER_CHANGED",
        /// A user got another password.
        PasswordSet = "PASSWORD_SET",
        /// A session was ended.
        SessionEnded = "SESSION_ENDED",
        /// An address book was changed.
        AddressesChanged = "ADDRESSES_CHANGED",
    }
}

/// One entry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StaffEntry {
    /// Which, from 1, without gaps.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// Who; none for the operator's command line.
    pub actor: Option<UserId>,
    /// What.
    pub action: StaffAction,
    /// To whom.
    pub subject: UserId,
    /// What else is to be known of it.
    pub detail: EventData,
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

    /// The hash that its members have.
    #[must_use]
    pub fn sealed(&self) -> [u8; 32] {
        let actor = self.actor.map(|actor| actor.uuid().as_bytes().to_vec()).unwrap_or_default();
        digest(&[
            &self.previous,
            &self.position.to_be_bytes(),
            &self.at.as_micros().to_be_bytes(),
            &actor,
            self.action.as_str().as_bytes(),
            self.subject.uuid().as_bytes(),
            self.detail.as_str().as_bytes(),
        ])
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

/// What is to be told of a deed.
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
    pub async fn staff_log(&self, actor: &Actor, page: &PageRequest) -> Outcome<Page<StaffEntry>> {
        actor.require_staff()?;
        Ok(self.store.staff_log(page).await?)
    }

    /// The change set, with an entry of the log where it is staff that does this to somebody else. Who
    /// appends at the same time makes it stale, and it is decided again.
    pub(super) async fn told(&self, actor: &Actor, deed: Deed, changes: ChangeSet<UserWrite>) -> Outcome<ChangeSet<UserWrite>> {
        if !is_of_staff(actor, deed.subject) {
            return Ok(changes);
        }
        let StaffHead { position, hash: previous } = self.store.staff_head().await?;
        let entry = StaffEntry {
            position: position.saturating_add(1),
            at: self.clock.now(),
            actor: actor.user(),
            action: deed.action,
            subject: deed.subject,
            detail: deed.detail.into(),
            previous,
            hash: [0; 32],
        };
        Ok(changes.and(UserWrite::LogStaff(StaffEntry { hash: entry.sealed(), ..entry })))
    }
}

/// Whether this is staff dealing with somebody else.
fn is_of_staff(actor: &Actor, subject: UserId) -> bool {
    actor.is_staff() && actor.user() != Some(subject)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_member_of_an_entry_is_sealed() {
        let entry = StaffEntry {
            position: 2,
            at: Timestamp::from_micros(5),
            actor: None,
            action: StaffAction::RoleChanged,
            subject: UserId::from_uuid(Uuid::from_u128(1)),
            detail: json!({"role": "ADMIN"}).into(),
            previous: [3; 32],
            hash: [0; 32],
        };
        let others = [
            StaffEntry { position: 3, ..entry.clone() },
            StaffEntry { at: Timestamp::from_micros(6), ..entry.clone() },
            StaffEntry { actor: Some(UserId::from_uuid(Uuid::from_u128(2))), ..entry.clone() },
            StaffEntry { action: StaffAction::UserErased, ..entry.clone() },
            StaffEntry { subject: UserId::from_uuid(Uuid::from_u128(2)), ..entry.clone() },
            StaffEntry { detail: json!({"role": "SELLER"}).into(), ..entry.clone() },
            StaffEntry { previous: [4; 32], ..entry.clone() },
        ];
        for other in others {
            assert_ne!(other.sealed(), entry.sealed(), "{other:?}");
        }
        assert_eq!(StaffEntry { hash: [9; 32], ..entry.clone() }.sealed(), entry.sealed());
    }

    #[test]
    fn what_staff_does_to_herself_is_her_own() {
        let me = UserId::from_uuid(Uuid::from_u128(1));
        let you = UserId::from_uuid(Uuid::from_u128(2));
        assert!(is_of_staff(&Actor::Admin(me), you) && is_of_staff(&Actor::System, you));
        assert!(!is_of_staff(&Actor::Admin(me), me) && !is_of_staff(&Actor::Customer(me), you));
    }
}
