//! What leaves the house, held back after a restore until staff says a word.
//!
//! A shop that is put back from a copy does not know what the shop it is a copy of has sent since. So all that waits
//! to be sent waits for a word then: to be sent after all, or not at all.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{Error, Outcome};
use crate::limits;
use crate::staff::{Deed, StaffAction, Subject};
use crate::time::Timestamp;

use super::super::Notifications;
use super::super::model::Notification;
use super::super::ports::NotificationWrite;
use super::model::WebhookDelivery;

/// After everything that is due.
const END_OF_TIME: Timestamp = Timestamp::from_micros(i64::MAX);

impl Notifications {
    /// Holds back every mail and webhook delivery that is not through; for staff. Answers how many.
    ///
    /// # Errors
    /// `FORBIDDEN`; when the store does not answer, then some are held.
    pub async fn hold(&self, actor: &Actor) -> Outcome<u64> {
        actor.require_staff()?;
        let now = self.clock.now();
        let mut held = 0_u64;
        loop {
            let mails = self.store.due(END_OF_TIME, limits::WORK_BATCH).await?;
            let changes = mails.into_iter().map(|it| NotificationWrite::Update(it.held(now).next_version()));
            match self.all_of(actor, StaffAction::MessagesHeld, changes.collect()).await? {
                0 => break,
                some => held = held.saturating_add(some),
            }
        }
        for endpoint in self.store.webhook_endpoints().await? {
            loop {
                let due = self.store.webhooks_due(endpoint.id, END_OF_TIME, limits::WORK_BATCH).await?;
                let changes = due.into_iter().map(|it| NotificationWrite::UpdateDelivery(it.held(now).next_version()));
                match self.all_of(actor, StaffAction::MessagesHeld, changes.collect()).await? {
                    0 => break,
                    some => held = held.saturating_add(some),
                }
            }
        }
        Ok(held)
    }

    /// Puts all that is held up to be sent now; for staff. Answers how many.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn release_held(&self, actor: &Actor) -> Outcome<u64> {
        let now = self.clock.now();
        self.let_go(actor, StaffAction::MessagesReleased, |it| it.released(now), |it| it.released(now)).await
    }

    /// Gives all that is held up, so that it is never sent; for staff. Answers how many.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub async fn drop_held(&self, actor: &Actor) -> Outcome<u64> {
        self.let_go(actor, StaffAction::MessagesDropped, Notification::dropped, |it| it.given_up("dropped after a restore")).await
    }

    /// How many are held, counted up to [`limits::HELD_COUNTED_MAX`]; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn held(&self, actor: &Actor) -> Outcome<usize> {
        actor.require_staff()?;
        let mails = self.store.held(limits::HELD_COUNTED_MAX).await?.len();
        Ok(mails.saturating_add(self.store.webhooks_held(limits::HELD_COUNTED_MAX).await?.len()))
    }

    async fn let_go(
        &self,
        actor: &Actor,
        action: StaffAction,
        mail: impl Fn(Notification) -> Notification,
        delivery: impl Fn(WebhookDelivery) -> WebhookDelivery,
    ) -> Outcome<u64> {
        actor.require_staff()?;
        let mut gone = 0_u64;
        loop {
            let mails = self.store.held(limits::WORK_BATCH).await?;
            let mails = mails.into_iter().map(|it| NotificationWrite::Update(mail(it).next_version()));
            let deliveries = self.store.webhooks_held(limits::WORK_BATCH).await?;
            let deliveries = deliveries.into_iter().map(|it| NotificationWrite::UpdateDelivery(delivery(it).next_version()));
            match self.all_of(actor, action, mails.chain(deliveries).collect()).await? {
                0 => return Ok(gone),
                some => gone = gone.saturating_add(some),
            }
        }
    }

    /// Commits these together and answers how many they were; when somebody changed one of them meanwhile, each
    /// by itself, and that one is left to the next look. Each commit is told of by itself.
    async fn all_of(&self, actor: &Actor, action: StaffAction, writes: Vec<NotificationWrite>) -> Outcome<u64> {
        let count = u64::try_from(writes.len()).unwrap_or(u64::MAX);
        if count == 0 {
            return Ok(0);
        }
        let of = |writes: Vec<NotificationWrite>| {
            let told = self.told(actor, Deed::of(action, Subject::SHOP, json!({ "count": writes.len() })));
            ChangeSet::of(writes).say(told)
        };
        match self.store.commit(of(writes.clone())).await {
            Ok(()) => return Ok(count),
            Err(CommitError::Refused(CommitRefusal::Stale(_))) => {}
            Err(error) => return Err(Error::from(error)),
        }
        for write in writes {
            match self.store.commit(of(vec![write])).await {
                Ok(()) | Err(CommitError::Refused(CommitRefusal::Stale(_))) => {}
                Err(error) => return Err(Error::from(error)),
            }
        }
        Ok(count)
    }
}
