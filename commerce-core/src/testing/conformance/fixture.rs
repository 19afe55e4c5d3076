//! What a case gets: a fresh store, its machinery, a clock and a source of identities.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Keys};
use crate::error::StoreError;
use crate::events::{Backlog, DeadLetter, DeadLetters, Envelope, Leases, Outbox};
use crate::ids::{EventId, IdSource};
use crate::page::{Page, PageRequest};
use crate::testing::{ManualClock, SeededEntropy};
use crate::time::{Clock, Timestamp};

/// A store as an adapter opens it, with the machinery of the same database.
pub struct Opened<S: ?Sized> {
    store: Arc<S>,
    outbox: Arc<dyn Outbox>,
    letters: Arc<dyn DeadLetters>,
    leases: Arc<dyn Leases>,
    speaks: bool,
    keep: Box<dyn Any + Send + Sync>,
}

impl<S: ?Sized> Opened<S> {
    /// A store, and its database's outbox, dead letters and leases.
    pub fn new<M: Outbox + DeadLetters + Leases + 'static>(store: Arc<S>, machinery: Arc<M>) -> Self {
        let (outbox, letters, leases) = (machinery.clone(), machinery.clone(), machinery);
        Self { store, outbox, letters, leases, speaks: true, keep: Box::new(()) }
    }

    /// A store of its own, without an outbox: its change sets say nothing.
    pub fn silent(store: Arc<S>) -> Self {
        let silence = Arc::new(Silence);
        Self { speaks: false, ..Self::new(store, silence) }
    }

    /// Keeps something alive as long as the store: a directory, a server.
    #[must_use]
    pub fn keeping(mut self, thing: impl Any + Send + Sync) -> Self {
        self.keep = Box::new(thing);
        self
    }
}

/// What one case works on.
pub struct Fixture<S: ?Sized> {
    /// The store, empty.
    pub store: Arc<S>,
    /// Its outbox.
    pub outbox: Arc<dyn Outbox>,
    /// Its dead letters.
    pub letters: Arc<dyn DeadLetters>,
    /// Its leases.
    pub leases: Arc<dyn Leases>,
    /// The clock the store was opened on; stands at 2026-03-01T09:30:00Z.
    pub clock: Arc<ManualClock>,
    /// Identities, the same in every run.
    pub ids: IdSource,
    /// Whether change sets may say something.
    speaks: bool,
    _keep: Box<dyn Any + Send + Sync>,
}

impl<S: ?Sized> Fixture<S> {
    /// Opens a fresh store.
    pub async fn open(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<S>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(7)));
        let Opened { store, outbox, letters, leases, speaks, keep } = make(clock.clone()).await;
        Self { store, outbox, letters, leases, clock, ids, speaks, _keep: keep }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The change set with these events, where the store says any.
    pub(super) fn say<W>(&self, changes: ChangeSet<W>, events: impl IntoIterator<Item = Envelope>) -> ChangeSet<W> {
        if self.speaks { changes.say(events) } else { changes }
    }

    /// What the outbox holds once a change set with these events was committed.
    pub(super) fn said<E>(&self, events: Vec<E>) -> Vec<E> {
        if self.speaks { events } else { Vec::new() }
    }
}

/// The machinery of a store that has none: nothing was said, and nothing else is asked.
struct Silence;

fn not_there<T>(operation: &'static str) -> Result<T, StoreError> {
    Err(StoreError::unavailable(operation, "this store has no such machinery"))
}

#[async_trait]
impl Outbox for Silence {
    async fn unpublished(&self, _: u32) -> Result<Vec<Envelope>, StoreError> {
        Ok(Vec::new())
    }

    async fn published(&self, _: &[EventId]) -> Result<(), StoreError> {
        not_there("outbox.published")
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        not_there("outbox.backlog")
    }
}

#[async_trait]
impl DeadLetters for Silence {
    async fn bury(&self, _: &DeadLetter) -> Result<(), StoreError> {
        not_there("letters.bury")
    }

    async fn letters(&self, _: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        not_there("letters.letters")
    }

