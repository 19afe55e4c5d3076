//! The one room of this shell that names concrete adapters: a process of the platform, put together as its
//! settings and roles say.
//!
//! Start reading at [`open`]; `choices` has what the settings choose among, `beside` the servers that are only asked
//! whether they are there.

mod beside;
mod choices;

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
use commerce_adapters::embedded::{Embedded, Service};
use commerce_adapters::http::{self, Desk, Forwarder, Neighbour, Neighbours, Net, ServiceKey, Source, Tls};
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_adapters::watch::{BreakerState, Watch, Watched};
use commerce_core::commerce::Context;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::part::Here;
use commerce_core::users::Users;
use commerce_core::{Clock, Part};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::choices::{Register, announce, noted, policies, register};
use crate::app::App;
use crate::config::{Config, TlsFiles};
use crate::listener::{FAREWELL, Shutdown, Site, listen, serve};
use crate::roles::Roles;
use crate::ways::{BREAKER_STATES, BreakerFigure, Breakers, Doorman, Peer, Unforwarded, Upstream, Ways};

pub use self::beside::beside;
pub use self::choices::{Receivers, embedded, place};
#[cfg(feature = "aws")]
pub use self::choices::{aws, topology};

/// How long a service serves on after it was asked to stop: four looks of whoever spreads requests.
const NOTICE: Duration = Duration::from_secs(2);
/// Characters that the secret of the services must have: 128 bits in hexadecimal digits.
const SECRET_MIN: usize = 32;
/// What a service's internal listener is called in the register, after the context's name.
const INTERNAL: &str = "-internal";

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

/// A process of the platform that listens and is about to serve.
pub struct Process {
    public: (TcpListener, Site),
    internal: Option<(TcpListener, Site)>,
    service: Option<Service>,
    receivers: Receivers,
    neighbours: Neighbours,
    listening: Listening,
}

/// Who is to be told where this process listens.
struct Listening {
    register: Option<Register>,
    advertise: Option<String>,
    scheme: &'static str,
    contexts: Vec<Context>,
}

impl Listening {
    /// Says of each context that it is at this address, until `stop`.
    fn announce(&self, end: &str, address: SocketAddr, stop: &CancellationToken, tasks: &TaskTracker) {
        let Some(register) = &self.register else { return };
        let url = match &self.advertise {
            Some(host) => format!("{}://{host}:{}", self.scheme, address.port()),
            None => format!("{}://{address}", self.scheme),
        };
        for context in &self.contexts {
            let register = Register::clone(register);
            tasks.spawn(announce(register, format!("{context}{end}"), url.clone(), stop.clone()));
        }
    }
}

