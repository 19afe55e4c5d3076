//! JSON bodies: read once, hashed for idempotency, decoded strictly.

use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use commerce_core::Refusal;
use commerce_core::change::RequestKey;
use commerce_core::text::IdempotencyKey;
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::decode::Fault;
use super::headers::RequestIdempotency;
use super::tree::{Tree, join};
use crate::problem::{Answered, Problem};

/// A JSON body of this shape. An empty body is the empty object, so that requests whose every field
/// may be left out need none.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Answered<Self> {
        let (headers, bytes) = read(request).await?;
        read_json(&headers, &bytes).map(Self)
    }
}

/// A JSON body that may be repeated under a key.
pub struct KeyedJson<T> {
    /// What was sent.
    pub body: T,
    header: Option<IdempotencyKey>,
    body_hash: [u8; 32],
}

impl<T> KeyedJson<T> {
    /// The key of the `Idempotency-Key` header.
    pub fn key(&self) -> Option<RequestKey> {
        let body_hash = self.body_hash;
        self.header.clone().map(|key| RequestKey { key, body_hash })
    }

    /// The key of the header or of the body's field.
    ///
    /// # Errors
    /// When both are there and differ, or the body's is not a key.
    pub fn key_or(&self, in_body: Option<&str>) -> Answered<Option<RequestKey>> {
        let in_body = in_body.map(|text| IdempotencyKey::parse("idempotencyKey", text)).transpose()?;
        if let (Some(header), Some(body)) = (&self.header, &in_body)
            && header != body
        {
            let message = "differs from the Idempotency-Key header";
            return Err(Problem::field(StatusCode::UNPROCESSABLE_ENTITY, "INVALID", "idempotencyKey", "INVALID", message));
        }
        let body_hash = self.body_hash;
        Ok(self.header.clone().or(in_body).map(|key| RequestKey { key, body_hash }))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for KeyedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Answered<Self> {
        let (headers, bytes) = read(request).await?;
        let RequestIdempotency(header) = RequestIdempotency::of(&headers)?;
        let body = read_json(&headers, &bytes)?;
        Ok(Self { body, header, body_hash: Sha256::digest(&bytes).into() })
    }
}

/// A body that changes a thing: read against the thing as it is now, because fields that cannot be
/// changed are accepted as long as they are the same.
pub struct Patch(Tree);

impl Patch {
    /// The changes. `current` is the thing as its GET answers it; fields named in `read_only` (`version`,
    /// `variants[sku].available`: entries of a list are told by the field in brackets) may be there, unchanged.
    ///
    /// # Errors
    /// `READ_ONLY` for one that differs; everything a body can have wrong otherwise.
    pub fn onto<T: DeserializeOwned>(self, current: &Value, read_only: &[&str]) -> Answered<T> {
        let mut tree = self.0;
        for path in read_only {
            strip(&mut tree, current, path, "")?;
        }
        T::deserialize(tree).map_err(Problem::from)
    }
}

impl<S: Send + Sync> FromRequest<S> for Patch {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Answered<Self> {
        let (headers, bytes) = read(request).await?;
        parse(&headers, &bytes).map(Self)
    }
}

/// Takes the read-only field at `path` out of `tree` if it is what `current` has there.
fn strip(tree: &mut Tree, current: &Value, path: &str, at: &str) -> Answered<()> {
    let Tree::Object(fields) = tree else { return Ok(()) };
    if let Some((list, (told_by, inner))) = path.split_once('[').and_then(|(list, rest)| Some((list, rest.split_once("].")?))) {
        let Some((_, Tree::List(items))) = fields.iter_mut().find(|(name, _)| name == list) else {
            return Ok(());
        };
        let known = current.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (index, item) in items.iter_mut().enumerate() {
            let said = item.to_value();
            let alike = known.iter().filter(|entry| entry.get(told_by) == said.get(told_by));
            // Of several that are told alike it may be any.
            let entry = alike.max_by_key(|entry| entry.get(inner) == said.get(inner)).unwrap_or(&Value::Null);
            strip(item, entry, inner, &format!("{at}{list}[{index}]"))?;
        }
        return Ok(());
    }
    let Some(index) = fields.iter().position(|(name, _)| name == path) else {
        return Ok(());
    };
    if fields[index].1.to_value() != *current.get(path).unwrap_or(&Value::Null) {
        return Err(Refusal::read_only(join(at, path), "cannot be changed here").into());
    }
    fields.remove(index);
    Ok(())
}

async fn read(request: Request) -> Answered<(HeaderMap, Bytes)> {
    let (parts, body) = request.into_parts();
    let bytes = to_bytes(body, usize::MAX)
        .await
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the body did not arrive whole"))?;
    Ok((parts.headers, bytes))
}

/// Decodes a body that was read already.
///
/// # Errors
/// Everything a body can have wrong.
pub fn read_json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Answered<T> {
    T::deserialize(parse(headers, bytes)?).map_err(Problem::from)
}

fn parse(headers: &HeaderMap, bytes: &[u8]) -> Answered<Tree> {
    if bytes.is_empty() {
        return Ok(Tree::Object(Vec::new()));
    }
    if !headers.get(header::CONTENT_TYPE).is_none_or(|value| value.to_str().is_ok_and(is_json)) {
        let detail = "the body must be application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail));
    }
    let tree = Tree::parse(bytes)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "MALFORMED_JSON", format!("the body is not JSON: {error}")))?;
    tree.duplicate().map_or(Ok(tree), |path| Err(Fault::duplicate(&path).into()))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// For fields of a merge patch: tells `null` (`Some(None)`) from a field that is not there (`None`,
