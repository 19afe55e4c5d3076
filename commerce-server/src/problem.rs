//! The one place where what went wrong becomes an answer: RFC 9457 `application/problem+json`.
//!
//! A handler fails with a [`Problem`]; as a response it travels without a body until [`render`]
//! writes it down, because only there the request's id and path are known. Never shows what is
//! behind an error: causes go to the log, once, here.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::response::IntoResponse;
use commerce_core::error::{Error, ErrorClass, FieldError, Refusal, StoreError};
use serde_json::{Map, Value, json};

/// The shell's own codes with their status and meaning, beside [`Refusal::CODES`].
pub const CODES: &[(&str, u16, &str)] = &[
    ("BAD_REQUEST", 400, "The request cannot be read."),
    ("METHOD_NOT_ALLOWED", 405, "The path does not take this method; `Allow` says which it takes."),
    ("REQUEST_TIMEOUT", 408, "The body did not arrive in time."),
    ("NO_INDEX", 409, "The shop keeps no search index (`search.enabled`)."),
    ("UNDER_WAY", 409, "The same is done for somebody else just now."),
    ("PART_OF_A_SHOP", 409, "This needs all of the shop's data, and the server has a part of it."),
    ("BODY_TOO_LARGE", 413, "The body is larger than allowed."),
    ("UNSUPPORTED_MEDIA_TYPE", 415, "The body must be `application/json`, and not compressed."),
    ("RATE_LIMITED", 429, "Too many requests; `Retry-After` says when to come back."),
    ("TOO_MANY_HEADERS", 431, "The request has too many header lines."),
    ("TIMEOUT", 503, "It took too long; repeat it with the same key."),
    ("NOT_READY", 503, "The shop has not started yet, or is stopping."),
];

/// What went wrong, ready to be answered.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    members: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    cause: Option<String>,
}

/// What a handler returns.
pub type Answered<T> = Result<T, Problem>;

