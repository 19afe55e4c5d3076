//! One call of one service to another: signed, timed, repeated where an instance failed, and answered
//! with what the other end's core answered.
//!
//! Everything asked over these ports may be asked twice: reads anyway, holds by their key, the rest
//! because saying it again changes nothing. So a call without an answer is repeated, within a budget.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use commerce_core::Clock;
use commerce_core::commerce::Context;
use commerce_core::error::{Error, Outcome, StoreError, StoreErrorKind};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error as Unanswered};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::target::{Instance, Look, Target};
use super::tls::{Tls, connector};
use super::token::ServiceKey;
use super::wire;

/// How long a connection may take to stand.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long one try may take: more than a store under load needs, well below a request's time.
const TRY_WITHIN: Duration = Duration::from_secs(5);
/// Tries of one call.
const TRIES_MAX: usize = 3;
/// Pause before a repetition, so that it does not meet what the first met.
const PAUSE: Duration = Duration::from_millis(20);
/// How long an idle connection is kept: below what the other end keeps it for.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// Idle connections to one instance: the calls that a busy process has open at once.
const IDLE_MAX: usize = 256;
/// Bytes of an answer: 200 items of a page are far below.
const ANSWER_MAX: usize = 4 * 1024 * 1024;
/// How long a look at an instance may take.
pub(super) const LOOK_WITHIN: Duration = Duration::from_secs(1);
/// How long an instance may take to say whether everything it needs serves, which it has to ask.
pub(super) const READY_WITHIN: Duration = Duration::from_secs(4);

/// A client over pooled connections to one service.
pub(super) type ServiceClient<B> = Client<HttpsConnector<HttpConnector>, B>;

fn client<B>(tls: Option<&Tls>, service: Context) -> ServiceClient<B>
where
    B: hyper::body::Body + Send,
    B::Data: Send,
{
    let mut plain = HttpConnector::new();
    plain.enforce_http(false);
    plain.set_connect_timeout(Some(CONNECT_WITHIN));
    plain.set_nodelay(true);
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_FOR).pool_max_idle_per_host(IDLE_MAX);
    builder.build(connector(tls, plain, service))
}

/// How this process calls others. Cheap to clone.
#[derive(Clone)]
pub struct Net {
    inner: Arc<Inner>,
}

struct Inner {
    me: &'static str,
    key: ServiceKey,
    clock: Arc<dyn Clock>,
    tls: Option<Tls>,
    clients: BTreeMap<Context, ServiceClient<Full<Bytes>>>,
}

impl Net {
    /// As `me`, with the secret that all services of the shop share, and with what it shows of itself where they speak over TLS.
    pub fn new(me: &'static str, key: ServiceKey, clock: Arc<dyn Clock>, tls: Option<Tls>) -> Self {
        let clients = Context::ALL.iter().map(|service| (*service, client(tls.as_ref(), *service))).collect();
        Self { inner: Arc::new(Inner { me, key, clock, tls, clients }) }
    }

    /// A client of this service for bodies of another kind than calls have.
    pub(super) fn client<B>(&self, service: Context) -> ServiceClient<B>
    where
        B: hyper::body::Body + Send,
        B::Data: Send,
    {
        client(self.inner.tls.as_ref(), service)
    }

    /// An address at an instance.
    pub(super) fn uri(&self, at: &Authority, path: PathAndQuery) -> Uri {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(if self.inner.tls.is_some() { Scheme::HTTPS } else { Scheme::HTTP });
        parts.authority = Some(at.clone());
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).expect("a scheme, an authority and a path make an address")
    }

    async fn send(&self, service: Context, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Unanswered> {
        self.inner.clients.get(&service).expect("every service has a client").request(request).await
    }

    /// A caller of this service.
    pub(super) fn to(&self, target: &Arc<Target>) -> Caller {
        Caller { net: self.clone(), target: Arc::clone(target), traceparent: None }
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.inner.clock
    }

    /// A token for `what` of `audience`, by this process now.
    pub(super) fn token(&self, audience: &str, what: &[&[u8]]) -> String {
        self.inner.key.sign(self.inner.me, audience, self.inner.clock.now(), what)
    }

    /// Whether the instance of `service` there serves, by its answer to `path` within this time.
    pub(super) async fn look(&self, service: Context, at: Authority, path: PathAndQuery, within: Duration) -> Look {
        let request = Request::get(self.uri(&at, path)).body(Full::default()).expect("a path without a body is a request");
        match timeout(within, self.send(service, request)).await {
            Ok(Ok(response)) if response.status() == StatusCode::OK => Look::Fit,
            Ok(Ok(_)) => Look::Refused,
            Ok(Err(_)) | Err(_) => Look::Silent,
        }
    }
}

