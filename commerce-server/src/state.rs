//! What every handler shares: the shop, the settings and the door's own books.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use commerce_core::Commerce;
use commerce_core::catalog::Catalog;
use commerce_core::notifications::Notifications;
use commerce_core::orders::Orders;
use commerce_core::users::Users;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::logins::{Account, Logins};
use crate::metrics::Metrics;
use crate::rate_limit::{Client, Limiter};

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct Shared {
    inner: Arc<Inner>,
    /// The shop, in the course of one request's trace if that has one.
    shop: Arc<Commerce>,
}

struct Inner {
    config: Config,
    metrics: Metrics,
    users: Limiter<Client>,
    addresses: Limiter<Client>,
    logins: Logins,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Random by process; names requests and hides accounts in the books of failed logins.
    seed: RandomState,
    requests: AtomicU64,
}

impl Shared {
    /// For this shop under these settings.
    #[must_use]
    pub fn new(shop: Commerce, config: Config) -> Self {
        const MINUTE: Duration = Duration::from_mins(1);
        let gateway = &config.gateway;
        let inner = Inner {
            users: Limiter::new(gateway.rate_limit_per_minute, MINUTE),
            addresses: Limiter::new(gateway.rate_limit_anonymous_per_minute, MINUTE),
            logins: Logins::new(config.auth.failed_logins_per_quarter_hour),
            config,
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            seed: RandomState::new(),
            requests: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner), shop: Arc::new(shop) }
    }

    /// The same for a request with this W3C `traceparent`.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), shop: Arc::new(self.shop.in_trace(traceparent)) }
    }

    /// The whole shop.
    #[must_use]
    pub fn shop(&self) -> &Commerce {
        &self.shop
    }

    /// Who may log in.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.shop.users
    }

    /// What is sold.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.shop.catalog
    }

    /// What is bought.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.shop.orders
    }

    /// Who is told what.
    #[must_use]
    pub fn notifications(&self) -> &Notifications {
        &self.shop.notifications
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
