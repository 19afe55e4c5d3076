//! The one file that names concrete adapters: the embedded shop, opened as the settings say.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_adapters::auth::jwt::key_id;
use commerce_adapters::auth::key_file::{KeyFile, KeyRing, Seed};
use commerce_adapters::embedded::{self, Embedded};
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::sql::sqlite::{Databases, PendingMigration};
use commerce_core::catalog::StockPolicy;
use commerce_core::commerce::Policies;
use commerce_core::error::StoreError;
use commerce_core::notifications::{Handover, Mail, MailPolicy, Mailer};
use commerce_core::orders::OrderPolicy;
use commerce_core::users::AuthPolicy;
use commerce_core::{Clock, Commerce, Currency, Timestamp};
use commerce_server::Config;
use tempfile::TempDir;

use crate::bench::Stores;
use crate::failure::Failure;

pub(crate) use commerce_adapters::auth::key_file::KEY_FILE;
pub(crate) use commerce_adapters::system::{OsEntropy, RealTime, SystemClock};

/// The shop of a data directory.
pub(crate) struct Shop {
    inner: embedded::Shop,
    currency: Currency,
}

impl Shop {
    /// Opens it for one command, which leaves later work to [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        Self::started(config, shop(config).without_workers()).await
    }

    /// Where there is no shop yet, an empty one in a folder of its own, which goes with it: for looking
    /// at what would happen without making one.
    ///
    /// # Errors
    /// When no folder can be made.
    pub(crate) async fn empty_instead(config: &Config) -> Result<Option<(Self, TempDir)>, Failure> {
        if config.data_dir.join("catalog.db").exists() {
            return Ok(None);
        }
        let folder = tempfile::tempdir().map_err(|error| Failure::io("make a temporary folder", &error))?;
        let mut elsewhere = config.clone();
        folder.path().clone_into(&mut elsewhere.data_dir);
        Ok(Some((Self::open(&elsewhere).await?, folder)))
    }

    /// Opens it to be served: with its workers.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn serve(config: &Config) -> Result<Self, Failure> {
        Self::started(config, shop(config)).await
    }

    /// Opens it with its workers and drops every mail: for measuring.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn serve_without_mail(config: &Config) -> Result<Self, Failure> {
        Self::started(config, shop(config).mailer(Arc::new(NoMail))).await
    }

    async fn started(config: &Config, shop: Embedded) -> Result<Self, Failure> {
        let inner = shop.open().await.map_err(|error| Failure::from(error).about(&config.data_dir.display().to_string()))?;
        Ok(Self { inner, currency: config.server.currency })
    }

    /// The shop's currency.
    pub(crate) fn currency(&self) -> Currency {
        self.currency
    }

    /// The stores beneath, for a benchmark to write a past into.
    pub(crate) fn stores(&self) -> Stores {
        let databases = self.inner.databases();
        Stores { orders: databases.orders(), catalog: databases.catalog(), notifications: databases.notifications() }
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
        Ok(self.inner.close().await?)
    }
}

impl Deref for Shop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.inner
    }
}

fn shop(config: &Config) -> Embedded {
    let policies = Policies {
        auth: AuthPolicy { password_min_length: config.auth.password_min_length },
        stock: StockPolicy { low_stock_threshold: config.low_stock_threshold },
        orders: OrderPolicy { currency: config.server.currency, shipping: config.shipping.clone() },
        mail: MailPolicy {
            shop_name: config.server.shop_name.clone(),
            from: config.mail.from.clone(),
            ops: config.mail.ops.clone(),
            shop_url: config.server.public_url.clone(),
        },
    };
    let shop = Embedded::at(&config.data_dir).policies(policies);
    let shop = shop.audit_at(config.telemetry.audit_at);
    let shop = shop.sandbox_webhook_secret(config.sandbox_webhook_secret.expose());
    if config.search_enabled { shop } else { shop.without_index() }
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

/// A key that access tokens are signed with, or were, or will be.
pub(crate) struct SigningKey {
    /// `current`, `next` or `previous`.
    pub(crate) used: &'static str,
    /// Its name in tokens.
    pub(crate) kid: String,
    /// Since when it has been that.
    pub(crate) since: Timestamp,
}

/// The signing keys of the data directory.
///
/// # Errors
/// When there are none yet, or they cannot be read.
pub(crate) fn signing_keys(config: &Config) -> Result<Vec<SigningKey>, Failure> {
    Ok(listed(&key_file(config).load()?))
}

/// Lets the next signing key sign, and forgets the others where they are to be revoked.
///
/// # Errors
/// When there are none yet, or the last rotation is too young.
pub(crate) fn rotate_keys(config: &Config, revoke: bool) -> Result<Vec<SigningKey>, Failure> {
    let (keys, now) = (key_file(config), SystemClock.now());
    Ok(listed(&if revoke { keys.revoke(now)? } else { keys.rotate(now)? }))
}

fn key_file(config: &Config) -> KeyFile {
    KeyFile::new(&config.data_dir, Arc::new(OsEntropy))
}

fn listed(ring: &KeyRing) -> Vec<SigningKey> {
    let all = [("current", Some(ring.current)), ("next", ring.next), ("previous", ring.previous)];
    let shown = |(used, seed): (&'static str, Option<Seed>)| {
        seed.map(|seed| SigningKey { used, kid: key_id(&seed.secret), since: seed.since })
    };
    all.into_iter().filter_map(shown).collect()
}

/// The migrations that the databases of the data directory have not seen.
///
/// # Errors
/// When a database cannot be read.
pub(crate) async fn pending_migrations(config: &Config) -> Result<Vec<PendingMigration>, Failure> {
    Ok(Databases::pending_migrations(&config.data_dir).await?)
}