/// Calls one service.
#[derive(Clone)]
pub(super) struct Caller {
    net: Net,
    target: Arc<Target>,
    traceparent: Option<HeaderValue>,
}

/// A call as it is sent, over and over.
struct Call<'a> {
    operation: &'static str,
    method: Method,
    path: &'a str,
    body: Bytes,
    /// Whether something is to be done, so that silence leaves a doubt.
    changes: bool,
}

/// How a try ended without an answer.
enum Silence {
    /// Nothing was sent.
    Unsent(StoreError),
    /// It was sent, and may have been done.
    Sent(StoreError),
}

impl Caller {
    /// The same in the course of this trace.
    pub(super) fn in_trace(&self, traceparent: &str) -> Self {
        Self { traceparent: HeaderValue::from_str(traceparent).ok(), ..self.clone() }
    }

    /// Asks; nothing changes by it.
    pub(super) async fn ask<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Outcome<T> {
        self.call(Call { operation, method: Method::GET, path, body: Bytes::new(), changes: false }).await
    }

    /// Asks with a body, because what is asked does not belong into an address; nothing changes by it.
    pub(super) async fn ask_with<A: Serialize, T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        body: &A,
    ) -> Outcome<T> {
        let body = written(operation, body)?;
        self.call(Call { operation, method: Method::POST, path, body, changes: false }).await
    }

    /// Says what is to be done.
    pub(super) async fn say<A: Serialize, T: DeserializeOwned>(
        &self,
        operation: &'static str,
        path: &str,
        body: &A,
    ) -> Outcome<T> {
        let body = written(operation, body)?;
        self.call(Call { operation, method: Method::POST, path, body, changes: true }).await
    }

    async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Outcome<T> {
        self.target.budget.earn();
        let mut tried: Vec<Arc<Instance>> = Vec::new();
        let mut sent = false;
        loop {
            let Some(instance) = self.target.pick(&tried) else {
                return Err(silent(&call, sent, "no instance of the service is fit"));
            };
            let silence = match self.once(&call, &instance).await {
                Ok(answer) => {
                    instance.passed();
                    return wire::read(call.operation, answer.0, &answer.1);
                }
                Err(silence) => silence,
            };
            instance.failed();
            tried.push(instance);
            let why = match silence {
                Silence::Unsent(why) => why,
                Silence::Sent(why) => {
                    sent = true;
                    why
                }
            };
            if tried.len() >= TRIES_MAX || !self.target.budget.spend() {
                return Err(silent(&call, sent, why));
            }
            tracing::debug!(operation = call.operation, error = &why as &dyn std::error::Error, "a call is repeated");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn once(&self, call: &Call<'_>, instance: &Instance) -> Result<(StatusCode, Bytes), Silence> {
        let audience = self.target.name().as_str();
        let token = self.net.token(audience, &[call.method.as_str().as_bytes(), call.path.as_bytes(), &call.body]);
        let path = call.path.parse().expect("paths of calls are made of what a path may hold");
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(self.net.uri(&instance.authority, path))
            .header(AUTHORIZATION, format!("{} {token}", wire::SCHEME))
            .header(CONTENT_TYPE, wire::MEDIA_TYPE)
            .body(Full::new(call.body.clone()))
            .expect("a signed call is a request");
        if let Some(trace) = &self.traceparent {
            request.headers_mut().insert(wire::TRACEPARENT, trace.clone());
        }
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| StoreError::unavailable(call.operation, error);
        let answered = async {
            let response = self.net.send(self.target.name(), request).await.map_err(|error| {
                if error.is_connect() {
                    Silence::Unsent(unavailable(error.into()))
                } else {
                    Silence::Sent(unavailable(error.into()))
                }
            })?;
            whole(response).await.map_err(|error| Silence::Sent(unavailable(error)))
        };
        match timeout(TRY_WITHIN, answered).await {
            Ok(answered) => answered,
            Err(late) => Err(Silence::Sent(unavailable(late.into()))),
        }
    }
}

fn written(operation: &'static str, body: &impl Serialize) -> Result<Bytes, StoreError> {
    let written = serde_json::to_vec(body).map_err(|error| StoreError::new(StoreErrorKind::Internal, operation, error))?;
    Ok(written.into())
}

async fn whole(response: Response<Incoming>) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (head, body) = response.into_parts();
    Ok((head.status, Limited::new(body, ANSWER_MAX).collect().await?.to_bytes()))
}

/// Nobody answered. Whether something that was to be done was done is then not known.
fn silent(call: &Call<'_>, sent: bool, why: impl Into<commerce_core::error::Source>) -> Error {
    let kind = if sent && call.changes { StoreErrorKind::OutcomeUnknown } else { StoreErrorKind::Unavailable };
    StoreError::new(kind, call.operation, why).into()
}
