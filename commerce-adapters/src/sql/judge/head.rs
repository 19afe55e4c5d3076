//! What every change set has besides its writes: claims, a deadline, events.

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitRefusal, KeyClaim, KeyRecord};
use commerce_core::events::Envelope;
use commerce_core::ids::EventId;

use crate::sql::table::{Log, Table};

/// Who used a key: a change set committed before, or one of this batch.
#[derive(Clone, Debug)]
pub(crate) enum Claimed<'a> {
    /// As stored.
    Before(KeyRecord),
    /// In this batch.
    Now(&'a KeyClaim),
}

impl Claimed<'_> {
    fn record(&self) -> KeyRecord {
        match self {
            Self::Before(record) => record.clone(),
            Self::Now(claim) => KeyRecord { body_hash: claim.body_hash, result: claim.result },
        }
    }
}

/// Used keys, handled deliveries and said events of a batch.
pub(crate) struct Head<'a> {
    /// The instant of the commit.
    pub(crate) now: Timestamp,
    /// Used keys by the digest of their scope.
    pub(crate) keys: Table<[u8; 32], Claimed<'a>>,
    /// Handled deliveries, with the instant.
    pub(crate) inbox: Table<(String, EventId), Timestamp>,
    /// Events said.
    pub(crate) events: Log<&'a Envelope>,
}

impl<'a> Head<'a> {
    /// Nothing loaded yet.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self { now, keys: Table::default(), inbox: Table::default(), events: Log::default() }
    }

    /// Judges the claims, then the deadline.
    pub(crate) fn judge<W>(&mut self, set: &'a ChangeSet<W>) -> Result<(), CommitRefusal> {
        if let Some(claim) = &set.claim {
            let scope = claim.scope.digest();
            if let Some(record) = self.keys.get(&scope).map(Claimed::record)
                && !record.yields_to(claim.generation)
            {
                return Err(CommitRefusal::KeyTaken(record));
            }
            self.keys.set(scope, Claimed::Now(claim));
        }
        if let Some(handled) = &set.handled {
            let delivery = (handled.consumer.to_owned(), handled.event);
            if self.inbox.get(&delivery).is_some() {
                return Err(CommitRefusal::AlreadyHandled);
            }
            self.inbox.set(delivery, handled.at);
        }
        if set.deadline.is_some_and(|deadline| self.now >= deadline) {
            return Err(CommitRefusal::TooLate);
        }
        Ok(())
    }

    /// Notes what an accepted change set says.
    pub(crate) fn say(&mut self, events: &'a [Envelope]) {
        for event in events {
            self.events.push(event);
        }
    }

    /// Accepts the change set just judged.
    pub(crate) fn keep(&mut self) {
        self.keys.keep();
        self.inbox.keep();
        self.events.keep();
    }

    /// Takes it back.
    pub(crate) fn undo(&mut self) {
        self.keys.undo();
        self.inbox.undo();
        self.events.undo();
    }
}
