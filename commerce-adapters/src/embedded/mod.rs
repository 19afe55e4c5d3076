//! A whole shop in one process, on one data directory, with no other server.
//!
//! This is the one place that puts concrete adapters together: SQLite, the in-process bus, mail as
//! files, the sandbox payment provider, local pictures and search. Every part can be replaced by the
//! embedder's own before the shop is opened, and the books may be on MySQL.

mod assemble;
mod bus;
mod nightly;
mod service;
mod shop;
mod workers;

use std::path::PathBuf;
use std::sync::Arc;

use commerce_core::audit::ShopBooks;
use commerce_core::catalog::ImageStore;
use commerce_core::commerce::{Commerce, Context, Policies};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::EventBus;
use commerce_core::events::desk::LetterBox;
use commerce_core::ids::Entropy;
use commerce_core::notifications::{Mailer, Renderer, WebhookCaller};
use commerce_core::orders::{CartStore, PaymentGateway, cart_key};
use commerce_core::part::{Elsewhere, Nowhere};
use commerce_core::time::Clock;
use commerce_core::users::UserStore;

use crate::sql::Place;
use crate::stores::Stores;
use crate::system::{OsEntropy, SystemClock};
use crate::watch::Watch;

/// The consumers with their dead letters, as they lie in the consumers' databases, with those that a broker keeps
/// in front.
pub type LetterBoxes = Box<dyn FnOnce(Vec<LetterBox>) -> Vec<LetterBox> + Send>;

/// Puts something in front of the users' store.
pub type UserStores = Box<dyn FnOnce(Arc<dyn UserStore>) -> Arc<dyn UserStore> + Send>;

pub use bus::{InProcessBus, ToAll};
pub use service::Service;
pub use shop::Shop;
pub use workers::Workers;

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
    place: Place,
    policies: Policies,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    mailer: Option<Arc<dyn Mailer>>,
    webhooks: Option<Arc<dyn WebhookCaller>>,
    renderer: Option<Arc<dyn Renderer>>,
    images: Option<Arc<dyn ImageStore>>,
    gateways: Vec<Arc<dyn PaymentGateway>>,
    sandbox_takes: bool,
    webhook_secret: String,
    cart_key: Option<[u8; 32]>,
    index: bool,
    workers: bool,
    audit_at: Option<u32>,
    elsewhere: Elsewhere,
    also_to: Vec<Arc<dyn EventBus>>,
    bus: Option<Arc<dyn EventBus>>,
    letter_boxes: Option<LetterBoxes>,
    chaos_percent: u8,
    user_stores: Option<UserStores>,
    carts: Option<Arc<dyn CartStore>>,
    watches: Vec<Arc<dyn Watch>>,
}

