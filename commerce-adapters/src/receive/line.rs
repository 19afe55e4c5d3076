//! One consumer's line: what it has in hand, and what becomes of it.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use commerce_core::events::{ConsumeError, Consumer, Envelope};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{Delivery, Failure, Inlet, Lane, Pauses, Whereabouts, wire};

/// Aggregates whose events are handed over side by side; their commits then share transactions.
const SIDE_BY_SIDE: usize = 256;
/// How often the broker is told that deliveries are still in hand. Well below the time after which
/// any broker takes them for lost.
const KEEP_EVERY: Duration = Duration::from_secs(3);
/// First pause when the consumer's store or the broker does not answer; doubles.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest such pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Deliveries that failed and are kept to be tried again, beyond which nothing new is received.
const FAILED_MAX: usize = 1_000;
/// How often a delivery may be handed out without ever being finished, before it counts as one that
/// ends whoever takes it. Restarts of a process count too, so it is well above three.
const HANDED_OUT_MAX: u32 = 16;

/// How one delivery ended.
enum End {
    /// Recorded, or of no concern.
    Done,
    /// The store does not answer.
    Later,
    /// It never will.
    Failed(Box<Failure>),
}

/// A consumer and its queue.
pub(crate) struct Line<I: Inlet> {
    inlet: I,
    consumer: Arc<dyn Consumer>,
    pauses: Pauses,
    /// What waits for the consumer's store, in the order received.
    in_hand: Vec<Delivery<I::Ticket>>,
    /// What failed for good and is tried again at its time.
    failed: Vec<(Instant, Delivery<I::Ticket>)>,
}

impl<I: Inlet> Line<I> {
    pub(crate) fn new(inlet: I, consumer: Arc<dyn Consumer>, pauses: Pauses) -> Self {
        Self { inlet, consumer, pauses, in_hand: Vec::new(), failed: Vec::new() }
    }

    /// What is to be tried now: what is in hand; only if there is nothing, what failed and is due, and
    /// what the broker has.
    async fn next(&mut self, wait: Duration) -> Result<Vec<Delivery<I::Ticket>>, StoreError> {
        if !self.in_hand.is_empty() {
            let batch = std::mem::take(&mut self.in_hand);
            self.keep(&batch).await;
            return Ok(batch);
        }
        let now = Instant::now();
        let due = self.failed.extract_if(.., |(at, _)| *at <= now).map(|(_, delivery)| delivery);
        let mut batch: Vec<_> = due.collect();
        self.keep(&batch).await;
        if self.failed.len() < FAILED_MAX {
            let soonest = self.failed.iter().map(|(at, _)| at.duration_since(now)).min().unwrap_or(wait);
            let wait = if batch.is_empty() { wait.min(soonest) } else { Duration::ZERO };
            match self.inlet.receive(wait).await {
                Ok(received) => batch.extend(received),
                Err(error) if batch.is_empty() => return Err(error),
                Err(error) => self.complain("nothing is received", &error),
            }
        }
        Ok(batch)
    }

    /// Hands the batch over, telling the broker meanwhile that it is in hand.
    async fn bring(&self, batch: &[Delivery<I::Ticket>]) -> Vec<End> {
        let mut work = pin!(self.bring_all(batch));
        loop {
            tokio::select! {
                ends = &mut work => return ends,
                () = sleep(KEEP_EVERY) => self.keep(batch).await,
            }
        }
    }

    /// The events of one aggregate in order, aggregates side by side. Ends in the order of the batch.
    async fn bring_all(&self, batch: &[Delivery<I::Ticket>]) -> Vec<End> {
        let mut aggregates: BTreeMap<Uuid, Vec<(usize, Envelope)>> = BTreeMap::new();
        let mut ends: Vec<Option<End>> = Vec::with_capacity(batch.len());
        for (place, delivery) in batch.iter().enumerate() {
            match self.read(delivery) {
                Ok(event) => {
                    aggregates.entry(event.aggregate).or_default().push((place, event));
                    ends.push(None);
                }
                Err(end) => ends.push(Some(end)),
            }
        }
        let brought = stream::iter(aggregates.into_values()).map(|events| self.bring_one_by_one(events));
        let brought: Vec<Vec<(usize, End)>> = brought.buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (place, end) in brought.into_iter().flatten() {
            ends[place] = Some(end);
        }
        ends.into_iter().map(|end| end.unwrap_or(End::Later)).collect()
    }

