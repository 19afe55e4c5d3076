//! The dead letters of a whole shop: read, sent again, or thrown away, by staff.

use std::sync::Arc;

use serde_json::json;

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::{EventId, IdSource};
use crate::page::{Cursor, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::time::Clock;

use super::{ConsumeError, Consumer, DeadLetter, DeadLetters, Envelope};

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
    pub async fn letters(&self, actor: &Actor) -> Outcome<Vec<DeadLetter>> {
        actor.require_staff()?;
        let mut all = Vec::new();
        for (consumer, letters) in &self.boxes {
            let mut page = PageRequest::first();
            loop {
                let some = letters.letters(&page).await?;
                let last = some.items.last().map(|letter| Cursor(crate::ids::Id::uuid(letter.event.id)));
                all.extend(some.items.into_iter().filter(|letter| letter.consumer == consumer.name()));
                match last.filter(|_| some.next_cursor.is_some()) {
                    Some(last) => page = PageRequest::parse(None, Some(&last.encode()))?,
                    None => break,
                }
            }
        }
        Ok(all)
    }

    /// Brings a letter to its consumer again. The letter is taken out only after the consumer has
    /// recorded the event, which it does once however often it is brought.
    ///
    /// # Errors
    /// `NOT_FOUND`; a store that does not answer leaves the letter where it is.
    pub async fn redrive(&self, actor: &Actor, consumer: &str, event: EventId) -> Outcome<Redriven> {
        let letter = self.find(actor, consumer, event).await?;
        let (consumer, letters) = self.place(consumer)?;
        match consumer.handle(&letter.event).await {
            Ok(()) => {
                let told = self.told(actor, StaffAction::LetterRedriven, consumer.name(), event);
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
    pub async fn purge(&self, actor: &Actor, consumer: &str, event: EventId) -> Outcome<DeadLetter> {
        actor.require_staff()?;
        let (consumer, letters) = self.place(consumer)?;
        let told = self.told(actor, StaffAction::LetterPurged, consumer.name(), event);
        letters.give_up(consumer.name(), event, told.as_ref()).await?.ok_or_else(|| Refusal::NotFound("dead letter").into())
    }

    fn told(&self, actor: &Actor, action: StaffAction, consumer: &str, event: EventId) -> Option<Envelope> {
        let deed = Deed::of(action, Subject::of(SubjectKind::Event, event), json!({ "consumer": consumer }));
        deed.said(actor, &self.ids, self.clock.now())
    }

    async fn find(&self, actor: &Actor, consumer: &str, event: EventId) -> Outcome<DeadLetter> {
        let wanted = |letter: &DeadLetter| letter.consumer == consumer && letter.event.id == event;
        let found = self.letters(actor).await?.into_iter().find(wanted);
        found.ok_or_else(|| Refusal::NotFound("dead letter").into())
    }

    fn place(&self, consumer: &str) -> Outcome<&LetterBox> {
        let place = self.boxes.iter().find(|(known, _)| known.name() == consumer);
        place.ok_or_else(|| Refusal::NotFound("consumer").into())
    }
}
