//! The way of every request from the socket to its handler and back, in one place.
//!
//! Name it, look at its path, ask who it is, count it, read its body, run it, then write down what
//! it cost. Handlers see only requests that passed; [`problem::render`] sees every answer.
//! Start reading at [`front`].

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use commerce_core::traffic::Allowance;
use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;
use tracing::{Instrument, Span};

use crate::address::{client_address, client_group};
use crate::auth::{Identity, glance, identify};
use crate::conditional::Known;
use crate::framing::Fault;
use crate::gateway;
use crate::paths;
use crate::problem::{self, Answered, Problem};
use crate::rate_limit::{Client, Left};
use crate::state::Shared;

/// The address of the other end of a connection, put into each of its requests by the listener.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The client's address and name, for handlers.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// The trace a request belongs to, its span ours: W3C `traceparent`.
#[derive(Clone, Debug)]
pub struct Trace(pub String);

/// The name of a request, in its answer and in logs.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// What the form around a picture may take.
const FORM_BYTES: usize = 16 * 1024;
/// How much of a body that is too large is read and thrown away, so that the client, busy sending,
/// gets to read the refusal.
const DRAIN_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How long that may take.
const DRAIN_FOR: Duration = Duration::from_secs(5);
/// How much longer than a request may take here it is waited for elsewhere, so that the one who does it
/// is the one who says that it took too long.
const FORWARD_LONGER: Duration = Duration::from_secs(2);

/// Header lines that a client may send.
pub(crate) const HEADERS_MAX: usize = 100;

/// Serves one request.
pub(crate) async fn front(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let request_id = inbound_id(request.headers()).unwrap_or_else(|| shared.request_id());
    let trace = inbound_trace(request.headers()).map(|inbound| continued(&inbound, &shared.span_id()));
    let known = Known::of(&method, request.headers());
    let span = tracing::info_span!("request", id = %request_id, %method, route = route.as_deref(), trace = trace.as_deref());

    let mut request = request;
    request.extensions_mut().insert(RequestId(request_id.clone()));
    if let Some(trace) = &trace {
        request.extensions_mut().insert(Trace(trace.clone()));
    }
    let forwarded = route.as_deref().is_some_and(|route| shared.forwards(route));
    let response = {
        let _in_flight = InFlight::enter(&shared);
        admit(&shared, request, next, &path, forwarded).instrument(span.clone()).await
    };

    let response = span.in_scope(|| problem::render(response, &request_id, &path));
    // Whoever made an answer elsewhere knows what its tag stands for, and was asked.
    let mut response = if forwarded { response } else { known.spare(response) };
    tell(response.headers_mut(), &path, &request_id, trace.as_deref(), &shared);
    let took = started.elapsed();
    shared.metrics().answered(&method, route.as_deref().unwrap_or("none"), response.status(), took);
    tracing::debug!(parent: &span, status = response.status().as_u16(), micros = took.as_micros(), "answered");
    response
}

/// Counts a request as long as it is served, also when its client goes away.
struct InFlight<'a>(&'a Shared);

