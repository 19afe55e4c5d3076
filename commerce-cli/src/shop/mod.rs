//! The one room that names concrete adapters: the embedded shop, opened as the settings say.

mod alone;
pub(crate) mod backup;
mod keys;
mod people;
mod servers;

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use commerce_adapters::embedded::{Embedded, Shop as Opened};
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::sql::Databases;
use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
use commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_core::orders::Order;
use commerce_core::{Commerce, Currency, Timestamp};
use commerce_server::Config;
use commerce_server::assembly::{Receivers, breakers, embedded};
use commerce_server::ways::Breakers;
use tempfile::TempDir;

use crate::failure::Failure;

pub(crate) use alone::{ALONE, alone_in};
pub(crate) use commerce_adapters::auth::key_file::KEY_FILE;
pub(crate) use commerce_adapters::sql::sqlite::past::Copied;
pub(crate) use commerce_adapters::system::{OsEntropy, RealTime, SystemClock};
pub(crate) use keys::{SigningKey, rotate_keys, signing_keys};
pub(crate) use people::People;
pub(crate) use servers::{database_servers, pending_migrations};
#[cfg(feature = "aws")]
pub(crate) use servers::{introduce_sender, make_topology};

/// The shop of a data directory.
pub(crate) struct Shop {
    /// On the heap: commands hand shops on from future to future.
    inner: Box<Opened>,
    /// What brings events from a broker, in a process that serves.
    receivers: Option<Receivers>,
    currency: Currency,
}

impl Shop {
    /// Opens it for one command, which leaves later work to [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        whole(config)?;
        Self::started(config, embedded(config, Context::ALL).await?.without_workers()).await
    }

    /// Opens it if there is one: what only looks at a shop makes none.
    ///
    /// # Errors
    /// `NO_SHOP`, and as [`open`](Self::open).
    pub(crate) async fn open_existing(config: &Config) -> Result<Self, Failure> {
        whole(config)?;
        if !is_made(config).await? {
            return Err(no_shop(config));
        }
        Self::open(config).await
    }

    /// Where there is no shop yet, an empty one in a folder of its own, which goes with it: for looking
    /// at what would happen without making one.
    ///
    /// # Errors
    /// When no folder can be made.
    pub(crate) async fn empty_instead(config: &Config) -> Result<Option<(Self, TempDir)>, Failure> {
        if is_made(config).await? {
            return Ok(None);
        }
        let folder = tempfile::tempdir().map_err(|error| Failure::io("make a temporary folder", &error))?;
        let mut elsewhere = config.clone();
        alone_in(&mut elsewhere, folder.path())?;
        Ok(Some((Self::open(&elsewhere).await?, folder)))
    }

    /// Opens it to be served: with its workers.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn serve(config: &Config) -> Result<Self, Failure> {
        Self::serving(config, embedded(config, Context::ALL).await?).await
    }

    /// Opens it with its workers and drops every mail: for measuring.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn serve_without_mail(config: &Config) -> Result<Self, Failure> {
        Self::serving(config, embedded(config, Context::ALL).await?.mailer(Arc::new(NoMail))).await
    }

    async fn serving(config: &Config, shop: Embedded) -> Result<Self, Failure> {
        let shop = Self::started(config, shop).await?;
        let receivers = Receivers::start(config, shop.part()).await?;
        Ok(Self { receivers: Some(receivers), ..shop })
    }

    async fn started(config: &Config, shop: Embedded) -> Result<Self, Failure> {
        let inner = shop.open().await.map_err(|error| Failure::from(error).about(&whereabouts(config)))?;
        OPENED.lock().unwrap_or_else(PoisonError::into_inner).push(inner.databases().clone());
        Ok(Self { inner: Box::new(inner), receivers: None, currency: config.server.currency })
    }

    /// The shop's currency.
    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    /// The circuit breakers before whom it calls.
    pub(crate) fn breakers(&self) -> Vec<Arc<dyn Breakers>> {
        breakers(self.inner.watches())
    }

    /// Writes copies of a settled order, for a benchmark that needs a past.
    ///
    /// # Errors
    /// When a database does not answer.
    pub(crate) async fn copy_order(&self, model: &Order, copies: &[Copied]) -> Result<(), Failure> {
        Ok(self.inner.databases().copy_order(model, copies).await?)
    }

    /// Settles what the command caused, unless a running server does it anyway, and closes.
    ///
    /// # Errors
    /// When the shop does not answer; nothing is lost.
    pub(crate) async fn finish(self) -> Result<(), Failure> {
        self.inner.settle_if_free().await?;
        self.close().await
    }

    /// Closes.
    ///
    /// # Errors
    /// When a database does not close cleanly; nothing is lost.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        if let Some(receivers) = self.receivers {
            receivers.stop().await;
        }
        Ok((*self.inner).close().await?)
    }
}

