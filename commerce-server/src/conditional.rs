//! `If-None-Match` (RFC 9110, 13.1.2): who has what would be answered is told so, and gets no body.
//!
//! Asked of every answer, whoever made it, so that no route can forget it. It never spares the work behind an
//! answer, only its way; and it knows nothing of what a tag stands for.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

/// What describes a body that is not there.
const OF_THE_BODY: [HeaderName; 4] =
    [header::CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING, header::CONTENT_RANGE];

/// Marks an answer that may differ from another with the same tag.
#[derive(Clone, Copy)]
pub(crate) struct Moving;

/// The tags that a client has already.
#[derive(Default)]
pub(crate) struct Known(Vec<HeaderValue>);

impl Known {
    /// Those a request to read names; none of any other request.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Self::default();
        }
        Self(headers.get_all(header::IF_NONE_MATCH).iter().cloned().collect())
    }

    /// The answer, or 304 with its headers when the client has it.
    pub(crate) fn spare(&self, mut response: Response) -> Response {
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
        let moving = response.extensions().get::<Moving>().is_some();
        if moving || response.status() != StatusCode::OK || !tag.is_some_and(|tag| self.has(tag)) {
            return response;
        }
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        for name in OF_THE_BODY {
            response.headers_mut().remove(name);
        }
        response
    }

    fn has(&self, tag: &str) -> bool {
        let known = self.0.iter().filter_map(|value| value.to_str().ok()).flat_map(tags);
        known.into_iter().any(|known| known == "*" || weak(known) == weak(tag))
    }
}

/// The tags of a list. A comma may stand in a tag, never a quotation mark.
pub(crate) fn tags(list: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let apart = move |letter: char| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    };
    list.split(apart).map(str::trim).filter(|tag| !tag.is_empty())
}

/// Tags are compared weakly: on the way somebody may have compressed what they stand for.
pub(crate) fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list_and_weakly() {
        let known = |value: &'static str| Known(vec![HeaderValue::from_static(value)]);
        for has in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "\"a,b\",W/\"7\"", "*", " \"7\" "] {
            assert!(known(has).has("\"7\""), "{has}");
        }
        for lacks in ["\"8\"", "7", "\"6,7\"", "", "W/\"77\""] {
            assert!(!known(lacks).has("\"7\""), "{lacks}");
        }
        assert!(known("\"a,b\"").has("\"a,b\""));
        assert!(known("\"7\"").has("W/\"7\""));
        assert!(!Known::default().has("\"7\""));
    }
}
