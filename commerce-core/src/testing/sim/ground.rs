//! The ground a world stands on: its clockwork, what shall go wrong, and the books that are kept of it.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::books::Books;
use super::provider::{Message, Mood};
use super::scheduler::{Clockwork, NodeId};
use super::situations::{Situation, Situations};
use crate::testing::fault::{Call, Fault, Faults, Happened};
use crate::testing::memory::ScriptedGateway;
use crate::time::{Clock, Timestamp};

/// When every world begins: 2026-03-01T09:30:00Z.
pub const DAWN: Timestamp = Timestamp::from_micros(1_772_357_400_000_000);

/// What shall go wrong with calls.
#[derive(Debug)]
pub enum Plan {
    /// Nothing.
    Calm,
    /// These calls of any node, counted from 0.
    Script(Hits),
    /// Any call, at these rates.
    Rates(Rates),
}

/// Faults at calls that are counted.
#[derive(Clone, Debug, Default)]
pub struct Hits {
    /// Which call meets what.
    pub hits: Vec<(usize, Fault)>,
    /// Every call so far, the faults included.
    pub calls: Vec<(Call, &'static str)>,
}

/// How often which fault meets a call, in a thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// For each kind of call.
    pub calls: Vec<(Call, u32)>,
    /// The faults that there are at all; the others never happen.
    pub faults: Vec<Fault>,
}

/// The provider's messages on their way.
#[derive(Default)]
struct Letters {
    posted: Vec<(Message, Duration)>,
    open: usize,
    postman: Option<Waker>,
}

impl Plan {
    fn strike(&mut self, call: Call, operation: &'static str, clockwork: &Clockwork) -> Option<Fault> {
        match self {
            Self::Calm => None,
            Self::Script(script) => {
                let place = script.calls.len();
                script.calls.push((call, operation));
                script.hits.iter().find(|(at, _)| *at == place).map(|(_, fault)| *fault)
            }
            Self::Rates(rates) => {
                let (_, rate) = rates.calls.iter().find(|(kind, _)| *kind == call)?;
                clockwork.throw(|dice| {
                    let fault = dice.permille(*rate).then(|| *dice.pick(call.menu()))?;
                    rates.faults.contains(&fault).then_some(fault)
                })
            }
        }
    }
}

/// Everything that all nodes of a world share besides the stores.
pub struct Ground {
    /// Time and tasks.
    pub clockwork: Arc<Clockwork>,
    /// The provider's own books.
    pub gateway: Arc<ScriptedGateway>,
    plan: Mutex<Plan>,
    books: Mutex<Books>,
    situations: Mutex<Situations>,
    mood: Mutex<Mood>,
    letters: Mutex<Letters>,
    /// Whether others run between an effect and its answer.
    yields_after: bool,
}

impl Ground {
    /// Nothing goes wrong on it yet.
    #[must_use]
    pub fn new(clockwork: Arc<Clockwork>, yields_after: bool) -> Self {
        Self {
            clockwork,
            gateway: Arc::new(ScriptedGateway::new()),
            plan: Mutex::new(Plan::Calm),
            books: Mutex::default(),
            situations: Mutex::default(),
            mood: Mutex::default(),
            letters: Mutex::default(),
            yields_after,
        }
    }

    /// The true time.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(DAWN.as_micros().saturating_add(self.clockwork.now()))
    }

    /// What goes wrong from now on.
    pub fn set_plan(&self, plan: Plan) -> Plan {
        std::mem::replace(&mut *lock(&self.plan), plan)
    }

    /// How the provider's messages travel from now on.
    pub fn set_mood(&self, mood: Mood) {
        *lock(&self.mood) = mood;
    }

    /// How the provider's messages travel.
    pub fn mood(&self) -> Mood {
        lock(&self.mood).clone()
    }

    /// Sends a message of the provider on its way.
    pub(super) fn post(&self, message: Message, delay: Duration) {
        let mut letters = lock(&self.letters);
        letters.open = letters.open.saturating_add(1);
        letters.posted.push((message, delay));
        if let Some(postman) = letters.postman.take() {
            postman.wake();
        }
    }

    /// The next message to be brought, and when. One task may wait for it.
    pub(super) async fn next_letter(&self) -> (Message, Duration) {
        poll_fn(|context| {
            let mut letters = lock(&self.letters);
            if let Some(letter) = letters.posted.pop() {
                return Poll::Ready(letter);
            }
            letters.postman = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// A message has been taken over by the shop.
    pub(super) fn delivered(&self) {
        let mut letters = lock(&self.letters);
        letters.open = letters.open.saturating_sub(1);
    }

    /// Messages of the provider that the shop has not taken over.
    pub(super) fn undelivered(&self) -> usize {
        lock(&self.letters).open
    }

    /// The books.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    /// What happened how often.
    pub fn situations(&self) -> MutexGuard<'_, Situations> {
        lock(&self.situations)
    }

    /// Counts a situation.
    pub fn count(&self, situation: Situation) {
        self.situations().count(situation);
        self.clockwork.trace(|trace| trace.note("sometimes", situation));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a node's ports ask and tell.
pub(super) struct Weather {
    /// Where it blows.
    pub node: NodeId,
    /// Over which ground.
    pub ground: Arc<Ground>,
}

impl Faults for Weather {
    fn strike(&self, call: Call, operation: &'static str) -> Option<Fault> {
        let fault = lock(&self.ground.plan).strike(call, operation, &self.ground.clockwork);
        self.ground.clockwork.trace(|trace| match fault {
            None => trace.note(operation, self.node),
            Some(fault) => trace.note(operation, format_args!("{} meets {fault}", self.node)),
        });
        if let Some(fault) = fault {
            self.ground.clockwork.trace(|trace| trace.note(fault.as_str(), ""));
        }
        fault
    }

    fn happened(&self, operation: &'static str, what: Happened<'_>) {
        let mut books = self.ground.books();
        let met = books.take_down(self.node, self.ground.now(), operation, &what);
        let (effect, violation) = books.last_word();
        drop(books);
        self.ground.clockwork.trace(|trace| {
            trace.number(operation, effect);
            if let Some(violation) = violation {
                trace.note("violation", violation);
            }
        });
        for situation in met {
            self.ground.count(situation);
        }
        super::provider::hear(&self.ground, &what);
    }

    fn pause(&self, span: Duration) -> BoxFuture<'static, ()> {
        self.ground.clockwork.sleep(span)
    }

    fn yields_after(&self) -> bool {
        self.ground.yields_after
    }

    fn shuffle(&self, count: usize) -> Vec<usize> {
        self.ground.clockwork.throw(|dice| dice.order(count))
    }
}

/// A node's clock: the true time and its own error.
pub(super) struct SkewedClock {
    /// Over which ground.
    pub ground: Arc<Ground>,
    /// How far it is ahead, in microseconds; negative when it is behind.
    pub ahead: std::sync::atomic::AtomicI64,
}

impl SkewedClock {
    /// Ahead by so many microseconds.
    pub(super) fn new(ground: Arc<Ground>, ahead: i64) -> Self {
        Self { ground, ahead: ahead.into() }
    }

    /// Jumps by so many microseconds.
    pub(super) fn jump(&self, by: i64) {
        self.ahead.fetch_add(by, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let ahead = self.ahead.load(std::sync::atomic::Ordering::Relaxed);
        Timestamp::from_micros(self.ground.now().as_micros().saturating_add(ahead))
    }
}
