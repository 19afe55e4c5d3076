//! The house of a world: stores that last, and nodes that run the shop over them and die.
//!
//! A node is a whole [`Commerce`] of its own over the shared stores, every port of it [`Faulty`].
//! Clients reach it through [`House::ask`], which loses the request when the node dies under it.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use uuid::Uuid;

use super::goods::{LOW_AT, LOW_QUIET};
use super::ground::{Ground, SkewedClock, Weather};
use super::scheduler::NodeId;
use super::situations::Situation;
use super::world::Setup;
use crate::audit::ShopBooks;
use crate::catalog::{CatalogStore, ImageStore, ProductSearch, StockPolicy};
use crate::commerce::{Commerce, Context, Policies, Ports, Work};
use crate::error::Outcome;
use crate::events::{DeadLetters, EventBus, Leases, Outbox};
use crate::ids::Entropy;
use crate::notifications::{Mailer, NotificationStore};
use crate::orders::{
    Capture, CartStore, GstState, OrderPolicy, OrderStore, PaymentGateway, TaxRate, TaxRule, TaxScope, TaxTable,
};
use crate::testing::SeededEntropy;
use crate::testing::fault::{Faults, Faulty};
use crate::testing::memory::{
    Journal, MemoryBus, MemoryCatalog, MemoryImages, MemoryNotifications, MemoryOrders, MemorySearch, MemoryUsers, PlainHasher,
    PlainRenderer, PlainTokens, RecordingCaller, RecordingMailer,
};
use crate::time::Clock;
use crate::users::{PasswordHasher, UserStore};

/// How long a client waits for an answer: longer than a slow call, shorter than a hanging one.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a dead node stays dead.
const DEAD_FOR: Duration = Duration::from_secs(5);

/// What lasts.
pub struct Stores {
    /// Users.
    pub users: Arc<MemoryUsers>,
    /// Products and stock.
    pub catalog: Arc<MemoryCatalog>,
    /// Orders and carts.
    pub orders: Arc<MemoryOrders>,
    /// Notifications.
    pub notifications: Arc<MemoryNotifications>,
    /// Mails that were handed over.
    pub mailer: Arc<RecordingMailer>,
    /// Calls of other systems' endpoints.
    pub webhooks: Arc<RecordingCaller>,
    images: Arc<MemoryImages>,
    entropy: Arc<SeededEntropy>,
}

impl Stores {
    /// Empty ones, which write into the journal if there is one.
    fn open(ground: &Arc<Ground>, seed: u64, journal: Option<&Journal>) -> Self {
        let time: Arc<dyn Clock> = Arc::new(SkewedClock::new(Arc::clone(ground), 0));
        let mut users = MemoryUsers::new(Arc::clone(&time)).without_turns();
        let mut catalog = MemoryCatalog::new(Arc::clone(&time)).without_turns();
        let mut orders = MemoryOrders::new(Arc::clone(&time)).without_turns();
        let mut notifications = MemoryNotifications::new(time).without_turns();
        if let Some(journal) = journal {
            users = users.recording(journal.clone());
            catalog = catalog.recording(journal.clone());
            orders = orders.recording(journal.clone());
            notifications = notifications.recording(journal.clone());
        }
        Self {
            users: Arc::new(users),
            catalog: Arc::new(catalog),
            orders: Arc::new(orders),
            notifications: Arc::new(notifications),
            mailer: Arc::new(RecordingMailer::new()),
            webhooks: Arc::new(RecordingCaller::new()),
            images: Arc::new(MemoryImages::new()),
            entropy: Arc::new(SeededEntropy::new(seed)),
        }
    }
}

/// One process over the stores.
struct Node {
    clock: Arc<SkewedClock>,
    shop: Mutex<Option<Commerce>>,
}

/// Stores and nodes of one world.
pub struct House {
    /// What they stand on.
    pub ground: Arc<Ground>,
    /// What lasts.
    pub stores: Stores,
    nodes: Vec<Node>,
    /// How the workers work; none when nobody works by himself.
    pub shifts: Option<Shifts>,
    /// When promised money is taken.
    pub capture: Capture,
    /// Orders of one buyer that may wait for their money at once.
    pub unpaid_max: u32,
}

