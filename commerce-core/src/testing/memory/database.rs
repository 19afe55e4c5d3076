//! One database: the context's rows, and what every database has besides: used keys, inbox, outbox,
//! dead letters and leases. What it shows to an audit is in `sheets`.

mod sheets;

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, KeyClaim, KeyRecord, KeyScope};
use crate::commerce::Context;
use crate::events::{Backlog, DeadLetter, Envelope, given_up};
use crate::ids::{Entropy, EventId};
use crate::limits;
use crate::page::{Page, PageRequest};
use crate::testing::SeededEntropy;
use crate::time::{Clock, Timestamp};

use super::books::{Opened, Tampering};
use super::journal::{Answer, Chore, Deed, Journal, Recorded};

/// Rows of a context that take its writes.
pub(super) trait Apply<W>: Undo {
    /// Judges and makes the writes in order. What is half made when it refuses is undone.
    ///
    /// # Errors
    /// The first condition that does not hold.
    fn apply(&mut self, writes: Vec<W>, now: Timestamp) -> Result<(), CommitRefusal>;
}

/// Rows that can take back what the change set in hand did to them.
pub(super) trait Undo {
    /// What was done stays.
    fn keep(&mut self);

    /// What was done is undone.
    fn undo(&mut self);
}

/// [`Undo`] for rows that are [tables](super::table::Table).
macro_rules! undo_tables {
    ($rows:ty: $($table:ident),+) => {
        impl $crate::testing::memory::database::Undo for $rows {
            fn keep(&mut self) {
                $(self.$table.keep();)+
            }

            fn undo(&mut self) {
                $(self.$table.undo();)+
            }
        }
    };
}
pub(super) use undo_tables;

/// One database in memory. Clones share it.
pub(super) struct Database<R> {
    clock: Arc<dyn Clock>,
    /// None: nobody goes first.
    turns: Option<Arc<SeededEntropy>>,
    /// Where everything is written down that changes it, and as whose database.
    journal: Option<(Journal, Context)>,
    state: Arc<Mutex<State<R>>>,
}

impl<R> Clone for Database<R> {
    fn clone(&self) -> Self {
        Self {
            clock: Arc::clone(&self.clock),
            turns: self.turns.clone(),
            journal: self.journal.clone(),
            state: Arc::clone(&self.state),
        }
    }
}

struct State<R> {
    rows: R,
    keys: BTreeMap<[u8; 32], Used>,
    inbox: BTreeMap<(String, EventId), Timestamp>,
    /// What waits, by its position among all events of this database, from 1.
    outbox: BTreeMap<u64, Envelope>,
    /// What has left the outbox, with when it did.
    published: BTreeMap<u64, (Envelope, Timestamp)>,
    /// Every event, on its way or published.
    said: BTreeSet<EventId>,
    letters: BTreeMap<(String, EventId), DeadLetter>,
    leases: BTreeMap<String, Lease>,
    tampered: Vec<Tampering>,
    /// What was shown last, unless something has changed since.
    opened: Option<Arc<Opened>>,
}

struct Used {
    at: Timestamp,
    route: String,
    generation: u32,
    record: KeyRecord,
}

struct Lease {
    owner: Uuid,
    epoch: u64,
    until: Option<Timestamp>,
}

impl<R: Default> Database<R> {
    /// An empty one, whose deadlines and retentions are judged by `clock`.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        let state = State {
            rows: R::default(),
            keys: BTreeMap::new(),
            inbox: BTreeMap::new(),
            outbox: BTreeMap::new(),
            published: BTreeMap::new(),
            said: BTreeSet::new(),
            letters: BTreeMap::new(),
            leases: BTreeMap::new(),
            tampered: Vec::new(),
            opened: None,
        };
        let turns = Some(Arc::new(SeededEntropy::new(0)));
        Self { clock, turns, journal: None, state: Arc::new(Mutex::new(state)) }
    }
}

impl<R> Database<R> {
    fn state(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to be changed.
    fn changing(&self) -> MutexGuard<'_, State<R>> {
        let mut state = self.state();
        state.opened = None;
        state
    }

    /// With turns drawn from `seed`: callers at the same time meet in another order with each seed.
    pub(super) fn with_turns(self, seed: u64) -> Self {
        Self { turns: Some(Arc::new(SeededEntropy::new(seed))), ..self }
    }

    /// Where every call runs through at once: whoever schedules the callers decides who goes first.
    pub(super) fn without_turns(self) -> Self {
        Self { turns: None, ..self }
    }

    /// Which writes down everything that changes it.
    pub(super) fn recording(self, journal: Journal, context: Context) -> Self {
        Self { journal: Some((journal, context)), ..self }
    }

