//! What the sandbox writes in a webhook, read as strictly as any client's body: what is wrong is named by its field.
//!
//! `{eventId, type, providerReference, amount?}`; the amount as Money or in minor units. Never looks at the signature,
//! which is the gateway's.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

use crate::error::{Refusal, Unreadable};
use crate::events::wire_names;
use crate::money::{Currency, Money};

use super::message::{provider_name, unreadable};
use super::payment::PaymentFact;
use super::ports::ProviderFact;

wire_names! {
    /// What a message of the sandbox is about.
    SandboxKind {
        /// The payment was taken.
        PaymentSucceeded = "payment.succeeded",
        /// The payment is promised.
        PaymentAuthorized = "payment.authorized",
        /// The payment was declined.
        PaymentFailed = "payment.failed",
        /// The money went back.
        RefundSucceeded = "refund.succeeded",
    }
}

/// A message of the sandbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SandboxMessage {
    /// The sandbox's name for the message.
    pub event_id: String,
    /// What it is about.
    pub kind: SandboxKind,
    /// The sandbox's name for the payment or refund.
    pub reference: String,
    /// How much, where it says so.
    pub amount: Option<Money>,
}

impl SandboxMessage {
    /// Reads a body; `currency` is that of an amount without one.
    ///
    /// # Errors
    /// `MALFORMED_JSON`, and naming the field `WRONG_TYPE`, `UNKNOWN_FIELD`, `MISSING_FIELD`, `DUPLICATE_FIELD`, `INVALID`.
    pub fn read(body: &[u8], currency: Currency) -> Result<Self, Refusal> {
        let whole: Part = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
        let Part::Object(fields) = whole else {
            return Err(Refusal::unreadable(Unreadable::Type, "the body must be an object"));
        };
        let known = ["eventId", "type", "providerReference", "amount"];
        check_fields("", &fields, &known)?;
        let amount = match of(&fields, "amount") {
            None | Some(Part::Null) => None,
            Some(Part::Object(money)) => Some(read_money(money)?),
            Some(part) => Some(Money::new(whole_number("amount", part)?, currency)),
        };
        if amount.is_some_and(|amount| amount.minor < 0) {
            return Err(Refusal::field("amount", "OUT_OF_RANGE", "must not be below nothing"));
        }
        let kind = text(&fields, "type", "type")?.parse().map_err(|wrong| Refusal::field("type", "INVALID", wrong))?;
        let name = |field| provider_name(field, text(&fields, field, field)?.to_owned());
        Ok(Self { event_id: name("eventId")?, kind, reference: name("providerReference")?, amount })
    }

    /// What it says; `code` is why a payment was declined.
    ///
    /// # Errors
    /// `MISSING_FIELD` where it needs an amount and has none.
    pub fn fact(&self, code: &str) -> Result<ProviderFact, Refusal> {
        let amount = || self.amount.ok_or_else(|| Refusal::unreadable_at(Unreadable::Missing, "amount", "is needed"));
        Ok(match self.kind {
            SandboxKind::PaymentSucceeded => ProviderFact::Payment(PaymentFact::Captured { amount: amount()? }),
            SandboxKind::PaymentAuthorized => ProviderFact::Payment(PaymentFact::Authorized { amount: amount()? }),
            SandboxKind::PaymentFailed => ProviderFact::Payment(PaymentFact::Declined { code: code.to_owned() }),
            SandboxKind::RefundSucceeded => ProviderFact::RefundSucceeded(amount()?),
        })
    }
}

type Fields = Vec<(String, Part)>;

/// As much of a JSON value as matters here; every field of an object, also one that is there twice.
enum Part {
    Null,
    Number(Number),
    Text(String),
    Object(Fields),
    Other,
}

fn of<'a>(fields: &'a [(String, Part)], name: &str) -> Option<&'a Part> {
    fields.iter().find(|(known, _)| known == name).map(|(_, part)| part)
}

/// Passes fields that are known and there once; `within` is where they stand.
fn check_fields(within: &str, fields: &[(String, Part)], known: &[&str]) -> Result<(), Refusal> {
    for (index, (name, _)) in fields.iter().enumerate() {
        let shown: String = name.chars().take(64).collect();
        let path = format!("{within}{shown}");
        if !known.contains(&name.as_str()) {
            let message = format!("there is no such field here; known are {}", known.join(", "));
            return Err(Refusal::unreadable_at(Unreadable::Unknown, path, message));
        }
        if fields.iter().take(index).any(|(before, _)| before == name) {
            return Err(Refusal::unreadable_at(Unreadable::Duplicate, path, "is there twice"));
        }
    }
    Ok(())
}

fn needed<'a>(fields: &'a [(String, Part)], name: &str, path: &str) -> Result<&'a Part, Refusal> {
    of(fields, name).ok_or_else(|| Refusal::unreadable_at(Unreadable::Missing, path, "is needed"))
}

fn text<'a>(fields: &'a [(String, Part)], name: &str, path: &str) -> Result<&'a str, Refusal> {
    match needed(fields, name, path)? {
        Part::Text(text) => Ok(text),
        Part::Null | Part::Number(_) | Part::Object(_) | Part::Other => {
            Err(Refusal::unreadable_at(Unreadable::Type, path, "must be a text"))
        }
    }
}

fn read_money(fields: &[(String, Part)]) -> Result<Money, Refusal> {
    check_fields("amount.", fields, &["amount", "currency"])?;
    let minor = whole_number("amount.amount", needed(fields, "amount", "amount.amount")?)?;
    let currency = text(fields, "currency", "amount.currency")?.parse();
    let currency = currency.map_err(|_| Refusal::field("amount.currency", "INVALID", "is not a currency that is known"))?;
    Ok(Money::new(minor, currency))
}

fn whole_number(path: &str, part: &Part) -> Result<i64, Refusal> {
    match part {
        Part::Number(number) => {
            number.as_i64().ok_or_else(|| Refusal::field(path, "INVALID", "must be a whole number that fits 64 bits"))
        }
        Part::Null | Part::Text(_) | Part::Object(_) | Part::Other => {
            Err(Refusal::unreadable_at(Unreadable::Type, path, "must be an amount"))
        }
    }
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor)
    }
}

struct PartVisitor;

impl<'de> Visitor<'de> for PartVisitor {
    type Value = Part;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Part, E> {
        Ok(Part::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Part, E> {
        Ok(Part::Other)
    }

    fn visit_i64<E>(self, value: i64) -> Result<Part, E> {
        Ok(Part::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Part, E> {
        Ok(Part::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Part, E> {
        Ok(Number::from_f64(value).map_or(Part::Other, Part::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Part, E> {
        Ok(Part::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Part, A::Error> {
        while items.next_element::<Part>()?.is_some() {}
        Ok(Part::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Part, A::Error> {
        let mut fields = Fields::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Part::Object(fields))
    }
}
