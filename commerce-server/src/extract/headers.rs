//! The headers a handler reads.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use commerce_core::text::IdempotencyKey;

use crate::precondition::Named;
use crate::problem::{Answered, Problem};

/// The `Idempotency-Key` header, if there is one.
pub struct RequestIdempotency(pub Option<IdempotencyKey>);

impl RequestIdempotency {
    /// Reads it.
    ///
    /// # Errors
    /// 422 when it is not 1 to 255 printable characters.
    pub fn of(headers: &HeaderMap) -> Answered<Self> {
        let Some(value) = headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
        Ok(Self(Some(IdempotencyKey::parse("Idempotency-Key", text)?)))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestIdempotency {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answered<Self> {
        Self::of(&parts.headers)
    }
}

/// The version a client says it changes; `*` and a missing header are no version, and of several each is tried alone.
pub struct IfMatch {
    /// The version, if one is named.
    pub version: Option<u64>,
    /// Whether the header is there at all.
    pub present: bool,
}

impl IfMatch {
    /// The header must be there.
    ///
    /// # Errors
    /// 428.
    pub fn required(self) -> Answered<Self> {
        if self.present { Ok(self) } else { Err(commerce_core::Refusal::VersionRequired.into()) }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Answered<Self> {
        Ok(match Named::of(&parts.headers)? {
            Named::Nothing => Self { version: None, present: false },
            Named::Any => Self { version: None, present: true },
            // Of several each comes alone.
            Named::Versions(versions) => Self { version: versions.first().copied(), present: true },
        })
    }
}

/// The value of the `ETag` header of a version.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// A header that must be text.
///
/// # Errors
/// 400 when it is not.
pub fn text<'a>(headers: &'a HeaderMap, name: &str) -> Answered<Option<&'a str>> {
    let bad = |_| Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", format!("the header {name} is not text"));
    headers.get(name).map(|value| value.to_str().map_err(bad)).transpose()
}
