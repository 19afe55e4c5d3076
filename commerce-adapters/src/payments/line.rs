//! The line to a provider: bounded calls over HTTPS, behind a breaker of its own: a provider that does not answer five times in
//! a row, or half of the time, is left alone for a while, and what it was to be asked is asked later.
//!
//! Owns time limits, sizes and when a provider is left alone. Knows nothing of what is said; follows no redirects, because
//! a provider has none and whoever answers in its place might.

use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce_core::time::Timestamp;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::http::breaker::Breaker;
use crate::watch::{Watch, Watched};

/// How long one call may take: a customer waits for it, and is answered within five seconds.
const CALL_MAX: Duration = Duration::from_millis(4_500);
/// How long a page of a ledger may take.
const PAGE_MAX: Duration = Duration::from_secs(10);
/// How long connecting may take.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// How often a page of a ledger is asked for: a report may wait where a customer may not.
const PAGE_TRIES: u32 = 3;
/// How long it is waited before a page is asked for again; four times as long each time. Providers count calls by the second.
const PAGE_PAUSE: Duration = Duration::from_millis(250);
/// Bytes of one answer at most: what providers say is a few thousand.
const ANSWER_MAX: usize = 1 << 20;

/// What a provider answered, by the class of its status.
#[derive(Debug)]
pub(super) enum Said {
    /// It was done, or is so.
    Done(Vec<u8>),
    /// It was refused; another try is refused as well.
    Refused(StatusCode, Vec<u8>),
    /// Nobody knows: no answer, or one of a server that is not well.
    Nothing,
}

impl Said {
    /// The body of what was done, as `T`.
    pub(super) fn done<T: DeserializeOwned>(&self) -> Option<T> {
        match self {
            Self::Done(body) => read(body),
            Self::Refused(..) | Self::Nothing => None,
        }
    }
}

/// What a body says as `T`; none of one that says something else.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Option<T> {
    let read = serde_json::from_slice(body);
    if let Err(error) = &read {
        tracing::error!(%error, "a payment provider says what nobody can read");
    }
    read.ok()
}

/// A call to be made.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// From the root, with its query.
    pub(super) path: &'a str,
    /// The idempotency key under the provider's own header.
    pub(super) key: Option<(&'static str, String)>,
    pub(super) body: Body,
}

