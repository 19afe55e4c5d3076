//! What payment providers may write in their messages, whoever they are: for the gateways, which read them.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::{Refusal, Unreadable};
use crate::limits;

/// How serde begins what it says of a body that is not of the shape asked for.
const SHAPES: [(&str, Unreadable); 5] = [
    ("unknown field", Unreadable::Unknown),
    ("missing field", Unreadable::Missing),
    ("duplicate field", Unreadable::Duplicate),
    ("invalid type", Unreadable::Type),
    ("invalid length", Unreadable::Type),
];

/// A message's body.
///
/// # Errors
/// See [`unreadable`].
pub fn read_message<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| unreadable(&error))
}

/// Why a message was not read: `MALFORMED_JSON`, what its shape lacks, or `INVALID` for a value.
#[must_use]
pub fn unreadable(error: &serde_json::Error) -> Refusal {
    let text = error.to_string();
    let shape = SHAPES.iter().find(|(begins, _)| text.starts_with(begins));
    let place = format!("at line {}, column {}", error.line(), error.column());
    match (error.classify(), shape) {
        (Category::Data, Some((_, why))) => match (why, text.split('`').nth(1)) {
            (Unreadable::Unknown, Some(field)) => Refusal::unreadable_at(*why, field, "there is no such field here"),
            (Unreadable::Missing, Some(field)) => Refusal::unreadable_at(*why, field, "is needed"),
            (Unreadable::Duplicate, Some(field)) => Refusal::unreadable_at(*why, field, "is there twice"),
            _ => Refusal::unreadable(*why, format!("what stands {place} has another type than it should")),
        },
        (Category::Data, None) => Refusal::field("body", "INVALID", format!("what stands {place} is not allowed there")),
        (Category::Io | Category::Syntax | Category::Eof, _) => {
            Refusal::unreadable(Unreadable::Json, format!("the body is not JSON {place}"))
        }
    }
}

/// A provider's name for a message or a thing, as it stands in `field`.
///
/// # Errors
/// `INVALID` for none, and for one longer than [`limits::PROVIDER_NAME_MAX`].
pub fn provider_name(field: &str, name: String) -> Result<String, Refusal> {
    match name.chars().count() {
        0 => Err(Refusal::field(field, "REQUIRED", "must not be empty")),
        1..=limits::PROVIDER_NAME_MAX => Ok(name),
        _ => Err(Refusal::field(field, "TOO_LONG", "must have at most 255 characters")),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Message {
        #[expect(dead_code, reason = "only what is refused is of interest")]
        amount: u32,
    }

    #[test]
    fn what_cannot_be_read_is_told_from_what_is_out_of_range() {
        let cases: [(&[u8], &str); 8] = [
            (b"{", "MALFORMED_JSON"),
            (b"{\"amount\":1}x", "MALFORMED_JSON"),
            (b"{\"amount\":\"\xff\"}", "MALFORMED_JSON"),
            (b"{}", "MISSING_FIELD"),
            (b"{\"amount\":1,\"total\":1}", "UNKNOWN_FIELD"),
            (b"{\"amount\":1,\"amount\":1}", "DUPLICATE_FIELD"),
            (b"{\"amount\":\"1\"}", "WRONG_TYPE"),
            (b"{\"amount\":-1}", "INVALID"),
        ];
        for (body, code) in cases {
            let refused = read_message::<Message>(body).err();
            assert_eq!(refused.as_ref().map(Refusal::code), Some(code), "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn names_are_bounded() {
        assert!(provider_name("eventId", "x".repeat(255)).is_ok());
        for bad in [String::new(), "x".repeat(256)] {
            assert_eq!(provider_name("eventId", bad).err().map(|refusal| refusal.code()), Some("INVALID"));
        }
    }
}