impl Problem {
    /// A problem of the shell itself.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), members: Map::new(), retry_after_seconds: None, cause: None }
    }

    /// One field that cannot be read or is out of its range.
    #[must_use]
    pub fn field(
        status: StatusCode,
        code: &'static str,
        field: &str,
        field_code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let error = FieldError { field: field.to_owned(), code: field_code, message: message.into() };
        let detail = if field.is_empty() { error.message.clone() } else { format!("{field}: {}", error.message) };
        Self::new(status, code, detail).with("errors", json!([error]))
    }

    /// There is no such thing, or not for this caller.
    #[must_use]
    pub fn not_found(what: &'static str) -> Self {
        Error::from(Refusal::NotFound(what)).into()
    }

    /// With one more member.
    #[must_use]
    pub fn with(mut self, member: &str, value: Value) -> Self {
        self.members.insert(member.to_owned(), value);
        self
    }

    /// To be tried again after this many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    /// A defect: `cause` is logged and not shown.
    #[must_use]
    pub fn defect(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the shop made a mistake; it has been noted");
        problem.cause = Some(cause.into());
        problem
    }

    /// What an answer that has no body of its own stands for.
    #[must_use]
    pub fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND => Self::not_found("page"),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(status, "METHOD_NOT_ALLOWED", "this path does not take this method"),
            StatusCode::PAYLOAD_TOO_LARGE => Self::new(status, "BODY_TOO_LARGE", "the body is larger than allowed"),
            status if status.is_server_error() => Self::defect(format!("a handler answered {status} without saying why")),
            status => Self::new(status, "BAD_REQUEST", "the request cannot be read"),
        }
    }

    /// The status it is answered with.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.code
    }

    fn body(&self, request_id: &str, path: &str) -> Value {
        let mut body = self.members.clone();
        let title = title(self.code);
        body.insert("type".to_owned(), json!(format!("/docs/errors#{}", self.code)));
        body.insert("title".to_owned(), json!(title));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(self.detail));
        body.insert("instance".to_owned(), json!(path));
        body.insert("code".to_owned(), json!(self.code));
        body.insert("requestId".to_owned(), json!(request_id));
        Value::Object(body)
    }

    /// What a line of an answer that has begun already says of it; its cause goes to the log.
    pub(crate) fn told(&self) -> Value {
        self.log();
        let mut told = self.members.clone();
        told.insert("status".to_owned(), json!(self.status.as_u16()));
        told.insert("detail".to_owned(), json!(self.detail));
        told.insert("code".to_owned(), json!(self.code));
        Value::Object(told)
    }

    fn log(&self) {
        let (code, status) = (self.code, self.status.as_u16());
        match &self.cause {
            Some(cause) if self.status == StatusCode::INTERNAL_SERVER_ERROR => tracing::error!(code, status, cause, "defect"),
            Some(cause) => tracing::warn!(code, status, cause, "dependency down"),
            None => tracing::debug!(code, status, detail = %self.detail, "refused"),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(refusal) => (*refusal).into(),
            Error::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Self::new(status(refusal.class()), refusal.code(), refusal.to_string());
        if let Some(Value::Object(members)) = refusal.members() {
            problem.members = members;
        }
        if let Refusal::TooMany { seconds } = refusal {
            problem.retry_after_seconds = Some(seconds);
        }
        problem
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let class = error.kind.class();
        let detail = match class {
            ErrorClass::Internal => "the shop made a mistake; it has been noted",
            _ => meaning(error.kind.code()).unwrap_or("a dependency is down"),
        };
        let mut problem = Self::new(status(class), error.kind.code(), detail);
        problem.retry_after_seconds = (class == ErrorClass::Unavailable).then_some(2);
        problem.cause = Some(chain(&error));
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> axum::response::Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the problem of a response down, if it stands for one.
pub fn render(mut response: Response<Body>, request_id: &str, path: &str) -> Response<Body> {
    let told = response.extensions_mut().remove::<Problem>();
    let untold = || {
        let status = response.status();
        let bare = !response.headers().contains_key(header::CONTENT_TYPE);
        ((status.is_client_error() || status.is_server_error()) && bare).then(|| Problem::of_status(status))
    };
    let Some(problem) = told.or_else(untold) else {
        return response;
    };
    problem.log();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    *response.status_mut() = problem.status;
    *response.body_mut() = Body::from(problem.body(request_id, path).to_string());
    response
}

/// Every code with its status and what it means, sorted: what `/docs/errors` lists.
#[must_use]
pub fn all_codes() -> Vec<(&'static str, u16, &'static str)> {
    let core = Refusal::CODES.iter().map(|(code, class, meaning)| (*code, class.http_status(), *meaning));
    let mut codes: Vec<_> = core.chain(CODES.iter().copied()).collect();
    codes.sort_unstable();
    codes
}

fn meaning(code: &str) -> Option<&'static str> {
    all_codes().into_iter().find(|(known, ..)| *known == code).map(|(_, _, meaning)| meaning)
}

/// A code as words: `SOLD_OUT` is "Sold out".
fn title(code: &str) -> String {
    let words = code.to_lowercase().replace('_', " ");
    let mut chars = words.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn status(class: ErrorClass) -> StatusCode {
    StatusCode::from_u16(class.http_status()).expect("every class names a valid status")
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_have_a_valid_status() {
        let codes = all_codes();
        assert!(codes.windows(2).all(|pair| pair[0].0 != pair[1].0), "{codes:?}");
        assert!(codes.iter().all(|(_, status, _)| StatusCode::from_u16(*status).is_ok()));
    }

    #[test]
    fn a_defect_shows_nothing_of_its_cause() {
        let error = StoreError::corrupt("orders.order", "row 7 of secret table");
        let body = Problem::from(error).body("id", "/api/orders/7").to_string();
        assert!(!body.contains("secret") && body.contains("INTERNAL"), "{body}");
    }
}