/// What a call brings.
pub(super) enum Body {
    Nothing,
    #[cfg(feature = "stripe")]
    Form(Vec<(&'static str, String)>),
    #[cfg(feature = "razorpay")]
    Json(serde_json::Value),
}

/// A line to one provider.
pub(super) struct Line {
    client: Client,
    base: String,
    breaker: Arc<Breaker>,
    /// User and word of every call (RFC 7617).
    user: String,
    word: Option<String>,
    /// Of every call besides.
    header: Option<(&'static str, &'static str)>,
}

impl Line {
    /// To the provider at `base`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(base: &str, user: &str, word: Option<&str>) -> std::io::Result<Self> {
        crate::tls::choose();
        let client = Client::builder().connect_timeout(CONNECT_MAX).redirect(Policy::none());
        let client = client.user_agent(concat!("commerce/", env!("CARGO_PKG_VERSION"))).build().map_err(std::io::Error::other)?;
        let (base, user) = (base.trim_end_matches('/').to_owned(), user.to_owned());
        Ok(Self { client, base, breaker: Arc::new(Breaker::by_share()), user, word: word.map(str::to_owned), header: None })
    }

    /// With a header of every call.
    #[cfg(feature = "stripe")]
    pub(super) fn with_header(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    /// The breaker before the provider of this name.
    pub(super) fn watch(&self, name: &'static str) -> Arc<dyn Watch> {
        let rest = self.base.split_once("://").map_or(self.base.as_str(), |(_, rest)| rest);
        let authority = rest.split('/').next().unwrap_or_default();
        // Who is named before the host is nobody's business.
        let at = authority.rsplit('@').next().unwrap_or_default().to_owned();
        Arc::new(Lookout { name, at, breaker: Arc::clone(&self.breaker) })
    }

    /// Makes a call.
    pub(super) async fn call(&self, call: Call<'_>) -> Said {
        if !self.breaker.admits(Instant::now()) {
            return Said::Nothing;
        }
        let said = self.send(call, CALL_MAX).await;
        if is_well(said.as_ref()) {
            self.breaker.passed();
        } else {
            self.breaker.failed(Instant::now());
        }
        heard(said)
    }

    /// A page of a ledger, asked for again where nobody answers or we are too many. One that is slow or too large says nothing of
    /// the calls that customers wait for: while the provider is left alone no page is asked for, but none makes it so.
    pub(super) async fn page(&self, path: &str) -> Said {
        let ask = || async {
            if !self.breaker.admits(Instant::now()) {
                return Said::Nothing;
            }
            let said = self.send(Call { method: Method::GET, path, key: None, body: Body::Nothing }, PAGE_MAX).await;
            if is_well(said.as_ref()) {
                self.breaker.passed();
            }
            heard(said)
        };
        let mut pause = PAGE_PAUSE;
        for _ in 1..PAGE_TRIES {
            match ask().await {
                Said::Nothing => tokio::time::sleep(pause).await,
                said @ (Said::Done(_) | Said::Refused(..)) => return said,
            }
            pause = pause.saturating_mul(4);
        }
        ask().await
    }

    async fn send(&self, call: Call<'_>, within: Duration) -> Option<(StatusCode, Vec<u8>)> {
        let request = self.client.request(call.method, format!("{}{}", self.base, call.path)).timeout(within);
        let request = request.basic_auth(&self.user, self.word.as_ref());
        let headers = self.header.map(|(name, value)| (name, value.to_owned())).into_iter().chain(call.key);
        let request = headers.fold(request, |request, (name, value)| request.header(name, value));
        let request = match call.body {
            Body::Nothing => request,
            #[cfg(feature = "stripe")]
            Body::Form(pairs) => request.header("content-type", "application/x-www-form-urlencoded").body(form(&pairs)),
            #[cfg(feature = "razorpay")]
            Body::Json(said) => request.header("content-type", "application/json").body(said.to_string()),
        };
        let answer = request.send().await.map_err(|error| unheard(&error)).ok()?;
        let status = answer.status();
        let mut answer = answer;
        let mut body = Vec::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| unheard(&error)).ok()? {
            if body.len().saturating_add(piece.len()) > ANSWER_MAX {
                tracing::error!(path = call.path, "a payment provider answers more than anybody reads");
                return None;
            }
            body.extend_from_slice(&piece);
        }
        Some((status, body))
    }
}

/// Whether this is an answer of a provider that is well, whatever it says.
fn is_well(said: Option<&(StatusCode, Vec<u8>)>) -> bool {
    said.is_some_and(|(status, _)| !status.is_server_error() && *status != StatusCode::TOO_MANY_REQUESTS)
}

/// What an answer means, by its status.
fn heard(said: Option<(StatusCode, Vec<u8>)>) -> Said {
    match said {
        Some((status, body)) if status.is_success() => Said::Done(body),
        // A twin is under way (409), or we are too many: what became of it is asked later.
        Some((StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS, _)) => Said::Nothing,
        Some((status, body)) if status.is_client_error() => Said::Refused(status, body),
        Some(_) | None => Said::Nothing,
    }
}

/// The breaker of a line.
struct Lookout {
    name: &'static str,
    at: String,
    breaker: Arc<Breaker>,
}

impl Watch for Lookout {
    fn watched(&self) -> Vec<Watched> {
        let Self { name, at, breaker } = self;
        vec![Watched { kind: "payment", name, at: at.clone(), state: breaker.state(Instant::now()) }]
    }
}

fn unheard(error: &reqwest::Error) {
    tracing::warn!(error = error as &dyn std::error::Error, "a payment provider does not answer");
}

/// Pairs as a form sends them.
#[cfg(feature = "stripe")]
fn form(pairs: &[(&'static str, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// A span as Unix seconds that hold all of it.
pub(super) fn seconds(from: Timestamp, until: Timestamp) -> (i64, i64) {
    let whole = |at: Timestamp| at.as_micros().div_euclid(1_000_000);
    (whole(from).max(0), whole(until).max(0).saturating_add(1))
}

/// A text as a key of the shop's: the ids that it mints are of version 7 (RFC 9562), and others' seldom are.
pub(super) fn key(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|key| key.get_version_num() == 7)
}

/// Percent-encoded (RFC 3986), but for what is never special.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
