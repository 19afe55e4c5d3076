//! Messages, seen and sent again by staff.

use crate::actor::Actor;
use crate::change::{ChangeSet, Round, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::NotificationId;
use crate::page::{Page, PageRequest};

use super::Notifications;
use super::model::Notification;
use super::ports::{NotificationFilter, NotificationWrite};

impl Notifications {
    /// Messages, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn list(&self, actor: &Actor, filter: &NotificationFilter, page: &PageRequest) -> Outcome<Page<Notification>> {
        actor.require_staff()?;
        Ok(self.store.notifications(filter, page).await?)
    }

    /// Puts a message that is through, or waits for its next try, up to be sent now; for staff. It
    /// keeps its Message-ID, so whoever got it already sees it once.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    pub async fn resend(&self, actor: &Actor, id: NotificationId) -> Outcome<Notification> {
        actor.require_staff()?;
        rounds("notification", || async {
            let notification = self.store.notification(id).await?.ok_or(Refusal::NotFound("notification"))?;
            let Some(due) = notification.clone().again(self.clock.now()) else { return Ok(Round::Done(notification)) };
            let due = due.next_version();
            let committed = self.store.commit(ChangeSet::of([NotificationWrite::Update(due.clone())])).await;
            settle(committed, due)
        })
        .await
    }
}