impl Embedded {
    /// In `dir`, with everything at its default.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        Self {
            place: Place::Files(dir.clone()),
            dir,
            policies: Policies::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            mailer: None,
            webhooks: None,
            renderer: None,
            images: None,
            gateways: Vec::new(),
            sandbox_takes: true,
            webhook_secret: SANDBOX_WEBHOOK_SECRET.to_owned(),
            cart_key: None,
            index: true,
            workers: true,
            audit_at: None,
            elsewhere: Elsewhere::default(),
            also_to: Vec::new(),
            bus: None,
            letter_boxes: None,
            chaos_percent: 0,
            user_stores: None,
            carts: None,
            watches: Vec::new(),
        }
    }

    /// With the shop's own decisions: currency, shipping, passwords, sender of mails.
    #[must_use]
    pub fn policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// With the books kept there instead of in files of the directory, which has the rest: keys, pictures,
    /// mails, the search index.
    #[must_use]
    pub fn on(mut self, place: Place) -> Self {
        self.place = place;
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

    /// With other systems' endpoints called by `webhooks` instead of over HTTP, or of nobody where the feature
    /// `webhooks` is off.
    #[must_use]
    pub fn webhooks(mut self, webhooks: Arc<dyn WebhookCaller>) -> Self {
        self.webhooks = Some(webhooks);
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

    /// With breakers that whoever watches the process is to see: see [`Service::watches`].
    #[must_use]
    pub fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watches.push(watch);
        self
    }

    /// With a sandbox that takes nothing any more; what it took before is still asked about.
    #[must_use]
    pub fn without_sandbox(mut self) -> Self {
        self.sandbox_takes = false;
        self
    }

    /// With another secret for the sandbox's webhooks.
    #[must_use]
    pub fn sandbox_webhook_secret(mut self, secret: impl Into<String>) -> Self {
        self.webhook_secret = secret.into();
        self
    }

    /// With the tokens of guests' carts sealed by what every process of the shop knows, and not by the directory's own key.
    #[must_use]
    pub fn carts_sealed_by(mut self, secret: &[u8]) -> Self {
        self.cart_key = Some(cart_key(secret));
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

    /// With these ways to the contexts that live in other processes: see [`open_part`](Self::open_part).
    #[must_use]
    pub fn elsewhere(mut self, elsewhere: Elsewhere) -> Self {
        self.elsewhere = elsewhere;
        self
    }

    /// With every event brought there too, before it leaves the outbox.
    #[must_use]
    pub fn also_to(mut self, bus: Arc<dyn EventBus>) -> Self {
        self.also_to.push(bus);
        self
    }

    /// With events handed to a broker, which brings them to the consumers, those of this process
    /// included.
    #[must_use]
    pub fn bus(mut self, bus: Arc<dyn EventBus>) -> Self {
        self.bus = Some(bus);
        self
    }

    /// With events that are brought as badly as a bus may bring them, for a trial: see [`ChaosBus`](crate::chaos::ChaosBus).
    #[must_use]
    pub fn with_chaos(mut self, percent: u8) -> Self {
        self.chaos_percent = percent;
        self
    }

    /// With dead letters of that broker's own in front of those in the databases.
    #[must_use]
    pub fn letter_boxes(mut self, letter_boxes: LetterBoxes) -> Self {
        self.letter_boxes = Some(letter_boxes);
        self
    }

    /// With this in front of the users' store.
    #[must_use]
    pub fn user_stores(mut self, user_stores: UserStores) -> Self {
        self.user_stores = Some(user_stores);
        self
    }

    /// With carts kept elsewhere than beside the orders.
    #[must_use]
    pub fn carts(mut self, carts: Arc<dyn CartStore>) -> Self {
        self.carts = Some(carts);
        self
    }

    /// Opens the shop.
    ///
    /// # Errors
    /// When the directory cannot be written or holds something else, or a database server does not answer.
    pub async fn open(self) -> Result<Shop, StoreError> {
        let databases = self.place.open(&self.clock, &*self.entropy).await?;
        let books = ShopBooks {
            users: databases.users(),
            catalog: databases.catalog(),
            orders: databases.orders(),
            notifications: databases.notifications(),
        };
        let audit_at = self.audit_at;
        let service = self.over(databases.stores())?;
        let commerce = Commerce::of(service.part().clone(), books).map_err(nowhere)?;
        Ok(Shop::new(commerce.clone(), databases, service.with_audit(&commerce, audit_at)))
    }

    /// Opens these contexts alone, each in a database of its own, and starts their workers. Nobody else's
    /// databases are touched; the others are reached as
    /// [`elsewhere`](Self::elsewhere) says.
    ///
    /// # Errors
    /// As [`open`](Self::open); `Internal` when a context that is needed is nowhere.
    pub async fn open_part(self, contexts: &[Context]) -> Result<Service, StoreError> {
        let stores = self.place.stores(contexts, &self.clock, &*self.entropy).await?;
        self.over(stores)
    }

    /// Opens the contexts that these stores are of, and starts their workers.
    ///
    /// # Errors
    /// As [`open_part`](Self::open_part).
    pub fn over(self, stores: Stores) -> Result<Service, StoreError> {
        assemble::assemble(self, stores)
    }
}

fn nowhere(missing: Nowhere) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "shop.open", missing)
}
