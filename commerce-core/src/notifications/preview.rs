//! Mails as they will look, from samples.

use crate::actor::Actor;
use crate::error::{Outcome, StoreError};
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

    /// Sends a mail rendered from its sample, to see whether mails arrive; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`; when the mailer refuses or does not answer.
    pub async fn send_test(&self, actor: &Actor, template: Template, to: &Email) -> Outcome<()> {
        actor.require_staff()?;
        let Rendered { subject, html, text } = self.preview(template)?;
        let mail = Mail {
            id: self.ids.mint(),
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
            Handover::Accepted => Ok(()),
            Handover::Rejected(reason) => Err(StoreError::unavailable("mail.send", reason).into()),
        }
    }
}
