//! What was sent and what was heard, written down by those who did it.
//!
//! Plain data: nothing here knows a server, so that [`checks`](super::checks) can be tried on
//! histories that never happened. An answer is one of three: acknowledged, refused, or none, and
//! whoever heard none does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What somebody did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    Register,
    Login,
    FillCart,
    OrderItems,
    OrderCart,
    DoubleClick,
    OrderTooMuch,
    ReuseKey,
    HangUp,
    Pay,
    Webhook,
    Cancel,
    Look,
    Pry,
    MoveOn,
    StaffCancel,
    Adjust,
}

impl Action {
    /// For the report.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Register => "register",
            Self::Login => "log in",
            Self::FillCart => "fill the cart",
            Self::OrderItems => "order things",
            Self::OrderCart => "order the cart",
            Self::DoubleClick => "order, clicking twice",
            Self::OrderTooMuch => "order more than there is",
            Self::ReuseKey => "use a key for another order",
            Self::HangUp => "order again after hanging up",
            Self::Pay => "pay again",
            Self::Webhook => "payment provider's webhook",
            Self::Cancel => "cancel",
            Self::Look => "look at own orders",
            Self::Pry => "pry into others' things",
            Self::MoveOn => "staff: move an order on",
            Self::StaffCancel => "staff: cancel an order",
            Self::Adjust => "staff: count stock",
        }
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, said the server.
    Acknowledged,
    /// It was not done, said the server: status, code, and whether it said when to come again.
    Refused(u16, String, bool),
    /// Nobody said anything.
    Unknown(String),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub action: Action,
    pub who: String,
    pub what: String,
    pub sent: Duration,
    pub heard: Duration,
    pub outcome: Outcome,
}

/// An order as an answer named it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub id: String,
    pub number: String,
    pub total_minor: i64,
}

/// Everything that was heard about one key of one buyer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placing {
    /// The orders it was answered with; more than one is a defect.
    pub named: BTreeSet<Named>,
    /// How often it was answered as new.
    pub fresh: u32,
    /// Codes of refusals.
    pub refused: Vec<String>,
    /// How often nothing was heard.
    pub unknown: u32,
    /// What was asked for; empty when it was the cart.
    pub units: BTreeMap<String, i64>,
}

/// A change of stock by staff.
#[derive(Clone, Debug)]
pub(crate) struct Adjustment {
    pub sku: String,
    pub delta: i64,
    /// Unlike that of every other, so that the ledger tells whether it happened.
    pub reason: String,
    pub outcome: Outcome,
}

/// Somebody who registered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Person {
    pub id: String,
    pub email: String,
}

/// What was done to the server, and from when to when answers may be missing for it.
#[derive(Clone, Debug)]
pub(crate) struct Disturbance {
    pub kind: DisturbanceKind,
    pub from: Duration,
    pub to: Duration,
}

/// What can be done to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DisturbanceKind {
    /// SIGKILL, and started again.
    Killed,
    /// SIGTERM, and started again.
    Stopped,
    /// SIGSTOP, and SIGCONT after a while.
    Halted,
    /// Whatever somebody else did.
    Elsewhere,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Violation {
    /// A stable name.
    pub name: &'static str,
    /// Whom it is about: an order's number, a SKU, a request.
    pub subject: String,
    pub expected: String,
    pub found: String,
}

impl Violation {
    /// That `subject` is not as it must be.
    pub(crate) fn new(
        name: &'static str,
        subject: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { name, subject: subject.into(), expected: expected.into(), found: found.into() }
    }
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub calls: Vec<Call>,
    /// By buyer's id and key.
    pub placings: BTreeMap<(String, String), Placing>,
    /// Ids of orders with their owner's id, in the order they were heard of.
    pub orders: Vec<(String, String)>,
    /// Ids of orders that somebody was told are cancelled.
    pub cancelled: BTreeSet<String>,
    /// Orders and the status that staff was told they reached.
    pub reached: BTreeSet<(String, String)>,
    /// Ids of orders whose provider was told that their payment was taken over.
    pub paid: BTreeSet<String>,
    pub adjustments: Vec<Adjustment>,
    pub people: Vec<Person>,
    pub disturbances: Vec<Disturbance>,
    /// What was wrong as soon as it was heard.
    pub seen: Vec<Violation>,
}

/// The record while it is being written.
#[derive(Clone)]
pub(crate) struct History {
    begun: Instant,
    record: Arc<Mutex<Record>>,
}

impl History {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), record: Arc::default() }
    }

    /// Since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// From an instant of this history till now.
    pub(crate) fn since(&self, then: Duration) -> Duration {
        self.now().saturating_sub(then)
    }

    /// The record, to write in. Never held across a wait.
    pub(crate) fn write(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes something that must not be.
    pub(crate) fn violated(&self, violation: Violation) {
        self.write().seen.push(violation);
    }
}
