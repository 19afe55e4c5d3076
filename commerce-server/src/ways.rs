//! Ways from this process to the services that live in others, as the shell needs them. What is behind
//! them is put together in `assembly`.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::Response;
use commerce_core::commerce::Context;
use commerce_core::error::{Source, StoreError};
use commerce_core::traffic::RateLimiter;

/// A server that this process uses, beside databases and other services.
#[derive(Clone)]
pub struct Dependency {
    /// Its name in what is said about health.
    pub name: &'static str,
    /// Whether some route does not work without it; else something only works less well.
    pub needed: bool,
    /// Whether it is there.
    pub peer: Arc<dyn Peer>,
}

/// A service that this one cannot work without.
#[async_trait]
pub trait Peer: Send + Sync {
    /// Whether it serves.
    async fn is_ready(&self) -> bool;

    /// What is wrong with it, for an operator, who has time.
    async fn complaint(&self) -> Option<String> {
        (!self.is_ready().await).then(|| "does not answer".to_owned())
    }
}

/// A service that clients' requests are brought to.
#[async_trait]
pub trait Upstream: Peer {
    /// What tells the service that a gateway of its own shop speaks for the client at this address.
    fn pass(&self, client: &str) -> HeaderValue;

    /// Brings a request there.
    ///
    /// # Errors
    /// See [`Unforwarded`].
    async fn forward(&self, request: Request) -> Result<Response, Unforwarded>;
}

/// Why a request that was to be forwarded was not answered.
#[derive(Debug)]
pub enum Unforwarded {
    /// Its own body ended early or was too large.
    Body(Source),
    /// No instance could take it; nothing was done.
    Unsent(StoreError),
    /// It was sent and not answered.
    Lost(StoreError),
}

/// Knows the gateways of the shop.
pub trait Doorman: Send + Sync {
    /// Whether `pass` is one of a gateway of ours, for the client at this address.
    fn knows(&self, pass: &str, client: &str) -> bool;
}

/// What is to be seen of the circuit breakers before others.
pub trait Breakers: Send + Sync {
    /// What each says now.
    fn figures(&self) -> Vec<BreakerFigure>;
}

/// Somebody whom this process calls behind a breaker; in the order of what figures are told apart by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BreakerFigure {
    /// What for: `payment`, `call`, `forward`.
    pub kind: &'static str,
    /// Who: a provider or a context.
    pub name: &'static str,
    /// Where: host and port.
    pub at: String,
    /// What it says: one of [`BREAKER_STATES`].
    pub state: &'static str,
}

/// Everything that a breaker says: called as always, by one call that tries, not at all.
pub const BREAKER_STATES: [&str; 3] = ["closed", "half_open", "open"];

/// All ways of one process. A whole shop has none and needs none.
#[derive(Clone, Default)]
pub struct Ways {
    /// Where requests of the contexts that do not live here go, on a gateway.
    pub upstreams: BTreeMap<Context, Arc<dyn Upstream>>,
    /// What must serve for this process to serve.
    pub peers: Vec<(Context, Arc<dyn Peer>)>,
    /// Servers beside.
    pub servers: Vec<Dependency>,
    /// What counts requests for all processes together, if anything does.
    pub limiter: Option<Arc<dyn RateLimiter>>,
    /// Who may speak for clients.
    pub doorman: Option<Arc<dyn Doorman>>,
    /// The circuit breakers before others.
    pub breakers: Vec<Arc<dyn Breakers>>,
}