/// by `#[serde(default)]`).
///
/// # Errors
/// Those of the field's own type.
pub fn maybe<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A field of a merge patch that may be left out, but not taken away: null is a wrong type.
///
/// # Errors
/// Those of the field's own type.
pub fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[expect(dead_code, reason = "only what is refused is of interest")]
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Line {
        sku: String,
        quantity: i64,
        #[serde(default)]
        expected_total: Option<commerce_core::Money>,
    }

    #[expect(dead_code, reason = "only what is refused is of interest")]
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        items: Vec<Line>,
    }

    fn refused(text: &[u8]) -> (u16, &'static str, String) {
        let problem = read_json::<Body>(&HeaderMap::new(), text).unwrap_err();
        (problem.status().as_u16(), problem.code(), format!("{problem:?}"))
    }

    #[test]
    fn every_fault_has_its_code_and_its_field() {
        let line = |line: &str| format!("{{\"items\":[{{\"sku\":\"A\",\"quantity\":1}},{line}]}}").into_bytes();
        let cases: [(Vec<u8>, u16, &str, &str); 13] = [
            (b"{".to_vec(), 400, "MALFORMED_JSON", ""),
            (b"{\"items\":\"\xff\"}".to_vec(), 400, "MALFORMED_JSON", ""),
            ([b"[".repeat(200_000)].concat(), 400, "MALFORMED_JSON", ""),
            (b"[]".to_vec(), 400, "WRONG_TYPE", ""),
            (b"{}".to_vec(), 400, "MISSING_FIELD", "items"),
            (line("{\"sku\":\"A\",\"quantty\":1}"), 400, "UNKNOWN_FIELD", "did you mean quantity?"),
            (line("{\"sku\":\"A\",\"sku\":\"B\",\"quantity\":1}"), 400, "DUPLICATE_FIELD", "items[1].sku"),
            (line("{\"sku\":\"A\",\"quantity\":\"1\"}"), 400, "WRONG_TYPE", "items[1].quantity"),
            (line("{\"sku\":\"A\",\"quantity\":1.5}"), 422, "INVALID", "items[1].quantity"),
            (line("{\"sku\":\"A\",\"quantity\":99999999999999999999}"), 422, "INVALID", "items[1].quantity"),
            (line("{\"sku\":\"A\",\"quantity\":18446744073709551615}"), 422, "INVALID", "items[1].quantity"),
            (line("{\"sku\":7,\"quantity\":1}"), 400, "WRONG_TYPE", "items[1].sku"),
            (
                line("{\"sku\":\"A\",\"quantity\":1,\"expectedTotal\":{\"amount\":1,\"currency\":\"inr\"}}"),
                422,
                "INVALID",
                "items[1].expectedTotal.currency",
            ),
        ];
        for (text, status, code, field) in cases {
            let (got_status, got_code, text) = refused(&text);
            assert_eq!((got_status, got_code), (status, code), "{text}");
            assert!(text.contains(field), "{field} in {text}");
        }
    }

    #[test]
    fn read_only_fields_pass_unchanged() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Change {
            #[serde(default)]
            name: Option<String>,
            #[serde(default)]
            variants: Vec<serde_json::Map<String, Value>>,
        }
        let current = json!({"version": 3, "variants": [{"sku": "A", "available": 7}, {"sku": "A", "available": 6}]});
        let patch = |text: &str| {
            Patch(Tree::parse(text.as_bytes()).unwrap()).onto::<Change>(&current, &["version", "variants[sku].available"])
        };
        let change = patch(r#"{"name":"x","version":3,"variants":[{"sku":"A","available":7}]}"#).unwrap();
        assert_eq!(change.name.as_deref(), Some("x"));
        assert_eq!(change.variants[0].len(), 1);
        assert!(patch(r#"{"variants":[{"sku":"A","available":6}]}"#).is_ok(), "either of two that are told alike");
        assert_eq!(patch(r#"{"variants":[{"sku":"B","available":0}]}"#).unwrap_err().code(), "READ_ONLY", "what is new has none");
        assert_eq!(patch(r#"{"version":4}"#).unwrap_err().code(), "READ_ONLY");
        assert_eq!(patch(r#"{"variants":[{"sku":"A","available":8}]}"#).unwrap_err().code(), "READ_ONLY");
    }
}
