//! Answers that say more than their body: where a new thing is, that it is a replay, which version.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use commerce_core::change::Answer;
use serde::Serialize;

use crate::extract::headers::etag;

/// A body with its headers.
pub struct Told<T> {
    status: StatusCode,
    headers: HeaderMap,
    body: T,
}

/// 201 with a `Location`; a replay is 200 and says so.
pub fn created<T>(answer: Answer<T>, location: impl FnOnce(&T) -> String) -> Told<T> {
    match answer {
        Answer::Fresh(body) => {
            let location = location(&body);
            let told = Told { status: StatusCode::CREATED, headers: HeaderMap::new(), body };
            told.header(header::LOCATION, &location)
        }
        replayed @ Answer::Replayed(_) => done(replayed),
    }
}

/// 200; a replay says so.
pub fn done<T>(answer: Answer<T>) -> Told<T> {
    match answer {
        Answer::Fresh(body) => Told { status: StatusCode::OK, headers: HeaderMap::new(), body },
        Answer::Replayed(body) => {
            let told = Told { status: StatusCode::OK, headers: HeaderMap::new(), body };
            told.header(header::HeaderName::from_static("idempotent-replayed"), "true")
        }
    }
}

/// 200.
pub fn shown<T>(body: T) -> Told<T> {
    done(Answer::Fresh(body))
}

/// 200 with the version of what is shown.
pub fn shown_at<T>(body: T, version: impl FnOnce(&T) -> u64) -> Told<T> {
    let version = version(&body);
    shown(body).version(version)
}

impl<T> Told<T> {
    /// Which version of a thing it is, as it says itself.
    #[must_use]
    pub fn at(self, version: impl FnOnce(&T) -> u64) -> Self {
        let version = version(&self.body);
        self.version(version)
    }

    /// Which version of a thing it is.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.header(header::ETAG, &etag(version))
    }

    /// Whether and how long others may keep it.
    #[must_use]
    pub fn cache(self, value: &'static str) -> Self {
        self.header(header::CACHE_CONTROL, value)
    }

    /// With another body.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Told<U> {
        Told { status: self.status, headers: self.headers, body: turn(self.body) }
    }

    fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }
}

impl<T: Serialize> IntoResponse for Told<T> {
    fn into_response(self) -> Response {
        (self.status, self.headers, Json(self.body)).into_response()
    }
}
