//! A whole shop in one process, on one data directory, with no other server.
//!
//! This is the one place that puts concrete adapters together: SQLite, the in-process bus, mail as
//! files, the sandbox payment provider, local pictures and search. Every part can be replaced by the
//! embedder's own before the shop is opened.

mod bus;
mod nightly;
mod shop;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;

use commerce_core::audit::ShopBooks;
use commerce_core::catalog::{ImageStore, ProductSearch};
use commerce_core::commerce::{Commerce, Context, Policies, Ports};
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetters, EventBus, Leases, Outbox};
use commerce_core::ids::{Entropy, Id, IdSource, SessionId};
use commerce_core::notifications::{Mailer, Renderer};
use commerce_core::orders::PaymentGateway;
use commerce_core::time::Clock;

use crate::auth::argon2::Argon2Hasher;
use crate::auth::jwt::JwtSigner;
use crate::auth::key_file::{KeyFile, KeyRing};
use crate::images::ObjectImages;
use crate::mail::eml::FileMailer;
use crate::mail::templates::TemplateRenderer;
use crate::payments::sandbox::Sandbox;
use crate::sql::{Databases, sqlite};
use crate::system::{OsEntropy, SystemClock};

pub use bus::InProcessBus;
pub use shop::Shop;
pub use workers::Workers;

/// What access tokens are issued by and for, where the shop is its own issuer.
const ISSUER: &str = "commerce";

/// The sandbox's webhook secret, unless the shop is given another. It guards no money.
pub const SANDBOX_WEBHOOK_SECRET: &str = "sandbox-webhook-secret";

/// Opens the shop in `dir`, or makes one there, with everything at its default, and starts its
/// workers. Needs a running tokio.
///
/// # Errors
/// When the directory cannot be written or holds something else.
pub async fn embedded(dir: impl Into<PathBuf>) -> Result<Shop, StoreError> {
    Embedded::at(dir).open().await
}

/// A shop about to be opened.
pub struct Embedded {
    dir: PathBuf,
    policies: Policies,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    mailer: Option<Arc<dyn Mailer>>,
    renderer: Option<Arc<dyn Renderer>>,
    images: Option<Arc<dyn ImageStore>>,
    gateways: Vec<Arc<dyn PaymentGateway>>,
    webhook_secret: String,
    index: bool,
    workers: bool,
    audit_at: Option<u32>,
    databases: Option<Databases>,
}

impl Embedded {
    /// In `dir`, with everything at its default.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            policies: Policies::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            mailer: None,
            renderer: None,
            images: None,
            gateways: Vec::new(),
            webhook_secret: SANDBOX_WEBHOOK_SECRET.to_owned(),
            index: true,
            workers: true,
            audit_at: None,
            databases: None,
        }
    }

    /// With the shop's own decisions: currency, shipping, passwords, sender of mails.
    #[must_use]
    pub fn policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// With another clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// With mails handed to `mailer` instead of written to `mail/`.
    #[must_use]
    pub fn mailer(mut self, mailer: Arc<dyn Mailer>) -> Self {
        self.mailer = Some(mailer);
        self
    }

    /// With other words in the mails.
    #[must_use]
    pub fn renderer(mut self, renderer: Arc<dyn Renderer>) -> Self {
        self.renderer = Some(renderer);
        self
    }

    /// With pictures kept elsewhere than in `images/`.
    #[must_use]
    pub fn images(mut self, images: Arc<dyn ImageStore>) -> Self {
        self.images = Some(images);
        self
    }

    /// With this payment provider in front of the sandbox.
    #[must_use]
    pub fn gateway(mut self, gateway: Arc<dyn PaymentGateway>) -> Self {
        self.gateways.push(gateway);
        self
    }

    /// With another secret for the sandbox's webhooks.
    #[must_use]
    pub fn sandbox_webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.webhook_secret = secret.into();
        self
    }

    /// With databases that are elsewhere than in files of the directory. They are closed with the shop.
    #[must_use]
    pub fn databases(mut self, databases: Databases) -> Self {
        self.databases = Some(databases);
        self
    }

    /// Without a search index: searches scan the catalog.
    #[must_use]
    pub fn without_index(mut self) -> Self {
        self.index = false;
        self
    }

    /// With an audit every day at this minute of the day in UTC, by one process of the directory.
    /// What it finds goes to the log and is [`Commerce::last_audit`].
    #[must_use]
    pub fn audit_at(mut self, minute_of_day: Option<u32>) -> Self {
        self.audit_at = minute_of_day;
        self
    }

    /// Without workers: nothing is done later until [`Commerce::settle`] or [`Commerce::step`] is
    /// called, or another process on the directory does it.
    #[must_use]
    pub fn without_workers(mut self) -> Self {
        self.workers = false;
        self
    }

    /// Opens the shop.
    ///
    /// # Errors
    /// When the directory cannot be written or holds something else.
    pub async fn open(self) -> Result<Shop, StoreError> {
        let Self { dir, clock, entropy, .. } = &self;
        let databases = match &self.databases {
            Some(databases) => databases.clone(),
            None => Databases::Sqlite(sqlite::Databases::open(dir, Arc::clone(clock)).await?),
        };
        let keys = KeyFile::new(dir, Arc::clone(entropy));
        let ring = keys.load_or_create(clock.now())?;
        let owner = IdSource::new(Arc::clone(clock), Arc::clone(entropy)).mint::<SessionId>().uuid();
        let (workers, audit_at) = (self.workers, self.audit_at);
        let clock = Arc::clone(clock);
        let search = self.search();
        let commerce = assemble(self, &databases, (keys.clone(), ring), search)?;
        let leases: Vec<(Context, Arc<dyn Leases>)> = vec![
            (Context::Users, databases.users()),
            (Context::Catalog, databases.catalog()),
            (Context::Orders, databases.orders()),
            (Context::Notifications, databases.notifications()),
        ];
        let workers = workers
            .then(|| Workers::start(&commerce, &databases, &keys, leases.clone(), owner, &clock).with_audit(&commerce, audit_at));
        Ok(Shop::new(commerce, databases, workers, leases, owner, clock))
    }

    fn search(&self) -> Arc<dyn ProductSearch> {
        #[cfg(feature = "search")]
        if self.index {
            return Arc::new(crate::search::TantivySearch::new(&self.dir.join("search")));
        }
        Arc::new(crate::search::NoSearch)
    }
}

