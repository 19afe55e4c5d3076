//! What the settings choose among: where the books are, how events travel, where carts, pictures and mails go.
//!
//! What settings ask of each other was seen when they were read (`config/together.rs`); what is left to refuse
//! here depends on the contexts of the process, or on what servers answer. Start reading at [`embedded`].

use std::sync::Arc;

#[cfg(feature = "aws")]
use commerce_adapters::aws::{Aws, AwsSettings, bus::SnsBus, ses::SesMailer, topology::Topology};
use commerce_adapters::embedded::{Embedded, LetterBoxes};
use commerce_adapters::http::Directory;
#[cfg(feature = "aws")]
use commerce_adapters::images::ObjectImages;
#[cfg(feature = "razorpay")]
use commerce_adapters::payments::razorpay::{Account, Razorpay};
#[cfg(feature = "stripe")]
use commerce_adapters::payments::stripe::Stripe;
#[cfg(any(feature = "redis", feature = "aws"))]
use commerce_adapters::receive::Pauses;
#[cfg(feature = "redis")]
use commerce_adapters::redis::{
    Redis, carts::RedisCarts, ending::EndingSessions, registry::Registry, sessions::NotedAccounts, sessions::RedisSessions,
    streams, streams::Durability,
};
use commerce_adapters::sql::Place;
#[cfg(feature = "redis")]
use commerce_adapters::system::SystemClock;
use commerce_adapters::webhooks::HttpCaller;
#[cfg(feature = "redis")]
use commerce_core::Clock;
use commerce_core::Part;
use commerce_core::catalog::StockPolicy;
use commerce_core::commerce::{Context, Policies};
use commerce_core::events::EventBus;
#[cfg(feature = "redis")]
use commerce_core::events::Queue;
use commerce_core::events::desk::LetterBox;
use commerce_core::notifications::MailPolicy;
use commerce_core::orders::OrderPolicy;
use commerce_core::part::Elsewhere;
#[cfg(feature = "redis")]
use commerce_core::users::Accounts;
use commerce_core::users::AuthPolicy;
#[cfg(any(feature = "redis", feature = "aws"))]
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::StartError;
#[cfg(feature = "mysql")]
use crate::config::DatabaseUrls;
#[cfg(feature = "redis")]
use crate::config::RedisConfig;
use crate::config::{Config, DatabaseConfig, EventBusKind};

/// The contexts of a shop as the settings say, about to be opened: `here` are those that are to live in this
/// process. Needs a running tokio.
///
/// # Errors
/// When the settings ask for what this build or they themselves do not have.
pub async fn embedded(config: &Config, here: &[Context]) -> Result<Embedded, StartError> {
    let shop = Embedded::at(&config.data_dir).policies(policies(config));
    let shop = shop.on(place(config, here)?);
    let shop = shop.audit_at(config.telemetry.audit_at).with_chaos(config.events_chaos_percent);
    let shop = shop.sandbox_webhook_secret(config.sandbox_webhook_secret.expose());
    let shop = match config.services.secret.expose() {
        "" => shop,
        secret => shop.carts_sealed_by(secret.as_bytes()),
    };
    let shop = paid(shop, config)?;
    let shop = shop.webhooks(Arc::new(HttpCaller::new(config.webhooks_to_private_networks)));
    let shop = if config.search_enabled { shop } else { shop.without_index() };
    let shop = if config.carts_in_redis { carts_in_redis(shop, config)? } else { shop };
    let shop = Box::pin(on_aws(shop, config, here)).await?;
    let shop = if config.auth.sessions_in_redis { ending_in_redis(shop, config)? } else { shop };
    Ok(match Box::pin(Broker::of(config)).await? {
        Some(Broker { bus, letters, .. }) => shop.bus(bus).letter_boxes(letters),
        None => shop,
    })
}

/// With the payment providers of the settings. Where there is one, the sandbox takes nothing any more, because its tokens
/// are known to everybody.
fn paid(shop: Embedded, config: &Config) -> Result<Embedded, StartError> {
    by_razorpay(by_stripe(shop, config)?, config)
}

