//! Receivers: the loop between a broker's queues and the consumers, the same for every broker.
//!
//! Owns the order of things: receive, let the consumer record, then acknowledge. A consumer whose
//! store does not answer receives nothing more; what it has in hand stays in hand and is tried again
//! until the store is back, so that waiting never counts as failing. Never decides what becomes of a
//! delivery that failed for good: that is the broker's adapter. Start reading at [`Line::step`].

mod letters;
mod line;
pub(crate) mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::events::Envelope;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(crate) use letters::{BrokerLetters, Lying, Pile};
pub(crate) use line::Line;

/// A delivery as a broker hands it out.
#[derive(Clone, Debug)]
pub(crate) struct Delivery<T> {
    /// By which the broker knows it.
    pub(crate) ticket: T,
    /// What it says, if it can be read.
    pub(crate) text: Vec<u8>,
    /// How often it was handed out, this time included.
    pub(crate) receives: u32,
}

/// Why a delivery failed for good.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What it says; none when that is no event this program knows.
    pub(crate) event: Option<Envelope>,
    /// Why.
    pub(crate) reason: String,
    /// Whether there is no use in trying it again.
    pub(crate) is_last: bool,
}

/// Where a failed delivery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// With the broker, which hands it out again or has put it away.
    Broker,
    /// Still in this receiver's hand, to be tried again.
    Here,
}

/// One consumer's queue at a broker.
#[async_trait]
pub(crate) trait Inlet: Send + Sync + 'static {
    /// By which the broker knows a delivery.
    type Ticket: Clone + Send + Sync + 'static;

    /// What is there, or comes within `wait`; at most one batch.
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery<Self::Ticket>>, StoreError>;

    /// Tells the broker that these are still in hand, so that it hands them to nobody else.
    async fn keep(&self, tickets: &[Self::Ticket]) -> Result<(), StoreError>;

    /// These are recorded. One that is not acknowledged comes again, which is harmless.
    async fn done(&self, tickets: &[Self::Ticket]) -> Result<(), StoreError>;

    /// This one failed for good once more: it is left to the broker, kept to be tried again, or put
    /// to the dead letters.
    async fn fail(&self, delivery: &Delivery<Self::Ticket>, failure: &Failure) -> Whereabouts;
}

/// How long a receiver waits before it does something again.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// How long one request for deliveries may wait for some to come.
    pub receive: Duration,
    /// After a delivery failed for good, before it is tried again.
    pub retry: Duration,
    /// How long a delivery may be with a receiver that says nothing before another one gets it. A
    /// receiver that lives speaks up every three seconds.
    pub lost: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self { receive: Duration::from_secs(2), retry: Duration::from_secs(1), lost: Duration::from_secs(15) }
    }
}

/// One queue's loop, whatever the broker.
#[async_trait]
pub(crate) trait Lane: Send {
    /// See [`Line::step`].
    async fn step(&mut self, wait: Duration) -> Result<usize, StoreError>;

    /// See [`Line::run`].
    async fn run(&mut self, stop: &CancellationToken);
}

/// Brings what a broker keeps to the consumers of this process.
pub struct Receiver {
    lanes: Vec<Arc<Mutex<dyn Lane>>>,
}

impl Receiver {
    pub(crate) fn new(lanes: Vec<Arc<Mutex<dyn Lane>>>) -> Self {
        Self { lanes }
    }

    /// Runs one task for each consumer until `shutdown`; then every task finishes what it has begun.
    /// Needs a running tokio. A broker that does not answer is asked again, more and more slowly.
    pub async fn run(&self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        for lane in &self.lanes {
            let (lane, stop) = (Arc::clone(lane), shutdown.clone());
            tasks.spawn(async move { lane.lock().await.run(&stop).await });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Brings what is there now to each consumer once, without waiting for more, and answers how many
    /// deliveries are done with: for tests and short programs.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn step(&self) -> Result<usize, StoreError> {
        let mut done = 0;
        for lane in &self.lanes {
            done += lane.lock().await.step(Duration::ZERO).await?;
        }
        Ok(done)
    }
}