impl<'a> InFlight<'a> {
    fn enter(shared: &'a Shared) -> Self {
        shared.metrics().in_flight.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.metrics().in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Gives answers that never came to [`front`], those to a browser's preflight, what all answers have.
pub(crate) async fn named(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    if !response.headers().contains_key("x-request-id") {
        let request_id = shared.request_id();
        tell(response.headers_mut(), &path, &request_id, None, &shared);
    }
    response
}

/// Refuses what may not enter, and runs the rest.
async fn admit(shared: &Shared, mut request: Request, next: Next, path: &str, forwarded: bool) -> Response {
    if let Some(fault) = request.extensions().get::<Fault>() {
        return Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", fault.detail()).into_response();
    }
    if paths::leads_inside(path) {
        return Problem::not_found("page").into_response();
    }
    let peer = request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    let vouched = gateway::vouched(request.headers(), shared);
    if vouched.is_none() && request.headers().len() > HEADERS_MAX {
        let detail = format!("a request has at most {HEADERS_MAX} header lines");
        return Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "TOO_MANY_HEADERS", detail).into_response();
    }
    let trusted = &shared.config().gateway.trusted_proxies;
    let address = vouched.unwrap_or_else(|| client_address(peer, request.headers(), trusted));
    request.extensions_mut().insert(ClientAddress(address));
    if !paths::is_counted(path) {
        return run(shared, request, next, path, forwarded).await;
    }
    let trace = request.extensions().get::<Trace>();
    let identity = whose(shared, request.headers(), request.method(), trace, forwarded).await;
    // What came through a gateway of ours was counted there.
    let left = if vouched.is_some() { None } else { count(shared, &identity, address).await };
    if let Some(Err(problem)) = left.as_ref().map(Left::check) {
        shared.metrics().limited.fetch_add(1, Ordering::Relaxed);
        return told(problem.into_response(), left);
    }
    request.extensions_mut().insert(identity);
    told(run(shared, request, next, path, forwarded).await, left)
}

/// Who asks. Where a request only passes through, its token is looked at and not asked about.
async fn whose(shared: &Shared, headers: &HeaderMap, method: &Method, trace: Option<&Trace>, forwarded: bool) -> Identity {
    let accounts = shared.accounts();
    if forwarded {
        return glance(headers, &**accounts);
    }
    let traced = trace.and_then(|trace| accounts.in_trace(&trace.0));
    identify(headers, &**traced.as_ref().unwrap_or(accounts), is_safe(method)).await
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

async fn count(shared: &Shared, identity: &Identity, address: IpAddr) -> Option<Left> {
    let user = identity.actor().and_then(|actor| actor.user());
    let client = user.map_or_else(|| Client::Address(client_group(address)), Client::User);
    match shared.common_limit(client) {
        None => shared.limiter(client).take(client, Instant::now()),
        Some((_, 0)) => None,
        Some((limiter, requests)) => {
            let left = limiter.take(&client.to_string(), Allowance::per_minute(requests), shared.part().now()).await;
            Some(Left::of(requests, left))
        }
    }
}

fn told(mut response: Response, left: Option<Left>) -> Response {
    if let Some(left) = left {
        left.tell(response.headers_mut());
    }
    response
}

/// Runs the handler within the time a request has. A request that may change something here runs in a
/// task of its own, which neither a dropped connection nor the end of that time cancels; one that goes
/// elsewhere flows, and is looked after there.
async fn run(shared: &Shared, request: Request, next: Next, path: &str, forwarded: bool) -> Response {
    let within = shared.config().server.request_timeout;
    let ran = if forwarded {
        let request = match bounded(request, body_limit(shared, path)).await {
            Ok(request) => request,
            Err(problem) => return problem.into_response(),
        };
        let within = within + FORWARD_LONGER;
        timeout(within, AssertUnwindSafe(next.run(request)).catch_unwind()).await.map(|ran| ran.map_err(|_| ()))
    } else if is_safe(request.method()) {
        timeout(within, AssertUnwindSafe(next.run(request)).catch_unwind()).await.map(|ran| ran.map_err(|_| ()))
    } else {
        let request = match buffered(request, body_limit(shared, path), within).await {
            Ok(request) => request,
            Err(problem) => return problem.into_response(),
        };
        let task = shared.tasks().spawn(next.run(request).instrument(Span::current()));
        timeout(within, task).await.map(|ran| ran.map_err(|_| ()))
    };
    match ran {
        Ok(Ok(response)) => response,
        Ok(Err(())) => {
            shared.metrics().panics.fetch_add(1, Ordering::Relaxed);
            Problem::defect("a handler panicked").into_response()
        }
        Err(_) => {
            let detail = "this takes longer than a request may; repeat it with the same key";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", detail).retry_after(1).into_response()
        }
    }
}

fn body_limit(shared: &Shared, path: &str) -> usize {
    let limit = shared.config().server.max_body_bytes;
    // A picture of the largest size, and the form around it.
    if paths::takes_pictures(path) { limit.saturating_mul(10).saturating_add(FORM_BYTES) } else { limit }
}

/// The request with a body that flows. One that announces more than its limit is refused at once; one that
/// does not is refused by who gets it, which reads what is left so that the client gets to read the
/// refusal, and breaks off where even that ends.
async fn bounded(request: Request, limit: usize) -> Answered<Request> {
    let (parts, body) = request.into_parts();
    let body = announced(&parts.headers, body, limit).await?;
    let body = Limited::new(body, limit.saturating_add(DRAIN_BYTES_MAX));
    Ok(Request::from_parts(parts, Body::new(body)))
}

/// The body, unless it announces that it is too large.
async fn announced(headers: &HeaderMap, body: Body, limit: usize) -> Answered<Body> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        if !headers.contains_key(header::EXPECT) {
            drain(body).await;
        }
        return Err(too_large(limit));
    }
    Ok(body)
}

