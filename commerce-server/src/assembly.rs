//! The one file of this shell that names concrete adapters: a process of the platform, put together as its
//! settings and roles say.
//!
//! Start reading at [`open`].

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
#[cfg(feature = "aws")]
use commerce_adapters::aws::{Aws, AwsSettings, bus::SnsBus, topology::Topology};
use commerce_adapters::embedded::{Embedded, Service};
use commerce_adapters::http::{self, Desk, Forwarder, Neighbour, Neighbours, Net, ServiceKey, Source};
use commerce_adapters::payments::sandbox::Sandbox;
#[cfg(any(feature = "redis", feature = "aws"))]
use commerce_adapters::receive::Pauses;
#[cfg(feature = "redis")]
use commerce_adapters::redis::{Redis, carts::RedisCarts, streams, streams::Durability};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::catalog::StockPolicy;
use commerce_core::commerce::{Context, Policies};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::EventBus;
#[cfg(feature = "redis")]
use commerce_core::events::Queue;
use commerce_core::events::desk::LetterBox;
use commerce_core::notifications::MailPolicy;
use commerce_core::orders::OrderPolicy;
use commerce_core::part::Here;
use commerce_core::users::AuthPolicy;
use commerce_core::{Clock, Part};
#[cfg(any(feature = "redis", feature = "aws"))]
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
#[cfg(feature = "aws")]
use crate::config::AwsConfig;
#[cfg(feature = "redis")]
use crate::config::RedisConfig;
use crate::config::{Config, EventBusKind};
use crate::listener::{Shutdown, Site, listen, serve};
use crate::roles::Roles;
use crate::ways::{Doorman, Peer, Unforwarded, Upstream, Ways};

/// How long a service serves on after it was asked to stop: four looks of whoever spreads requests.
const NOTICE: Duration = Duration::from_secs(2);
/// Characters that the secret of the services must have: 128 bits in hexadecimal digits.
const SECRET_MIN: usize = 32;

