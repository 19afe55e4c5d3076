//! `If-Match` (RFC 9110, 13.1.1): which versions of a thing a client may change.
//!
//! The rules judge one version, within the round that commits. Of several each is tried in its turn, the smallest first:
//! versions only grow, so that none comes again that was passed over. What is refused for its version did nothing.

use std::future::Future;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use commerce_core::Refusal;

use crate::conditional::{tags, weak};
use crate::extract::headers::etag;
use crate::front::body_bytes;
use crate::problem::{Answered, Problem};

/// Versions that one request names at most: each is a try, and nobody has seen more of one thing.
const VERSIONS_MAX: usize = 8;

/// What a request says of the version that it changes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// Nothing.
    Nothing,
    /// That there is one.
    Any,
    /// That it is one of these, in ascending order; at least one.
    Versions(Vec<u64>),
}

impl Named {
    /// Reads the header. A tag that is no version of ours matches nothing, which is what 0 means, too. Tags are compared weakly:
    /// on the way somebody may have compressed what they stand for.
    ///
    /// # Errors
    /// 400 for a list that is too long.
    pub(crate) fn of(headers: &HeaderMap) -> Answered<Self> {
        let values: Vec<&HeaderValue> = headers.get_all(header::IF_MATCH).iter().collect();
        if values.is_empty() {
            return Ok(Self::Nothing);
        }
        let named: Vec<&str> = values.into_iter().filter_map(|value| value.to_str().ok()).flat_map(tags).collect();
        if named.contains(&"*") {
            return Ok(Self::Any);
        }
        if named.len() > VERSIONS_MAX {
            let detail = format!("If-Match names at most {VERSIONS_MAX} versions");
            return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", detail));
        }
        let version = |tag: &str| weak(tag).trim_matches('"').parse().unwrap_or(0);
        let mut versions: Vec<u64> = named.into_iter().map(version).filter(|version| *version > 0).collect();
        versions.sort_unstable();
        versions.dedup();
        Ok(Self::Versions(if versions.is_empty() { vec![0] } else { versions }))
    }

    /// The versions of a request that may change something, where it names several.
    pub(crate) fn several(request: &Request) -> Option<Vec<u64>> {
        match Self::of(request.headers()) {
            Ok(Self::Versions(versions)) if versions.len() > 1 && !is_safe(request.method()) => Some(versions),
            Ok(Self::Nothing | Self::Any | Self::Versions(_)) | Err(_) => None,
        }
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Asks with each of these versions until one is not refused.
pub(crate) async fn each<F: Future<Output = Response>>(
    versions: Vec<u64>,
    request: Request,
    ask: impl Fn(Request) -> F,
) -> Response {
    let (head, body) = request.into_parts();
    let bytes = match body_bytes(body).await {
        Ok(bytes) => bytes,
        Err(problem) => return problem.into_response(),
    };
    let mut answer = Problem::from(Refusal::VersionMismatch("thing")).into_response();
    for version in versions {
        let mut head = head.clone();
        let tag = HeaderValue::from_str(&etag(version)).expect("digits within quotation marks are a header");
        head.headers.insert(header::IF_MATCH, tag);
        answer = ask(Request::from_parts(head, Body::from(bytes.clone()))).await;
        if answer.status() != StatusCode::PRECONDITION_FAILED {
            break;
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(values: &[&'static str]) -> Answered<Named> {
        let headers = values.iter().map(|value| (header::IF_MATCH, HeaderValue::from_static(value)));
        Named::of(&headers.collect())
    }

    #[test]
    fn a_list_names_each_of_its_versions() {
        let cases: [(&[&str], Named); 9] = [
            (&[], Named::Nothing),
            (&["*"], Named::Any),
            (&["\"7\""], Named::Versions(vec![7])),
            (&["W/\"7\""], Named::Versions(vec![7])),
            (&["7"], Named::Versions(vec![7])),
            (&["\"8\", \"7\",\"8\""], Named::Versions(vec![7, 8])),
            (&["\"8\"", "\"7\""], Named::Versions(vec![7, 8])),
            (&["\"a,7\", \"8\""], Named::Versions(vec![8])),
            (&["\"x\", \"\""], Named::Versions(vec![0])),
        ];
        for (values, expected) in cases {
            assert_eq!(named(values).ok(), Some(expected), "{values:?}");
        }
        let long: &'static str = "1,2,3,4,5,6,7,8,9";
        assert_eq!(named(&[long]).err().map(|problem| problem.status()), Some(StatusCode::BAD_REQUEST));
    }
}
