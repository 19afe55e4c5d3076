//! What a broker gave up, in front of the dead letters in the consumer's database, as one list.
//!
//! Owns what becomes of a letter that lies with a broker, whatever the broker. What cannot be read is left where it lies: a
//! later program may know it, and then it is a letter as any other. Start reading at [`Pile`].

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetter, DeadLetters, Envelope, LetterId, Unreadable};
use commerce_core::ids::EventId;
use commerce_core::limits;
use commerce_core::page::{Page, PageRequest};

use super::wire;

/// Where a broker puts away what one consumer failed to record.
#[async_trait]
pub(crate) trait Pile: Send + Sync + 'static {
    /// What lies there, or the part of it that one look goes through. Nobody else sees it until it is given back.
    async fn look(&self) -> Result<Vec<Lying>, StoreError>;

    /// These stay.
    async fn give_back(&self, handles: &[String]) -> Result<(), StoreError>;

    /// This one is gone.
    async fn remove(&self, handle: &str) -> Result<(), StoreError>;
}

/// A message that was given up.
#[derive(Clone, Debug)]
pub(crate) struct Lying {
    /// The broker's own id of it.
    pub(crate) id: String,
    /// By what it is given back or removed.
    pub(crate) handle: String,
    pub(crate) text: Vec<u8>,
    pub(crate) at: Timestamp,
}

/// A consumer's dead letters, those with the broker first.
pub(crate) struct BrokerLetters<P> {
    pile: P,
    consumer: &'static str,
    inner: Arc<dyn DeadLetters>,
}

impl<P: Pile> BrokerLetters<P> {
    pub(crate) fn new(pile: P, consumer: &'static str, inner: Arc<dyn DeadLetters>) -> Self {
        Self { pile, consumer, inner }
    }

    /// What is wanted of the pile, still hidden from others; the rest is given back.
    async fn take<T>(&self, wanted: impl Fn(&Lying) -> Option<T> + Send) -> Result<Option<(T, String)>, StoreError> {
        let (mut found, mut others) = (None, Vec::new());
        for lying in self.pile.look().await? {
            match wanted(&lying) {
                Some(it) if found.is_none() => found = Some((it, lying.handle)),
                _ => others.push(lying.handle),
            }
        }
        self.pile.give_back(&others).await?;
        Ok(found)
    }

    /// Everything, which is given back.
    async fn all<T>(&self, wanted: impl Fn(&Lying) -> Option<T> + Send) -> Result<Vec<T>, StoreError> {
        let lying = self.pile.look().await?;
        let found = lying.iter().filter_map(wanted).collect();
        let handles: Vec<String> = lying.into_iter().map(|lying| lying.handle).collect();
        self.pile.give_back(&handles).await?;
        Ok(found)
    }

    fn read(&self, lying: &Lying) -> Option<DeadLetter> {
        let event = wire::read(&lying.text).ok()?;
        // The broker gives up after exactly so many receives; what it says now may count the looks, too.
        let receives = limits::RECEIVES_MAX;
        let reason = format!("received {receives} times and not recorded; the log of {} says why", self.consumer);
        Some(DeadLetter { consumer: self.consumer.to_owned(), event, reason, receives, at: lying.at })
    }

    fn unread(&self, lying: &Lying) -> Option<Unreadable> {
        let error = wire::read(&lying.text).err()?;
        Some(Unreadable {
            consumer: self.consumer.to_owned(),
            id: lying.id.parse().ok()?,
            text: Unreadable::beginning(&lying.text),
            reason: format!("is no event that this program knows: {error}"),
            receives: limits::RECEIVES_MAX,
            at: lying.at,
        })
    }

    /// The letter of this event.
    async fn find(&self, consumer: &str, event: EventId) -> Result<Option<(DeadLetter, String)>, StoreError> {
        if consumer != self.consumer {
            return Ok(None);
        }
        self.take(|lying| self.read(lying).filter(|letter| letter.event.id == event)).await
    }
}

#[async_trait]
impl<P: Pile> DeadLetters for BrokerLetters<P> {
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.inner.bury(letter).await
    }

    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        let kept = self.inner.letters(page).await?;
        // One that is in both, or twice with the broker, is one letter.
        let name = |letter: &DeadLetter| (letter.consumer.clone(), letter.event.id);
        let mut known: BTreeSet<_> = kept.items.iter().map(name).collect();
        let mut here = self.all(|lying| self.read(lying)).await?;
        here.retain(|letter| known.insert(name(letter)));
        Ok(Page::merged(vec![kept, Page::of_all(here, page, DeadLetter::place)], page, DeadLetter::place))
    }

    /// By way of the consumer's database, which says what is told; a crash in between leaves it in both, or here.
    async fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        let Some((letter, handle)) = self.find(consumer, event).await? else {
            return self.inner.exhume(consumer, event, told).await;
        };
        self.inner.bury(&letter).await?;
        let exhumed = self.inner.exhume(consumer, event, told).await?;
        self.pile.remove(&handle).await?;
        Ok(exhumed)
    }

    /// By way of the consumer's database, which remembers it; a crash in between leaves it in both.
    async fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        let Some((letter, handle)) = self.find(consumer, event).await? else {
            return self.inner.give_up(consumer, event, told).await;
        };
        self.inner.bury(&letter).await?;
        let given_up = self.inner.give_up(consumer, event, told).await?;
        self.pile.remove(&handle).await?;
        Ok(given_up)
    }

    async fn tell(&self, told: &Envelope) -> Result<(), StoreError> {
        self.inner.tell(told).await
    }

    async fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        self.all(|lying| self.unread(lying)).await
    }

    /// A crash in between leaves it here, and told.
    async fn discard(&self, letter: &LetterId, told: Option<&Envelope>) -> Result<Option<Unreadable>, StoreError> {
        let found = self.take(|lying| self.unread(lying).filter(|unread| unread.id == *letter)).await?;
        let Some((unreadable, handle)) = found else { return Ok(None) };
        if let Some(told) = told {
            self.inner.tell(told).await?;
        }
        self.pile.remove(&handle).await?;
        Ok(Some(unreadable))
    }
}
