//! What stores in memory were asked and what they answered, written down to be asked of others.

use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::catalog::CatalogWrite;
use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::commerce::Context;
use crate::error::StoreError;
use crate::events::{DeadLetter, Envelope};
use crate::ids::EventId;
use crate::notifications::NotificationWrite;
use crate::orders::{CartWrite, OrderWrite};
use crate::time::Timestamp;
use crate::users::UserWrite;

/// Entries in the order in which the stores were asked. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

/// One deed, and what came of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The instant at which the store judged it.
    pub at: Timestamp,
    /// What the store was asked.
    pub deed: Deed,
    /// What it answered.
    pub answer: Answer,
}

/// Something that changes a database.
#[derive(Clone, Debug)]
pub enum Deed {
    /// Users commit this.
    Users(ChangeSet<UserWrite>),
    /// The catalog commits this.
    Catalog(ChangeSet<CatalogWrite>),
    /// Orders commit this.
    Orders(ChangeSet<OrderWrite>),
    /// Carts commit this.
    Carts(ChangeSet<CartWrite>),
    /// Notifications commit this.
    Notifications(ChangeSet<NotificationWrite>),
    /// Work beside the change sets of a database.
    Chore(Context, Chore),
}

/// What is done to a database besides committing.
#[derive(Clone, Debug)]
pub enum Chore {
    /// These events are marked published.
    Published(Vec<EventId>),
    /// This letter is buried.
    Bury(DeadLetter),
    /// The letter of this consumer about this event is taken out, and this is told of it.
    Exhume(String, EventId, Option<Envelope>),
    /// The letter of this consumer about this event is thrown away, and this is told of it.
    GiveUp(String, EventId, Option<Envelope>),
    /// This is told of a letter that lies elsewhere.
    Tell(Envelope),
    /// A lease is asked for.
    Acquire {
        /// Its name.
        name: String,
        /// By whom.
        owner: Uuid,
        /// When.
        now: Timestamp,
        /// For how long.
        until: Timestamp,
    },
    /// A lease is given back by its owner.
    GiveBack(String, Uuid),
}

/// What a store answers to a [`Deed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done.
    Done,
    /// A condition of the change set does not hold.
    Refused(CommitRefusal),
    /// The letter that was there.
    Letter(Option<Box<DeadLetter>>),
    /// The epoch of a lease, if it was to be had.
    Epoch(Option<u64>),
}

impl Journal {
    /// Everything so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn write(&self, at: Timestamp, deed: Deed, answer: Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Entry { at, deed, answer });
    }
}

impl Answer {
    /// A commit's.
    ///
    /// # Errors
    /// When the store did not answer.
    pub fn of(committed: Result<(), CommitError>) -> Result<Self, StoreError> {
        match committed {
            Ok(()) => Ok(Self::Done),
            Err(CommitError::Refused(refusal)) => Ok(Self::Refused(refusal)),
            Err(CommitError::Store(error)) => Err(error),
        }
    }
}

/// A context's kind of write, whose change sets can be written down.
pub(super) trait Recorded: Clone {
    /// The committing of `changes`.
    fn deed(changes: ChangeSet<Self>) -> Deed;
}

macro_rules! recorded {
    ($($write:ident: $deed:ident),+) => {
        $(impl Recorded for $write {
            fn deed(changes: ChangeSet<Self>) -> Deed {
                Deed::$deed(changes)
            }
        })+
    };
}

recorded! { UserWrite: Users, CatalogWrite: Catalog, OrderWrite: Orders, CartWrite: Carts, NotificationWrite: Notifications }
