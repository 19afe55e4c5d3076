//! Mail that goes nowhere, and words without beauty.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::notifications::{Handover, Mail, MailContext, Mailer, Notification, Rendered, Renderer, Template};

/// Remembers what it was given. Accepts everything unless scripted otherwise.
#[derive(Default)]
pub struct RecordingMailer {
    mails: Mutex<Vec<Mail>>,
    script: Mutex<VecDeque<Result<Handover, StoreError>>>,
    idempotent: AtomicBool,
}

impl RecordingMailer {
    /// Has been given nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every mail accepted so far, in order; a mail sent again under the same id is there once.
    pub fn mails(&self) -> Vec<Mail> {
        self.sent().clone()
    }

    /// The next unscripted call gets this answer.
    pub fn answer(&self, answer: Result<Handover, StoreError>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }

    /// Says of itself from now on whether it is idempotent; at first it says that it is not.
    pub fn set_idempotent(&self, idempotent: bool) {
        self.idempotent.store(idempotent, Ordering::Relaxed);
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Mailer for RecordingMailer {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        let scripted = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let answer = scripted.unwrap_or(Ok(Handover::Accepted))?;
        let mut sent = self.sent();
        if answer == Handover::Accepted && !sent.iter().any(|known| known.id == mail.id) {
            sent.push(mail.clone());
        }
        Ok(answer)
    }

    fn is_idempotent(&self) -> bool {
        self.idempotent.load(Ordering::Relaxed)
    }

    async fn forget(&self, message: &Notification) -> Result<(), StoreError> {
        self.sent().retain(|mail| mail.id != message.id);
        Ok(())
    }
}

/// Writes the template's name and its data.
#[derive(Clone, Copy, Default)]
pub struct PlainRenderer;

impl Renderer for PlainRenderer {
    fn render(&self, template: Template, context: &MailContext) -> Result<Rendered, StoreError> {
        let text = format!("{}: {}", context.recipient_name, context.data);
        let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        Ok(Rendered { subject: template.to_string(), html: format!("<p>{html}</p>"), text })
    }
}