fn by_stripe(shop: Embedded, config: &Config) -> Result<Embedded, StartError> {
    let Some(stripe) = &config.stripe else { return Ok(shop) };
    #[cfg(feature = "stripe")]
    {
        let (key, secret) = (stripe.secret_key.expose(), stripe.webhook_secret.expose());
        let gateway = Stripe::new(&stripe.api_url, key, secret, &config.server.public_url);
        let gateway = gateway.map_err(|error| StartError::Settings(format!("payments.stripe: {error}")))?;
        Ok(shop.watched(gateway.watch()).gateway(Arc::new(gateway)).without_sandbox())
    }
    #[cfg(not(feature = "stripe"))]
    {
        let _ = (shop, stripe);
        Err(not_built("stripe"))
    }
}

fn by_razorpay(shop: Embedded, config: &Config) -> Result<Embedded, StartError> {
    let Some(razorpay) = &config.razorpay else { return Ok(shop) };
    #[cfg(feature = "razorpay")]
    {
        let (key_secret, secret) = (razorpay.key_secret.expose(), razorpay.webhook_secret.expose());
        let before = razorpay.webhook_secret_before.expose();
        let secrets: Vec<&str> = [secret, before].into_iter().filter(|secret| !secret.is_empty()).collect();
        let account = Account { key_id: &razorpay.key_id, key_secret, webhook_secrets: &secrets };
        let pay_url = format!("{}{}", config.server.public_url, crate::web::RAZORPAY_PAGE);
        let gateway = Razorpay::new(&razorpay.api_url, account, &pay_url);
        let gateway = gateway.map_err(|error| StartError::Settings(format!("payments.razorpay: {error}")))?;
        Ok(shop.watched(gateway.watch()).gateway(Arc::new(gateway)).without_sandbox())
    }
    #[cfg(not(feature = "razorpay"))]
    {
        let _ = (shop, razorpay);
        Err(not_built("razorpay"))
    }
}

/// Where the databases of these contexts are.
///
/// # Errors
/// When the settings leave one out, or this build knows no such databases.
pub fn place(config: &Config, here: &[Context]) -> Result<Place, StartError> {
    let DatabaseConfig { shop, own } = &config.database;
    if !config.database.is_files() {
        let said = |context: &&Context| !shop.writer.is_empty() || own.get(context).is_some_and(|urls| !urls.writer.is_empty());
        return match here.iter().find(|context| !said(context)) {
            Some(context) => {
                Err(StartError::Settings(format!("database.url or database.{context}_url must say where that database is")))
            }
            #[cfg(feature = "mysql")]
            None => Ok(on_mysql(config)),
            #[cfg(not(feature = "mysql"))]
            None => Err(not_built("mysql")),
        };
    }
    Ok(Place::Files(config.data_dir.clone()))
}

#[cfg(feature = "mysql")]
fn on_mysql(config: &Config) -> Place {
    use commerce_adapters::sql::mysql::{ReaderUrls, Urls, database_of};
    let all = &config.database.shop;
    // What is said of one database alone wins over what is said of all.
    let url = |context: Context, of: fn(&DatabaseUrls) -> &str| {
        let own = config.database.own.get(&context).map(of).filter(|url| !url.is_empty());
        own.map(str::to_owned).or_else(|| Some(of(all)).filter(|url| !url.is_empty()).map(|url| database_of(url, context)))
    };
    let writer = |context| url(context, |urls| urls.writer.expose()).unwrap_or_default();
    let reader = |context| url(context, |urls| urls.reader.expose());
    let readers = ReaderUrls {
        users: reader(Context::Users),
        catalog: reader(Context::Catalog),
        orders: reader(Context::Orders),
        notifications: reader(Context::Notifications),
    };
    let urls = Urls {
        users: writer(Context::Users),
        catalog: writer(Context::Catalog),
        orders: writer(Context::Orders),
        notifications: writer(Context::Notifications),
        readers: Some(Box::new(readers)),
    };
    Place::MySql(Box::new(urls))
}