    fn read(&self, delivery: &Delivery<I::Ticket>) -> Result<Envelope, End> {
        let event = wire::read(&delivery.text).map_err(|error| {
            tracing::warn!(consumer = self.consumer.name(), %error, "a delivery cannot be read");
            failed(None, error.to_string(), false)
        })?;
        if delivery.receives > HANDED_OUT_MAX {
            let reason = format!("handed out {} times and never finished", delivery.receives);
            return Err(failed(Some(event), reason, true));
        }
        if self.consumer.wants(event.kind) { Ok(event) } else { Err(End::Done) }
    }

    /// Stops where the store does not answer: what comes behind waits too. A failure holds up nobody.
    async fn bring_one_by_one(&self, events: Vec<(usize, Envelope)>) -> Vec<(usize, End)> {
        let mut ends = Vec::with_capacity(events.len());
        for (place, event) in events {
            let end = self.hand_over(event).await;
            let waits = matches!(end, End::Later);
            ends.push((place, end));
            if waits {
                break;
            }
        }
        ends
    }

    async fn hand_over(&self, event: Envelope) -> End {
        let consumer = self.consumer.name();
        let span = tracing::debug_span!("consume", consumer, event = %event.id, trace = event.traceparent);
        let handled = AssertUnwindSafe(self.consumer.handle(&event).instrument(span)).catch_unwind().await;
        let trace = &event.traceparent;
        let reason = match handled {
            Ok(Ok(())) => return End::Done,
            Ok(Err(ConsumeError::Transient(error))) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(consumer, event = %event.id, trace, error, "a delivery waits");
                return End::Later;
            }
            Ok(Err(ConsumeError::Permanent(reason))) => reason,
            Err(_) => "the consumer panicked".to_owned(),
        };
        tracing::warn!(consumer, event = %event.id, trace, reason, "a delivery failed");
        failed(Some(event), reason, false)
    }

    async fn settle(&mut self, batch: Vec<Delivery<I::Ticket>>, ends: Vec<End>) -> usize {
        let mut done = Vec::with_capacity(batch.len());
        for (delivery, end) in batch.into_iter().zip(ends) {
            match end {
                End::Done => done.push(delivery.ticket),
                End::Later => self.in_hand.push(delivery),
                End::Failed(failure) => {
                    if self.inlet.fail(&delivery, &failure).await == Whereabouts::Here {
                        self.failed.push((Instant::now() + self.pauses.retry, delivery));
                    }
                }
            }
        }
        if !done.is_empty()
            && let Err(error) = self.inlet.done(&done).await
        {
            self.complain("deliveries are recorded but not acknowledged: they come again", &error);
        }
        done.len()
    }

    async fn keep(&self, batch: &[Delivery<I::Ticket>]) {
        let tickets: Vec<I::Ticket> = batch.iter().map(|delivery| delivery.ticket.clone()).collect();
        if !tickets.is_empty()
            && let Err(error) = self.inlet.keep(&tickets).await
        {
            self.complain("the broker does not know that deliveries are in hand", &error);
        }
    }

    fn complain(&self, what: &str, error: &StoreError) {
        tracing::warn!(consumer = self.consumer.name(), error = error as &dyn std::error::Error, "{what}");
    }
}

fn failed(event: Option<Envelope>, reason: String, is_last: bool) -> End {
    End::Failed(Box::new(Failure { event, reason, is_last }))
}

#[async_trait]
impl<I: Inlet> Lane for Line<I> {
    /// One round: what is in hand or due or comes within `wait` is handed over and acknowledged.
    /// Answers how many deliveries are done with.
    async fn step(&mut self, wait: Duration) -> Result<usize, StoreError> {
        let batch = self.next(wait).await?;
        if batch.is_empty() {
            return Ok(0);
        }
        let ends = self.bring(&batch).await;
        Ok(self.settle(batch, ends).await)
    }

    /// Rounds until `stop`. Only the waiting is cut short by it, never a round.
    async fn run(&mut self, stop: &CancellationToken) {
        let mut pause = PAUSE_MIN;
        loop {
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                next = self.next(self.pauses.receive) => next,
            };
            let answered = match next {
                Ok(batch) => {
                    let ends = self.bring(&batch).await;
                    self.settle(batch, ends).await;
                    self.in_hand.is_empty()
                }
                Err(error) => {
                    self.complain("nothing is received", &error);
                    false
                }
            };
            if answered {
                pause = PAUSE_MIN;
                continue;
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => pause = (pause * 2).min(PAUSE_MAX),
            }
        }
    }
}
