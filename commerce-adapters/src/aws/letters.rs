//! The dead letters that lie in a queue of SQS.
//!
//! A queue cannot be leafed through: its messages are received, read, and at once given back, so that
//! a list leaves everything as it was. Whoever lists at the same moment may see fewer.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use tokio::sync::OnceCell;

use super::Aws;
use super::queue::attribute;
use crate::receive::{Lying, Pile};

/// Messages that one look goes through at most.
const LOOK_MAX: usize = 1_000;
/// How long a look waits for messages: SQS asks all of its servers only if it may wait.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// How long a look may keep messages from others, should it be interrupted.
const LOOK_FOR: Duration = Duration::from_secs(30);

/// A dead-letter queue.
pub(super) struct DeadQueue {
    aws: Aws,
    name: String,
    url: OnceCell<String>,
}

impl DeadQueue {
    pub(super) fn new(aws: Aws, name: String) -> Self {
        Self { aws, name, url: OnceCell::new() }
    }

    async fn url(&self) -> Result<&String, StoreError> {
        self.url.get_or_try_init(|| self.aws.queue_url(&self.name)).await
    }
}

#[async_trait]
impl Pile for DeadQueue {
    async fn look(&self) -> Result<Vec<Lying>, StoreError> {
        let url = self.url().await?;
        let mut found = BTreeMap::new();
        loop {
            let messages = self.aws.take(url, LOOK_WAIT, LOOK_FOR).await?;
            if messages.is_empty() {
                break;
            }
            // One that comes again has another handle, and the newer one counts.
            found.extend(messages.into_iter().filter_map(lying).map(|lying| (lying.id.clone(), lying)));
            if found.len() >= LOOK_MAX {
                break;
            }
        }
        Ok(found.into_values().collect())
    }

    async fn give_back(&self, handles: &[String]) -> Result<(), StoreError> {
        if handles.is_empty() { Ok(()) } else { self.aws.hide(self.url().await?, handles, Duration::ZERO).await }
    }

    async fn remove(&self, handle: &str) -> Result<(), StoreError> {
        self.aws.delete(self.url().await?, &[handle.to_owned()]).await
    }
}

fn lying(message: Message) -> Option<Lying> {
    let sent = attribute::<i64>(&message, &MessageSystemAttributeName::SentTimestamp).unwrap_or_default();
    let (id, handle) = (message.message_id?, message.receipt_handle?);
    let text = message.body.unwrap_or_default().into_bytes();
    Some(Lying { id, handle, text, at: Timestamp::from_micros(sent.saturating_mul(1_000)) })
}
