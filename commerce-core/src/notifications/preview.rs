//! Mails as they will look, from samples.

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Outcome, StoreError};
use crate::ids::{Id, NotificationId};
use crate::keyed::Keyed;
use crate::text::Email;

use super::Notifications;
use super::model::{Mail, Template};
use super::ports::{Handover, Rendered};
use super::samples::{SAMPLE_NAME, sample};

impl Notifications {
    /// A mail rendered from its sample.
    ///
    /// # Errors
    /// When the template does not render.
    pub fn preview(&self, template: Template) -> Outcome<Rendered> {
        Ok(self.renderer.render(template, &self.context(SAMPLE_NAME, sample(template)))?)
    }

    /// Sends a mail rendered from its sample, to see whether mails arrive; for staff. A mail that did not leave uses no key up; of two
    /// that ask under one key at once, both hand over the same mail, which has one Message-ID.
    ///
    /// # Errors
    /// `FORBIDDEN`, `IDEMPOTENCY_MISMATCH`; when the mailer refuses or does not answer.
    pub async fn send_test(&self, actor: &Actor, template: Template, to: &Email, key: Option<RequestKey>) -> Outcome<Answer<()>> {
        actor.require_staff()?;
        let keyed = Keyed::of(actor, format!("POST /api/operations/mails/{template}/test"), key);
        if keyed.seen(&*self.store).await?.is_some() {
            return Ok(Answer::Replayed(()));
        }
        let Rendered { subject, html, text } = self.preview(template)?;
        let mail = Mail {
            id: keyed.identity().map_or_else(|| self.ids.mint(), NotificationId::from_uuid),
            from: self.policy.from.clone(),
            from_name: self.policy.shop_name.clone(),
            to: to.clone(),
            to_name: String::new(),
            subject,
            html,
            text,
            at: self.clock.now(),
        };
        match self.mailer.send(&mail).await? {
            Handover::Accepted => {}
            Handover::Rejected(reason) => return Err(StoreError::unavailable("mail.send", reason).into()),
        }
        let Some(claim) = keyed.claim(mail.id.uuid(), self.clock.now()) else { return Ok(Answer::Fresh(())) };
        let (claim, keyed) = (&claim, &keyed);
        rounds("notification", || async move {
            match self.store.commit(ChangeSet::new().claim(Some(claim.clone()))).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(twin))) => {
                    keyed.twin(&twin)?;
                    Ok(Round::Done(Answer::Replayed(())))
                }
                committed => settle(committed, Answer::Fresh(())),
            }
        })
        .await
    }
}
