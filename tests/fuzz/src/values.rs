//! Money, ids and the other words that clients write.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use commerce_core::ids::{OrderId, ProductId, SessionId, UserId};
use commerce_core::page::PageRequest;
use commerce_core::text::{CountryCode, Email, IdempotencyKey, Quantity, Sku, Slug, slugify};
use commerce_core::{Currency, Money, Refusal, Timestamp, limits};

use crate::halves;

/// An amount is written as it was read, in decimals and in JSON, and its parts sum to the whole.
pub fn money(bytes: &[u8]) {
    let (first, second) = halves(bytes);
    let (currency, amount) = (String::from_utf8_lossy(first), String::from_utf8_lossy(second));
    let Ok(currency) = currency.parse::<Currency>() else {
        assert!(serde_json::from_value::<Currency>(serde_json::json!(currency)).is_err());
        return;
    };
    assert_eq!(currency.code().parse::<Currency>(), Ok(currency));
    if let Ok(read) = serde_json::from_slice::<Money>(second) {
        let written = serde_json::to_vec(&read).expect("money is JSON");
        assert_eq!(serde_json::from_slice::<Money>(&written).ok(), Some(read));
    }
    let Some(read) = Money::parse_major(&amount, currency) else { return };
    let shown = read.to_string();
    let (decimal, code) = shown.split_once(' ').expect("an amount has a currency");
    assert_eq!(code, currency.code());
    assert_eq!(Money::parse_major(decimal, currency), Some(read), "{amount:?} is shown as {decimal}");
    let weights: Vec<u64> = bytes.iter().take(8).map(|byte| u64::from(*byte)).collect();
    let parts = read.allocate(&weights);
    assert_eq!(parts.len(), weights.len());
    assert!(parts.is_empty() || Money::sum(currency, parts.iter().copied()) == Ok(read), "{parts:?} of {read}");
    assert!(parts.iter().all(|part| part.minor.signum() * read.minor.signum() >= 0), "{parts:?} of {read}");
}

/// What is taken is taken again as it was written, and fits its bounds; what is refused has a code.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let text = text.as_ref();
    for id in
        [again::<UserId>(text), again::<OrderId>(text), again::<ProductId>(text), again::<SessionId>(text)].into_iter().flatten()
    {
        assert_eq!(id.len(), 36, "{id}");
    }
    if let Some(email) = again::<Email>(text) {
        assert!(email.is_ascii() && email.matches('@').count() == 1 && email.len() <= 254, "{email}");
        assert!(!email.contains(|char: char| char.is_whitespace() || char.is_control()), "{email}");
    }
    if let Some(sku) = again::<Sku>(text) {
        assert!((1..=64).contains(&sku.chars().count()), "{sku}");
        assert!(!sku.contains(|char: char| char.is_control() || "/?#%\\<>".contains(char)), "{sku}");
    }
    if let Some(key) = again::<IdempotencyKey>(text) {
        assert!((1..=limits::IDEMPOTENCY_KEY_MAX).contains(&key.chars().count()), "{key}");
        assert!(!key.contains(char::is_control), "{key}");
    }
    if let Some(country) = again::<CountryCode>(text) {
        assert!(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()), "{country}");
    }
    again::<Slug>(text);
    let slug = slugify(text);
    assert_eq!(again::<Slug>(slug.as_str()).as_deref(), Some(slug.as_str()), "{text:?} makes a bad slug");
    assert_eq!(slugify(slug.as_str()), slug, "a slug is its own");
    if let Ok(count) = text.trim().parse::<i64>() {
        match Quantity::parse("quantity", count) {
            Ok(quantity) => assert!(i64::from(quantity.get()) == count && (1..=999).contains(&count)),
            Err(refusal) => assert!(refusal.code() == "INVALID" && !(1..=999).contains(&count)),
        }
    }
    if let Some(at) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&at.to_string()), Some(at), "{text:?} is shown as {at}");
    }
}

/// A cursor that is taken is one that was given out, to the letter.
pub fn cursors(bytes: &[u8]) {
    let (limit, cursor) = halves(bytes);
    let limit = std::str::from_utf8(limit).ok().and_then(|text| text.parse().ok());
    let cursor = String::from_utf8_lossy(cursor);
    match PageRequest::parse(limit, Some(&cursor)) {
        Ok(page) => {
            assert!((1..=limits::PAGE_MAX).contains(&page.limit()));
            assert_eq!(page.after().map(|cursor| page.cursor_at(cursor.0)).unwrap_or_default(), cursor);
        }
        Err(Refusal::Invalid(_)) => assert!(limit.is_some_and(|limit| !(1..=100).contains(&limit)), "{limit:?}"),
        Err(refusal) => assert_eq!(refusal.code(), "BAD_CURSOR"),
    }
}

/// The text of the value, if it is one, after it was read once more from there.
fn again<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Option<String> {
    let value: T = text.parse().ok()?;
    let shown = value.to_string();
    assert_eq!(shown.parse::<T>().ok().as_ref(), Some(&value), "{text:?} is shown as {shown:?}");
    Some(shown)
}
