//! Dead letters by name, and those that no program here can read.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use crate::change::digest;
use crate::ids::EventId;
use crate::limits;
use crate::time::Timestamp;

use super::DeadLetter;

/// By what a letter is known to its consumer: its event's id, or the broker's own id of a message that says no event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LetterId(String);

impl LetterId {
    /// The event it may name.
    #[must_use]
    pub fn event(&self) -> Option<EventId> {
        self.0.parse().ok()
    }
}

impl From<EventId> for LetterId {
    fn from(event: EventId) -> Self {
        Self(event.to_string())
    }
}

impl FromStr for LetterId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let is_one = (1..=limits::LETTER_ID_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_one.then(|| Self(text.to_owned())).ok_or("is no id of a dead letter")
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a broker gave up and this program cannot read: no event at all, or one of a kind that is not known here. It stays as
/// it is, so that a program which knows it may read it yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The consumer whose queue it came from.
    pub consumer: String,
    /// The broker's id of the message.
    pub id: LetterId,
    /// Its beginning.
    pub text: String,
    /// Why it cannot be read.
    pub reason: String,
    /// How often it was received.
    pub receives: u32,
    /// When it came to the broker, or was given up.
    pub at: Timestamp,
}

impl Unreadable {
    /// As much of a message as is shown.
    #[must_use]
    pub fn beginning(text: &[u8]) -> String {
        String::from_utf8_lossy(text).chars().take(limits::UNREADABLE_CHARS_MAX).collect()
    }

    /// Its place in lists: where an event of its time would be.
    #[must_use]
    pub fn place(&self) -> Uuid {
        let millis = u128::try_from(self.at.as_micros() / 1_000).unwrap_or_default();
        let digest = digest(&[self.consumer.as_bytes(), self.id.0.as_bytes()]);
        let tail = digest.first_chunk().copied().map_or(0, u128::from_be_bytes) >> 48;
        Uuid::from_u128((millis << 80) | tail)
    }
}

/// A letter of the desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Letter {
    /// An event that its consumer could not handle.
    Event(DeadLetter),
    /// What nobody here can read.
    Unreadable(Unreadable),
}

impl Letter {
    /// By what it is known.
    #[must_use]
    pub fn id(&self) -> LetterId {
        match self {
            Self::Event(letter) => letter.event.id.into(),
            Self::Unreadable(letter) => letter.id.clone(),
        }
    }

    /// Its place in lists.
    #[must_use]
    pub fn place(&self) -> Uuid {
        match self {
            Self::Event(letter) => letter.place(),
            Self::Unreadable(letter) => letter.place(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreadable(id: &str, millis: i64) -> Unreadable {
        Unreadable {
            consumer: "webhook-queue".to_owned(),
            id: id.parse().unwrap(),
            text: String::new(),
            reason: String::new(),
            receives: limits::RECEIVES_MAX,
            at: Timestamp::from_micros(millis * 1_000),
        }
    }

    #[test]
    fn a_letter_is_named_by_its_event_or_by_the_brokers_word_for_it() {
        let event = "018f0000-0000-7000-8000-000000000000";
        assert_eq!(event.parse::<LetterId>().unwrap().event(), event.parse().ok());
        assert_eq!("1764258840000-0".parse::<LetterId>().unwrap().event(), None);
        let long = "1".repeat(limits::LETTER_ID_MAX + 1);
        for none in ["", "a b", "ü", "\u{1b}[2J", &long] {
            none.parse::<LetterId>().unwrap_err();
        }
    }

    #[test]
    fn what_cannot_be_read_stands_among_the_events_of_its_time() {
        let place = |id, millis| unreadable(id, millis).place();
        assert!(place("1-0", 1_000) < place("1-0", 1_001));
        assert_ne!(place("1-0", 1_000), place("1-1", 1_000));
        assert_eq!(place("1-0", 0x018f_0000_0000).as_u128() >> 80, 0x018f_0000_0000);
    }

    #[test]
    fn of_what_is_long_the_beginning_is_shown() {
        let shown = Unreadable::beginning("ü".repeat(limits::UNREADABLE_CHARS_MAX + 1).as_bytes());
        assert_eq!(shown.chars().count(), limits::UNREADABLE_CHARS_MAX);
        assert_eq!(Unreadable::beginning(b"a\xff"), "a\u{fffd}");
    }
}