/// How a node's workers work.
#[derive(Clone, Copy, Debug)]
pub struct Shifts {
    /// Their pauses, in microseconds, least and most.
    pub pauses: (u64, u64),
    /// How long a lease holds under which they work, in microseconds; none where they work without.
    pub lease: Option<u64>,
}

/// What a client hears.
#[derive(Debug)]
pub enum Heard<T> {
    /// An answer.
    Answer(Outcome<T>),
    /// Nothing, and the request is dead.
    Lost,
    /// Nothing in time; the request may still be alive.
    Nothing,
}

impl House {
    /// With its nodes.
    #[must_use]
    pub fn build(ground: &Arc<Ground>, setup: &Setup) -> Arc<Self> {
        let stores = Stores::open(ground, setup.seed, setup.journal.as_ref());
        let node = |ahead: &i64| Node { clock: Arc::new(SkewedClock::new(Arc::clone(ground), *ahead)), shop: Mutex::new(None) };
        let nodes = setup.skews.iter().map(node).collect();
        let (shifts, capture, unpaid_max) = (setup.shifts, setup.capture, setup.unpaid_max);
        let house = Arc::new(Self { ground: Arc::clone(ground), stores, nodes, shifts, capture, unpaid_max });
        house.ground.books().unpaid_max = unpaid_max;
        house.ground.books().one_mail = setup.one_mail;
        house.stores.mailer.set_idempotent(setup.one_mail);
        for node in 0..setup.skews.len() {
            house.boot(node);
        }
        house
    }

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// A whole shop over the stores whose ports ask `faults`.
    fn shop(&self, clock: &Arc<SkewedClock>, faults: &Arc<dyn Faults>) -> Commerce {
        let stores = &self.stores;
        let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
        let gateway: Arc<dyn PaymentGateway> = faulty::<dyn PaymentGateway>(self.ground.gateway.clone(), faults);
        let ports = Ports {
            clock: Arc::clone(&clock),
            entropy: Arc::clone(&stores.entropy) as Arc<dyn Entropy>,
            users: faulty::<dyn UserStore>(stores.users.clone(), faults),
            passwords: faulty::<dyn PasswordHasher>(Arc::new(PlainHasher), faults),
            tokens: Arc::new(PlainTokens::new("simulated")),
            catalog: faulty::<dyn CatalogStore>(stores.catalog.clone(), faults),
            search: faulty::<dyn ProductSearch>(Arc::new(MemorySearch::new()), faults),
            images: faulty::<dyn ImageStore>(stores.images.clone(), faults),
            orders: faulty::<dyn OrderStore>(stores.orders.clone(), faults),
            carts: faulty::<dyn CartStore>(stores.orders.clone(), faults),
            gateways: vec![gateway],
            notifications: faulty::<dyn NotificationStore>(stores.notifications.clone(), faults),
            renderer: Arc::new(PlainRenderer),
            mailer: faulty::<dyn Mailer>(stores.mailer.clone(), faults),
            webhooks: stores.webhooks.clone(),
            books: ShopBooks {
                users: stores.users.clone(),
                catalog: stores.catalog.clone(),
                orders: stores.orders.clone(),
                notifications: stores.notifications.clone(),
            },
        };
        let shop = Commerce::new(ports, policies(self.capture, self.unpaid_max));
        let letters: [(Context, Arc<dyn DeadLetters>); 4] = [
            (Context::Users, faulty::<dyn DeadLetters>(stores.users.clone(), faults)),
            (Context::Catalog, faulty::<dyn DeadLetters>(stores.catalog.clone(), faults)),
            (Context::Orders, faulty::<dyn DeadLetters>(stores.orders.clone(), faults)),
            (Context::Notifications, faulty::<dyn DeadLetters>(stores.notifications.clone(), faults)),
        ];
        let bus = Arc::new(MemoryBus::new(clock));
        for (context, consumer) in shop.consumers() {
            for (_, letters) in letters.iter().filter(|(owner, _)| *owner == context) {
                bus.subscribe(Arc::clone(&consumer), Arc::clone(letters));
            }
        }
        let bus: Arc<dyn EventBus> = faulty::<dyn EventBus>(bus, faults);
        let outboxes: Vec<(Context, Arc<dyn Outbox>)> = vec![
            (Context::Users, faulty::<dyn Outbox>(stores.users.clone(), faults)),
            (Context::Catalog, faulty::<dyn Outbox>(stores.catalog.clone(), faults)),
            (Context::Orders, faulty::<dyn Outbox>(stores.orders.clone(), faults)),
            (Context::Notifications, faulty::<dyn Outbox>(stores.notifications.clone(), faults)),
        ];
        shop.with_dead_letters(&letters).with_bus(&bus, outboxes)
    }

