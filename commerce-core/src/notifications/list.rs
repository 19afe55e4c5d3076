//! Messages, seen and sent again by staff.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, NotificationId, UserId};
use crate::keyed::Keyed;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};

use super::Notifications;
use super::model::{Notification, Recipient};
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

    /// Messages to all of these users, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn list_of(
        &self,
        actor: &Actor,
        users: &[UserId],
        filter: &NotificationFilter,
        page: &PageRequest,
    ) -> Outcome<Page<Notification>> {
        actor.require_staff()?;
        let mut lists = Vec::new();
        for user in users {
            let to = NotificationFilter { recipient: Some(Recipient::User(*user)), ..filter.clone() };
            lists.push(self.store.notifications(&to, page).await?);
        }
        Ok(Page::merged(lists, page, |message| message.id.uuid()))
    }

    /// Puts a message that is through, or waits for its next try, up to be sent now; for staff. It
    /// keeps its Message-ID, so whoever got it already sees it once.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `IDEMPOTENCY_MISMATCH`.
    pub async fn resend(&self, actor: &Actor, id: NotificationId, key: Option<RequestKey>) -> Outcome<Answer<Notification>> {
        actor.require_staff()?;
        let keyed = &Keyed::of(actor, format!("POST /api/notifications/{id}/resend"), key);
        rounds("notification", || async move {
            let used = keyed.seen(&*self.store).await?.is_some();
            let notification = self.store.notification(id).await?.ok_or(Refusal::NotFound("notification"))?;
            if used {
                return Ok(Round::Done(Answer::Replayed(notification)));
            }
            let now = self.clock.now();
            let (changes, notification) = match notification.clone().again(now).map(Notification::next_version) {
                Some(due) => {
                    let subject = Subject::of(SubjectKind::Notification, id);
                    let told = self.told(actor, Deed::of(StaffAction::NotificationResent, subject, json!({})));
                    (ChangeSet::of([NotificationWrite::Update(due.clone())]).say(told), due)
                }
                None => (ChangeSet::new(), notification),
            };
            match self.store.commit(changes.claim(keyed.claim(id.uuid(), now))).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => Ok(Round::Again),
                committed => settle(committed, Answer::Fresh(notification)),
            }
        })
        .await
    }
}