fn assemble(
    parts: Embedded,
    databases: &Databases,
    (keys, ring): (KeyFile, KeyRing),
    search: Arc<dyn ProductSearch>,
) -> Result<Commerce, StoreError> {
    let Embedded {
        dir,
        policies,
        clock,
        entropy,
        mailer,
        renderer,
        images,
        mut gateways,
        webhook_secret,
        index: _,
        workers: _,
        audit_at: _,
        databases: _,
    } = parts;
    let renderer = match renderer {
        Some(renderer) => renderer,
        None => Arc::new(TemplateRenderer::new()?),
    };
    let images = match images {
        Some(images) => images,
        None => Arc::new(ObjectImages::local(&dir.join("images"))?),
    };
    let currency = policies.orders.currency;
    gateways.push(Arc::new(Sandbox::new(dir.join("sandbox-payments"), webhook_secret, currency)));
    let ports = Ports {
        clock: Arc::clone(&clock),
        entropy: Arc::clone(&entropy),
        users: databases.users(),
        passwords: Arc::new(Argon2Hasher::new(entropy)),
        tokens: Arc::new(JwtSigner::following(keys, &ring, ISSUER, ISSUER)),
        catalog: databases.catalog(),
        search,
        images,
        orders: databases.orders(),
        carts: databases.orders(),
        gateways,
        notifications: databases.notifications(),
        renderer,
        mailer: mailer.unwrap_or_else(|| Arc::new(FileMailer::new(dir.join("mail")))),
        books: ShopBooks {
            users: databases.users(),
            catalog: databases.catalog(),
            orders: databases.orders(),
            notifications: databases.notifications(),
        },
    };
    let commerce = Commerce::new(ports, policies);
    let letters: [(Context, Arc<dyn DeadLetters>); 4] = [
        (Context::Users, databases.users()),
        (Context::Catalog, databases.catalog()),
        (Context::Orders, databases.orders()),
        (Context::Notifications, databases.notifications()),
    ];
    let outboxes: Vec<(Context, Arc<dyn Outbox>)> =
        vec![(Context::Users, databases.users()), (Context::Catalog, databases.catalog()), (Context::Orders, databases.orders())];
    let commerce = commerce.with_dead_letters(&letters);
    let bus: Arc<dyn EventBus> = Arc::new(InProcessBus::new(commerce.dead_letters.boxes().to_vec(), clock));
    Ok(commerce.with_bus(&bus, outboxes))
}
