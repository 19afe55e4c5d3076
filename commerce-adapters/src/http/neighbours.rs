//! The other services of the shop, as a process is told where they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use commerce_core::commerce::Context;
use commerce_core::events::{EventBus, EventKind};
use commerce_core::part::Elsewhere;
use commerce_core::users::Records;
use http::uri::PathAndQuery;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::call::{LOOK_WITHIN, Net};
use super::catalog::RemoteCatalog;
use super::events::RemoteBus;
use super::forward::{BodyError, Forwarder};
use super::orders::{RemoteHolds, RemotePurchases};
use super::records::RemoteRecords;
use super::source::Source;
use super::target::{Lookout, Target};
use super::users::RemoteUsers;
use crate::watch::Watch;

/// What tells whether an instance serves other services.
const INTERNAL_HEALTH: &str = "/internal/health";
/// What tells whether an instance takes clients' requests.
const ACCEPTING: &str = "/health/accepting";

/// Contexts that live elsewhere, and the tasks that keep an eye on them until the process stops.
pub struct Neighbours {
    net: Net,
    targets: BTreeMap<Context, Arc<Target>>,
    users: Option<RemoteUsers>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Neighbours {
    /// Those whose internal listeners are at these places. Needs a running tokio.
    pub fn new(net: Net, internal: BTreeMap<Context, Vec<Source>>) -> Self {
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let targets: BTreeMap<Context, Arc<Target>> =
            internal.into_iter().map(|(context, sources)| (context, Arc::new(Target::new(context, sources)))).collect();
        let users = targets.get(&Context::Users).map(|target| RemoteUsers::new(&net, target));
        let all = Self { net, targets, users, stop, tasks };
        for target in all.targets.values() {
            all.watch(target, INTERNAL_HEALTH);
        }
        if let Some(users) = all.users.clone() {
            all.tasks.spawn(users.follow_keys(all.stop.clone()));
        }
        all
    }

    /// The ports to them.
    #[must_use]
    pub fn elsewhere(&self) -> Elsewhere {
        let target = |context| self.targets.get(&context);
        let users = || self.users.clone().map(Arc::new);
        Elsewhere {
            accounts: users().map(|users| users as _),
            customers: users().map(|users| users as _),
            contacts: users().map(|users| users as _),
            catalog: target(Context::Catalog).map(|target| Arc::new(RemoteCatalog::new(&self.net, target)) as _),
            holds: target(Context::Orders).map(|target| Arc::new(RemoteHolds::new(&self.net, target)) as _),
            sellers: target(Context::Catalog).map(|target| Arc::new(RemoteCatalog::new(&self.net, target)) as _),
            records: self.records(),
            purchases: target(Context::Orders).map(|target| Arc::new(RemotePurchases::new(&self.net, target)) as _),
        }
    }

    fn records(&self) -> Vec<(Context, Arc<dyn Records>)> {
        let keeps = |(context, target): (&Context, &Arc<Target>)| {
            let records = RemoteRecords::new(&self.net, target, *context);
            (*context, Arc::new(records) as Arc<dyn Records>)
        };
        self.targets.iter().filter(|(context, _)| **context != Context::Users).map(keeps).collect()
    }

    /// Ways for events to those of them that consume any.
    #[must_use]
    pub fn buses(&self) -> Vec<Arc<dyn EventBus>> {
        let bus = |(context, target): (&Context, &Arc<Target>)| {
            // Users hear of staff alone, and nobody else does: a customer's order costs them no call and waits for none of them.
            let wants: fn(EventKind) -> bool = match context {
                Context::Users => EventKind::is_internal,
                Context::Catalog | Context::Orders | Context::Notifications => |kind| !kind.is_internal(),
            };
            Arc::new(RemoteBus::new(&self.net, target, wants)) as Arc<dyn EventBus>
        };
        self.targets.iter().map(bus).collect()
    }

    /// Brings clients' requests to a service whose public listeners are at these places.
    pub fn forwarder<B>(&self, context: Context, public: Vec<Source>) -> Forwarder<B>
    where
        B: hyper::body::Body<Data = bytes::Bytes> + Send + Unpin + 'static,
        B::Error: Into<BodyError>,
    {
        let target = Arc::new(Target::new(context, public));
        self.watch(&target, ACCEPTING);
        Forwarder::new(&self.net, &target)
    }

    /// The breakers before each of them.
    #[must_use]
    pub fn watches(&self) -> Vec<Arc<dyn Watch>> {
        let watch = |target: &Arc<Target>| Arc::new(Lookout { kind: "call", target: Arc::clone(target) }) as Arc<dyn Watch>;
        self.targets.values().map(watch).collect()
    }

    /// One of them, to be asked whether it serves.
    #[must_use]
    pub fn neighbour(&self, context: Context) -> Option<Neighbour> {
        self.targets.get(&context).map(|target| Neighbour { net: self.net.clone(), target: Arc::clone(target) })
    }

    /// Stops keeping an eye on them.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn watch(&self, target: &Arc<Target>, path: &'static str) {
        let (net, target, stop) = (self.net.clone(), Arc::clone(target), self.stop.clone());
        let service = target.name();
        self.tasks.spawn(async move {
            let look = |at| {
                let net = net.clone();
                async move { net.look(service, at, PathAndQuery::from_static(path), LOOK_WITHIN).await }
            };
            target.watch(look, stop).await;
        });
    }
}

/// One other service.
#[derive(Clone)]
pub struct Neighbour {
    net: Net,
    target: Arc<Target>,
}

impl Neighbour {
    /// Whether it serves, by its own word.
    pub async fn is_ready(&self) -> bool {
        self.target.is_ready(&self.net, PathAndQuery::from_static(INTERNAL_HEALTH)).await
    }
}
