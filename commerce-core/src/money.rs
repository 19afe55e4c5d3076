//! Money: integer minor units and a currency that cannot be mixed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An ISO 4217 currency code in capitals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

/// Currencies whose minor unit is not a hundredth (ISO 4217, list one): code and decimals, sorted.
const UNUSUAL_EXPONENTS: [(&str, u32); 25] = [
    ("BHD", 3),
    ("BIF", 0),
    ("CLF", 4),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("UYW", 4),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
];

/// All other active codes of ISO 4217, each with two decimals, sorted.
const USUAL: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD \
CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL \
HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR \
MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD \
SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER \
ZAR ZMW ZWG";

impl Currency {
    /// Indian rupee.
    pub const INR: Self = Self(*b"INR");

    /// The code, three capitals.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals a major unit has: 2 for INR, 0 for JPY, 3 for KWD.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        unusual_exponent(self.code()).unwrap_or(2)
    }
}

fn unusual_exponent(code: &str) -> Option<u32> {
    let place = UNUSUAL_EXPONENTS.binary_search_by_key(&code, |(known, _)| known).ok()?;
    UNUSUAL_EXPONENTS.get(place).map(|(_, exponent)| *exponent)
}

fn is_usual(code: [u8; 3]) -> bool {
    let (codes, last) = USUAL.as_bytes().as_chunks::<4>();
    last == code || codes.binary_search_by(|[a, b, c, _]| [*a, *b, *c].cmp(&code)).is_ok()
}

/// The text is no ISO 4217 code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an ISO 4217 currency code")]
pub struct UnknownCurrency;

impl FromStr for Currency {
    type Err = UnknownCurrency;

    fn from_str(text: &str) -> Result<Self, UnknownCurrency> {
        let code: [u8; 3] = text.as_bytes().try_into().map_err(|_| UnknownCurrency)?;
        let known = unusual_exponent(text).is_some() || is_usual(code);
        known.then_some(Self(code)).ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

/// An amount in minor units (paise, cents) of one currency; may be negative as a difference.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    #[serde(rename = "amount")]
    pub minor: i64,
    /// The one currency they are of.
    pub currency: Currency,
}

/// Why two amounts could not be combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The currencies differ.
    #[error("amounts of different currencies cannot be combined")]
    CurrencyMismatch,
    /// The result does not fit 64 bits.
    #[error("the amount is too large")]
    Overflow,
}

