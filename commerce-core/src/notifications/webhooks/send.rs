//! The worker's step: what is due is called, and what came of it is noted.
//!
//! A delivery that a crash interrupts is made again: its receiver knows it by its id. Endpoints that did not take what they
//! were told last are called by a worker of their own, so that one that is slow or away costs the others one step's time, once.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};
use tracing::Instrument;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Round, rounds, settle};
use crate::error::{Error, Outcome};
use crate::limits;
use crate::time::Timestamp;

use super::super::Notifications;
use super::super::ports::NotificationWrite;
use super::super::send::whole_story;
use super::model::{EndpointStatus, Tried, WebhookDelivery, WebhookEndpoint};
use super::ports::WebhookCall;

/// The status by which an endpoint says that it is gone for good.
const GONE: u16 = 410;

impl Notifications {
    /// Makes the deliveries that are due, some of each endpoint that took the last one, and answers how many it dealt
    /// with. Only who holds the worker's lease calls this.
    ///
    /// # Errors
    /// When the store does not answer: the first failure, after every other endpoint was dealt with. An endpoint that
    /// does not answer is written to its deliveries.
    pub async fn send_webhooks(&self) -> Outcome<usize> {
        self.call_endpoints(|endpoint| endpoint.failing_since.is_none()).await
    }

    /// The same for endpoints that did not take the last one.
    ///
    /// # Errors
    /// As there.
    pub async fn retry_webhooks(&self) -> Outcome<usize> {
        self.call_endpoints(|endpoint| endpoint.failing_since.is_some()).await
    }

    async fn call_endpoints(&self, ours: impl Fn(&WebhookEndpoint) -> bool + Send) -> Outcome<usize> {
        let mut endpoints = self.store.webhook_endpoints().await?;
        endpoints.retain(ours);
        let until = self.clock.now().plus(limits::WEBHOOK_STEP_FOR);
        let dealt_with: Vec<Outcome<usize>> = stream::iter(endpoints)
            .map(|endpoint| self.send_to(endpoint, until))
            .buffer_unordered(limits::WEBHOOK_ENDPOINTS_AT_ONCE)
            .collect()
            .await;
        let dealt_with = dealt_with.into_iter().collect::<Outcome<Vec<usize>>>()?;
        Ok(dealt_with.into_iter().fold(0, usize::saturating_add))
    }

    async fn send_to(&self, endpoint: WebhookEndpoint, until: Timestamp) -> Outcome<usize> {
        let due = self.store.webhooks_due(endpoint.id, self.clock.now(), limits::WEBHOOKS_OF_ONE).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let (endpoint, is_away) = (&endpoint, &AtomicBool::new(false));
        let tried: Vec<Outcome<Option<Tried>>> = stream::iter(due)
            .map(|delivery| self.deliver(endpoint, delivery, until, is_away))
            .buffer_unordered(limits::WEBHOOKS_AT_ONCE)
            .collect()
            .await;
        let tried: Vec<Tried> = tried.into_iter().collect::<Outcome<Vec<_>>>()?.into_iter().flatten().collect();
        let all = tried.iter().fold(Tried::default(), |all, one| Tried {
            reached: all.reached || one.reached,
            missed: all.missed || one.missed,
            gone: all.gone || one.gone,
        });
        self.note(endpoint, all).await?;
        Ok(tried.len())
    }

    /// What came of one delivery; none when somebody else deals with it or there is no time left.
    async fn deliver(
        &self,
        endpoint: &WebhookEndpoint,
        delivery: WebhookDelivery,
        until: Timestamp,
        is_away: &AtomicBool,
    ) -> Outcome<Option<Tried>> {
        let now = self.clock.now();
        if endpoint.status != EndpointStatus::Active {
            let why = format!("the endpoint is {}", endpoint.status.as_str().to_lowercase());
            return self.note_delivery(delivery.given_up(why), Tried::default()).await;
        }
        if now >= until {
            return Ok(None);
        }
        if is_away.load(Ordering::Relaxed) {
            return self.note_delivery(delivery.put_off(now), Tried::default()).await;
        }
        let WebhookDelivery { id, event, traceparent, .. } = &delivery;
        let call = WebhookCall {
            url: endpoint.url.clone(),
            message: *event,
            at: now,
            body: delivery.body(),
            secrets: endpoint.secrets(now),
            traceparent: traceparent.clone(),
        };
        let span = tracing::info_span!("webhook", %id, %event, trace = traceparent.as_deref());
        let answer = self.webhooks.call(&call).instrument(span).await;
        let now = self.clock.now();
        match answer {
            Ok(status @ 200..=299) => {
                self.note_delivery(delivery.delivered(status, now), Tried { reached: true, ..Tried::default() }).await
            }
            Ok(status) => {
                let (gone, why) = (status == GONE, format!("it answered {status}"));
                let missed = delivery.missed(Some(status), why.clone(), now);
                let missed = if gone { missed.given_up(why) } else { missed };
                self.note_delivery(missed, Tried { missed: true, gone, ..Tried::default() }).await
            }
            Err(error) => {
                is_away.store(true, Ordering::Relaxed);
                let why = whole_story(&error);
                self.note_delivery(delivery.missed(None, why, now), Tried { missed: true, ..Tried::default() }).await
            }
        }
    }

    /// The delivery in its new state as written; none when somebody else changed it meanwhile.
    async fn note_delivery(&self, delivery: WebhookDelivery, tried: Tried) -> Outcome<Option<Tried>> {
        let delivery = delivery.next_version();
        match self.store.commit(ChangeSet::of([NotificationWrite::UpdateDelivery(delivery)])).await {
            Ok(()) => Ok(Some(tried)),
            Err(CommitError::Refused(CommitRefusal::Stale(_))) => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }

    /// Notes at the endpoint what its deliveries came to, where it makes a difference.
    async fn note(&self, endpoint: &WebhookEndpoint, tried: Tried) -> Outcome<()> {
        rounds("webhook endpoint", || async move {
            let now = self.clock.now();
            let known = self.store.webhook_endpoint(endpoint.id).await?;
            let Some(changed) = known.and_then(|known| known.after(tried, now)) else { return Ok(Round::Done(())) };
            if changed.status == EndpointStatus::Disabled {
                tracing::warn!(endpoint = %changed.id, reason = changed.reason, "a webhook endpoint is disabled");
            }
            let changed = changed.next_version(now);
            settle(self.store.commit(ChangeSet::of([NotificationWrite::UpdateEndpoint(changed)])).await, ())
        })
        .await
    }
}
