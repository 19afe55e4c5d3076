//! The one file that names concrete adapters: the embedded shop, opened as the settings say.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_adapters::auth::jwt::key_id;
use commerce_adapters::auth::key_file::{KeyFile, KeyRing, Seed};
use commerce_adapters::embedded::{Embedded, Service, Shop as Opened};
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::sql::{PendingMigration, Place};
use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
use commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_core::orders::Order;
use commerce_core::users::Users;
use commerce_core::{Clock, Commerce, Currency, Timestamp};
use commerce_server::Config;
use commerce_server::assembly::{Receivers, breakers, embedded, place};
use commerce_server::ways::Breakers;
use tempfile::TempDir;

use crate::context::set;
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
    /// `NO_SHOP` where there is nobody; when the directory cannot be used, or has other contexts but no users.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        if Self::alone(config) {
            return Self::open_or_new(config).await;
        }
        Ok(Self::Whole(Box::new(Shop::open_existing(config).await?)))
    }

    fn alone(config: &Config) -> bool {
        let (here, missing) = partition(config);
        config.database.is_files() && here.contains(&Context::Users) && !missing.is_empty()
    }

    /// Opens them for one command, in a shop that is made where there is none: for its first people.
    ///
    /// # Errors
    /// When the directory cannot be used, or has other contexts but no users.
    pub(crate) async fn open_or_new(config: &Config) -> Result<Self, Failure> {
        if !Self::alone(config) {
            return Ok(Self::Whole(Box::new(Shop::open(config).await?)));
        }
        let shop = embedded(config, &[Context::Users]).await?.without_workers();
        let service = shop.open_part(&[Context::Users]).await;
        Ok(Self::Alone(Box::new(service.map_err(|error| Failure::from(error).about(&whereabouts(config)))?)))
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

fn no_shop(config: &Config) -> Failure {
    let place = whereabouts(config);
    Failure::new("NO_SHOP", format!("{place}: there is no shop; `commerce serve`, `migrate` and `product import` make one"))
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

/// Puts a shop into this folder with everything that it needs, and with no server beside it.
///
/// # Errors
/// When the folder's path is not UTF-8.
pub(crate) fn alone_in(config: &mut Config, folder: &Path) -> Result<(), Failure> {
    let folder = folder.to_str().ok_or_else(|| Failure::usage("the folder's path is not UTF-8"))?;
    set(config, "database.dir", folder)?;
    for (key, value) in ALONE {
        set(config, key, value)?;
    }
    Ok(())
}

/// What the settings of a shop say that uses no server but itself.
pub(crate) const ALONE: [(&str, &str); 16] = [
    ("database.url", ""),
    ("database.reader_url", ""),
    ("database.users_url", ""),
    ("database.users_reader_url", ""),
    ("database.catalog_url", ""),
    ("database.catalog_reader_url", ""),
    ("database.orders_url", ""),
    ("database.orders_reader_url", ""),
    ("database.notifications_url", ""),
    ("database.notifications_reader_url", ""),
    ("events.bus", "local"),
    ("orders.carts", "database"),
    ("gateway.rate_limit_shared", "false"),
    ("auth.sessions", "users"),
    ("aws.images_bucket", ""),
    ("mail.transport", "files"),
];

/// Backups of the shop on files.
pub(crate) mod backup {
    use commerce_adapters::backup::{BackupError, Restored, restore};
    use commerce_adapters::embedded::Embedded;

    use super::{Config, Failure};

    pub(crate) use commerce_adapters::backup::{Backup, take};

    /// Passes a shop whose books are files.
    ///
    /// # Errors
    /// `NOT_ON_FILES` for another, with what does it there.
    pub(crate) fn on_files(config: &Config, instead: &str) -> Result<(), Failure> {
        if config.database.is_files() {
            return Ok(());
        }
        let message = format!("the books are on a database server, which is copied and put back by {instead}");
        Err(Failure::new("NOT_ON_FILES", message))
    }

    impl From<BackupError> for Failure {
        fn from(error: BackupError) -> Self {
            let code = error.code();
            match error {
                BackupError::Store(error) => Self::new(code, Self::from(error).message().to_owned()),
                BackupError::Io { doing, source } => Self::new(code, format!("cannot {doing}: {source}")),
                other => Self::new(code, other.to_string()),
            }
        }
    }

    /// Puts a backup into the data directory.
    ///
    /// # Errors
    /// See [`BackupError`].
    pub(crate) async fn put_back(
        backup: &Backup,
        config: &Config,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<Restored, BackupError> {
        let open = |folder: &std::path::Path| {
            let shop = Embedded::at(folder);
            if config.search_enabled { shop } else { shop.without_index() }
        };
        restore(backup, &config.data_dir, open, tell).await
    }
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

/// The migrations that the databases have not seen.
///
/// # Errors
/// When a database cannot be read.
pub(crate) async fn pending_migrations(config: &Config) -> Result<Vec<PendingMigration>, Failure> {
    let place = place(config, Context::ALL)?;
    place.pending_migrations().await.map_err(|error| Failure::from(error).about(&whereabouts(config)))
}

/// The database servers of the settings, each with what it calls itself; none for a shop on files.
///
/// # Errors
/// When one does not answer or is too old.
pub(crate) async fn database_servers(config: &Config) -> Result<Vec<String>, Failure> {
    match place(config, Context::ALL)? {
        Place::Files(_) => Ok(Vec::new()),
        #[cfg(feature = "mysql")]
        Place::MySql(urls) => {
            let servers = commerce_adapters::sql::mysql::Databases::servers(&urls).await;
            let servers = servers.map_err(|error| Failure::from(error).about(&whereabouts(config)))?;
            let told = |server: commerce_adapters::sql::mysql::Server| {
                let what = if server.is_replica { "replica, " } else { "" };
                format!("{} ({what}{})", server.place, server.version)
            };
            Ok(servers.into_iter().map(told).collect())
        }
    }
}

/// Makes topics and queues that are not there; answers kind, name and place of each.
///
/// # Errors
/// When AWS does not answer or refuses.
#[cfg(feature = "aws")]
pub(crate) async fn make_topology(config: &Config) -> Result<Vec<(&'static str, String, String)>, Failure> {
    let aws = commerce_adapters::aws::Aws::connect(&commerce_server::assembly::aws(config)).await;
    let made = aws.init(&commerce_server::assembly::topology(config)).await?;
    let topics = made.topics.into_iter().map(|(name, arn)| ("topic", name, arn));
    let queues = made.queues.into_iter().map(|(name, url)| ("queue", name, url));
    Ok(topics.chain(queues).collect())
}

/// Makes the sender of mails known to SES; answers whether it may send yet.
///
/// # Errors
/// When AWS does not answer or refuses.
#[cfg(feature = "aws")]
pub(crate) async fn introduce_sender(config: &Config) -> Result<String, Failure> {
    let aws = commerce_adapters::aws::Aws::connect(&commerce_server::assembly::aws(config)).await;
    let verified = aws.introduce_sender(&config.mail.from).await?;
    Ok(if verified { "may send" } else { "may send when the mail from AWS to it was answered" }.to_owned())
}
