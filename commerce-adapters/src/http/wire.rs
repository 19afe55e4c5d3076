//! What goes over the wire between services: bodies of one version, and answers that were a no.
//!
//! A body only grows: readers leave what they do not know. A shape that changes gets another version in
//! its media type, which the other end refuses until it knows it.

use bytes::Bytes;
use commerce_core::Actor;
use commerce_core::catalog::{HoldKey, Item};
use commerce_core::error::{Error, FieldError, Outcome, Refusal, Shortage, StoreError, StoreErrorKind};
use commerce_core::events::Envelope;
use commerce_core::ids::{EventId, OrderId, SellerId, UserId};
use commerce_core::notifications::Contact;
use commerce_core::text::{Email, Quantity, Sku};
use commerce_core::users::PostalAddress;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The scheme of service tokens in `Authorization`.
pub(super) const SCHEME: &str = "Service";
/// The version of all bodies.
pub(super) const MEDIA_TYPE: &str = "application/vnd.commerce.internal.v1+json";
/// W3C trace context.
pub(super) const TRACEPARENT: &str = "traceparent";

/// What is to be held.
#[derive(Serialize, Deserialize)]
pub(super) struct Reserve {
    pub(super) key: HoldKey,
    pub(super) lines: Vec<(Sku, Quantity)>,
    /// What the catalog just said of them.
    pub(super) known: Vec<Item>,
}

/// Events to be recorded.
#[derive(Serialize, Deserialize)]
pub(super) struct Events {
    pub(super) events: Vec<Envelope>,
}

/// Those that every consumer there is done with.
#[derive(Serialize, Deserialize)]
pub(super) struct Taken {
    pub(super) taken: Vec<EventId>,
}

/// An access token to be judged.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AccessToken {
    pub(super) access_token: String,
}

/// Somebody is looked for.
#[derive(Serialize, Deserialize)]
pub(super) struct Find {
    pub(super) actor: Actor,
    pub(super) email: Email,
}

/// Somebody is to be there.
#[derive(Serialize, Deserialize)]
pub(super) struct Expect {
    pub(super) actor: Actor,
    pub(super) user: UserId,
}

/// Somebody is to act for a seller.
#[derive(Serialize, Deserialize)]
pub(super) struct SetSeller {
    pub(super) actor: Actor,
    pub(super) user: UserId,
    pub(super) seller: SellerId,
}

/// A user, if there is one.
#[derive(Serialize, Deserialize)]
pub(super) struct Found {
    /// Whoever has an account; all that is read by services that know of no guests here.
    pub(super) user: Option<UserId>,
    /// The guest who ordered by it.
    #[serde(default)]
    pub(super) guest: Option<UserId>,
}

/// An address, if there is one.
#[derive(Serialize, Deserialize)]
pub(super) struct Addressed {
    pub(super) address: Option<PostalAddress>,
}

/// Who is to be told something by mail.
#[derive(Serialize, Deserialize)]
pub(super) struct Told {
    pub(super) users: Vec<UserId>,
}

/// How those of them that are there are reached.
#[derive(Serialize, Deserialize)]
pub(super) struct Contacted {
    pub(super) contacts: Vec<Contact>,
}

/// Whose orders a mail address without an account are.
#[derive(Serialize, Deserialize)]
pub(super) struct AsGuest {
    pub(super) email: Email,
}

/// That guest.
#[derive(Serialize, Deserialize)]
pub(super) struct KnownGuest {
    pub(super) guest: UserId,
}

/// Who is to have a seller of her own.
#[derive(Serialize, Deserialize)]
pub(super) struct Seller {
    pub(super) user: UserId,
}

/// That seller.
#[derive(Serialize, Deserialize)]
pub(super) struct OwnSeller {
    pub(super) seller: SellerId,
}

/// The guest behind a mail address, if there is one.
#[derive(Serialize, Deserialize)]
pub(super) struct MaybeGuest {
    pub(super) guest: Option<UserId>,
}

/// The link of an order: of a guest's.
#[derive(Serialize, Deserialize)]
pub(super) struct Linked {
    pub(super) link: Option<String>,
}

/// A link that somebody shows.
#[derive(Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) link: String,
}

/// What a link shows, if it holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Followed {
    pub(super) order: Option<(UserId, OrderId)>,
}

/// A token that sets a new password, if there is somebody.
#[derive(Serialize, Deserialize)]
pub(super) struct ResetToken {
    pub(super) token: Option<String>,
}

/// Who is to be forgotten.
#[derive(Serialize, Deserialize)]
pub(super) struct Forget {
    pub(super) user: UserId,
}

/// How far somebody is forgotten.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Forgotten {
    pub(super) nothing_left: bool,
}

/// Whether something was bought.
#[derive(Serialize, Deserialize)]
pub(super) struct Bought {
    pub(super) bought: bool,
}

/// Done.
#[derive(Serialize, Deserialize)]
pub(super) struct Done {}

/// An answer that is none.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum No {
    /// The rules say no.
    Refused(Refused),
    /// A port of the other end could not do its work, by its stable code.
    Failed(String),
}

