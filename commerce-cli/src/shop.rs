//! The one file that names concrete adapters: the embedded shop, opened as the settings say.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_adapters::auth::jwt::key_id;
use commerce_adapters::auth::key_file::{KeyFile, KeyRing, Seed};
use commerce_adapters::embedded::{Embedded, Service, Shop as Opened};
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::sql::sqlite::{Databases, PendingMigration};
use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
use commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_core::orders::Order;
use commerce_core::users::Users;
use commerce_core::{Clock, Commerce, Currency, Timestamp};
use commerce_server::Config;
use commerce_server::assembly::{Receivers, embedded};
use tempfile::TempDir;

use crate::failure::Failure;

pub(crate) use commerce_adapters::auth::key_file::KEY_FILE;
pub(crate) use commerce_adapters::sql::sqlite::past::Copied;
pub(crate) use commerce_adapters::system::{OsEntropy, RealTime, SystemClock};

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
        Self::started(config, embedded(config).await?.without_workers()).await
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
        Self::serving(config, embedded(config).await?).await
    }

    /// Opens it with its workers and drops every mail: for measuring.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) async fn serve_without_mail(config: &Config) -> Result<Self, Failure> {
        Self::serving(config, embedded(config).await?.mailer(Arc::new(NoMail))).await
    }

    async fn serving(config: &Config, shop: Embedded) -> Result<Self, Failure> {
        let shop = Self::started(config, shop).await?;
        let receivers = Receivers::start(config, shop.part()).await?;
        Ok(Self { receivers: Some(receivers), ..shop })
    }

    async fn started(config: &Config, shop: Embedded) -> Result<Self, Failure> {
        let inner = shop.open().await.map_err(|error| Failure::from(error).about(&config.data_dir.display().to_string()))?;
        Ok(Self { inner: Box::new(inner), receivers: None, currency: config.server.currency })
    }

    /// The shop's currency.
    pub(crate) fn currency(&self) -> Currency {
        self.currency
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

/// The users of a data directory: those of a whole shop, or of the service that has nobody else in its
/// directory. Users need no other context, and the first of the staff can be made nowhere else.
pub(crate) enum People {
    /// With the other contexts beside them.
    Whole(Box<Shop>),
    /// By themselves.
    Alone(Box<Service>),
}

impl People {
    /// Opens them for one command.
    ///
    /// # Errors
    /// When the directory cannot be used, or has other contexts but no users.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        let (here, missing) = partition(config);
        if !here.contains(&Context::Users) || missing.is_empty() {
            return Ok(Self::Whole(Box::new(Shop::open(config).await?)));
        }
        let service = embedded(config).await?.without_workers().open_part(&[Context::Users]).await;
        Ok(Self::Alone(Box::new(service.map_err(|error| Failure::from(error).about(&config.data_dir.display().to_string()))?)))
    }

    /// Settles what the command caused, unless a running server does it anyway, and closes. What users alone have to
    /// say stays in their outbox: their service knows who wants to hear it.
    ///
    /// # Errors
    /// When the shop does not answer; nothing is lost.
    pub(crate) async fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Whole(shop) => shop.finish().await,
            Self::Alone(service) => Ok((*service).close().await?),
        }
    }

    /// Closes.
    ///
    /// # Errors
    /// When a database does not close cleanly; nothing is lost.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Whole(shop) => shop.close().await,
            Self::Alone(service) => Ok((*service).close().await?),
        }
    }
}

impl Deref for People {
    type Target = Users;

    fn deref(&self) -> &Users {
        match self {
            Self::Whole(shop) => &shop.users,
            Self::Alone(service) => service.part().users.as_ref().expect("a service of users was opened with users"),
        }
    }
}

/// The contexts whose databases are in the data directory, and those whose are not.
fn partition(config: &Config) -> (Vec<Context>, Vec<Context>) {
    let file = |context: &Context| config.data_dir.join(format!("{context}.db"));
    Context::ALL.iter().partition(|context| file(context).exists())
}

/// Passes a directory with all four databases, or none yet. A command on a service's directory would make
/// the others there, and events would go to them.
fn whole(config: &Config) -> Result<(), Failure> {
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

/// Where AWS is reached.
#[cfg(feature = "aws")]
pub(crate) struct AwsPlace {
    pub region: Option<String>,
    pub endpoint: Option<String>,
}

/// Makes topics and queues that are not there; answers kind, name and place of each.
///
/// # Errors
/// When AWS does not answer or refuses.
#[cfg(feature = "aws")]
pub(crate) async fn make_topology(
    place: AwsPlace,
    prefix: String,
    fifo: bool,
) -> Result<Vec<(&'static str, String, String)>, Failure> {
    use commerce_adapters::aws::topology::Topology;
    use commerce_adapters::aws::{Aws, AwsSettings};

    let settings = AwsSettings { region: place.region, endpoint: place.endpoint, key: None };
    let made = Aws::connect(&settings).await.init(&Topology { fifo, ..Topology::standard(&prefix) }).await?;
    let topics = made.topics.into_iter().map(|(name, arn)| ("topic", name, arn));
    let queues = made.queues.into_iter().map(|(name, url)| ("queue", name, url));
    Ok(topics.chain(queues).collect())
}