/// Why a process could not start, or went down.
#[derive(Debug)]
pub enum StartError {
    /// The settings do not do for its roles.
    Settings(String),
    /// A database could not be opened or closed.
    Store(StoreError),
    /// An address could not be listened at.
    Listen(SocketAddr, io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(message) => f.write_str(message),
            Self::Store(error) => error.fmt(f),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StoreError> for StartError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The contexts of one data directory as the settings say, about to be opened. Needs a running tokio.
///
/// # Errors
/// When the settings ask for what this build or they themselves do not have.
pub async fn embedded(config: &Config) -> Result<Embedded, StartError> {
    let shop = Embedded::at(&config.data_dir).policies(policies(config));
    let shop = shop.audit_at(config.telemetry.audit_at);
    let shop = shop.sandbox_webhook_secret(config.sandbox_webhook_secret.expose());
    let shop = if config.search_enabled { shop } else { shop.without_index() };
    let shop = if config.carts_in_redis { carts_in_redis(shop, config)? } else { shop };
    Ok(match Box::pin(Broker::of(config)).await? {
        Some(broker) => shop.bus(broker.bus),
        None => shop,
    })
}

/// A broker between the contexts.
struct Broker {
    bus: Arc<dyn EventBus>,
    receive: Box<dyn FnOnce(Vec<LetterBox>, CancellationToken) -> BoxFuture<'static, ()> + Send>,
}

impl Broker {
    /// The one that the settings ask for.
    async fn of(config: &Config) -> Result<Option<Self>, StartError> {
        match config.events {
            EventBusKind::Local => Ok(None),
            EventBusKind::Redis => on_redis(config).map(Some),
            EventBusKind::Sqs => on_aws(config).await.map(Some),
        }
    }
}

#[cfg(feature = "redis")]
fn on_redis(config: &Config) -> Result<Broker, StartError> {
    let durability = if config.redis.durable { Durability::Vouched } else { Durability::Asked };
    let bus = streams::StreamBus::new(redis(config)?, Queue::all(), durability);
    let queues = bus.clone();
    let receive = move |consumers, stop| {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        async move { queues.receiver(consumers, &clock, Pauses::default()).run(stop).await }.boxed()
    };
    Ok(Broker { bus: Arc::new(bus), receive: Box::new(receive) })
}

#[cfg(not(feature = "redis"))]
fn on_redis(_: &Config) -> Result<Broker, StartError> {
    Err(not_built("redis"))
}

#[cfg(feature = "aws")]
async fn on_aws(config: &Config) -> Result<Broker, StartError> {
    let AwsConfig { region, endpoint, prefix, fifo } = config.aws.clone();
    let aws = Aws::connect(&AwsSettings { region, endpoint, key: None }).await;
    let bus = SnsBus::new(aws, Topology { fifo, ..Topology::standard(&prefix) });
    let queues = bus.clone();
    let receive = move |consumers, stop| async move { queues.receiver(consumers, Pauses::default()).run(stop).await }.boxed();
    Ok(Broker { bus: Arc::new(bus), receive: Box::new(receive) })
}

#[cfg(not(feature = "aws"))]
async fn on_aws(_: &Config) -> Result<Broker, StartError> {
    std::future::ready(Err(not_built("aws"))).await
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
fn redis(config: &Config) -> Result<Redis, StartError> {
    let RedisConfig { url, prefix, .. } = &config.redis;
    if url.expose().is_empty() {
        return Err(StartError::Settings("redis.url must say where Redis is".to_owned()));
    }
    Ok(Redis::open(url.expose(), prefix)?)
}

#[cfg(not(all(feature = "redis", feature = "aws")))]
fn not_built(feature: &str) -> StartError {
    StartError::Settings(format!("this build knows nothing of it: build with --features {feature}"))
}

fn policies(config: &Config) -> Policies {
    Policies {
        auth: AuthPolicy { password_min_length: config.auth.password_min_length },
        stock: StockPolicy { low_stock_threshold: config.low_stock_threshold },
        orders: OrderPolicy { currency: config.server.currency, shipping: config.shipping.clone() },
        mail: MailPolicy {
            shop_name: config.server.shop_name.clone(),
            from: config.mail.from.clone(),
            ops: config.mail.ops.clone(),
            shop_url: config.server.public_url.clone(),
        },
    }
}

/// A process of the platform that listens and is about to serve.
pub struct Process {
    public: (TcpListener, Site),
    internal: Option<(TcpListener, Site)>,
    service: Option<Service>,
    receivers: Receivers,
    neighbours: Neighbours,
}

/// Opens what these roles need and listens. Needs a running tokio.
///
/// # Errors
/// See [`StartError`].
pub async fn open(config: Config, roles: &Roles) -> Result<Process, StartError> {
    let key = key(&config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let net = Net::new(roles.name(), key.clone(), Arc::clone(&clock));
    let sources = |places: &BTreeMap<Context, Vec<String>>, context: Context| -> Result<Vec<Source>, StartError> {
        let places = places.get(&context).into_iter().flatten();
        places.map(|place| place.parse().map_err(|why| StartError::Settings(format!("services.{context} {why}")))).collect()
    };
    let mut internal = BTreeMap::new();
    for context in roles.elsewhere() {
        internal.insert(context, sources(&config.services.internal, context)?);
    }
    let neighbours = Neighbours::new(net, internal);

    let listen_at = if config.is_default("server.listen") { roles.listen() } else { config.server.listen };
    let internal_at = config.server.internal_listen.or_else(|| roles.internal_listen(listen_at));
    let unheard = |address| move |error| StartError::Listen(address, error);
    let listener = listen(listen_at).map_err(unheard(listen_at))?;
    // Clients speak to the gateway; where that is, a service knows only from its settings.
    let reached = if roles.gateway() { listener.local_addr().map_err(unheard(listen_at))? } else { Roles::default().listen() };
    let config = config.reached_at(reached);

    let here: Vec<Context> = roles.contexts().collect();
    let service = if here.is_empty() { None } else { Some(part_of(&config, &here, &neighbours).await?) };
    let part = match &service {
        Some(service) => service.part().clone(),
        None => empty(&config, &neighbours, &clock)?,
    };
    let receivers = Receivers::start(&config, &part).await?;
    let door = Door { key: key.clone(), clock: Arc::clone(&clock), here: here.clone() };
    let mut ways = Ways { doorman: Some(Arc::new(door)), ..Ways::default() };
    let connections_max = config.server.connections_max;
    let app = if roles.gateway() {
        for context in roles.elsewhere() {
            let forwarder = neighbours.forwarder(context, sources(&config.services.public, context)?);
            ways.upstreams.insert(context, Arc::new(There(forwarder)));
        }
        App::facing_clients(part.clone(), ways, Sandbox::NAME, config)
    } else {
        let needed = needed(&here).filter(|context| !here.contains(context));
        let peer = |context| Some((context, Arc::new(neighbours.neighbour(context)?) as Arc<dyn Peer>));
        ways.peers = needed.filter_map(peer).collect();
        App::behind_gateway(part.clone(), ways, config)
    };
    let notice = if roles.gateway() { Duration::ZERO } else { NOTICE };
    let stopping = app.shared().stopping().clone();
    let internal = match internal_at.filter(|_| !here.is_empty()) {
        Some(address) => {
            let tasks = TaskTracker::new();
            let desk = Desk::new(part, key, clock, stopping.clone());
            let router = answering(desk, &tasks);
            let listener = listen(address).map_err(unheard(address))?;
            Some((listener, Site { router, tasks, stopping, connections_max, notice }))
        }
        None => None,
    };
    Ok(Process { public: (listener, Site { notice, ..app.into() }), internal, service, receivers, neighbours })
}

impl Process {
    /// Where clients are answered.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.public.0.local_addr()
    }

    /// Where other services are answered, if any context lives here.
    pub fn internal_address(&self) -> Option<SocketAddr> {
        self.internal.as_ref().and_then(|(listener, _)| listener.local_addr().ok())
    }

    /// Serves until asked to stop, then finishes what is open and closes.
    ///
    /// # Errors
    /// When a database does not close cleanly; nothing is lost.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), StartError> {
        let Self { public, internal, service, receivers, neighbours } = self;
        let internal = internal.map(|(listener, site)| serve(listener, site, shutdown.clone()));
        let (listener, site) = public;
        let (public, internal) = tokio::join!(serve(listener, site, shutdown), async {
            match internal {
                Some(internal) => internal.await,
                None => Ok(()),
            }
        });
        let served = public.and(internal);
        receivers.stop().await;
        if let Some(service) = service {
            service.close().await?;
        }
        neighbours.stop().await;
        served.map_err(|error| StartError::Store(StoreError::unavailable("serve", error)))
    }
}

fn key(config: &Config) -> Result<ServiceKey, StartError> {
    let secret = config.services.secret.expose();
    if secret.len() < SECRET_MIN {
        let message = "services.secret must be the same 32 or more characters for every process of the shop \
                       (or services.secret_file the path of a file with them)";
        return Err(StartError::Settings(message.to_owned()));
    }
    Ok(ServiceKey::new(secret))
}

/// The contexts that live here, over their own databases, with ways to the others.
async fn part_of(config: &Config, here: &[Context], neighbours: &Neighbours) -> Result<Service, StartError> {
    let shop = embedded(config).await?.elsewhere(neighbours.elsewhere());
    let shop = neighbours.buses().into_iter().fold(shop, Embedded::also_to);
    Ok(shop.open_part(here).await?)
}

/// No context at all: a gateway knows who asks, and nothing else.
fn empty(config: &Config, neighbours: &Neighbours, clock: &Arc<dyn Clock>) -> Result<Part, StoreError> {
    let (clock, entropy) = (Arc::clone(clock), Arc::new(OsEntropy));
    let here = Here { clock, entropy, users: None, catalog: None, orders: None, notifications: None };
    let part = Part::new(here, neighbours.elsewhere(), policies(config));
    part.map_err(|missing| StoreError::new(StoreErrorKind::Internal, "shop.open", missing))
}

/// What the routes of these contexts ask of others. That users know who asks goes without saying.
fn needed(here: &[Context]) -> impl Iterator<Item = Context> {
    let catalog = here.contains(&Context::Orders).then_some(Context::Catalog);
    [Context::Users].into_iter().chain(catalog)
}

/// What other services ask, each call in a task of its own, which a dropped connection does not cancel.
fn answering(desk: Desk, tasks: &TaskTracker) -> Router {
    let (desk, tasks) = (Arc::new(desk), tasks.clone());
    Router::new().fallback(move |request: Request| {
        let desk = Arc::clone(&desk);
        let answered = tasks.spawn(async move { desk.answer(request).await });
        async move {
            match answered.await {
                Ok(response) => response.into_response(),
                Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            }
        }
    })
}

/// Services of this shop that requests are brought to.
struct There(Forwarder<Body>);

#[async_trait]
impl Peer for There {
    async fn is_ready(&self) -> bool {
        self.0.is_ready().await
    }
}

#[async_trait]
impl Upstream for There {
    fn pass(&self, client: &str) -> HeaderValue {
        self.0.pass(client)
    }

    async fn forward(&self, request: Request) -> Result<Response, Unforwarded> {
        match self.0.forward(request).await {
            Ok(response) => Ok(response.map(Body::new)),
            Err(http::Unforwarded::Body(error)) => Err(Unforwarded::Body(innermost(error))),
            Err(http::Unforwarded::Unsent(error)) => Err(Unforwarded::Unsent(error)),
            Err(http::Unforwarded::Lost(error)) => Err(Unforwarded::Lost(error)),
        }
    }
}

/// What a body's error is about, out of the boxes that bodies are wrapped in.
fn innermost(error: http::BodyError) -> http::BodyError {
    match error.downcast::<axum::Error>() {
        Ok(wrapped) => wrapped.into_inner(),
        Err(error) => error,
    }
}

#[async_trait]
impl Peer for Neighbour {
    async fn is_ready(&self) -> bool {
        Self::is_ready(self).await
    }
}

/// Knows the passes of this shop's gateways to the contexts that live here.
struct Door {
    key: ServiceKey,
    clock: Arc<dyn Clock>,
    here: Vec<Context>,
}

impl Doorman for Door {
    fn knows(&self, pass: &str, client: &str) -> bool {
        let now = self.clock.now();
        self.here.iter().any(|context| self.key.check(pass, context.as_str(), now, &http::pass_for(client)).is_ok())
    }
}
