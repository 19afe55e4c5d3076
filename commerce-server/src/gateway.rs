//! The gateway: a request of a context that lives elsewhere, brought there and back.
//!
//! What comes in has passed [`front`](crate::front) like any other request: named, judged by its path,
//! counted, bounded. Here it is stripped of what is not the client's to say, given what the service must
//! know of the client, and sent on as it flows. The service judges the token again and trusts nothing but
//! the pass. Never answers in a service's place, except that it is not there. Start reading at [`bring`].

use std::net::IpAddr;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{
    self, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use commerce_core::Refusal;
use commerce_core::commerce::Context;
use commerce_core::error::{StoreError, StoreErrorKind};
use http_body_util::LengthLimitError;

use crate::auth::Identity;
use crate::front::{ClientAddress, RequestId, Trace, too_large};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::ways::Unforwarded;

/// Whose word a service takes for where a client is: see [`vouched`].
const PASS: &str = "x-commerce-pass";
const FORWARDED_FOR: &str = "x-forwarded-for";
/// What is said between two neighbours only (RFC 9110, section 7.6.1), and what a gateway alone may say.
const NOT_PASSED_ON: [&str; 16] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "forwarded",
    FORWARDED_FOR,
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-original-url",
    "x-rewrite-url",
    "x-real-ip",
    "x-http-method-override",
    "x-user-id",
    PASS,
];

/// Brings a request to the service of `context`, unless it is plain that the service would refuse it.
pub(crate) async fn bring(shared: &Shared, context: Context, public: bool, request: Request) -> Response {
    brought(shared, context, public, request).await.unwrap_or_else(IntoResponse::into_response)
}

async fn brought(shared: &Shared, context: Context, public: bool, request: Request) -> Answered<Response> {
    if !public {
        match request.extensions().get::<Identity>() {
            None | Some(Identity::Nobody) => return Err(Refusal::Unauthenticated.into()),
            Some(Identity::Refused(problem)) => return Err(problem.clone()),
            Some(Identity::Known(_) | Identity::Unjudged) => {}
        }
    }
    let missing = || Problem::from(StoreError::unavailable("gateway.forward", "nobody said where the service is"));
    let upstream = shared.upstream(context).ok_or_else(missing)?;
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let (mut head, body) = request.into_parts();
    strip(&mut head.headers);
    let body = if safe {
        // A body that asks for nothing is read by nobody.
        head.headers.remove(CONTENT_LENGTH);
        head.headers.remove(CONTENT_TYPE);
        Body::empty()
    } else {
        body
    };
    let client = head.extensions.get::<ClientAddress>().map(|address| address.0.to_string()).unwrap_or_default();
    let said = [
        (FORWARDED_FOR, HeaderValue::from_str(&client).ok()),
        (PASS, Some(upstream.pass(&client))),
        ("x-request-id", head.extensions.get::<RequestId>().and_then(|id| HeaderValue::from_str(&id.0).ok())),
        ("traceparent", head.extensions.get::<Trace>().and_then(|trace| HeaderValue::from_str(&trace.0).ok())),
    ];
    for (name, value) in said {
        match value {
            Some(value) => _ = head.headers.insert(name, value),
            None => _ = head.headers.remove(name),
        }
    }
    head.extensions.clear();
    match upstream.forward(Request::from_parts(head, body)).await {
        Ok(mut response) => {
            strip(response.headers_mut());
            Ok(response)
        }
        Err(error) => Err(unanswered(error, safe, shared)),
    }
}

/// Takes away what is not to be passed on.
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // Nobody takes a message's own frame or credentials away by naming them.
        .filter(|name| *name != CONTENT_LENGTH && *name != header::AUTHORIZATION)
        .collect();
    for name in named.iter().chain(&[CONNECTION, EXPECT, HOST, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]) {
        headers.remove(name);
    }
    for name in NOT_PASSED_ON {
        headers.remove(name);
    }
}

fn unanswered(error: Unforwarded, safe: bool, shared: &Shared) -> Problem {
    match error {
        Unforwarded::Body(error) if error.is::<LengthLimitError>() => too_large(shared.config().server.max_body_bytes),
        Unforwarded::Body(_) => Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the body did not arrive whole"),
        Unforwarded::Unsent(error) => error.into(),
        Unforwarded::Lost(error) if safe => error.into(),
        // Perhaps it was done: the client learns by repeating it with the same key.
        Unforwarded::Lost(error) => StoreError { kind: StoreErrorKind::OutcomeUnknown, ..error }.into(),
    }
}

/// Where the client is, if a gateway of this shop vouches for it. Nobody else is believed.
pub(crate) fn vouched(headers: &HeaderMap, shared: &Shared) -> Option<IpAddr> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let (pass, client) = (text(PASS)?, text(FORWARDED_FOR)?);
    shared.knows_gateway(pass, client).then(|| client.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_speaks_for_nobody_else() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, x-hop, authorization"),
            ("x-hop", "1"),
            ("authorization", "Bearer t"),
            ("x-forwarded-for", "9.9.9.9"),
            ("x-commerce-pass", "forged"),
            ("x-original-url", "/internal/products"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("host", "shop.example"),
            ("idempotency-key", "k"),
            ("accept", "*/*"),
        ] {
            headers.append(name, value.parse().unwrap());
        }
        strip(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "authorization", "idempotency-key"]);
    }
}
