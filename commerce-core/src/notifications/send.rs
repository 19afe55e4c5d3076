//! The worker's step: what is due is rendered, marked as begun, handed over, marked as done.
//!
//! The mark before the call is committed first, so a crash in between is seen by the next worker:
//! it sends once more under the same Message-ID and flags the message.

use std::error::Error as StdError;

use futures_util::{StreamExt, stream};
use tracing::Instrument;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{Error, Outcome};
use crate::limits;

use super::Notifications;
use super::model::{Mail, Notification, NotificationStatus, Recipient};
use super::ports::{Handover, NotificationWrite};

/// How the operators are called in their mails.
const OPS_NAME: &str = "Operations";

/// Why there is no mail to hand over.
enum Hindrance {
    /// The recipient is gone.
    NobodyThere,
    /// Something does not answer.
    NotNow(String),
    /// The message itself is at fault.
    Never(String),
}

impl Notifications {
    /// Sends what is due, at most `limit` messages, and answers how many it dealt with. Only who
    /// holds the worker's lease calls this.
    ///
    /// # Errors
    /// When the store does not answer: the first failure, after every other message was dealt with,
    /// for a message that is dropped on its way would be sent again. A mailer that does not answer is
    /// written to the message.
    pub async fn send_due(&self, limit: u32) -> Outcome<usize> {
        let due = self.store.due(self.clock.now(), limit).await?;
        let sends = stream::iter(due).map(|notification| self.send_one(notification));
        let dealt_with: Vec<Outcome<bool>> = sends.buffer_unordered(limits::MAILS_AT_ONCE).collect().await;
        let dealt_with = dealt_with.into_iter().collect::<Outcome<Vec<bool>>>()?;
        Ok(dealt_with.into_iter().filter(|dealt_with| *dealt_with).count())
    }

    /// Sends one message; what is logged meanwhile names it, and the request that caused it.
    async fn send_one(&self, notification: Notification) -> Outcome<bool> {
        let (id, trace) = (notification.id, notification.traceparent.clone());
        let span = tracing::info_span!("mail", %id, template = notification.template.as_str(), trace);
        self.deliver(notification).instrument(span).await
    }

    /// Whether this worker dealt with the message; false when somebody else did.
    async fn deliver(&self, notification: Notification) -> Outcome<bool> {
        let mail = match self.prepare(&notification).await {
            Ok(mail) => mail,
            Err(hindrance) => return self.put_off(notification, hindrance).await,
        };
        let Some(begun) = self.save(notification.begun(mail.to.clone(), self.clock.now())).await? else { return Ok(false) };
        let ended = match self.mailer.send(&mail).await {
            Ok(Handover::Accepted) => {
                tracing::debug!("a mail was handed over");
                begun.sent(self.clock.now())
            }
            Ok(Handover::Rejected(why)) => {
                tracing::warn!(why, "a mail was refused");
                begun.given_up(why)
            }
            Err(error) => {
                let why = whole_story(&error);
                tracing::warn!(why, "a mail waits for its next try");
                begun.delayed(why, self.clock.now())
            }
        };
        self.save(ended).await.map(|saved| saved.is_some())
    }

    async fn put_off(&self, notification: Notification, hindrance: Hindrance) -> Outcome<bool> {
        let put_off = match hindrance {
            Hindrance::NobodyThere => notification.suppressed(),
            Hindrance::NotNow(why) => notification.tried().delayed(why, self.clock.now()),
            Hindrance::Never(why) => notification.given_up(why),
        };
        self.save(put_off).await.map(|saved| saved.is_some())
    }

    /// The message as a mail. Its date is the message's own, so that a second try is the same mail.
    async fn prepare(&self, notification: &Notification) -> Result<Mail, Hindrance> {
        if notification.status == NotificationStatus::Sending && notification.tries >= limits::MAIL_TRIES_MAX {
            return Err(Hindrance::Never("interrupted too often".to_owned()));
        }
        let contact = match notification.recipient {
            Recipient::Ops => Some((self.policy.ops.clone(), OPS_NAME.to_owned())),
            Recipient::User(user) => self.contacts.contact(user).await.map_err(|error| Hindrance::NotNow(whole_story(&error)))?,
        };
        let (to, to_name) = contact.ok_or(Hindrance::NobodyThere)?;
        let context = self.context(&to_name, &notification.data);
        let words = self.renderer.render(notification.template, &context);
        let words = words.map_err(|error| Hindrance::Never(whole_story(&error)))?;
        Ok(Mail {
            id: notification.id,
            from: self.policy.from.clone(),
            from_name: self.policy.shop_name.clone(),
            to,
            to_name,
            subject: words.subject,
            html: words.html,
            text: words.text,
            at: notification.created_at,
        })
    }

    /// The message in its new state as written, or none when somebody else changed it meanwhile.
    async fn save(&self, notification: Notification) -> Outcome<Option<Notification>> {
        let notification = notification.next_version();
        match self.store.commit(ChangeSet::of([NotificationWrite::Update(notification.clone())])).await {
            Ok(()) => Ok(Some(notification)),
            Err(CommitError::Refused(CommitRefusal::Stale(_))) => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }
}

/// An error with its causes, in one line.
fn whole_story(error: &dyn StdError) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(known) = cause {
        story = format!("{story}: {known}");
        cause = known.source();
    }
    story
}