/// A broker between the contexts.
struct Broker {
    bus: Arc<dyn EventBus>,
    /// Where its own dead letters lie.
    letters: LetterBoxes,
    receive: Box<dyn FnOnce(Vec<LetterBox>, CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Broker {
    /// The one that the settings ask for.
    async fn of(config: &Config) -> Result<Option<Self>, StartError> {
        match config.events {
            EventBusKind::Local => Ok(None),
            EventBusKind::Redis => streams(config).map(Some),
            EventBusKind::Sqs => queues(config).await.map(Some),
        }
    }
}

#[cfg(feature = "redis")]
fn streams(config: &Config) -> Result<Broker, StartError> {
    let durability = if config.redis.durable { Durability::Vouched } else { Durability::Asked };
    let bus = streams::StreamBus::new(redis(config)?, Queue::all(), durability);
    let (boxes, queues) = (bus.clone(), bus.clone());
    let receive = move |consumers, stop| {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        async move { queues.receiver(consumers, &clock, Pauses::default()).run(stop).await }.boxed()
    };
    let letters: LetterBoxes = Box::new(move |consumers| boxes.letter_boxes(consumers));
    Ok(Broker { bus: Arc::new(bus), letters, receive: Box::new(receive) })
}

#[cfg(not(feature = "redis"))]
fn streams(_: &Config) -> Result<Broker, StartError> {
    Err(not_built("redis"))
}

#[cfg(feature = "aws")]
async fn queues(config: &Config) -> Result<Broker, StartError> {
    let bus = SnsBus::new(Aws::connect(&aws(config)).await, topology(config));
    let (boxes, queues) = (bus.clone(), bus.clone());
    let receive = move |consumers, stop| async move { queues.receiver(consumers, Pauses::default()).run(stop).await }.boxed();
    let letters: LetterBoxes = Box::new(move |consumers| boxes.letter_boxes(consumers));
    Ok(Broker { bus: Arc::new(bus), letters, receive: Box::new(receive) })
}

#[cfg(not(feature = "aws"))]
async fn queues(_: &Config) -> Result<Broker, StartError> {
    std::future::ready(Err(not_built("aws"))).await
}

/// How AWS is reached.
#[cfg(feature = "aws")]
pub fn aws(config: &Config) -> AwsSettings {
    AwsSettings { region: config.aws.region.clone(), endpoint: config.aws.endpoint.clone(), key: None }
}

/// Topics and queues by their names.
#[cfg(feature = "aws")]
pub fn topology(config: &Config) -> Topology {
    Topology { fifo: config.aws.fifo, ..Topology::standard(&config.aws.prefix) }
}

/// The bucket of pictures.
#[cfg(feature = "aws")]
pub(super) fn pictures(config: &Config, bucket: &str) -> Result<ObjectImages, StartError> {
    Ok(ObjectImages::bucket(bucket, &aws(config))?)
}

/// With pictures and mails at AWS, where the settings say so and their contexts live here.
#[cfg(feature = "aws")]
async fn on_aws(shop: Embedded, config: &Config, here: &[Context]) -> Result<Embedded, StartError> {
    let shop = match &config.aws.images_bucket {
        Some(bucket) if here.contains(&Context::Catalog) => shop.images(Arc::new(pictures(config, bucket)?)),
        _ => shop,
    };
    if !config.mail.by_ses || !here.contains(&Context::Notifications) {
        return Ok(shop);
    }
    Ok(shop.mailer(Arc::new(SesMailer::new(Aws::connect(&aws(config)).await, None))))
}

#[cfg(not(feature = "aws"))]
async fn on_aws(shop: Embedded, config: &Config, _: &[Context]) -> Result<Embedded, StartError> {
    let asked = config.mail.by_ses || config.aws.images_bucket.is_some();
    std::future::ready(if asked { Err(not_built("aws")) } else { Ok(shop) }).await
}

/// What brings events from a broker to the consumers of a part, while the process serves.
pub struct Receivers {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Receivers {
    /// Those of `part`, if the settings have a broker. Needs a running tokio.
    ///
    /// # Errors
    /// As [`embedded`].
    pub async fn start(config: &Config, part: &Part) -> Result<Self, StartError> {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let consumers = part.dead_letters.boxes().to_vec();
        if let Some(broker) = Box::pin(Broker::of(config)).await?.filter(|_| !consumers.is_empty()) {
            tasks.spawn((broker.receive)(consumers, stop.clone()));
        }
        tasks.close();
        Ok(Self { stop, tasks })
    }

    /// Lets each finish what it has begun.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

#[cfg(feature = "redis")]
fn carts_in_redis(shop: Embedded, config: &Config) -> Result<Embedded, StartError> {
    Ok(shop.carts(Arc::new(RedisCarts::new(redis(config)?, Arc::new(SystemClock)))))
}

#[cfg(not(feature = "redis"))]
fn carts_in_redis(_: Embedded, _: &Config) -> Result<Embedded, StartError> {
    Err(not_built("redis"))
}

#[cfg(feature = "redis")]
pub(super) fn redis(config: &Config) -> Result<Redis, StartError> {
    let RedisConfig { url, prefix, .. } = &config.redis;
    Ok(Redis::open(url.expose(), prefix)?)
}

/// That a session ends is noted in Redis first.
#[cfg(feature = "redis")]
fn ending_in_redis(shop: Embedded, config: &Config) -> Result<Embedded, StartError> {
    let sessions = RedisSessions::new(redis(config)?);
    Ok(shop.user_stores(Box::new(move |store| Arc::new(EndingSessions::new(store, sessions)))))
}

#[cfg(not(feature = "redis"))]
fn ending_in_redis(_: Embedded, _: &Config) -> Result<Embedded, StartError> {
    Err(not_built("redis"))
}

/// With sessions that others noted in Redis, where the settings say so.
#[cfg(feature = "redis")]
pub(super) fn noted(elsewhere: Elsewhere, config: &Config) -> Result<Elsewhere, StartError> {
    if !config.auth.sessions_in_redis {
        return Ok(elsewhere);
    }
    let sessions = RedisSessions::new(redis(config)?);
    let accounts = elsewhere.accounts.map(|users| Arc::new(NotedAccounts::new(users, sessions)) as Arc<dyn Accounts>);
    Ok(Elsewhere { accounts, ..elsewhere })
}

#[cfg(not(feature = "redis"))]
pub(super) fn noted(elsewhere: Elsewhere, config: &Config) -> Result<Elsewhere, StartError> {
    if config.auth.sessions_in_redis { Err(not_built("redis")) } else { Ok(elsewhere) }
}

/// Where services say that they are.
#[cfg(feature = "redis")]
pub(super) type Register = Arc<Registry>;

/// Nothing: this build knows no register.
#[cfg(not(feature = "redis"))]
pub(super) type Register = Arc<std::convert::Infallible>;

/// The register, to be told and to be asked.
pub(super) type Registered = (Register, Arc<dyn Directory>);

/// Where services say that they are, if they do.
#[cfg(feature = "redis")]
pub(super) fn register(config: &Config) -> Result<Option<Registered>, StartError> {
    if !config.services.registry {
        return Ok(None);
    }
    let registry = Arc::new(Registry::new(redis(config)?));
    Ok(Some((Arc::clone(&registry), registry)))
}

#[cfg(not(feature = "redis"))]
pub(super) fn register(config: &Config) -> Result<Option<Registered>, StartError> {
    if config.services.registry { Err(not_built("redis")) } else { Ok(None) }
}

/// Says where a service is, until `stop`.
#[cfg(feature = "redis")]
pub(super) async fn announce(register: Register, service: String, url: String, stop: CancellationToken) {
    register.keep(&service, &url, stop).await;
}

#[cfg(not(feature = "redis"))]
pub(super) fn announce(register: Register, _: String, _: String, _: CancellationToken) -> std::future::Ready<()> {
    // Nobody has one.
    drop(register);
    std::future::ready(())
}

#[cfg(not(all(feature = "aws", feature = "mysql", feature = "redis")))]
pub(super) fn not_built(feature: &str) -> StartError {
    StartError::Settings(format!("this build knows nothing of it: build with --features {feature}"))
}

pub(super) fn policies(config: &Config) -> Policies {
    Policies {
        auth: AuthPolicy { password_min_length: config.auth.password_min_length },
        stock: StockPolicy { low_stock_threshold: config.low_stock_threshold, low_stock_quiet: config.low_stock_quiet },
        orders: OrderPolicy {
            currency: config.server.currency,
            home: config.ships_from.clone(),
            shipping: Arc::new(config.shipping.clone()),
            taxes: Arc::new(config.taxes.clone()),
            capture: config.capture,
            unpaid_max: config.unpaid_max,
        },
        mail: MailPolicy {
            shop_name: config.server.shop_name.clone(),
            from: config.mail.from.clone(),
            ops: config.mail.ops.clone(),
            shop_url: config.server.public_url.clone(),
        },
        keep: config.keep,
    }
}