/// The request with its whole body in memory.
async fn buffered(request: Request, limit: usize, within: Duration) -> Answered<Request> {
    let (parts, body) = request.into_parts();
    let mut body = announced(&parts.headers, body, limit).await?;
    let bytes = match timeout(within, Limited::new(&mut body, limit).collect()).await {
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            drain(body).await;
            return Err(too_large(limit));
        }
        Ok(Err(_)) => return Err(Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the body did not arrive whole")),
        Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", "the body did not arrive in time")),
    };
    if !bytes.is_empty() && is_coded(&parts.headers) {
        let detail = "the body must be sent as it is: no Content-Encoding is taken";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", detail));
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// Whether a body is told to be anything but itself: compressed, mostly.
fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings =
        headers.get_all(header::CONTENT_ENCODING).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| !coding.trim_ascii().is_empty() && !coding.trim_ascii().eq_ignore_ascii_case(b"identity"))
}

async fn drain(body: Body) {
    let mut rest = Limited::new(body, DRAIN_BYTES_MAX);
    let all = async { while let Some(Ok(_)) = rest.frame().await {} };
    // Running out of patience is fine: the refusal is sent either way.
    let _ = timeout(DRAIN_FOR, all).await;
}

/// A body was larger than it may be.
pub(crate) fn too_large(limit: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", format!("the body is larger than {limit} bytes"))
}

/// The headers that every answer has, unless its handler said otherwise.
fn tell(headers: &mut HeaderMap, path: &str, request_id: &str, trace: Option<&str>, shared: &Shared) {
    let mut put = |name: &'static str, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    put("x-content-type-options", "nosniff");
    put("content-security-policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    put("x-frame-options", "DENY");
    put("referrer-policy", "no-referrer");
    put("cross-origin-opener-policy", "same-origin");
    if paths::is_private(path) {
        put("cache-control", "no-store");
    }
    if shared.config().server.public_url.starts_with("https://") {
        put("strict-transport-security", "max-age=31536000");
    }
    for (name, value) in [("x-request-id", Some(request_id)), ("traceparent", trace)] {
        if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
            headers.insert(name, value);
        }
    }
}

/// The name a client gave its request, if it is one that may stand in logs.
fn inbound_id(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("x-request-id")?.to_str().ok()?;
    let sane =
        (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte));
    sane.then(|| text.to_owned())
}

/// A `traceparent` of the W3C's recommendation, version 00.
fn inbound_trace(headers: &HeaderMap) -> Option<String> {
    let text = headers.get("traceparent")?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let sane = match parts.as_slice() {
        ["00", trace, span, flags] => {
            let some = |part: &str| part.bytes().any(|byte| byte != b'0');
            hex(trace, 32) && hex(span, 16) && hex(flags, 2) && some(trace) && some(span)
        }
        _ => false,
    };
    sane.then(|| text.to_owned())
}

/// The same trace with a span of our own.
fn continued(inbound: &str, span: &str) -> String {
    let parts: Vec<&str> = inbound.split('-').collect();
    match parts.as_slice() {
        [version, trace, _, flags] => format!("{version}-{trace}-{span}-{flags}"),
        _ => inbound.to_owned(),
    }
}

/// Bytes of a body that [`front`] has read already.
pub(crate) async fn body_bytes(body: Body) -> Answered<Bytes> {
    let incomplete = |_| Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the body did not arrive whole");
    body.collect().await.map(http_body_util::Collected::to_bytes).map_err(incomplete)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_body_that_is_itself_is_not_coded() {
        let headers = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (header::CONTENT_ENCODING, value.parse().unwrap())).collect()
        };
        for plain in [&[][..], &[""], &["identity"], &["Identity , identity"]] {
            assert!(!is_coded(&headers(plain)), "{plain:?}");
        }
        for coded in [&["gzip"][..], &["identity, br"], &["identity", "deflate"], &["x"]] {
            assert!(is_coded(&headers(coded)), "{coded:?}");
        }
    }

    #[test]
    fn only_sane_names_and_traces_are_taken_over() {
        let headers = |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        assert_eq!(inbound_id(&headers("x-request-id", "abc-1")).as_deref(), Some("abc-1"));
        assert_eq!(inbound_id(&headers("x-request-id", "a b")), None);
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(inbound_trace(&headers("traceparent", trace)).as_deref(), Some(trace));
        assert_eq!(inbound_trace(&headers("traceparent", &trace.replace("0af7", "0AF7"))), None);
    }
}
