//! Text parsed at the door: a value of these types is known to be well formed.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{FieldError, Refusal};
use crate::ids::UserId;
use crate::limits;

macro_rules! parsed_text {
    ($($(#[$doc:meta])* $name:ident: $error:literal, $parse:expr $(, never $reserved:expr)?;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Parses what a client wrote in `field`.
            ///
            /// # Errors
            /// `INVALID`, naming the field.
            pub fn parse(field: &str, text: &str) -> Result<Self, Refusal> {
                let chosen = text.parse::<Self>()$(.and_then(|it| if $reserved(&it) { Err($error) } else { Ok(it) }))?;
                chosen.map_err(|message| Refusal::field(field, "INVALID", message))
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, &'static str> {
                let parse: fn(&str) -> Option<String> = $parse;
                parse(text).map(Self).ok_or($error)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    )+};
}

parsed_text! {
    /// A mail address in lower case: `local@domain` of RFC 5321 without quoting, 254 characters at most. What stands for
    /// an erased one is nobody's to choose.
    Email: "must be a mail address", parse_email, never Email::stands_for_erased;
    /// A stock keeping unit: 1 to 64 printable characters without spaces at the ends, `/`, `?`, `#` or `%`.
    Sku: "must be 1 to 64 letters, digits or one of - _ . : + * ( ) and inner spaces", parse_sku;
    /// A name in addresses (URLs): lower-case letters, digits and single hyphens, 200 characters at most.
    Slug: "must be lower-case letters, digits and single hyphens", parse_slug;
    /// A country of ISO 3166-1 alpha-2, in capitals.
    CountryCode: "must be an ISO 3166-1 alpha-2 country code", parse_country;
    /// What a customer types to pay less, in capitals: 1 to 40 letters, digits, `-` and `_`. However it is
    /// typed, `save10` and `SAVE10` are one code.
    CouponCode: "must be 1 to 40 letters, digits, - or _", parse_coupon_code;
    /// The key under which a client repeats a request: 1 to 255 printable characters.
    IdempotencyKey: "must be 1 to 255 printable characters", parse_idempotency_key;
}

/// Where erased mail addresses are: `.invalid` can never be anybody's (RFC 2606).
const ERASED: &str = "@erased.invalid";

impl Email {
    /// What stands in the place of an erased person's mail address: her identity alone.
    #[must_use]
    pub fn erased(person: UserId) -> Self {
        Self(format!("erased-{person}{ERASED}"))
    }

    /// Whether it stands in the place of one that was erased.
    fn stands_for_erased(&self) -> bool {
        self.0.ends_with(ERASED)
    }
}

impl fmt::Debug for Email {
    /// Shows the domain only: mail addresses do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "***@{}", self.0.rsplit_once('@').map_or("", |(_, domain)| domain))
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Slug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn parse_email(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let atom = |char: char| char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(char);
    let local_ok = local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.chars().all(atom));
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|char| char.is_ascii_alphanumeric() || char == '-')
    };
    let domain_ok = domain.split('.').all(label_ok) && domain.contains('.');
    (text.len() <= 254 && local_ok && domain_ok).then_some(text)
}

fn parse_sku(text: &str) -> Option<String> {
    let allowed = |char: char| char.is_alphanumeric() || "-_.:+*()& '\",;=@!$[]|~".contains(char);
    // Clients take dots alone in an address for steps of its path.
    let fits = (1..=64).contains(&text.chars().count()) && ![".", ".."].contains(&text);
    (fits && text.trim() == text && text.chars().all(allowed)).then(|| text.to_owned())
}

fn parse_slug(text: &str) -> Option<String> {
    let part_ok = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    (text.len() <= 200 && text.split('-').all(part_ok)).then(|| text.to_owned())
}

/// The officially assigned codes of ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ \
FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE \
RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV \
TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

fn parse_country(text: &str) -> Option<String> {
    COUNTRIES.split_ascii_whitespace().find(|code| *code == text).map(str::to_owned)
}

fn parse_coupon_code(text: &str) -> Option<String> {
    let text = text.trim();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let fits = (1..=limits::COUPON_CODE_MAX).contains(&text.len());
    (fits && text.bytes().all(allowed)).then(|| text.to_ascii_uppercase())
}