    /// Writes a chore down.
    fn note(&self, chore: impl FnOnce() -> Chore, answer: Answer) {
        if let Some((journal, context)) = &self.journal {
            journal.write(self.clock.now(), Deed::Chore(*context, chore()), answer);
        }
    }

    /// Lets others go first, up to three times, as a database would.
    async fn turn(&self) {
        let Some(dice) = &self.turns else { return };
        let mut drawn = [0u8];
        dice.fill(&mut drawn);
        let mut turns = drawn.first().map_or(0, |drawn| drawn % 4);
        poll_fn(|context| {
            if turns == 0 {
                return Poll::Ready(());
            }
            turns = turns.saturating_sub(1);
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Reads the rows at one instant.
    pub(super) async fn read<T>(&self, read: impl FnOnce(&R) -> T) -> T {
        self.turn().await;
        read(&self.state().rows)
    }

    /// Commits a change set whole or not at all.
    ///
    /// # Errors
    /// The first condition that does not hold: claims, then the deadline, then the writes.
    pub(super) async fn commit<W: Recorded>(&self, changes: ChangeSet<W>) -> Result<(), CommitError>
    where
        R: Apply<W>,
    {
        self.turn().await;
        let now = self.clock.now();
        let deed = self.journal.as_ref().map(|_| W::deed(changes.clone()));
        let mut state = self.changing();
        let verdict = state.commit(changes, now);
        if let (Some((journal, _)), Some(deed)) = (&self.journal, deed) {
            journal.write(now, deed, verdict.clone().map_or_else(Answer::Refused, |()| Answer::Done));
        }
        drop(state);
        Ok(verdict?)
    }

    /// See [`Keys`](crate::change::Keys).
    pub(super) async fn key(&self, scope: &KeyScope) -> Option<KeyRecord> {
        self.turn().await;
        let now = self.clock.now();
        self.state().key(scope, now).cloned()
    }

    /// See [`Outbox`](crate::events::Outbox).
    pub(super) fn unpublished(&self, limit: u32) -> Vec<Envelope> {
        super::at_most(self.state().outbox.values().cloned(), limit)
    }

    /// See [`Outbox`](crate::events::Outbox).
    pub(super) fn published(&self, events: &[EventId]) {
        let now = self.clock.now();
        let mut state = self.changing();
        let published = state.outbox.extract_if(.., |_, event| events.contains(&event.id));
        let published: Vec<(u64, Envelope)> = published.collect();
        state.published.extend(published.into_iter().map(|(position, event)| (position, (event, now))));
        self.note(|| Chore::Published(events.to_vec()), Answer::Done);
    }

    /// See [`Outbox`](crate::events::Outbox).
    pub(super) fn backlog(&self) -> Backlog {
        let state = self.state();
        let waiting = u64::try_from(state.outbox.len()).unwrap_or(u64::MAX);
        Backlog { waiting, oldest: state.outbox.values().map(|event| event.at).min() }
    }

    /// See [`DeadLetters`](crate::events::DeadLetters).
    pub(super) fn bury(&self, letter: &DeadLetter) {
        let name = (letter.consumer.clone(), letter.event.id);
        self.changing().letters.entry(name).or_insert_with(|| letter.clone());
        self.note(|| Chore::Bury(letter.clone()), Answer::Done);
    }

    /// See [`DeadLetters`](crate::events::DeadLetters).
    pub(super) fn letters(&self, page: &PageRequest) -> Page<DeadLetter> {
        let letters = self.state().letters.values().cloned().collect();
        super::newest_first(letters, page, DeadLetter::place)
    }

    /// See [`DeadLetters`](crate::events::DeadLetters).
    pub(super) fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Option<DeadLetter> {
        let letter = {
            let mut state = self.changing();
            let letter = state.letters.remove(&(consumer.to_owned(), event));
            if letter.is_some() {
                state.say(told.cloned());
            }
            letter
        };
        self.note(|| Chore::Exhume(consumer.to_owned(), event, told.cloned()), Answer::Letter(letter.clone().map(Box::new)));
        letter
    }

    /// See [`DeadLetters`](crate::events::DeadLetters).
    pub(super) fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Option<DeadLetter> {
        let letter = self.changing().give_up(consumer, event, told, self.clock.now());
        self.note(|| Chore::GiveUp(consumer.to_owned(), event, told.cloned()), Answer::Letter(letter.clone().map(Box::new)));
        letter
    }

    /// See [`DeadLetters`](crate::events::DeadLetters).
    pub(super) fn tell(&self, told: &Envelope) {
        self.changing().say([told.clone()]);
        self.note(|| Chore::Tell(told.clone()), Answer::Done);
    }

    /// See [`Leases`](crate::events::Leases).
    pub(super) fn acquire(&self, name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Option<u64> {
        let epoch = self.changing().acquire(name, owner, now, until);
        self.note(|| Chore::Acquire { name: name.to_owned(), owner, now, until }, Answer::Epoch(epoch));
        epoch
    }

    /// See [`Leases`](crate::events::Leases).
    pub(super) fn give_back(&self, name: &str, owner: Uuid) {
        if let Some(lease) = self.changing().leases.get_mut(name)
            && lease.owner == owner
        {
            lease.until = None;
        }
        self.note(|| Chore::GiveBack(name.to_owned(), owner), Answer::Done);
    }
}

impl<R> State<R> {
    /// Judges the claims, then the deadline, then the writes, then whether the events are new.
    fn commit<W>(&mut self, changes: ChangeSet<W>, now: Timestamp) -> Result<(), CommitRefusal>
    where
        R: Apply<W>,
    {
        if let Some(claim) = &changes.claim {
            self.judge_key(claim, now)?;
        }
        if let Some(handled) = &changes.handled {
            self.judge_delivery(handled)?;
        }
        if changes.deadline.is_some_and(|deadline| now >= deadline) {
            return Err(CommitRefusal::TooLate);
        }
        let judged = self.rows.apply(changes.writes, now).and_then(|()| judge_free("id", self.repeats(&changes.events)));
        if judged.is_err() {
            self.rows.undo();
            return judged;
        }
        self.rows.keep();
        if let Some(claim) = changes.claim {
            let record = KeyRecord { body_hash: claim.body_hash, result: claim.result };
            let scope = claim.scope.digest();
            let used = Used { at: claim.at, route: claim.scope.route, generation: claim.generation, record };
            self.keys.insert(scope, used);
        }
        self.inbox.extend(changes.handled.map(|handled| ((handled.consumer.to_owned(), handled.event), handled.at)));
        self.say(changes.events);
        Ok(())
    }

    fn say(&mut self, events: impl IntoIterator<Item = Envelope>) {
        for event in events {
            self.said.insert(event.id);
            self.outbox.insert(u64::try_from(self.said.len()).unwrap_or(u64::MAX), event);
        }
    }

    /// Whether one of these events was said before.
    fn repeats(&self, events: &[Envelope]) -> bool {
        let mut fresh = BTreeSet::new();
        events.iter().any(|event| self.said.contains(&event.id) || !fresh.insert(event.id))
    }

    fn give_up(&mut self, consumer: &str, event: EventId, told: Option<&Envelope>, now: Timestamp) -> Option<DeadLetter> {
        let letter = self.letters.remove(&(consumer.to_owned(), event))?;
        self.say(told.cloned());
        self.inbox.entry((given_up(consumer), event)).or_insert(now);
        Some(letter)
    }

    fn acquire(&mut self, name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Option<u64> {
        let lease = self.leases.entry(name.to_owned()).or_insert(Lease { owner, epoch: 1, until: None });
        if lease.owner != owner {
            if lease.until.is_some_and(|until| now < until && until <= now.plus(limits::LEASE_MAX)) {
                return None;
            }
            lease.owner = owner;
            lease.epoch = lease.epoch.saturating_add(1);
        }
        lease.until = Some(until);
        Some(lease.epoch)
    }

    fn key(&self, scope: &KeyScope, now: Timestamp) -> Option<&KeyRecord> {
        let used = self.keys.get(&scope.digest())?;
        (now < used.at.plus(limits::IDEMPOTENCY_KEEP)).then_some(&used.record)
    }

    fn judge_key(&self, claim: &KeyClaim, now: Timestamp) -> Result<(), CommitRefusal> {
        match self.key(&claim.scope, now) {
            Some(record) if !record.yields_to(claim.generation) => Err(CommitRefusal::KeyTaken(record.clone())),
            Some(_) | None => Ok(()),
        }
    }

    fn judge_delivery(&self, handled: &Handled) -> Result<(), CommitRefusal> {
        let known = self.inbox.contains_key(&(handled.consumer.to_owned(), handled.event));
        if known { Err(CommitRefusal::AlreadyHandled) } else { Ok(()) }
    }
}

/// Accepts the new version `next` of an aggregate whose stored version is `stored`.
pub(super) fn judge_version(what: &'static str, stored: Option<u64>, next: u64) -> Result<(), CommitRefusal> {
    let expected = stored.and_then(|stored| stored.checked_add(1));
    if expected == Some(next) { Ok(()) } else { Err(CommitRefusal::Stale(what)) }
}

/// Refuses with `Duplicate(what)` when `taken`.
pub(super) fn judge_free(what: &'static str, taken: bool) -> Result<(), CommitRefusal> {
    if taken { Err(CommitRefusal::Duplicate(what)) } else { Ok(()) }
}
