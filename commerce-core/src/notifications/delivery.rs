//! How a message goes from one state to the next. Pure.

use std::time::Duration;

use crate::limits;
use crate::text::Email;
use crate::time::Timestamp;

use super::model::{Notification, NotificationStatus};

impl Notification {
    /// Handed to the mailer from here on.
    pub(super) fn begun(self, to: Email, now: Timestamp) -> Self {
        Self {
            status: NotificationStatus::Sending,
            address: Some(to),
            due_at: Some(now.plus(limits::MAIL_SENDING_FOR)),
            ..self.tried()
        }
    }

    /// Tried once more. Found half-way, it may have been sent before; that is remembered also when
    /// this try does not come as far as the mailer.
    pub(super) fn tried(self) -> Self {
        let maybe_twice = self.maybe_twice || self.status == NotificationStatus::Sending;
        Self { tries: self.tries.saturating_add(1), maybe_twice, ..self }
    }

    /// Out of our hands. Never before it was recorded, also where the clock of who sends is behind.
    pub(super) fn sent(self, now: Timestamp) -> Self {
        let sent_at = Some(now.max(self.created_at));
        Self { status: NotificationStatus::Sent, sent_at, due_at: None, error: None, ..self }
    }

    /// To be tried again later, or given up after too many tries.
    pub(super) fn delayed(self, why: String, now: Timestamp) -> Self {
        if self.tries >= limits::MAIL_TRIES_MAX {
            return self.given_up(why);
        }
        let due_at = Some(now.plus(backoff(self.tries)));
        Self { status: NotificationStatus::Pending, due_at, error: Some(why), ..self }
    }

    /// Not to be tried again.
    pub(super) fn given_up(self, why: String) -> Self {
        Self { status: NotificationStatus::Failed, due_at: None, error: Some(why), ..self }
    }

    /// There is nobody to send it to.
    pub(super) fn suppressed(self) -> Self {
        Self { status: NotificationStatus::Suppressed, due_at: None, error: None, ..self }
    }

    /// To wait for a word. One that was being sent may have been.
    pub(super) fn held(self, now: Timestamp) -> Self {
        let held = Self { status: NotificationStatus::Pending, due_at: None, held_at: Some(now), ..self };
        if self.status != NotificationStatus::Sending {
            return held;
        }
        Self { maybe_twice: true, error: Some("held back while it was being sent".to_owned()), ..held }
    }

    /// To be sent now, after the word.
    pub(super) fn released(self, now: Timestamp) -> Self {
        Self { due_at: Some(now), held_at: None, ..self }
    }

    /// Not to be sent, after the word.
    pub(super) fn dropped(self) -> Self {
        Self { held_at: None, ..self.suppressed() }
    }

    /// To be sent now, as if it were new; none while it is being sent.
    pub(super) fn again(self, now: Timestamp) -> Option<Self> {
        let due =
            Self { status: NotificationStatus::Pending, tries: 0, due_at: Some(now), held_at: None, error: None, ..self.clone() };
        (self.status != NotificationStatus::Sending).then_some(due)
    }

    /// One version further, as a change set writes it.
    pub(super) fn next_version(self) -> Self {
        Self { version: self.version.saturating_add(1), ..self }
    }
}

/// The pause after this many tries.
fn backoff(tries: u32) -> Duration {
    let doublings = tries.saturating_sub(1).min(16);
    limits::MAIL_BACKOFF.saturating_mul(1 << doublings).min(limits::MAIL_BACKOFF_MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::model::{Recipient, Template};
    use super::*;
    use crate::events::{EventData, EventKind};
    use crate::ids::{EventId, Id, NotificationId};

    const NOON: Timestamp = Timestamp::from_micros(1_772_366_400_000_000);

    fn pending() -> Notification {
        Notification {
            id: NotificationId::from_uuid(Uuid::from_u128(1)),
            event: EventId::from_uuid(Uuid::from_u128(2)),
            kind: EventKind::LowStockAlert,
            template: Template::LowStock,
            recipient: Recipient::Ops,
            address: None,
            data: EventData::of(&()),
            status: NotificationStatus::Pending,
            tries: 0,
            due_at: Some(NOON),
            held_at: None,
            error: None,
            created_at: NOON,
            sent_at: None,
            maybe_twice: false,
            traceparent: None,
            version: 1,
        }
    }

    fn begun(notification: Notification) -> Notification {
        notification.begun("ops@example.com".parse().unwrap(), NOON)
    }

    #[test]
    fn only_an_interrupted_message_may_be_there_twice() {
        let once = begun(pending());
        assert!(!once.maybe_twice);
        assert!(!begun(once.clone().delayed("busy".to_owned(), NOON)).maybe_twice);
        assert!(begun(once).maybe_twice);
    }

    #[test]
    fn a_message_is_sent_after_it_was_recorded_whatever_the_clocks_say() {
        let early = NOON.minus(Duration::from_secs(3));
        assert_eq!(begun(pending()).sent(early).sent_at, Some(NOON));
    }

    #[test]
    fn an_interrupted_message_that_is_put_off_may_be_there_twice() {
        let put_off = begun(pending()).tried().delayed("users do not answer".to_owned(), NOON);
        assert_eq!(put_off.status, NotificationStatus::Pending);
        assert!(begun(put_off).maybe_twice);
    }

    #[test]
    fn an_hour_of_throttling_loses_nothing_and_a_dead_mailer_ends() {
        let (mut message, mut now) = (pending(), NOON);
        while message.status == NotificationStatus::Pending {
            message = begun(message).delayed("busy".to_owned(), now);
            now = message.due_at.unwrap_or(now);
        }
        assert_eq!((message.status, message.tries), (NotificationStatus::Failed, limits::MAIL_TRIES_MAX));
        assert!(now.since(NOON) > Duration::from_hours(3));
        assert_eq!(backoff(1), limits::MAIL_BACKOFF);
        assert_eq!(backoff(u32::MAX), limits::MAIL_BACKOFF_MAX);
    }

    #[test]
    fn what_is_being_sent_is_not_put_up_again() {
        assert!(begun(pending()).again(NOON).is_none());
        let failed = pending().given_up("no such mailbox".to_owned());
        assert_eq!(failed.again(NOON), Some(pending()));
    }
}
