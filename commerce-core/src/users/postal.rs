//! Postal addresses as clients write them, parsed at the door.

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::limits;
use crate::text::{Check, CountryCode};

use super::model::PostalAddress;
use super::register::check_phone;

/// An address as a client wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RawAddress {
    /// Who receives.
    pub full_name: String,
    /// Street and house.
    pub line1: String,
    /// Flat, floor, landmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City or town.
    pub city: String,
    /// State, province or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// ZIP or PIN.
    pub postal_code: String,
    /// Two letters of ISO 3166-1.
    pub country: String,
    /// For the courier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Parses an address. `field_prefix` goes before the fields' names in faults: `shippingAddress.`.
///
/// # Errors
/// `INVALID` with every fault.
pub fn parse_address(field_prefix: &str, raw: RawAddress) -> Result<PostalAddress, Refusal> {
    let field = |name: &str| format!("{field_prefix}{name}");
    let mut check = Check::new();
    let full_name = check.line(&field("fullName"), &raw.full_name, 1, limits::SHORT_TEXT_MAX);
    let line1 = check.line(&field("line1"), &raw.line1, 1, limits::SHORT_TEXT_MAX);
    let line2 = optional(&mut check, &field("line2"), raw.line2);
    let city = check.line(&field("city"), &raw.city, 1, limits::SHORT_TEXT_MAX);
    let state = optional(&mut check, &field("state"), raw.state);
    let postal_code = check.line(&field("postalCode"), &raw.postal_code, 1, limits::POSTAL_CODE_MAX);
    let country = check.take(CountryCode::parse(&field("country"), &raw.country));
    let phone = check_phone(&mut check, &field("phone"), raw.phone.as_deref());
    check.finish()?;
    let country = country.ok_or_else(|| Refusal::field(field("country"), "INVALID", "must be a country"))?;
    Ok(PostalAddress { full_name, line1, line2, city, state, postal_code, country, phone })
}

/// One line that may be missing; an empty one is.
fn optional(check: &mut Check, field: &str, text: Option<String>) -> Option<String> {
    let text = text.filter(|text| !text.trim().is_empty())?;
    Some(check.line(field, &text, 1, limits::SHORT_TEXT_MAX))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::users) fn raw() -> RawAddress {
        RawAddress {
            full_name: "Asha Rao".to_owned(),
            line1: "12 MG Road".to_owned(),
            line2: Some(" ".to_owned()),
            city: "Bengaluru".to_owned(),
            state: Some("KA".to_owned()),
            postal_code: "560001".to_owned(),
            country: "IN".to_owned(),
            phone: None,
        }
    }

    #[test]
    fn an_address_is_parsed_whole() {
        let address = parse_address("", raw()).unwrap();
        assert_eq!(address.line2, None);
        assert_eq!(address.country.as_str(), "IN");
    }

    #[test]
    fn faults_carry_the_prefix() {
        let bad = RawAddress { line1: String::new(), country: "India".to_owned(), ..raw() };
        let Err(Refusal::Invalid(errors)) = parse_address("shippingAddress.", bad) else { panic!("two faults") };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["shippingAddress.line1", "shippingAddress.country"]);
    }
}
