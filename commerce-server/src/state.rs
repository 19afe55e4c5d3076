//! What every handler shares: the shop, the settings and the door's own books.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use commerce_core::Part;
use commerce_core::catalog::Catalog;
use commerce_core::commerce::Context;
use commerce_core::notifications::Notifications;
use commerce_core::orders::Orders;
use commerce_core::traffic::RateLimiter;
use commerce_core::users::{Accounts, Users};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::logins::{Account, Logins};
use crate::metrics::Metrics;
use crate::rate_limit::{Client, Limiter};
use crate::ways::{BreakerFigure, Dependency, Peer, Upstream, Ways};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    inner: Arc<Inner>,
    /// The part of the shop that lives here, in the course of one request's trace if that has one.
    part: Arc<Part>,
}

/// Links of guests' orders that one address may ask for in an hour: a household looks for few, and who tries numbers for
/// many.
const LINKS_AN_HOUR: u32 = 20;

/// Why a handler may rely on its context.
const MOUNTED: &str = "a context's routes are handled only where it lives";

struct Inner {
    config: Config,
    ways: Ways,
    /// The routes whose context lives elsewhere, as the router writes them.
    forwarded: BTreeMap<&'static str, Context>,
    metrics: Metrics,
    users: Limiter<Client>,
    addresses: Limiter<Client>,
    logins: Logins,
    links: Limiter<IpAddr>,
    audits: Arc<Mutex<()>>,
    rebuilds: Arc<Mutex<()>>,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Random by process; names requests and hides accounts in the books of failed logins.
    seed: RandomState,
    requests: AtomicU64,
}

impl Shared {
    /// For this part of a shop under these settings, with ways to the rest: `forwarded` are the routes of
    /// contexts that live elsewhere.
    #[must_use]
    pub fn new(part: Part, ways: Ways, forwarded: BTreeMap<&'static str, Context>, config: Config) -> Self {
        const MINUTE: Duration = Duration::from_mins(1);
        const HOUR: Duration = Duration::from_hours(1);
        let gateway = &config.gateway;
        let inner = Inner {
            users: Limiter::new(gateway.rate_limit_per_minute, MINUTE),
            addresses: Limiter::new(gateway.rate_limit_anonymous_per_minute, MINUTE),
            links: Limiter::new(LINKS_AN_HOUR, HOUR),
            logins: Logins::new(config.auth.failed_logins_per_quarter_hour),
            audits: Arc::default(),
            rebuilds: Arc::default(),
            config,
            ways,
            forwarded,
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            seed: RandomState::new(),
            requests: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner), part: Arc::new(part) }
    }

    /// The same for a request with this W3C `traceparent`.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), part: Arc::new(self.part.in_trace(traceparent)) }
    }

    /// The part of the shop that lives here.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Who asks, wherever users live.
    #[must_use]
    pub fn accounts(&self) -> &Arc<dyn Accounts> {
        &self.part.accounts
    }

    /// Who may log in.
    #[must_use]
    pub fn users(&self) -> &Users {
        self.part.users.as_ref().expect(MOUNTED)
    }

    /// What is sold.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        self.part.catalog.as_ref().expect(MOUNTED)
    }

    /// What is bought.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        self.part.orders.as_ref().expect(MOUNTED)
    }

    /// Who is told what.
    #[must_use]
    pub fn notifications(&self) -> &Notifications {
        self.part.notifications.as_ref().expect(MOUNTED)
    }

    /// Whether requests of a route, as the router writes it, go to another process.
    #[must_use]
    pub fn forwards(&self, route: &str) -> bool {
        self.inner.forwarded.contains_key(route)
    }

    /// Where requests of a context that lives elsewhere go.
    #[must_use]
    pub fn upstream(&self, context: Context) -> Option<&Arc<dyn Upstream>> {
        self.inner.ways.upstreams.get(&context)
    }

    /// Every other service that must serve for this process to.
    pub fn needed(&self) -> impl Iterator<Item = (Context, &dyn Peer)> {
        let peers = self.inner.ways.peers.iter().map(|(context, peer)| (*context, &**peer));
        peers.chain(self.inner.ways.upstreams.iter().map(|(context, upstream)| (*context, &**upstream as &dyn Peer)))
    }

    /// Servers that it uses, beside databases and other services.
    #[must_use]
    pub fn servers(&self) -> &[Dependency] {
        &self.inner.ways.servers
    }

    /// What the circuit breakers before others say, each once.
    #[must_use]
    pub fn breakers(&self) -> Vec<BreakerFigure> {
        let mut figures: Vec<BreakerFigure> = self.inner.ways.breakers.iter().flat_map(|it| it.figures()).collect();
        figures.sort_unstable();
        figures.dedup_by(|next, kept| (next.kind, next.name, &next.at) == (kept.kind, kept.name, &kept.at));
        figures
    }

    /// Whether a gateway of this shop speaks for the client at this address.
    #[must_use]
    pub fn knows_gateway(&self, pass: &str, client: &str) -> bool {
        self.inner.ways.doorman.as_ref().is_some_and(|doorman| doorman.knows(pass, client))
    }

    /// Who asked for links of orders.
    #[must_use]
    pub fn links(&self) -> &Limiter<IpAddr> {
        &self.inner.links
    }

    /// The right to audit for somebody who asks for it, unless somebody else has it: an audit reads the whole shop.
    #[must_use]
    pub fn audits(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.inner.audits).try_lock_owned().ok()
    }

    /// The right to build the search index anew, unless somebody else has it.
    #[must_use]
    pub fn rebuilds(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.inner.rebuilds).try_lock_owned().ok()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The figures.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// What counts clients for all processes together, if anything does, and how much this one may.
    #[must_use]
    pub fn common_limit(&self, client: Client) -> Option<(&dyn RateLimiter, u32)> {
        let requests = match client {
            Client::User(_) => self.inner.config.gateway.rate_limit_per_minute,
            Client::Address(_) => self.inner.config.gateway.rate_limit_anonymous_per_minute,
        };
        self.inner.ways.limiter.as_deref().map(|limiter| (limiter, requests))
    }

    /// The limit that counts this client.
    #[must_use]
    pub fn limiter(&self, client: Client) -> &Limiter<Client> {
        match client {
            Client::User(_) => &self.inner.users,
            Client::Address(_) => &self.inner.addresses,
        }
    }

    /// Who may still try to log in.
    #[must_use]
    pub fn logins(&self) -> &Logins {
        &self.inner.logins
    }

    /// What failed logins of this account are counted by.
    #[must_use]
    pub fn account_key(&self, email: &str) -> Account {
        self.inner.seed.hash_one(email.trim().to_lowercase())
    }

    /// Requests that go on though nobody waits for them any more.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.inner.tasks
    }

    /// Cancelled when the server begins to stop.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.inner.stopping
    }

    /// A name for a request, unlike all others.
    #[must_use]
    pub fn request_id(&self) -> String {
        let (count, drawn) = self.draw();
        format!("{drawn:016x}{count:08x}")
    }

    /// A name for our part of a trace: 16 hexadecimal digits, never all zero.
    #[must_use]
    pub fn span_id(&self) -> String {
        let (_, drawn) = self.draw();
        format!("{:016x}", drawn.max(1))
    }

    fn draw(&self) -> (u64, u64) {
        let count = self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let mut hasher = self.inner.seed.build_hasher();
        hasher.write_u64(count);
        (count, hasher.finish())
    }
}