    /// Starts a node anew: nothing of what it knew in memory is left.
    pub fn boot(self: &Arc<Self>, node: NodeId) {
        let Some(place) = self.nodes.get(node) else { return };
        let faults: Arc<dyn Faults> = Arc::new(Weather { node, ground: Arc::clone(&self.ground) });
        let shop = self.shop(&place.clock, &faults);
        if let Some(shifts) = self.shifts {
            let post = shifts.lease.map(|lease| Arc::new(self.post(&place.clock, &faults, lease)));
            for works in SHIFTS {
                let worker = work(Arc::clone(&self.ground), shop.clone(), works, shifts.pauses, post.clone());
                self.ground.clockwork.spawn(Some(node), worker);
            }
        }
        *place.shop() = Some(shop);
    }

    /// The leases of a process that has just begun.
    fn post(&self, clock: &Arc<SkewedClock>, faults: &Arc<dyn Faults>, lease: u64) -> Post {
        let mut name = [0; 16];
        self.stores.entropy.fill(&mut name);
        let stores = &self.stores;
        Post {
            ground: Arc::clone(&self.ground),
            clock: Arc::clone(clock),
            owner: Uuid::from_bytes(name),
            lease: Duration::from_micros(lease),
            last_epoch: AtomicU64::new(0),
            leases: [
                (Context::Users, faulty::<dyn Leases>(stores.users.clone(), faults)),
                (Context::Catalog, faulty::<dyn Leases>(stores.catalog.clone(), faults)),
                (Context::Orders, faulty::<dyn Leases>(stores.orders.clone(), faults)),
                (Context::Notifications, faulty::<dyn Leases>(stores.notifications.clone(), faults)),
            ],
        }
    }

    /// Brings dead nodes back, for ever.
    pub async fn watch(self: Arc<Self>) {
        loop {
            let node = self.ground.clockwork.next_death().await;
            if let Some(place) = self.nodes.get(node) {
                *place.shop() = None;
            }
            self.ground.books().forget_node(node);
            self.ground.count(Situation::NodeDied);
            let house = Arc::clone(&self);
            self.ground.clockwork.spawn(None, async move {
                house.ground.clockwork.sleep(DEAD_FOR).await;
                house.boot(node);
            });
        }
    }

    /// A shop at which nothing goes wrong, for looking and for the end.
    pub fn calm(&self) -> Option<Commerce> {
        self.nodes.first().and_then(|node| node.shop().clone())
    }

    /// Lets a node's clock jump by so many microseconds.
    pub fn jump(&self, node: NodeId, by: i64) {
        if let Some(node) = self.nodes.get(node) {
            node.clock.jump(by);
        }
    }

    /// Sets every clock right.
    pub fn set_clocks_right(&self) {
        for node in &self.nodes {
            node.clock.ahead.store(0, Ordering::Relaxed);
        }
    }

    /// Brings a request to a node and waits for the answer.
    pub async fn ask<T, F, Fut>(&self, node: NodeId, request: F) -> Heard<T>
    where
        T: Send + 'static,
        F: FnOnce(Commerce) -> Fut,
        Fut: Future<Output = Outcome<T>> + Send + 'static,
    {
        let Some(shop) = self.nodes.get(node).and_then(|node| node.shop().clone()) else {
            self.ground.count(Situation::RequestLost);
            return Heard::Lost;
        };
        let slot = Arc::new(Mutex::new(Slot { state: State::Open, client: None }));
        let answer = Reply(Arc::clone(&slot));
        let request = request(shop);
        self.ground.clockwork.spawn(Some(node), async move {
            let said = request.await;
            answer.give(State::Said(said));
        });
        let mut patience = self.ground.clockwork.sleep(PATIENCE);
        poll_fn(|context| {
            let mut open = slot.lock().unwrap_or_else(PoisonError::into_inner);
            match std::mem::replace(&mut open.state, State::Open) {
                State::Said(answer) => return Poll::Ready(Heard::Answer(answer)),
                State::Dead => {
                    self.ground.count(Situation::RequestLost);
                    return Poll::Ready(Heard::Lost);
                }
                State::Open => open.client = Some(context.waker().clone()),
            }
            drop(open);
            patience.as_mut().poll(context).map(|()| Heard::Nothing)
        })
        .await
    }
}

