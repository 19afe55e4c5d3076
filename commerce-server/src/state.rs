//! What every handler shares: the shop, the settings and the door's own books.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
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
use crate::metrics::Metrics;
use crate::rate_limit::{Client, Limiter};

/// The account and the address of a login, hashed: what failed logins are counted by.
pub type LoginKey = (u64, IpAddr);

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct Shared(Arc<Inner>);

struct Inner {
    shop: Commerce,
    config: Config,
    metrics: Metrics,
    users: Limiter<Client>,
    addresses: Limiter<Client>,
    failed_logins: Limiter<LoginKey>,
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
        Self(Arc::new(Inner {
            users: Limiter::new(gateway.rate_limit_per_minute, MINUTE),
            addresses: Limiter::new(gateway.rate_limit_anonymous_per_minute, MINUTE),
            failed_logins: Limiter::new(config.auth.failed_logins_per_quarter_hour, MINUTE * 15),
            shop,
            config,
            metrics: Metrics::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            seed: RandomState::new(),
            requests: AtomicU64::new(0),
        }))
    }

    /// The whole shop.
    #[must_use]
    pub fn shop(&self) -> &Commerce {
        &self.0.shop
    }

    /// Who may log in.
    #[must_use]
    pub fn users(&self) -> &Users {
        &self.0.shop.users
    }

    /// What is sold.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.0.shop.catalog
    }

    /// What is bought.
    #[must_use]
    pub fn orders(&self) -> &Orders {
        &self.0.shop.orders
    }

    /// Who is told what.
    #[must_use]
    pub fn notifications(&self) -> &Notifications {
        &self.0.shop.notifications
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The figures.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The limit that counts this client.
    #[must_use]
    pub fn limiter(&self, client: Client) -> &Limiter<Client> {
        match client {
            Client::User(_) => &self.0.users,
            Client::Address(_) => &self.0.addresses,
        }
    }

    /// The limit of failed logins.
    #[must_use]
    pub fn failed_logins(&self) -> &Limiter<LoginKey> {
        &self.0.failed_logins
    }

    /// What failed logins of this account are counted by.
    #[must_use]
    pub fn account_key(&self, email: &str) -> u64 {
        self.0.seed.hash_one(email.trim().to_lowercase())
    }

    /// Requests that go on though nobody waits for them any more.
    #[must_use]
    pub fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Cancelled when the server begins to stop.
    #[must_use]
    pub fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }

    /// A name for a request, unlike all others.
    #[must_use]
    pub fn request_id(&self) -> String {
        let count = self.0.requests.fetch_add(1, Ordering::Relaxed);
        let mut hasher = self.0.seed.build_hasher();
        hasher.write_u64(count);
        format!("{:016x}{count:08x}", hasher.finish())
    }
}