impl Deref for Shop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.inner
    }
}

/// The databases that this process has opened.
static OPENED: Mutex<Vec<Databases>> = Mutex::new(Vec::new());

/// Closes what a command left open that ended in the middle: a clean stop leaves no write-ahead log.
pub(crate) async fn close_all() {
    let opened = std::mem::take(&mut *OPENED.lock().unwrap_or_else(PoisonError::into_inner));
    for databases in opened {
        databases.close().await;
    }
}

/// The contexts whose databases are in the data directory, and those whose are not.
fn partition(config: &Config) -> (Vec<Context>, Vec<Context>) {
    let file = |context: &Context| config.data_dir.join(format!("{context}.db"));
    Context::ALL.iter().partition(|context| file(context).exists())
}

/// Where a shop keeps its books, for people.
fn whereabouts(config: &Config) -> String {
    let mut servers = config.database.whereabouts();
    servers.sort_unstable();
    servers.dedup();
    if servers.is_empty() { config.data_dir.display().to_string() } else { servers.join(", ") }
}

/// Whether any of a shop's databases is in the data directory.
pub(crate) fn has_books(config: &Config) -> bool {
    !partition(config).0.is_empty()
}

/// Passes a data directory that has books.
///
/// # Errors
/// `NO_SHOP`.
pub(crate) fn require_books(config: &Config) -> Result<(), Failure> {
    if has_books(config) { Ok(()) } else { Err(no_shop(config)) }
}

fn no_shop(config: &Config) -> Failure {
    let place = whereabouts(config);
    let makers = "`commerce serve`, `migrate`, `product import` and `user create` make one";
    Failure::new("NO_SHOP", format!("{place}: there is no shop; {makers}"))
}

/// Whether there is a shop already.
///
/// # Errors
/// When a database server does not answer.
pub(crate) async fn is_made(config: &Config) -> Result<bool, Failure> {
    if config.database.is_files() {
        return Ok(config.data_dir.join("catalog.db").exists());
    }
    // The first of a context's migrations makes its tables.
    Ok(!pending_migrations(config).await?.iter().any(|missing| missing.context == "catalog" && missing.version == 1))
}

/// Passes a directory with all four databases, or none yet. A command on a service's directory would make
/// the others there, and events would go to them.
fn whole(config: &Config) -> Result<(), Failure> {
    if !config.database.is_files() {
        return Ok(());
    }
    let (here, missing) = partition(config);
    if here.is_empty() || missing.is_empty() {
        return Ok(());
    }
    let names = |contexts: &[Context]| contexts.iter().map(|context| context.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!(
        "{} holds {} without {}: this needs a whole shop, or --url and its gateway",
        config.data_dir.display(),
        names(&here),
        names(&missing)
    );
    Err(Failure::new("PART_OF_A_SHOP", message))
}

/// The `X-Signature` header of a body sent at a time.
pub(crate) type WebhookSigner = dyn Fn(&[u8], Timestamp) -> String + Send + Sync;

/// Signs webhooks as the sandbox payment provider does, with the shop's secret.
pub(crate) fn webhook_signer(config: &Config) -> Box<WebhookSigner> {
    // Signing needs no books.
    let sandbox = Sandbox::new(&config.data_dir, config.sandbox_webhook_secret.expose(), config.server.currency);
    Box::new(move |body, at| sandbox.sign(body, at))
}

/// Takes every mail and keeps none.
struct NoMail;

#[async_trait]
impl Mailer for NoMail {
    async fn send(&self, _mail: &Mail) -> Result<Handover, StoreError> {
        Ok(Handover::Accepted)
    }
}
