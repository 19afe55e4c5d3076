//! The dead letters of a whole shop: read, sent again, or thrown away, by staff.

use std::sync::Arc;

use serde_json::json;

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::{EventId, Id, IdSource};
use crate::page::{Cursor, Page, PageRequest, sifted, whole};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::time::Clock;

use super::{ConsumeError, Consumer, DeadLetter, DeadLetters, Envelope, Letter, LetterId};

/// A consumer with the place where its dead letters lie.
pub type LetterBox = (Arc<dyn Consumer>, Arc<dyn DeadLetters>);

/// Every consumer's dead letters.
#[derive(Clone)]
pub struct DeadLetterDesk {
    boxes: Vec<LetterBox>,
    ids: IdSource,
    clock: Arc<dyn Clock>,
}

/// What came of sending a letter again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// The consumer recorded it; the letter is gone.
    Recorded,
    /// The consumer still cannot handle it, for this reason; the letter stays.
    StillDead(String),
}

impl DeadLetterDesk {
    /// Over these consumers.
    pub fn new(boxes: Vec<LetterBox>, ids: IdSource, clock: Arc<dyn Clock>) -> Self {
        Self { boxes, ids, clock }
    }

    /// The same over others.
    #[must_use]
    pub fn over(&self, boxes: Vec<LetterBox>) -> Self {
        Self { boxes, ..self.clone() }
    }

    /// Every consumer and where its letters lie, for a bus to bring events to.
    #[must_use]
    pub fn boxes(&self) -> &[LetterBox] {
        &self.boxes
    }

    /// Every letter, newest event first within its consumer.
    ///
    /// # Errors
    /// `FORBIDDEN` for anybody but staff.
    pub async fn letters(&self, actor: &Actor) -> Outcome<Vec<Letter>> {
        let mut all = Vec::new();
        for (consumer, _) in &self.boxes {
            all.extend(whole(async |page| self.page(actor, consumer.name(), &page).await).await?);
        }
        Ok(all)
    }

    /// One consumer's letters, newest event first.
    ///
    /// # Errors
    /// `FORBIDDEN` for anybody but staff, `NOT_FOUND` for a consumer that does not live here.
    pub async fn page(&self, actor: &Actor, consumer: &str, request: &PageRequest) -> Outcome<Page<Letter>> {
        actor.require_staff()?;
        let (consumer, letters) = self.place(consumer)?;
        // Consumers of one context share a database.
        let list = async |page| letters.letters(&page).await;
        let read = sifted(request, list, |letter| letter.consumer == consumer.name(), DeadLetter::place).await?;
        let unreadable = letters.unreadable().await?.into_iter().map(Letter::Unreadable).collect();
        let unreadable = Page::of_all(unreadable, request, Letter::place);
        Ok(Page::merged(vec![read.map(Letter::Event), unreadable], request, Letter::place))
    }

    /// One letter.
    ///
    /// # Errors
    /// As [`page`](Self::page), and `NOT_FOUND` when it is not there.
    pub async fn letter(&self, actor: &Actor, consumer: &str, id: impl Into<LetterId>) -> Outcome<Letter> {
        actor.require_staff()?;
        let (id, (consumer, letters)) = (id.into(), self.place(consumer)?);
        if let Some(event) = id.event() {
            let wanted = |letter: &DeadLetter| letter.consumer == consumer.name() && letter.event.id == event;
            // Lists go downwards from below their cursor.
            let above = DeadLetter::place_of(consumer.name(), event).as_u128().saturating_add(1);
            let found = letters.letters(&PageRequest::first().from(Cursor(uuid::Uuid::from_u128(above)))).await?;
            if let Some(letter) = found.items.into_iter().find(wanted) {
                return Ok(Letter::Event(letter));
            }
        }
        let found = letters.unreadable().await?.into_iter().find(|letter| letter.id == id);
        found.map(Letter::Unreadable).ok_or_else(|| Refusal::NotFound("dead letter").into())
    }

    /// Brings a letter to its consumer again. The letter is taken out only after the consumer has
    /// recorded the event, which it does once however often it is brought. One that cannot be read stays
    /// for a program that can.
    ///
    /// # Errors
    /// `NOT_FOUND`; a store that does not answer leaves the letter where it is.
    pub async fn redrive(&self, actor: &Actor, consumer: &str, id: impl Into<LetterId>) -> Outcome<Redriven> {
        let letter = match self.letter(actor, consumer, id).await? {
            Letter::Event(letter) => letter,
            Letter::Unreadable(letter) => return Ok(Redriven::StillDead(letter.reason)),
        };
        let (consumer, letters) = self.place(consumer)?;
        let event = letter.event.id;
        match consumer.handle(&letter.event).await {
            Ok(()) => {
                let told = self.told(actor, StaffAction::LetterRedriven, consumer.name(), &event.into());
                letters.exhume(consumer.name(), event, told.as_ref()).await?;
                Ok(Redriven::Recorded)
            }
            Err(ConsumeError::Permanent(reason)) => Ok(Redriven::StillDead(reason)),
            Err(ConsumeError::Transient(error)) => Err(error.into()),
        }
    }

    /// Throws a letter away, and remembers that it was.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn purge(&self, actor: &Actor, consumer: &str, id: impl Into<LetterId>) -> Outcome<Letter> {
        actor.require_staff()?;
        let (id, (consumer, letters)) = (id.into(), self.place(consumer)?);
        let told = self.told(actor, StaffAction::LetterPurged, consumer.name(), &id);
        if let Some(event) = id.event()
            && let Some(letter) = letters.give_up(consumer.name(), event, told.as_ref()).await?
        {
            return Ok(Letter::Event(letter));
        }
        let discarded = letters.discard(&id, told.as_ref()).await?;
        discarded.map(Letter::Unreadable).ok_or_else(|| Refusal::NotFound("dead letter").into())
    }

    /// A message that is named as no event is, is named by its id alone.
    fn told(&self, actor: &Actor, action: StaffAction, consumer: &str, id: &LetterId) -> Option<Envelope> {
        let (event, detail) = match id.event() {
            Some(event) => (event, json!({ "consumer": consumer })),
            None => (EventId::from_uuid(uuid::Uuid::nil()), json!({ "consumer": consumer, "message": id })),
        };
        let deed = Deed::of(action, Subject::of(SubjectKind::Event, event), detail);
        deed.said(actor, &self.ids, self.clock.now())
    }

    fn place(&self, consumer: &str) -> Outcome<&LetterBox> {
        let place = self.boxes.iter().find(|(known, _)| known.name() == consumer);
        place.ok_or_else(|| Refusal::NotFound("consumer").into())
    }
}
