//! The worker's step: what is due is rendered, marked as begun, handed over, marked as done.
//!
//! The mark before the call is committed first, so a crash in between is seen by the next worker:
//! it sends once more under the same Message-ID and flags the message. Where the mailer makes one mail
//! of both, nothing need be seen, and nothing is marked before. All marks of a step are on
//! their way at once, so that a store that commits in groups takes them together.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as StdError;

use futures_util::{StreamExt, stream};
use serde_json::Value;
use tracing::{Instrument, Span};

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{Error, Outcome, StoreError};
use crate::ids::{NotificationId, UserId};
use crate::limits;
use crate::orders::OrderFacts;

use super::Notifications;
use super::model::{Mail, Notification, NotificationStatus, Recipient, Template};
use super::ports::{Contact, Handover, NotificationWrite};
use super::record::ResetRequested;

/// How the operators are called in their mails.
const OPS_NAME: &str = "Operations";

/// How recipients are reached.
type Told = BTreeMap<UserId, Contact>;

/// Why there is no mail to hand over.
enum Hindrance {
    /// The recipient is gone.
    NobodyThere,
    /// Something does not answer.
    NotNow(String),
    /// The message itself is at fault.
    Never(String),
}

/// What a message came to before its mail is handed over.
enum Begun {
    /// To be handed over, marked as begun where that need be; its mail.
    Mail(Box<(Notification, Mail)>),
    /// It ends without a mail.
    Without(Box<Notification>),
    /// Somebody else deals with it.
    Elsewhere,
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
        let all = due.len().max(1);
        let told = self.told_by_mail(&due).await;
        let told = told.as_ref();
        let dealt_with: Vec<Outcome<bool>> = stream::iter(due)
            .map(|notification| self.begin(notification, told))
            .buffer_unordered(all)
            .map(|begun| self.hand_over(begun))
            .buffer_unordered(limits::MAILS_AT_ONCE)
            .map(|ended| self.end(ended))
            .buffer_unordered(all)
            .collect()
            .await;
        let dealt_with = dealt_with.into_iter().collect::<Outcome<Vec<bool>>>()?;
        Ok(dealt_with.into_iter().filter(|dealt_with| *dealt_with).count())
    }

    /// How the recipients of these are reached, asked once for all. None when that was not answered; one of them may be
    /// to blame, so that each is then asked for alone.
    async fn told_by_mail(&self, due: &[Notification]) -> Option<Told> {
        let user = |it: &Notification| match it.recipient {
            Recipient::User(user) => Some(user),
            Recipient::Ops => None,
        };
        let users: BTreeSet<UserId> = due.iter().filter_map(user).collect();
        if users.is_empty() {
            return None;
        }
        let users: Vec<UserId> = users.into_iter().collect();
        match self.contacts.contacts(&users).await {
            Ok(contacts) => Some(contacts.into_iter().map(|contact| (contact.user, contact)).collect()),
            Err(error) => {
                tracing::debug!(error = &error as &dyn StdError, "recipients are asked for one by one");
                None
            }
        }
    }

    async fn contact(&self, user: UserId, told: Option<&Told>) -> Outcome<Option<Contact>> {
        match told {
            Some(told) => Ok(told.get(&user).cloned()),
            None => Ok(self.contacts.contacts(&[user]).await?.into_iter().find(|contact| contact.user == user)),
        }
    }

    /// The message as begun, with its mail; or as it ends without one.
    async fn begin(&self, notification: Notification, told: Option<&Told>) -> Outcome<Begun> {
        let span = span(&notification);
        match self.prepare(&notification, told).instrument(span).await {
            Ok(mail) => {
                let begun = notification.begun(mail.to.clone(), self.clock.now());
                let begun = if self.mailer.is_idempotent() { Some(begun) } else { self.save(begun).await? };
                Ok(begun.map_or(Begun::Elsewhere, |begun| Begun::Mail(Box::new((begun, mail)))))
            }
            Err(hindrance) => Ok(Begun::Without(Box::new(self.put_off(notification, hindrance)))),
        }
    }

    /// The message after its mail was handed over. None when somebody else deals with it.
    async fn hand_over(&self, begun: Outcome<Begun>) -> Outcome<Option<Notification>> {
        let (begun, mail) = match begun? {
            Begun::Elsewhere => return Ok(None),
            Begun::Without(ended) => return Ok(Some(*ended)),
            Begun::Mail(mail) => *mail,
        };
        let span = span(&begun);
        let answer = self.mailer.send(&mail).instrument(span.clone()).await;
        Ok(Some(span.in_scope(|| self.answered(begun, answer))))
    }

    fn answered(&self, begun: Notification, answer: Result<Handover, StoreError>) -> Notification {
        match answer {
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
        }
    }

    /// Whether this worker dealt with the message; false when somebody else did.
    async fn end(&self, ended: Outcome<Option<Notification>>) -> Outcome<bool> {
        let Some(ended) = ended? else { return Ok(false) };
        let id = ended.id;
        let is_ours = self.save(ended).await?.is_some();
        if !is_ours && self.mailer.is_idempotent() {
            self.take_back(id).await?;
        }
        Ok(is_ours)
    }

    /// What nobody saw being sent may have been dropped or forgotten meanwhile: then there is to be no mail of it.
    async fn take_back(&self, id: NotificationId) -> Outcome<()> {
        match self.store.notification(id).await? {
            Some(message) if message.status == NotificationStatus::Suppressed || message.is_anonymous() => {
                Ok(self.mailer.forget(&message).await?)
            }
            _ => Ok(()),
        }
    }

    fn put_off(&self, notification: Notification, hindrance: Hindrance) -> Notification {
        match hindrance {
            Hindrance::NobodyThere => notification.suppressed(),
            Hindrance::NotNow(why) => notification.tried().delayed(why, self.clock.now()),
            Hindrance::Never(why) => notification.given_up(why),
        }
    }

    /// The message as a mail. Its date is the message's own, so that a second try is the same mail.
    async fn prepare(&self, notification: &Notification, told: Option<&Told>) -> Result<Mail, Hindrance> {
        if notification.status == NotificationStatus::Sending && notification.tries >= limits::MAIL_TRIES_MAX {
            return Err(Hindrance::Never("interrupted too often".to_owned()));
        }
        let contact = match notification.recipient {
            Recipient::Ops => Some((self.policy.ops.clone(), Some(OPS_NAME.to_owned()))),
            Recipient::User(user) => {
                let contact = self.contact(user, told).await.map_err(|error| not_now(&error))?;
                contact.map(|Contact { email, name, .. }| (email, name))
            }
        };
        let (to, name) = contact.ok_or(Hindrance::NobodyThere)?;
        let never = |error: &dyn StdError| Hindrance::Never(whole_story(error));
        let mut data: Value = notification.data.read().map_err(|error| never(&error))?;
        let secret = self.secret(notification, name.is_none()).await?;
        if let (Some((member, secret)), Some(data)) = (secret, data.as_object_mut()) {
            data.insert(member.to_owned(), Value::from(secret));
        }
        let to_name = name.unwrap_or_default();
        let context = self.context(&to_name, data);
        let words = self.renderer.render(notification.template, &context).map_err(|error| never(&error))?;
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

    /// What a mail brings that no event and no message holds, and under which name its template finds it.
    async fn secret(&self, it: &Notification, to_guest: bool) -> Result<Option<(&'static str, String)>, Hindrance> {
        let never = |error: serde_json::Error| Hindrance::Never(whole_story(&error));
        if it.template == Template::PasswordReset {
            let asked: ResetRequested = it.data.read().map_err(never)?;
            let token = self.contacts.reset_token(asked.user_id, asked.reset_id).await.map_err(|error| not_now(&error))?;
            return Ok(Some(("token", token.ok_or(Hindrance::NobodyThere)?)));
        }
        if !to_guest {
            return Ok(None);
        }
        let OrderFacts { user_id, order_id, .. } = it.data.read().map_err(never)?;
        let link = self.contacts.order_link(user_id, order_id).await.map_err(|error| not_now(&error))?;
        Ok(Some(("orderLink", link.ok_or(Hindrance::NobodyThere)?)))
    }

    /// The message in its new state as written, or none when somebody else changed it meanwhile.
    pub(super) async fn save(&self, notification: Notification) -> Outcome<Option<Notification>> {
        let notification = notification.next_version();
        match self.store.commit(ChangeSet::of([NotificationWrite::Update(notification.clone())])).await {
            Ok(()) => Ok(Some(notification)),
            Err(CommitError::Refused(CommitRefusal::Stale(_))) => Ok(None),
            Err(error) => Err(Error::from(error)),
        }
    }
}

fn not_now(error: &Error) -> Hindrance {
    Hindrance::NotNow(whole_story(error))
}

/// What is logged about a message names it, and the request that caused it.
fn span(notification: &Notification) -> Span {
    let Notification { id, template, traceparent, .. } = notification;
    tracing::info_span!("mail", %id, template = template.as_str(), trace = traceparent.as_deref())
}

/// An error with its causes, in one line.
pub(super) fn whole_story(error: &dyn StdError) -> String {
    let mut story = error.to_string();
    let mut cause = error.source();
    while let Some(known) = cause {
        story = format!("{story}: {known}");
        cause = known.source();
    }
    story
}