    async fn exhume(&self, _: &str, _: EventId, _: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        not_there("letters.exhume")
    }

    async fn give_up(&self, _: &str, _: EventId, _: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        not_there("letters.give_up")
    }

    async fn tell(&self, _: &Envelope) -> Result<(), StoreError> {
        not_there("letters.tell")
    }
}

#[async_trait]
impl Leases for Silence {
    async fn acquire(&self, _: &str, _: Uuid, _: Timestamp, _: Timestamp) -> Result<Option<u64>, StoreError> {
        not_there("leases.acquire")
    }

    async fn give_back(&self, _: &str, _: Uuid) -> Result<(), StoreError> {
        not_there("leases.give_back")
    }
}

impl<S: Subject + ?Sized> Fixture<S> {
    /// Commits these writes, which must be accepted.
    pub async fn write(&self, writes: impl IntoIterator<Item = S::Write>) {
        self.commit(ChangeSet::of(writes)).await;
    }

    /// Commits a change set, which must be accepted.
    pub async fn commit(&self, changes: ChangeSet<S::Write>) {
        self.store.try_commit(changes).await.expect("the change set is accepted");
    }

    /// Commits these writes, which must be refused.
    pub async fn refused(&self, writes: impl IntoIterator<Item = S::Write>) -> CommitRefusal {
        self.refusal(ChangeSet::of(writes)).await
    }

    /// Commits a change set, which must be refused.
    pub async fn refusal(&self, changes: ChangeSet<S::Write>) -> CommitRefusal {
        refusal(self.store.try_commit(changes).await)
    }

    /// Commits all of these at the same time; answers in their order.
    pub async fn race(&self, sets: impl IntoIterator<Item = ChangeSet<S::Write>>) -> Vec<Result<(), CommitError>> {
        join_all(sets.into_iter().map(|set| self.store.try_commit(set))).await
    }
}

/// A store as the cases on machinery see it: something that commits and can show a row.
#[async_trait]
pub trait Subject: Send + Sync {
    /// The context's kind of write.
    type Write: Clone + Debug + Send + Sync;

    /// See the store's own `commit`.
    async fn try_commit(&self, changes: ChangeSet<Self::Write>) -> Result<(), CommitError>;

    /// The used keys, where the port shows them.
    fn keys(&self) -> Option<&dyn Keys>;

    /// A write that inserts a row named `id`.
    fn row(&self, id: Uuid, now: Timestamp) -> Self::Write;

    /// A write that is refused once the row named `id` is there.
    fn clash(&self, id: Uuid, now: Timestamp) -> Self::Write {
        self.row(id, now)
    }

    /// Whether the row named `id` is there.
    async fn has(&self, id: Uuid) -> bool;
}

/// The refusal of a commit that must be refused.
pub(super) fn refusal(result: Result<(), CommitError>) -> CommitRefusal {
    match result {
        Ok(()) => panic!("a change set was committed that had to be refused"),
        Err(CommitError::Refused(refusal)) => refusal,
        Err(CommitError::Store(error)) => panic!("a change set had to be refused, but the store failed: {error}"),
    }
}

/// What a read answers that must succeed.
pub(super) fn got<T, E: Debug>(result: Result<T, E>) -> T {
    result.expect("the store answers")
}

/// The page of `limit` entries after `cursor`.
pub(super) fn page(limit: i64, cursor: Option<&str>) -> PageRequest {
    PageRequest::parse(Some(limit), cursor).expect("the cursor is one that the store gave out")
}

/// Walks a list to its end, three entries at a time.
pub(super) async fn walk<T>(list: impl AsyncFn(PageRequest) -> Page<T>) -> Vec<T> {
    let mut entries = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let next = list(page(3, cursor.as_deref())).await;
        assert!(next.items.len() <= 3, "a page holds no more than was asked for");
        assert!(!next.items.is_empty() || next.next_cursor.is_none(), "an empty page is the last");
        entries.extend(next.items);
        cursor = next.next_cursor;
        if cursor.is_none() {
            return entries;
        }
    }
}
