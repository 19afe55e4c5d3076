//! The dead letters that lie in a queue of SQS, in front of those in the consumer's database.
//!
//! A queue cannot be leafed through: its messages are received, read, and at once given back, so that
//! a list leaves everything as it was. Whoever lists at the same moment may see fewer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_sqs::types::MessageSystemAttributeName;
use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetter, DeadLetters, Envelope};
use commerce_core::ids::EventId;
use commerce_core::limits;
use commerce_core::page::{Page, PageRequest};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::Aws;
use super::queue::attribute;
use crate::receive::wire;

/// Messages that one look goes through at most.
const LOOK_MAX: usize = 1_000;
/// How long a look waits for messages: SQS asks all of its servers only if it may wait.
const LOOK_WAIT: Duration = Duration::from_secs(1);
/// How long a look may keep messages from others, should it be interrupted.
const LOOK_FOR: Duration = Duration::from_secs(30);

/// A consumer's dead letters.
pub struct SqsDeadLetters {
    aws: Aws,
    consumer: &'static str,
    name: String,
    url: OnceCell<String>,
    inner: Arc<dyn DeadLetters>,
}

/// A letter in the queue, and by what SQS knows it.
struct Found {
    letter: DeadLetter,
    handle: String,
}

impl SqsDeadLetters {
    pub(super) fn new(aws: Aws, consumer: &'static str, name: String, inner: Arc<dyn DeadLetters>) -> Self {
        Self { aws, consumer, name, url: OnceCell::new(), inner }
    }

    async fn url(&self) -> Result<&String, StoreError> {
        self.url.get_or_try_init(|| self.aws.queue_url(&self.name)).await
    }

    /// Everything in the queue, by place. The messages are hidden from others until they are given back.
    async fn look(&self) -> Result<BTreeMap<Uuid, Found>, StoreError> {
        let url = self.url().await?;
        let (mut found, mut unreadable) = (BTreeMap::new(), Vec::new());
        loop {
            let messages = self.aws.take(url, LOOK_WAIT, LOOK_FOR).await?;
            let seen = found.len() + unreadable.len();
            if messages.is_empty() || seen >= LOOK_MAX {
                break;
            }
            for message in messages {
                let sent = attribute::<i64>(&message, &MessageSystemAttributeName::SentTimestamp).unwrap_or_default();
                let Some(handle) = message.receipt_handle else { continue };
                match wire::read(message.body.unwrap_or_default().as_bytes()) {
                    Ok(event) => {
                        let letter = self.letter(event, Timestamp::from_micros(sent.saturating_mul(1_000)));
                        found.insert(letter.place(), Found { letter, handle });
                    }
                    Err(_) => unreadable.push(handle),
                }
            }
        }
        if !unreadable.is_empty() {
            tracing::error!(queue = self.name, count = unreadable.len(), "dead letters cannot be read");
            self.aws.hide(url, &unreadable, Duration::ZERO).await?;
        }
        Ok(found)
    }

    fn letter(&self, event: commerce_core::events::Envelope, at: Timestamp) -> DeadLetter {
        // The queue gives up after exactly so many receives; what it says now counts the looks, too.
        let receives = limits::RECEIVES_MAX;
        let reason = format!("received {receives} times and not recorded; the log of {} says why", self.consumer);
        DeadLetter { consumer: self.consumer.to_owned(), event, reason, receives, at }
    }

    async fn give_back(&self, found: impl IntoIterator<Item = &Found>) -> Result<(), StoreError> {
        let handles: Vec<String> = found.into_iter().map(|found| found.handle.clone()).collect();
        if handles.is_empty() { Ok(()) } else { self.aws.hide(self.url().await?, &handles, Duration::ZERO).await }
    }

    /// The letter of this event, which stays hidden; everything else is given back.
    async fn find(&self, consumer: &str, event: EventId) -> Result<Option<Found>, StoreError> {
        if consumer != self.consumer {
            return Ok(None);
        }
        let (mut wanted, others): (Vec<_>, Vec<_>) =
            self.look().await?.into_values().partition(|found| found.letter.event.id == event);
        self.give_back(&others).await?;
        Ok(wanted.pop())
    }
}

#[async_trait]
impl DeadLetters for SqsDeadLetters {
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.inner.bury(letter).await
    }

    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        let found = self.look().await?;
        self.give_back(found.values()).await?;
        let kept = self.inner.letters(page).await?;
        let more = kept.next_cursor.is_some();
        let after = page.after().map(|cursor| cursor.0);
        let here = found.into_values().map(|found| found.letter);
        let here = here.filter(|letter| after.is_none_or(|after| letter.place() < after));
        let mut all: BTreeMap<Uuid, DeadLetter> = kept.items.into_iter().map(|letter| (letter.place(), letter)).collect();
        // Beyond the last of a page that goes on, others from the database belong in between.
        let end = all.keys().next().copied().filter(|_| more);
        all.extend(here.filter(|letter| end.is_none_or(|end| letter.place() > end)).map(|letter| (letter.place(), letter)));
        let mut page_of = Page::cut(all.into_values().rev().collect(), page, DeadLetter::place);
        if page_of.next_cursor.is_none() && more {
            page_of.next_cursor = kept.next_cursor;
        }
        Ok(page_of)
    }

    /// By way of the consumer's database, which says what is told; a crash in between leaves it in both, or here.
    async fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        let Some(found) = self.find(consumer, event).await? else { return self.inner.exhume(consumer, event, told).await };
        self.inner.bury(&found.letter).await?;
        let exhumed = self.inner.exhume(consumer, event, told).await?;
        self.aws.delete(self.url().await?, &[found.handle]).await?;
        Ok(exhumed)
    }

    /// By way of the consumer's database, which remembers it; a crash in between leaves it in both.
    async fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        let Some(found) = self.find(consumer, event).await? else { return self.inner.give_up(consumer, event, told).await };
        self.inner.bury(&found.letter).await?;
        let given_up = self.inner.give_up(consumer, event, told).await?;
        self.aws.delete(self.url().await?, &[found.handle]).await?;
        Ok(given_up)
    }
}
