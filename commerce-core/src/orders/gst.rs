//! Indian goods and services tax: the states, and whether a supply is within one or between two.
//!
//! Within a state a supply bears central and state tax, half each (CGST Act 2017 s. 9, the state acts), in a union
//! territory without a legislature union territory tax instead (UTGST Act 2017 s. 7); between states it bears
//! integrated tax (IGST Act 2017 s. 5). Where goods are delivered decides (IGST Act s. 10(1)(a)); to a buyer whose
//! state is not recorded it is where the seller is (s. 10(1)(ca)).

use std::fmt;

use crate::error::Refusal;
use crate::text::CountryCode;

use super::shipping::Destination;

/// What stands in the address where the state is not one that we know.
const UNKNOWN: &str = "is not a state or union territory of India; write its name or its code, such as MH";

/// A state or union territory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GstState(&'static Known);

#[derive(PartialEq, Eq, Debug)]
struct Known {
    /// ISO 3166-2:IN without the country.
    code: &'static str,
    /// Codes that were used before, or that vehicles and invoices use.
    also: &'static [&'static str],
    name: &'static str,
    /// Whether its own share is UTGST.
    union_territory: bool,
}

const fn state(code: &'static str, also: &'static [&'static str], name: &'static str) -> Known {
    Known { code, also, name, union_territory: false }
}

const fn territory(code: &'static str, also: &'static [&'static str], name: &'static str) -> Known {
    Known { code, also, name, union_territory: true }
}

/// Delhi, Puducherry and Jammu and Kashmir have legislatures and thereby state tax.
const STATES: [Known; 36] = [
    territory("AN", &[], "Andaman and Nicobar Islands"),
    state("AP", &[], "Andhra Pradesh"),
    state("AR", &[], "Arunachal Pradesh"),
    state("AS", &[], "Assam"),
    state("BR", &[], "Bihar"),
    territory("CH", &[], "Chandigarh"),
    state("CG", &["CT"], "Chhattisgarh"),
    territory("DH", &["DN", "DD"], "Dadra and Nagar Haveli and Daman and Diu"),
    state("DL", &[], "Delhi"),
    state("GA", &[], "Goa"),
    state("GJ", &[], "Gujarat"),
    state("HP", &[], "Himachal Pradesh"),
    state("HR", &[], "Haryana"),
    state("JH", &[], "Jharkhand"),
    state("JK", &[], "Jammu and Kashmir"),
    state("KA", &[], "Karnataka"),
    state("KL", &[], "Kerala"),
    territory("LA", &[], "Ladakh"),
    territory("LD", &[], "Lakshadweep"),
    state("MH", &[], "Maharashtra"),
    state("ML", &[], "Meghalaya"),
    state("MN", &[], "Manipur"),
    state("MP", &[], "Madhya Pradesh"),
    state("MZ", &[], "Mizoram"),
    state("NL", &[], "Nagaland"),
    state("OD", &["OR"], "Odisha"),
    state("PB", &[], "Punjab"),
    state("PY", &[], "Puducherry"),
    state("RJ", &[], "Rajasthan"),
    state("SK", &[], "Sikkim"),
    state("TN", &[], "Tamil Nadu"),
    state("TR", &[], "Tripura"),
    state("TS", &["TG"], "Telangana"),
    state("UK", &["UT", "UA"], "Uttarakhand"),
    state("UP", &[], "Uttar Pradesh"),
    state("WB", &[], "West Bengal"),
];

/// India.
pub(super) fn country() -> CountryCode {
    "IN".parse().expect("it is a country's code")
}

impl GstState {
    /// The state of this name or code, letter case, `IN-` before it and `&` for `and` aside.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let plain = |text: &str| text.replace('&', " and ").split_whitespace().collect::<Vec<_>>().join(" ").to_ascii_lowercase();
        let text = plain(text);
        let text = text.strip_prefix("in-").unwrap_or(&text);
        let is = |known: &&Known| {
            let code = |code: &&str| code.eq_ignore_ascii_case(text);
            code(&known.code) || known.also.iter().any(code) || plain(known.name) == text
        };
        STATES.iter().find(is).map(Self)
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }
}

/// Whether goods stay within a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Supply {
    /// To somebody in the same state.
    Within(GstState),
    /// To somebody whose state is not known.
    Unrecorded(GstState),
    /// To another state.
    Between(GstState, GstState),
}

impl Supply {
    /// # Errors
    /// `INVALID` where the address names a state that there is not.
    pub(super) fn between(from: GstState, to: &Destination) -> Result<Self, Refusal> {
        match to.state.as_deref().map(str::trim).filter(|state| !state.is_empty()) {
            None => Ok(Self::Unrecorded(from)),
            Some(text) => match GstState::named(text) {
                None => Err(Refusal::field("shippingAddress.state", "UNKNOWN", UNKNOWN)),
                Some(to) if to == from => Ok(Self::Within(from)),
                Some(to) => Ok(Self::Between(from, to)),
            },
        }
    }

    /// What the state's own half is called; none between states.
    pub(super) fn local(self) -> Option<&'static str> {
        match self {
            Self::Within(state) | Self::Unrecorded(state) => Some(if state.0.union_territory { "UTGST" } else { "SGST" }),
            Self::Between(..) => None,
        }
    }
}

impl fmt::Display for Supply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(state) => write!(out, "within {}", state.name()),
            Self::Unrecorded(state) => write!(out, "within {}, as the address names no state", state.name()),
            Self::Between(from, to) => write!(out, "from {} to {}", from.name(), to.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_known_by_its_name_and_its_codes() {
        let name = |text| GstState::named(text).map(GstState::name);
        for text in ["MH", "mh", "IN-MH", "Maharashtra", " maharashtra "] {
            assert_eq!(name(text), Some("Maharashtra"), "{text}");
        }
        assert_eq!(name("OR"), Some("Odisha"));
        assert_eq!(name("Jammu & Kashmir"), Some("Jammu and Kashmir"));
        assert_eq!([name("Bavaria"), name(""), name("IN-")], [None; 3]);
    }

    #[test]
    fn every_code_and_name_is_there_once() {
        let mut seen = std::collections::BTreeSet::new();
        for known in &STATES {
            for text in known.also.iter().chain([&known.code, &known.name]) {
                assert!(seen.insert(text.to_ascii_lowercase()), "{text} twice");
            }
        }
    }
}
