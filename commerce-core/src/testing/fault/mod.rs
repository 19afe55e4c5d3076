//! Ports that go wrong on purpose: a decorator over every port, one plan for all of them.
//!
//! A [`Faulty`] port asks its [`Faults`] before each call what shall go wrong, lets others run
//! before and after the effect (so that a process can die between the effect and its answer), and
//! tells them what really happened. It never decides anything itself and never changes what is
//! asked. Start reading at [`Fault`], then `ports`.

mod outside;
mod ports;

use std::any::Any;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::catalog::CatalogWrite;
use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{StoreError, StoreErrorKind};
use crate::events::{DeadLetter, Envelope};
use crate::notifications::{Mail, NotificationWrite};
use crate::orders::{Attempt, CartWrite, OrderWrite, PaymentFact, Refund, RefundAnswer};
use crate::users::UserWrite;

crate::events::wire_names! {
    /// What can go wrong with a call.
    Fault {
        /// It fails and nothing happened.
        Error = "error",
        /// It happened, and its caller hears that it failed.
        AppliedThenError = "applied-then-error",
        /// It happened, and its caller hears that nobody knows.
        UnknownButApplied = "unknown-but-applied",
        /// Nothing happened, and its caller hears that nobody knows.
        UnknownAndAbsent = "unknown-and-absent",
        /// A commit meets a rival that is gone when its caller looks again.
        Conflict = "conflict",
        /// It takes [`SLOW`].
        Slow = "slow",
        /// A list that only says where to look is the one of the call before.
        Stale = "stale",
        /// Events are brought twice.
        Duplicate = "duplicate",
        /// Events are brought in another order.
        Reorder = "reorder",
        /// Events are received and brought to nobody.
        Phantom = "phantom",
        /// Events are brought, and the bus forgets that they were.
        DroppedAcknowledgement = "dropped-acknowledgement",
        /// A provider or mailer does not answer, for [`HANG`]; nothing happened.
        Hang = "hang",
        /// A provider does not answer, for [`HANG`]; it happened.
        HangAfterEffect = "hang-after-effect",
    }

    /// The kinds of call, by what can go wrong with them.
    Call {
        /// Reads something that is decided on: never stale.
        Read = "read",
        /// Lists where work may be: what is found there is read again before it is decided on.
        Look = "look",
        /// Commits a change set.
        Commit = "commit",
        /// Changes something else.
        Effect = "effect",
        /// Takes events over.
        Publish = "publish",
        /// Asks a payment provider.
        Provider = "provider",
        /// Hands a mail over.
        Mail = "mail",
    }
}

impl Call {
    /// Everything that can go wrong with such a call.
    #[must_use]
    pub fn menu(self) -> &'static [Fault] {
        use Fault::{
            AppliedThenError, Conflict, DroppedAcknowledgement, Duplicate, Error, Hang, HangAfterEffect, Phantom, Reorder, Slow,
            Stale, UnknownAndAbsent, UnknownButApplied,
        };
        match self {
            Self::Read => &[Error, Slow],
            Self::Look => &[Error, Slow, Stale],
            Self::Commit => &[Error, AppliedThenError, UnknownButApplied, UnknownAndAbsent, Conflict, Slow],
            Self::Effect => &[Error, AppliedThenError, Slow],
            Self::Publish => &[Error, Duplicate, Reorder, Phantom, DroppedAcknowledgement, Slow],
            Self::Provider => &[Error, AppliedThenError, Hang, HangAfterEffect, Slow],
            Self::Mail => &[Error, AppliedThenError, Hang, Slow],
        }
    }
}

/// How long a slow call takes: longer than a worker's pause, shorter than a lease.
pub const SLOW: Duration = Duration::from_secs(2);
/// How long a call hangs: longer than anybody waits for it.
pub const HANG: Duration = Duration::from_mins(2);