/// Opens what these roles need and listens. Needs a running tokio.
///
/// # Errors
/// See [`StartError`].
pub async fn open(config: Config, roles: &Roles) -> Result<Process, StartError> {
    let key = key(&config)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let tls = config.services.tls.as_ref().map(shown).transpose()?;
    let net = Net::new(roles.name(), key.clone(), Arc::clone(&clock), tls.clone());
    let register = register(&config)?;
    let sources = |places: &BTreeMap<Context, Vec<String>>, context: Context, end: &str| -> Result<Vec<Source>, StartError> {
        if let Some((_, directory)) = &register {
            return Ok(vec![Source::registered(directory, &format!("{context}{end}"))]);
        }
        let places: Vec<&String> = places.get(&context).into_iter().flatten().collect();
        if tls.is_none() && places.iter().any(|place| place.contains("https://")) {
            let message = "services are to be spoken to over TLS, but services.tls_certificate is not set";
            return Err(StartError::Settings(message.to_owned()));
        }
        places
            .into_iter()
            .map(|place| place.parse().map_err(|why| StartError::Settings(format!("services.{context} {why}"))))
            .collect()
    };
    let mut internal = BTreeMap::new();
    for context in roles.elsewhere() {
        internal.insert(context, sources(&config.services.internal, context, INTERNAL)?);
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
    let mut ways = Ways { doorman: Some(Arc::new(door)), ..beside(&config, &here).await? };
    ways.breakers.extend(breakers(&neighbours.watches()));
    ways.breakers.extend(service.iter().flat_map(|service| breakers(service.watches())));
    let advertise = config.services.advertise.clone();
    let connections_max = config.server.connections_max;
    let app = if roles.gateway() {
        for context in roles.elsewhere() {
            let forwarder = neighbours.forwarder(context, sources(&config.services.public, context, "")?);
            ways.breakers.extend(breakers(&[forwarder.watch()]));
            ways.upstreams.insert(context, Arc::new(There(forwarder)));
        }
        // The orders' process has the providers; which one takes cards, the settings of all of them say alike.
        let cards = match (&config.stripe, &config.razorpay) {
            (Some(_), _) => "stripe",
            (None, Some(_)) => "razorpay",
            (None, None) => Sandbox::NAME,
        };
        App::facing_clients(part.clone(), ways, cards, config)
    } else {
        let needed = needed(&here).filter(|context| !here.contains(context));
        let peer = |context| Some((context, Arc::new(neighbours.neighbour(context)?) as Arc<dyn Peer>));
        ways.peers = needed.filter_map(peer).collect();
        App::behind_gateway(part.clone(), ways, config)
    };
    let notice = if roles.gateway() { FAREWELL } else { NOTICE };
    let stopping = app.shared().stopping().clone();
    let internal = match internal_at.filter(|_| !here.is_empty()) {
        Some(address) => {
            let tasks = TaskTracker::new();
            let desk = Desk::new(part, key, clock, stopping.clone());
            let router = answering(desk, &tasks);
            let listener = listen(address).map_err(unheard(address))?;
            let tls = tls.as_ref().map(|tls| TlsAcceptor::from(tls.inside()));
            Some((listener, Site { router, tasks, stopping, connections_max, notice, tls }))
        }
        None => None,
    };
    let scheme = if tls.is_some() { "https" } else { "http" };
    let listening = Listening { register: register.map(|(register, _)| register), advertise, scheme, contexts: here };
    // What clients speak to has certificates of the world's in front of it, and none of the shop's own.
    let tls = tls.filter(|_| !roles.gateway()).map(|tls| TlsAcceptor::from(tls.outside()));
    let public = (listener, Site { notice, tls, ..app.into() });
    Ok(Process { public, internal, service, receivers, neighbours, listening })
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

    /// Who may log in, where that is kept here.
    #[must_use]
    pub fn users(&self) -> Option<&Users> {
        self.service.as_ref()?.part().users.as_ref()
    }

    /// What others of the shop speak to it: `https` where it shows a certificate.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        self.listening.scheme
    }

    /// Serves until asked to stop, then finishes what is open and closes.
    ///
    /// # Errors
    /// When a database does not close cleanly; nothing is lost.
    pub async fn serve(self, shutdown: Shutdown) -> Result<(), StartError> {
        let (address, internal_address) = (self.address(), self.internal_address());
        let Self { public, internal, service, receivers, neighbours, listening } = self;
        let announced = TaskTracker::new();
        if let Ok(address) = address {
            listening.announce("", address, &public.1.stopping, &announced);
        }
        if let Some(address) = internal_address {
            listening.announce(INTERNAL, address, &public.1.stopping, &announced);
        }
        announced.close();
        let internal = internal.map(|(listener, site)| serve(listener, site, shutdown.clone()));
        let (listener, site) = public;
        let (public, internal) = tokio::join!(serve(listener, site, shutdown), async {
            match internal {
                Some(internal) => internal.await,
                None => Ok(()),
            }
        });
        let served = public.and(internal);
        announced.wait().await;
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

/// What this process shows of itself.
fn shown(files: &TlsFiles) -> Result<Tls, StartError> {
    let TlsFiles { certificate, key, authority } = files;
    if [certificate, key, authority].iter().any(|file| file.as_os_str().is_empty()) {
        let message = "services.tls_certificate, services.tls_key and services.tls_authority belong together";
        return Err(StartError::Settings(message.to_owned()));
    }
    Tls::read(certificate, key, authority).map_err(|fault| StartError::Settings(format!("services.tls: {fault}")))
}

/// The contexts that live here, over their own databases, with ways to the others.
async fn part_of(config: &Config, here: &[Context], neighbours: &Neighbours) -> Result<Service, StartError> {
    let shop = embedded(config, here).await?.elsewhere(noted(neighbours.elsewhere(), config)?);
    let shop = neighbours.buses().into_iter().fold(shop, Embedded::also_to);
    Ok(shop.open_part(here).await?)
}

/// No context at all: a gateway knows who asks, and nothing else.
fn empty(config: &Config, neighbours: &Neighbours, clock: &Arc<dyn Clock>) -> Result<Part, StartError> {
    let (clock, entropy) = (Arc::clone(clock), Arc::new(OsEntropy));
    let here = Here { clock, entropy, users: None, catalog: None, orders: None, notifications: None };
    let part = Part::new(here, noted(neighbours.elsewhere(), config)?, policies(config));
    part.map_err(|missing| StartError::Store(StoreError::new(StoreErrorKind::Internal, "shop.open", missing)))
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

/// The breakers of adapters, as the shell shows them.
#[must_use]
pub fn breakers(watches: &[Arc<dyn Watch>]) -> Vec<Arc<dyn Breakers>> {
    watches.iter().map(|watch| Arc::new(Seen(Arc::clone(watch))) as Arc<dyn Breakers>).collect()
}

struct Seen(Arc<dyn Watch>);

impl Breakers for Seen {
    fn figures(&self) -> Vec<BreakerFigure> {
        let figure = |Watched { kind, name, at, state }| {
            let [closed, half_open, open] = BREAKER_STATES;
            let state = match state {
                BreakerState::Closed => closed,
                BreakerState::HalfOpen => half_open,
                BreakerState::Open => open,
            };
            BreakerFigure { kind, name, at, state }
        };
        self.0.watched().into_iter().map(figure).collect()
    }
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