/// A port that goes wrong as `faults` say.
fn faulty<P: ?Sized>(port: Arc<P>, faults: &Arc<dyn Faults>) -> Arc<Faulty<P>> {
    Arc::new(Faulty::new(port, Arc::clone(faults)))
}

impl Node {
    fn shop(&self) -> MutexGuard<'_, Option<Commerce>> {
        self.shop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Works that one worker does in turn.
const SHIFTS: [&[Work]; 4] = [
    &[Work::RelayOrders, Work::RelayUsers, Work::RelayCatalog, Work::RelayNotifications],
    &[Work::SweepHolds, Work::AlertLowStock, Work::ForgetErased],
    &[Work::ResumeAttempts, Work::ExpireUnpaid, Work::SendRefunds, Work::RetryParked],
    &[Work::SendMail, Work::SendWebhooks, Work::RetryWebhooks],
];

/// Under whose name a process works, and for how long at a time.
struct Post {
    ground: Arc<Ground>,
    clock: Arc<SkewedClock>,
    owner: Uuid,
    lease: Duration,
    leases: [(Context, Arc<dyn Leases>); 4],
    /// Under which it worked last, of any context.
    last_epoch: AtomicU64,
}

impl Post {
    /// Whether this process may do a context's work now: it holds the lease, by its own clock.
    async fn holds(&self, context: Context) -> bool {
        let Some((_, leases)) = self.leases.iter().find(|(of, _)| *of == context) else { return false };
        let now = self.clock.now();
        let epoch = leases.acquire("workers", self.owner, now, now.plus(self.lease)).await.ok().flatten();
        let Some(epoch) = epoch else { return false };
        if self.last_epoch.swap(epoch, Ordering::Relaxed) != epoch && epoch > 1 {
            self.ground.count(Situation::LeaseTakenOver);
        }
        true
    }
}

/// Does its works in turn for ever, with pauses that double while there is nothing to do. A step that
/// fails is done again.
async fn work(ground: Arc<Ground>, shop: Commerce, works: &'static [Work], pauses: (u64, u64), post: Option<Arc<Post>>) {
    let (least, most) = pauses;
    let mut pause = least;
    loop {
        let mut done = 0_usize;
        for work in works {
            let may = match &post {
                Some(post) => post.holds(work.context()).await,
                None => true,
            };
            if may {
                done = done.saturating_add(shop.step(*work).await.unwrap_or(1));
            }
        }
        pause = if done > 0 { least } else { pause.saturating_mul(2).min(most) };
        let span = ground.clockwork.throw(|dice| dice.between(pause / 2, pause));
        ground.clockwork.sleep(Duration::from_micros(span)).await;
    }
}

struct Slot<T> {
    state: State<T>,
    client: Option<Waker>,
}

enum State<T> {
    Open,
    Said(Outcome<T>),
    Dead,
}

/// The node's end of a request; dropped without an answer it tells that the request is dead.
struct Reply<T>(Arc<Mutex<Slot<T>>>);

impl<T> Reply<T> {
    fn give(&self, state: State<T>) {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(slot.state, State::Open) {
            slot.state = state;
        }
        let client = slot.client.take();
        drop(slot);
        if let Some(client) = client {
            client.wake();
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        self.give(State::Dead);
    }
}

/// Goods are taxed with odd units, so that every share of a line has a rest, and are so few that they are low late.
fn policies(capture: Capture, unpaid_max: u32) -> Policies {
    let rate = TaxRate::from_hundredths(1_225).expect("it is below 100 %");
    let scope = TaxScope::Gst { from: GstState::named("MH").expect("it is a state") };
    let rule = TaxRule { name: "GST".to_owned(), rate, scope, categories: Vec::new(), included: false, shipping: true };
    let orders = OrderPolicy { taxes: Arc::new(TaxTable(vec![rule])), capture, unpaid_max, ..OrderPolicy::default() };
    Policies { orders, stock: StockPolicy { low_stock_threshold: LOW_AT, low_stock_quiet: LOW_QUIET }, ..Policies::default() }
}
