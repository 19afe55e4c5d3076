//! JSON bodies, through the server's own extractor.

use axum::http::{HeaderMap, HeaderValue, header};
use commerce_server::extract::read_json;
use commerce_server::problem::{Problem, all_codes};
use commerce_server::views::address::AddressBody;
use commerce_server::views::cart::ItemBody;
use commerce_server::views::order::{CancelBody, OrderBody, StatusBody};
use commerce_server::views::payment::PaymentBody;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What is taken is JSON without a field that is there twice; what is refused has a code of the list
/// with its status, and is never a defect.
pub fn bodies(bytes: &[u8]) {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    read::<OrderBody>(&headers, bytes);
    read::<PaymentBody>(&headers, bytes);
    read::<StatusBody>(&headers, bytes);
    read::<CancelBody>(&headers, bytes);
    read::<ItemBody>(&headers, bytes);
    read::<AddressBody>(&headers, bytes);
    if let Ok(value) = read_json::<Value>(&headers, bytes) {
        let plain = if bytes.is_empty() { Value::Object(serde_json::Map::new()) } else { plain(bytes) };
        assert_eq!(value, plain, "the extractor reads what serde_json reads");
        let written = value.to_string();
        let again = read_json::<Value>(&headers, written.as_bytes()).ok();
        assert!(again.as_ref().is_some_and(|again| same(again, &value)), "{value} is read again as {again:?}");
    }
}

/// Whether two values are the same, but for the last digit of a fraction: `serde_json` reads long ones
/// fast rather than exactly, and no amount of this shop is a fraction.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len() && one.iter().all(|(name, value)| other.get(name).is_some_and(|other| same(value, other)))
        }
        (Value::Number(one), Value::Number(other)) if one.is_f64() && other.is_f64() => {
            let (one, other) = (one.as_f64().unwrap_or_default(), other.as_f64().unwrap_or_default());
            (one - other).abs() <= one.abs() * 4.0 * f64::EPSILON
        }
        _ => one == other,
    }
}

fn plain(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("the extractor takes nothing that is no JSON")
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) {
    match read_json::<T>(headers, bytes) {
        Ok(_) => assert!(bytes.is_empty() || plain(bytes).is_object(), "bodies are objects"),
        Err(problem) => refused(&problem),
    }
}

fn refused(problem: &Problem) {
    let (code, status) = (problem.code(), problem.status().as_u16());
    let known = all_codes().into_iter().find(|(known, ..)| *known == code);
    assert_eq!(known.map(|(_, status, _)| status), Some(status), "{problem:?}");
    assert!(matches!(status, 400 | 415 | 422), "{problem:?}");
}
