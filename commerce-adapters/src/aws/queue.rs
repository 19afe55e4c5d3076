//! One queue of SQS.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName,
    QueueAttributeName,
};
use commerce_core::error::{StoreError, StoreErrorKind};
use tokio::sync::OnceCell;

use super::{Aws, failed};
use crate::receive::{Delivery, Failure, Inlet, Pauses, Whereabouts};

/// How long SQS waits for messages at most.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(20);
/// Messages of one request at most, by SQS's rule.
pub(super) const BATCH_MAX: usize = 10;
/// Messages that are taken in hand together, where so many wait.
const IN_HAND: usize = 100;

/// A consumer's queue.
pub(super) struct SqsInlet {
    aws: Aws,
    name: String,
    url: OnceCell<String>,
    pauses: Pauses,
}

impl SqsInlet {
    pub(super) fn new(aws: Aws, name: String, pauses: Pauses) -> Self {
        Self { aws, name, url: OnceCell::new(), pauses }
    }

    async fn url(&self) -> Result<&String, StoreError> {
        self.url.get_or_try_init(|| self.aws.queue_url(&self.name)).await
    }
}

impl Aws {
    /// At most ten messages, which nobody else gets within `hide`.
    pub(super) async fn take(&self, url: &str, wait: Duration, hide: Duration) -> Result<Vec<Message>, StoreError> {
        let client = if wait.is_zero() { &self.sqs } else { &self.sqs_waiting };
        let request = client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(count(BATCH_MAX))
            .wait_time_seconds(seconds(wait.min(WAIT_MAX)))
            .visibility_timeout(seconds(hide))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = request.send().await.map_err(|error| failed("bus.receive", error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Nobody else gets these within `hide` from now.
    pub(super) async fn hide(&self, url: &str, handles: &[String], hide: Duration) -> Result<(), StoreError> {
        for some in handles.chunks(BATCH_MAX) {
            let mut request = self.sqs.change_message_visibility_batch().queue_url(url);
            for (place, handle) in some.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(handle)
                    .visibility_timeout(seconds(hide))
                    .build()
                    .map_err(|error| StoreError::new(StoreErrorKind::Internal, "bus.keep", error))?;
                request = request.entries(entry);
            }
            let answer = request.send().await.map_err(|error| failed("bus.keep", error))?;
            refused("bus.keep", answer.failed.len())?;
        }
        Ok(())
    }

    /// How many are there, those that somebody has in hand or that are hidden for a while included.
    pub(super) async fn waiting(&self, url: &str) -> Result<u64, StoreError> {
        const COUNTS: [QueueAttributeName; 3] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::ApproximateNumberOfMessagesDelayed,
        ];
        let ask = self.sqs.get_queue_attributes().queue_url(url).set_attribute_names(Some(COUNTS.into()));
        let said = ask.send().await.map_err(|error| failed("bus.queued", error))?.attributes.unwrap_or_default();
        let counts = COUNTS.iter().filter_map(|name| said.get(name)?.parse::<u64>().ok());
        Ok(counts.fold(0, u64::saturating_add))
    }

    /// These are gone.
    pub(super) async fn delete(&self, url: &str, handles: &[String]) -> Result<(), StoreError> {
        for some in handles.chunks(BATCH_MAX) {
            let mut request = self.sqs.delete_message_batch().queue_url(url);
            for (place, handle) in some.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(place.to_string())
                    .receipt_handle(handle)
                    .build()
                    .map_err(|error| StoreError::new(StoreErrorKind::Internal, "bus.done", error))?;
                request = request.entries(entry);
            }
            let answer = request.send().await.map_err(|error| failed("bus.done", error))?;
            refused("bus.done", answer.failed.len())?;
        }
        Ok(())
    }
}

#[async_trait]
impl Inlet for SqsInlet {
    /// The receipt handle.
    type Ticket = String;

    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery<String>>, StoreError> {
        let url = self.url().await?;
        let mut messages = self.aws.take(url, wait, self.pauses.lost).await?;
        let mut more = messages.len() >= BATCH_MAX;
        while more && messages.len() < IN_HAND {
            match self.aws.take(url, Duration::ZERO, self.pauses.lost).await {
                Ok(next) => {
                    more = next.len() >= BATCH_MAX;
                    messages.extend(next);
                }
                // What is in hand already is not lost for it.
                Err(_) => more = false,
            }
        }
        Ok(messages.into_iter().filter_map(delivery).collect())
    }

    async fn keep(&self, tickets: &[String]) -> Result<(), StoreError> {
        self.aws.hide(self.url().await?, tickets, self.pauses.lost).await
    }

    async fn done(&self, tickets: &[String]) -> Result<(), StoreError> {
        self.aws.delete(self.url().await?, tickets).await
    }

    /// Left to the queue, which counts its receives and puts it to the dead letters after the third.
    async fn fail(&self, delivery: &Delivery<String>, failure: &Failure) -> Whereabouts {
        let hidden = async { self.aws.hide(self.url().await?, std::slice::from_ref(&delivery.ticket), self.pauses.retry).await };
        if let Err(error) = hidden.await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(queue = self.name, error, "a failed delivery comes again only after its time");
        }
        tracing::warn!(
            queue = self.name,
            receives = delivery.receives,
            reason = failure.reason,
            "a delivery is left to its queue"
        );
        Whereabouts::Broker
    }
}

fn delivery(message: Message) -> Option<Delivery<String>> {
    let receives = attribute(&message, &MessageSystemAttributeName::ApproximateReceiveCount).unwrap_or(1);
    let text = message.body.unwrap_or_default().into_bytes();
    message.receipt_handle.map(|ticket| Delivery { ticket, text, receives })
}

/// A number that SQS says about a message.
pub(super) fn attribute<N: std::str::FromStr>(message: &Message, name: &MessageSystemAttributeName) -> Option<N> {
    message.attributes.as_ref()?.get(name)?.parse().ok()
}

/// An answer that names messages it did not do as asked.
fn refused(operation: &'static str, count: usize) -> Result<(), StoreError> {
    let why = || format!("SQS left out {count} messages");
    if count == 0 { Ok(()) } else { Err(StoreError::unavailable(operation, why())) }
}

/// Whole seconds, as SQS counts; begun ones are whole.
fn seconds(span: Duration) -> i32 {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i32::try_from(whole).unwrap_or(i32::MAX)
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