/// The refusals that these ports answer with.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) enum Refused {
    Unauthenticated,
    Forbidden,
    NotFound(String),
    SoldOut(Vec<Shortage>),
    IdempotencyMismatch,
    EmptyOrder,
    Invalid(Vec<Fault>),
    Conflict(String),
}

/// A field that is wrong.
#[derive(Serialize, Deserialize, Debug, PartialEq)]
pub(super) struct Fault {
    field: String,
    code: String,
    message: String,
}

/// What things are called in refusals of these ports.
const THINGS: [&str; 6] = ["user", "address", "hold", "cart", "delivery", "seller"];
/// What is wrong with fields, in refusals of these ports.
const FAULTS: [&str; 4] = ["OUT_OF_RANGE", "TOO_MANY", "REQUIRED", "INVALID"];

fn known(text: &str, words: &[&'static str], other: &'static str) -> &'static str {
    words.iter().find(|word| **word == text).copied().unwrap_or(other)
}

impl Refused {
    fn of(refusal: &Refusal) -> Option<Self> {
        let fault = |error: &FieldError| Fault {
            field: error.field.clone(),
            code: error.code.to_owned(),
            message: error.message.clone(),
        };
        Some(match refusal {
            Refusal::Unauthenticated => Self::Unauthenticated,
            Refusal::Forbidden => Self::Forbidden,
            Refusal::NotFound(what) => Self::NotFound((*what).to_owned()),
            Refusal::SoldOut(lines) => Self::SoldOut(lines.clone()),
            Refusal::IdempotencyMismatch => Self::IdempotencyMismatch,
            Refusal::EmptyOrder => Self::EmptyOrder,
            Refusal::Invalid(errors) => Self::Invalid(errors.iter().map(fault).collect()),
            Refusal::Conflict(what) => Self::Conflict((*what).to_owned()),
            _ => return None,
        })
    }

    fn refusal(self) -> Refusal {
        let error = |fault: Fault| FieldError {
            field: fault.field,
            code: known(&fault.code, &FAULTS, "INVALID"),
            message: fault.message,
        };
        match self {
            Self::Unauthenticated => Refusal::Unauthenticated,
            Self::Forbidden => Refusal::Forbidden,
            Self::NotFound(what) => Refusal::NotFound(known(&what, &THINGS, "thing")),
            Self::SoldOut(lines) => Refusal::SoldOut(lines),
            Self::IdempotencyMismatch => Refusal::IdempotencyMismatch,
            Self::EmptyOrder => Refusal::EmptyOrder,
            Self::Invalid(faults) => Refusal::Invalid(faults.into_iter().map(error).collect()),
            Self::Conflict(what) => Refusal::Conflict(known(&what, &THINGS, "thing")),
        }
    }
}

impl No {
    /// An error of a use case, as it is told.
    pub(super) fn of(error: &Error) -> Self {
        let refused = match error {
            Error::Refused(refusal) => Refused::of(refusal).map(Self::Refused),
            Error::Store(_) => None,
        };
        refused.unwrap_or_else(|| Self::Failed(error.code().to_owned()))
    }
}

/// What an answer says to who asked for `operation`.
pub(super) fn read<T: DeserializeOwned>(operation: &'static str, status: StatusCode, body: &Bytes) -> Outcome<T> {
    if status == StatusCode::OK {
        return serde_json::from_slice(body).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, operation, error).into());
    }
    match serde_json::from_slice(body) {
        Ok(No::Refused(refused)) => Err(refused.refusal().into()),
        Ok(No::Failed(code)) => Err(StoreError::new(kind(&code), operation, format!("the other end answered {code}")).into()),
        Err(_) => {
            let why = format!("the other end answered {status}");
            Err(StoreError::new(StoreErrorKind::Internal, operation, why).into())
        }
    }
}

fn kind(code: &str) -> StoreErrorKind {
    use StoreErrorKind::{Full, Internal, OutcomeUnknown, ReadOnly, Unavailable};
    let all = [Unavailable, Full, ReadOnly, OutcomeUnknown];
    all.into_iter().find(|kind| kind.code() == code).unwrap_or(Internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over_the_wire(error: &Error) -> Error {
        let body = serde_json::to_vec(&No::of(error)).unwrap().into();
        read::<Done>("test", StatusCode::CONFLICT, &body).err().unwrap()
    }

    #[test]
    fn a_no_arrives_as_it_was_said() {
        let short = Shortage { sku: "A".parse().unwrap(), requested: 2, available: 1 };
        for refusal in [
            Refusal::Unauthenticated,
            Refusal::Forbidden,
            Refusal::NotFound("user"),
            Refusal::SoldOut(vec![short]),
            Refusal::IdempotencyMismatch,
            Refusal::EmptyOrder,
            Refusal::field("items", "OUT_OF_RANGE", "more than 999 of A"),
            Refusal::Conflict("hold"),
        ] {
            assert_eq!(over_the_wire(&refusal.clone().into()).refusal(), Some(&refusal));
        }
        for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Full, StoreErrorKind::OutcomeUnknown] {
            let Error::Store(error) = over_the_wire(&StoreError::new(kind, "x", "y").into()) else { panic!("no store error") };
            assert_eq!(error.kind, kind);
        }
    }
}