impl Money {
    /// `minor` units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// The sum.
    ///
    /// # Errors
    /// Currencies differ, or the sum overflows.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_add)
    }

    /// The difference; may be negative.
    ///
    /// # Errors
    /// Currencies differ, or the difference overflows.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.combine(other, i64::checked_sub)
    }

    /// This amount `count` times.
    ///
    /// # Errors
    /// The product overflows.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// Adds up `amounts`, starting from nothing in `currency`.
    ///
    /// # Errors
    /// Currencies differ, or the sum overflows.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    /// Splits this amount over `weights` so that the parts sum to the whole: each part is rounded
    /// down, and what is left goes one unit each to the largest remainders, earlier parts first
    /// (Hamilton's method). Weights that sum to nothing give everything to the first part.
    #[must_use]
    pub fn allocate(self, weights: &[u64]) -> Vec<Self> {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        let whole = u128::from(self.minor.unsigned_abs());
        let mut shares: Vec<(u128, u128)> = weights
            .iter()
            .map(|weight| {
                let scaled = whole.saturating_mul(u128::from(*weight));
                (scaled.checked_div(total).unwrap_or(0), scaled.checked_rem(total).unwrap_or(0))
            })
            .collect();
        let mut left = whole.saturating_sub(shares.iter().map(|(share, _)| share).sum());
        if total == 0 {
            if let Some((share, _)) = shares.first_mut() {
                *share = left;
            }
            left = 0;
        }
        let mut order: Vec<usize> = (0..shares.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(shares.get(*index).map_or(0, |(_, rest)| *rest)));
        for index in order {
            if left == 0 {
                break;
            }
            if let Some((share, _)) = shares.get_mut(index) {
                *share = share.saturating_add(1);
                left = left.saturating_sub(1);
            }
        }
        let sign = self.minor.signum();
        shares
            .into_iter()
            .map(|(share, _)| {
                let minor = i64::try_from(share).unwrap_or(i64::MAX).saturating_mul(sign);
                Self { minor, ..self }
            })
            .collect()
    }

    /// Reads a decimal of major units such as `19.99`, without rounding: more decimals than the
    /// currency has are refused unless they are zeros.
    #[must_use]
    pub fn parse_major(text: &str, currency: Currency) -> Option<Self> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let exponent = usize::try_from(currency.exponent()).ok()?;
        let (kept, dropped) = fraction.split_at_checked(exponent).unwrap_or((fraction, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(kept) || dropped.bytes().any(|byte| byte != b'0') {
            return None;
        }
        let minor: i64 = format!("{whole}{kept:0<exponent$}").parse().ok()?;
        Some(Self::new(if negative { minor.checked_neg()? } else { minor }, currency))
    }

    fn combine(self, other: Self, apply: fn(i64, i64) -> Option<i64>) -> Result<Self, MoneyError> {
        if self.currency != other.currency {
            return Err(MoneyError::CurrencyMismatch);
        }
        let minor = apply(self.minor, other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }
}

impl fmt::Display for Money {
    /// Major units with the currency's decimals, then the code: `19.99 INR`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or(2);
        let sign = if self.minor < 0 { "-" } else { "" };
        let width = exponent.saturating_add(1);
        let digits = format!("{:0>width$}", self.minor.unsigned_abs());
        let (whole, fraction) = digits.split_at(digits.len().saturating_sub(exponent));
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction} {}", self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEN: Currency = Currency(*b"JPY");
    const DINAR: Currency = Currency(*b"KWD");

    #[test]
    fn every_listed_currency_is_found() {
        let usual: Vec<&str> = USUAL.split(' ').collect();
        assert!(usual.is_sorted() && UNUSUAL_EXPONENTS.is_sorted());
        for code in usual {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), 2, "{code}");
        }
        for (code, exponent) in UNUSUAL_EXPONENTS {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), exponent, "{code}");
        }
        for unknown in ["XXX", "inr", "IN", "INRR", "IN ", " IN", "ED ", "₹"] {
            assert_eq!(unknown.parse::<Currency>(), Err(UnknownCurrency), "{unknown}");
        }
    }

    #[test]
    fn currencies_do_not_mix() {
        let rupee = Money::new(1, Currency::INR);
        assert_eq!(rupee.plus(Money::new(1, YEN)), Err(MoneyError::CurrencyMismatch));
    }

    #[test]
    fn overflow_is_an_error() {
        let huge = Money::new(i64::MAX, Currency::INR);
        assert_eq!(huge.plus(Money::new(1, Currency::INR)), Err(MoneyError::Overflow));
        assert_eq!(huge.times(2), Err(MoneyError::Overflow));
    }

    #[test]
    fn writes_and_reads_each_exponent() {
        for (text, minor, currency) in [("19.99", 1_999, Currency::INR), ("500", 500, YEN), ("1.234", 1_234, DINAR)] {
            assert_eq!(Money::parse_major(text, currency), Some(Money::new(minor, currency)));
            assert_eq!(Money::new(minor, currency).to_string(), format!("{text} {currency}"));
        }
        assert_eq!(Money::parse_major("50", Currency::INR), Some(Money::new(5_000, Currency::INR)));
        assert_eq!(Money::parse_major("1.5000", Currency::INR), Some(Money::new(150, Currency::INR)));
        for bad in ["", ".5", "1.999", "1e3", "1,000", "-", "9999999999999999999"] {
            assert_eq!(Money::parse_major(bad, Currency::INR), None, "{bad}");
        }
    }

    #[test]
    fn unknown_codes_are_refused() {
        for bad in ["", "inr", "INRX", "ABC", "₹"] {
            assert_eq!(bad.parse::<Currency>(), Err(UnknownCurrency));
        }
    }

    proptest! {
        #[test]
        fn parts_sum_to_the_whole(minor in -1_000_000_000i64..1_000_000_000, weights in prop::collection::vec(0u64..1_000_000, 1..40)) {
            let parts = Money::new(minor, Currency::INR).allocate(&weights);
            prop_assert_eq!(parts.len(), weights.len());
            prop_assert_eq!(parts.iter().map(|part| part.minor).sum::<i64>(), minor);
        }
    }
}