/// What really happened behind a port, whatever its caller hears.
#[derive(Clone, Copy, Debug)]
pub enum Happened<'a> {
    /// Users committed this.
    Users(&'a ChangeSet<UserWrite>),
    /// The catalog committed this.
    Catalog(&'a ChangeSet<CatalogWrite>),
    /// Orders committed this.
    Orders(&'a ChangeSet<OrderWrite>),
    /// Carts committed this.
    Carts(&'a ChangeSet<CartWrite>),
    /// Notifications committed this.
    Notifications(&'a ChangeSet<NotificationWrite>),
    /// A commit was refused by a condition that did not hold.
    Refused(&'a CommitRefusal),
    /// Publishing of these events begins.
    Publishing(&'a [Envelope]),
    /// Publishing ended.
    Published,
    /// A letter was buried.
    Buried(&'a DeadLetter),
    /// The provider is to give an attempt up, whether it hears of it or not.
    Voiding(&'a Attempt),
    /// The provider said this about an attempt, heard or not.
    Answered(&'a Attempt, &'a PaymentFact),
    /// The provider said this about a refund, heard or not.
    Refunded(&'a Refund, &'a RefundAnswer),
    /// The transport accepted a mail; `true` when its caller heard so.
    Mailed(&'a Mail, bool),
}

/// Decides what goes wrong, and is told what happened.
pub trait Faults: Send + Sync {
    /// What shall go wrong with the next call of this kind.
    fn strike(&self, call: Call, operation: &'static str) -> Option<Fault>;

    /// What really happened.
    fn happened(&self, operation: &'static str, what: Happened<'_>);

    /// Ready when `span` has passed.
    fn pause(&self, span: Duration) -> BoxFuture<'static, ()>;

    /// Whether others run also between an effect and its answer. Only who dies there can tell.
    fn yields_after(&self) -> bool;

    /// Another order for `count` events.
    fn shuffle(&self, count: usize) -> Vec<usize>;
}

/// Nothing goes wrong: a decorated port is then the port itself, with others running in between.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calm;

impl Faults for Calm {
    fn strike(&self, _call: Call, _operation: &'static str) -> Option<Fault> {
        None
    }

    fn happened(&self, _operation: &'static str, _what: Happened<'_>) {}

    fn pause(&self, _span: Duration) -> BoxFuture<'static, ()> {
        Box::pin(let_others_run())
    }

    fn yields_after(&self) -> bool {
        true
    }

    fn shuffle(&self, count: usize) -> Vec<usize> {
        (0..count).collect()
    }
}

/// A port that goes wrong as its plan says.
pub struct Faulty<P: ?Sized> {
    port: Arc<P>,
    faults: Arc<dyn Faults>,
    /// What each look found last.
    last: Mutex<BTreeMap<&'static str, Box<dyn Any + Send>>>,
}

impl<P: ?Sized> Faulty<P> {
    /// `port`, going wrong as `faults` say.
    pub fn new(port: Arc<P>, faults: Arc<dyn Faults>) -> Self {
        Self { port, faults, last: Mutex::default() }
    }

    /// Lets others run, then asks what goes wrong.
    async fn enter(&self, call: Call, operation: &'static str) -> Option<Fault> {
        let_others_run().await;
        let fault = self.faults.strike(call, operation);
        if fault == Some(Fault::Slow) {
            self.faults.pause(SLOW).await;
        }
        fault
    }

    async fn leave(&self) {
        if self.faults.yields_after() {
            let_others_run().await;
        }
    }

    async fn read<T, E: From<StoreError>>(
        &self,
        operation: &'static str,
        read: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        if self.enter(Call::Read, operation).await == Some(Fault::Error) {
            return Err(failed(operation).into());
        }
        let answer = read.await;
        self.leave().await;
        answer
    }

    async fn look<T: Clone + Send + 'static>(
        &self,
        operation: &'static str,
        look: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let fault = self.enter(Call::Look, operation).await;
        if fault == Some(Fault::Error) {
            return Err(failed(operation));
        }
        if fault == Some(Fault::Stale)
            && let Some(last) = self.last_found::<T>(operation)
        {
            return Ok(last);
        }
        let answer = look.await;
        if let Ok(found) = &answer {
            self.found().insert(operation, Box::new(found.clone()));
        }
        self.leave().await;
        answer
    }

    async fn effect<T, E: From<StoreError>>(
        &self,
        operation: &'static str,
        effect: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let fault = self.enter(Call::Effect, operation).await;
        if fault == Some(Fault::Error) {
            return Err(failed(operation).into());
        }
        let answer = effect.await;
        self.leave().await;
        if fault == Some(Fault::AppliedThenError) { Err(failed(operation).into()) } else { answer }
    }

    async fn change<W: Clone + Send + Sync>(
        &self,
        operation: &'static str,
        changes: ChangeSet<W>,
        commit: impl AsyncCommit<W>,
        as_happened: for<'a> fn(&'a ChangeSet<W>) -> Happened<'a>,
    ) -> Result<(), CommitError> {
        let fault = self.enter(Call::Commit, operation).await;
        match fault {
            Some(Fault::Error) => return Err(failed(operation).into()),
            Some(Fault::UnknownAndAbsent) => return Err(unknown(operation).into()),
            Some(Fault::Conflict) if !changes.writes.is_empty() => return Err(CommitRefusal::Stale("rival").into()),
            _ => {}
        }
        let written = changes.clone();
        let answer = commit.run(changes).await;
        match &answer {
            Ok(()) => self.faults.happened(operation, as_happened(&written)),
            Err(CommitError::Refused(refusal)) => self.faults.happened(operation, Happened::Refused(refusal)),
            Err(CommitError::Store(_)) => {}
        }
        self.leave().await;
        match (fault, answer) {
            (Some(Fault::AppliedThenError), _) => Err(failed(operation).into()),
            (Some(Fault::UnknownButApplied), _) => Err(unknown(operation).into()),
            (_, answer) => answer,
        }
    }

    fn found(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Box<dyn Any + Send>>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_found<T: Clone + 'static>(&self, operation: &'static str) -> Option<T> {
        self.found().get(operation).and_then(|last| last.downcast_ref::<T>()).cloned()
    }
}

/// A commit that has not begun.
trait AsyncCommit<W>: Send {
    fn run(self, changes: ChangeSet<W>) -> impl Future<Output = Result<(), CommitError>> + Send;
}

impl<W, F, Fut> AsyncCommit<W> for F
where
    F: FnOnce(ChangeSet<W>) -> Fut + Send,
    Fut: Future<Output = Result<(), CommitError>> + Send,
{
    fn run(self, changes: ChangeSet<W>) -> impl Future<Output = Result<(), CommitError>> + Send {
        self(changes)
    }
}

/// Pending once.
pub(super) async fn let_others_run() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn failed(operation: &'static str) -> StoreError {
    StoreError::unavailable(operation, "a planned fault")
}

fn unknown(operation: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::OutcomeUnknown, operation, "a planned fault")
}
