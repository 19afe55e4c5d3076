//! A whole shop in memory: the real rules over the reference adapters.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::audit::ShopBooks;
use crate::commerce::{Commerce, Context, Policies, Ports};
use crate::events::{DeadLetters, EventBus};
use crate::orders::PaymentGateway;
use crate::time::{Clock, Timestamp};

use super::memory::{
    MemoryBus, MemoryCatalog, MemoryImages, MemoryNotifications, MemoryOrders, MemorySearch, MemoryUsers, PlainHasher,
    PlainRenderer, PlainTokens, RecordingCaller, RecordingMailer, ScriptedGateway,
};
use super::{ManualClock, SeededEntropy};

/// A shop in memory, with its adapters at hand to look into and its clock to set.
pub struct MemoryShop {
    commerce: Commerce,
    /// Stands still until it is moved.
    pub clock: Arc<ManualClock>,
    /// Its users' database.
    pub users_db: Arc<MemoryUsers>,
    /// Its catalog's database.
    pub catalog_db: Arc<MemoryCatalog>,
    /// Its orders' and carts' database.
    pub orders_db: Arc<MemoryOrders>,
    /// Its notifications' database.
    pub notifications_db: Arc<MemoryNotifications>,
    /// The payment provider and its books.
    pub gateway: Arc<ScriptedGateway>,
    /// Every mail that was handed over.
    pub mailer: Arc<RecordingMailer>,
    /// Every call of another system's endpoint.
    pub webhooks: Arc<RecordingCaller>,
}

impl MemoryShop {
    /// An empty shop that opens on 2026-03-01 with randomness from `seed`, the order in which callers at
    /// the same time meet included.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_policies(seed, Policies::default())
    }

    /// The same, deciding by these policies.
    #[must_use]
    pub fn with_policies(seed: u64, policies: Policies) -> Self {
        Self::with_gateways(seed, policies, Vec::new())
    }

    /// The same with these payment providers before the one in memory.
    #[must_use]
    pub fn with_gateways(seed: u64, policies: Policies, mut gateways: Vec<Arc<dyn PaymentGateway>>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let time: Arc<dyn Clock> = clock.clone();
        let users = Arc::new(MemoryUsers::new(Arc::clone(&time)).with_turns(seed));
        let catalog = Arc::new(MemoryCatalog::new(Arc::clone(&time)).with_turns(seed));
        let orders = Arc::new(MemoryOrders::new(Arc::clone(&time)).with_turns(seed));
        let notifications = Arc::new(MemoryNotifications::new(Arc::clone(&time)).with_turns(seed));
        let (gateway, mailer) = (Arc::new(ScriptedGateway::new()), Arc::new(RecordingMailer::new()));
        let webhooks = Arc::new(RecordingCaller::new());
        let ports = Ports {
            clock: Arc::clone(&time),
            entropy: Arc::new(SeededEntropy::new(seed)),
            users: users.clone(),
            passwords: Arc::new(PlainHasher),
            tokens: Arc::new(PlainTokens::new("testing")),
            catalog: catalog.clone(),
            search: Arc::new(MemorySearch::new()),
            images: Arc::new(MemoryImages::new()),
            orders: orders.clone(),
            carts: orders.clone(),
            gateways: {
                gateways.push(gateway.clone());
                gateways
            },
            notifications: notifications.clone(),
            renderer: Arc::new(PlainRenderer),
            mailer: mailer.clone(),
            webhooks: webhooks.clone(),
            books: ShopBooks {
                users: users.clone(),
                catalog: catalog.clone(),
                orders: orders.clone(),
                notifications: notifications.clone(),
            },
        };
        let shop = Commerce::new(ports, policies);
        let bus = Arc::new(MemoryBus::new(time));
        let letters: [(Context, Arc<dyn DeadLetters>); 4] = [
            (Context::Users, users.clone()),
            (Context::Catalog, catalog.clone()),
            (Context::Orders, orders.clone()),
            (Context::Notifications, notifications.clone()),
        ];
        for (context, consumer) in shop.consumers() {
            for (_, letters) in letters.iter().filter(|(owner, _)| *owner == context) {
                bus.subscribe(Arc::clone(&consumer), Arc::clone(letters));
            }
        }
        let bus: Arc<dyn EventBus> = bus;
        let commerce = shop.with_dead_letters(&letters).with_bus(
            &bus,
            vec![
                (Context::Users, users.clone()),
                (Context::Catalog, catalog.clone()),
                (Context::Orders, orders.clone()),
                (Context::Notifications, notifications.clone()),
            ],
        );
        Self {
            commerce,
            clock,
            users_db: users,
            catalog_db: catalog,
            orders_db: orders,
            notifications_db: notifications,
            gateway,
            mailer,
            webhooks,
        }
    }

    /// Lets time pass.
    pub fn wait(&self, span: Duration) {
        self.clock.advance(span);
    }
}

impl Deref for MemoryShop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.commerce
    }
}