fn parse_idempotency_key(text: &str) -> Option<String> {
    let fits = (1..=limits::IDEMPOTENCY_KEY_MAX).contains(&text.chars().count());
    (fits && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

/// A slug made from a title: letters and digits kept in lower case, the rest folded to hyphens.
/// Falls back to `item` where nothing is left.
#[must_use]
pub fn slugify(title: &str) -> Slug {
    let mut slug = String::new();
    for char in title.chars().flat_map(char::to_lowercase) {
        if slug.len() >= 120 {
            break;
        }
        if char.is_ascii_alphanumeric() {
            slug.push(char);
        } else if !slug.is_empty() && !slug.ends_with('-') && char != '\'' {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    Slug(if slug.is_empty() { "item" } else { slug }.to_owned())
}

/// How many units of one SKU, 1 to 999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// Parses what a client wrote in `field`.
    ///
    /// # Errors
    /// `INVALID` outside 1 to 999.
    pub fn parse(field: &str, count: i64) -> Result<Self, Refusal> {
        u32::try_from(count)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| Refusal::field(field, "OUT_OF_RANGE", "must be between 1 and 999"))
    }

    /// `count` units, if 1 to 999.
    #[must_use]
    pub fn new(count: u32) -> Option<Self> {
        (1..=limits::QUANTITY_MAX).contains(&count).then_some(Self(count))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("must be between 1 and 999"))
    }
}

/// String pairs that a client keeps on a thing; echoed, never interpreted.
pub type Metadata = BTreeMap<String, String>;

/// Collects the faults of a request, so that all are answered at once.
#[derive(Default)]
pub struct Check {
    errors: Vec<FieldError>,
}

impl Check {
    /// Nothing found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes a fault.
    pub fn fault(&mut self, field: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.errors.push(FieldError { field: field.into(), code, message: message.into() });
    }

    /// The value, or its faults noted.
    pub fn take<T>(&mut self, parsed: Result<T, Refusal>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(Refusal::Invalid(errors)) => {
                self.errors.extend(errors);
                None
            }
            Err(other) => {
                self.fault("", "INVALID", other.to_string());
                None
            }
        }
    }

    /// A text of one line: trimmed, `min` to `max` characters, no control characters.
    pub fn line(&mut self, field: &str, text: &str, min: usize, max: usize) -> String {
        let text = text.trim();
        self.length(field, text, min, max);
        if text.chars().any(char::is_control) {
            self.fault(field, "INVALID", "must not contain control characters");
        }
        text.to_owned()
    }

    /// A text of several lines: `min` to `max` characters; of control characters only line breaks and tabs.
    pub fn prose(&mut self, field: &str, text: &str, min: usize, max: usize) -> String {
        self.length(field, text, min, max);
        if text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t')) {
            self.fault(field, "INVALID", "must not contain control characters");
        }
        text.to_owned()
    }

    /// Metadata of the whole body within its limits.
    pub fn metadata(&mut self, metadata: &Metadata) {
        self.metadata_at("metadata", metadata);
    }

    /// Metadata in `field` within its limits.
    pub fn metadata_at(&mut self, field: &str, metadata: &Metadata) {
        if metadata.len() > limits::METADATA_PAIRS_MAX {
            self.fault(field, "TOO_MANY", "must have at most 50 pairs");
        }
        for (key, value) in metadata {
            self.length(field, key, 1, limits::METADATA_KEY_MAX);
            self.length(&format!("{field}.{key}"), value, 0, limits::METADATA_VALUE_MAX);
            if key.chars().chain(value.chars()).any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
                self.fault(field, "CONTROL_CHARACTER", "must not have control characters but tabs and ends of lines");
            }
        }
    }

    /// Everything noted, or nothing.
    ///
    /// # Errors
    /// `INVALID` with every fault.
    pub fn finish(self) -> Result<(), Refusal> {
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.errors)) }
    }

    fn length(&mut self, field: &str, text: &str, min: usize, max: usize) {
        let length = text.chars().count();
        if length < min {
            let (code, message) = if min == 1 {
                ("REQUIRED", "must not be empty".to_owned())
            } else {
                ("TOO_SHORT", format!("must have at least {min} characters"))
            };
            self.fault(field, code, message);
        } else if length > max {
            self.fault(field, "TOO_LONG", format!("must have at most {max} characters"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_addresses() {
        for good in ["a@b.co", "O'Brien+tag@Example.COM", "x_y.z@sub.example.org"] {
            assert!(good.parse::<Email>().is_ok(), "{good}");
        }
        for bad in
            ["", "a", "a@b", "@b.co", "a@", "a b@c.de", "a@b..co", "a@-b.co", ".a@b.co", "a\r\nBcc: x@y.z@b.co", "a@b.co\n"]
        {
            assert!(bad.parse::<Email>().is_err(), "{bad}");
        }
        let erased = Email::erased(crate::ids::Id::from_uuid(uuid::Uuid::nil()));
        assert_eq!(erased.as_str().parse::<Email>().unwrap(), erased, "what is kept can be read");
        assert!(Email::parse("email", erased.as_str()).is_err(), "and nobody chooses it");
        assert_eq!("A@B.Co".parse::<Email>().unwrap().as_str(), "a@b.co");
        assert_eq!(format!("{:?}", "secret@b.co".parse::<Email>().unwrap()), "***@b.co");
    }

    #[test]
    fn skus_slugs_and_countries() {
        assert!("TSHIRT-S".parse::<Sku>().is_ok());
        for bad in ["", " a", "a/b", "a?b", "a\nb", "%2e", ".", ".."] {
            assert!(bad.parse::<Sku>().is_err(), "{bad}");
        }
        assert_eq!(slugify("Men's  Ocean Blue—Shirt!").as_str(), "mens-ocean-blue-shirt");
        assert_eq!(slugify("日本").as_str(), "item");
        assert!("IN".parse::<CountryCode>().is_ok());
        assert!("in".parse::<CountryCode>().is_err());
    }

    #[test]
    fn coupon_codes() {
        for (typed, code) in [("SAVE10", "SAVE10"), (" save10 ", "SAVE10"), ("a_b-c", "A_B-C")] {
            assert_eq!(typed.parse::<CouponCode>().unwrap().as_str(), code);
        }
        for bad in ["", " ", "A B", "A,B", "Ä", "a\0", &"A".repeat(41)] {
            assert!(bad.parse::<CouponCode>().is_err(), "{bad}");
        }
    }

    #[test]
    fn quantities() {
        for bad in [0, -1, 1_000, 1 << 32] {
            assert!(Quantity::parse("quantity", bad).is_err());
        }
        assert_eq!(Quantity::parse("quantity", 999).unwrap().get(), 999);
    }

    #[test]
    fn all_faults_are_answered_at_once() {
        let mut check = Check::new();
        check.line("name", "", 1, 10);
        check.line("title", "12345678901", 1, 10);
        let Err(Refusal::Invalid(errors)) = check.finish() else { panic!("two faults were noted") };
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["REQUIRED", "TOO_LONG"]);
    }
}
