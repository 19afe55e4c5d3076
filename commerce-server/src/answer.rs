//! Answers that say more than their body: where a new thing is, that it is a replay, which version.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use commerce_core::change::Answer;
use serde::Serialize;
use serde_json::json;

use crate::conditional::Moving;
use crate::extract::headers::etag;

/// A body with its headers.
pub struct Told<T> {
    status: StatusCode,
    headers: HeaderMap,
    /// Whether something is shown that changes beneath the version.
    moving: bool,
    body: T,
}

/// 201 with a `Location`; a replay is 200 and says so.
pub fn created<T>(answer: Answer<T>, location: impl FnOnce(&T) -> String) -> Told<T> {
    match answer {
        Answer::Fresh(body) => {
            let location = location(&body);
            let told = Told { status: StatusCode::CREATED, ..Told::ok(body) };
            told.header(header::LOCATION, &location)
        }
        replayed @ Answer::Replayed(_) => done(replayed),
    }
}

/// 200; a replay says so.
pub fn done<T>(answer: Answer<T>) -> Told<T> {
    match answer {
        Answer::Fresh(body) => Told::ok(body),
        Answer::Replayed(body) => Told::ok(body).header(header::HeaderName::from_static("idempotent-replayed"), "true"),
    }
}

/// 202 for what is done later and has no body; a replay is 200 with an empty object.
pub fn accepted(answer: Answer<()>) -> Response {
    bare(StatusCode::ACCEPTED, answer)
}

/// 204 for what has no body; a replay is 200 with an empty object.
pub fn nothing(answer: Answer<()>) -> Response {
    bare(StatusCode::NO_CONTENT, answer)
}

fn bare(status: StatusCode, answer: Answer<()>) -> Response {
    match answer {
        Answer::Fresh(()) => status.into_response(),
        replayed @ Answer::Replayed(()) => done(replayed.map(|()| json!({}))).into_response(),
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
    fn ok(body: T) -> Self {
        Self { status: StatusCode::OK, headers: HeaderMap::new(), moving: false, body }
    }

    /// Shows something beside the thing that changes beneath its version (stock, prices): whoever knows the version has
    /// not seen what is shown now, and is answered whole.
    #[must_use]
    pub fn moving(self) -> Self {
        self.moving_if(true)
    }

    /// The same where that is so.
    #[must_use]
    pub fn moving_if(self, moving: bool) -> Self {
        Self { moving, ..self }
    }

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
        Told { status: self.status, headers: self.headers, moving: self.moving, body: turn(self.body) }
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
        let mut response = (self.status, self.headers, Json(self.body)).into_response();
        if self.moving {
            response.extensions_mut().insert(Moving);
        }
        response
    }
}
