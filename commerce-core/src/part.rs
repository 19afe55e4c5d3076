//! The part of a shop that lives in one process: some of its contexts, and ways to the others.
//!
//! Contexts call each other through ports. Those that live in the same part call directly; the ports
//! to the others come as [`Elsewhere`]. A whole shop ([`Commerce`]) is the part that
//! has everything. Start reading at [`Part::new`].

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::OptionFuture;
use uuid::Uuid;

use crate::actor::Actor;
use crate::audit::{Report, ShopBooks};
use crate::catalog::{Catalog, CatalogStore, HoldOwners, ImageStore, ProductSearch, Purchases, StockKeeper};
use crate::commerce::{Commerce, Context, Policies, Work};
use crate::error::{Error, Outcome};
use crate::events::desk::DeadLetterDesk;
use crate::events::relay::Relay;
use crate::events::{Backlog, Consumer, DeadLetters, EventBus, Outbox, Queue, Queued};
use crate::ids::{Entropy, IdSource};
use crate::limits;
use crate::notifications::{
    Contacts, Mailer, NotificationFilter, NotificationRecorder, NotificationStore, Notifications, Renderer, WebhookCaller,
    WebhookRecorder,
};
use crate::orders::{
    CartReducer, CartStore, CatalogPort, Customers, HoldRegister, OrderFilter, OrderPorts, OrderStore, Orders, PaymentGateway,
    PurchaseRegister,
};
use crate::page::{Cursor, PageRequest};
use crate::time::{Clock, Timestamp};
use crate::users::{Accounts, PasswordHasher, Records, Sellers, StaffLogKeeper, TokenSigner, UserStore, Users};

/// The contexts that live here.
#[derive(Clone)]
pub struct Part {
    /// Who may log in, and where they live.
    pub users: Option<Users>,
    /// What is sold, and how much of it is there.
    pub catalog: Option<Catalog>,
    /// What is bought, and how it is paid.
    pub orders: Option<Orders>,
    /// Who is told what.
    pub notifications: Option<Notifications>,
    /// Who asks, wherever users live.
    pub accounts: Arc<dyn Accounts>,
    /// What the consumers that live here could not handle.
    pub dead_letters: DeadLetterDesk,
    clock: Arc<dyn Clock>,
    relays: Vec<(Context, Relay)>,
    bus: Option<Arc<dyn EventBus>>,
    outboxes: Vec<(Context, Arc<dyn Outbox>)>,
    last_audit: Arc<Mutex<Option<Report>>>,
    /// Of a whole shop: what an audit of it reads.
    books: Option<ShopBooks>,
}

/// What the contexts of a part reach the world through; those without live elsewhere.
pub struct Here {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Of users.
    pub users: Option<UserPorts>,
    /// Of the catalog.
    pub catalog: Option<CatalogPorts>,
    /// Of orders.
    pub orders: Option<SalesPorts>,
    /// Of notifications.
    pub notifications: Option<NotificationPorts>,
}

/// What users need of the world.
pub struct UserPorts {
    /// Keeps users.
    pub store: Arc<dyn UserStore>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn TokenSigner>,
}

/// What the catalog needs of the world.
pub struct CatalogPorts {
    /// Keeps products and stock.
    pub store: Arc<dyn CatalogStore>,
    /// Finds products.
    pub search: Arc<dyn ProductSearch>,
    /// Keeps pictures.
    pub images: Arc<dyn ImageStore>,
}

/// What orders need of the world, other contexts apart.
pub struct SalesPorts {
    /// Keeps orders.
    pub store: Arc<dyn OrderStore>,
    /// Keeps carts.
    pub carts: Arc<dyn CartStore>,
    /// Collects money; the first that takes a method serves it.
    pub gateways: Vec<Arc<dyn PaymentGateway>>,
    /// Seals the tokens of guests' carts: see [`cart_key`](crate::orders::cart_key).
    pub cart_key: [u8; 32],
}

/// What notifications need of the world, other contexts apart.
pub struct NotificationPorts {
    /// Keeps notifications.
    pub store: Arc<dyn NotificationStore>,
    /// Words for mails.
    pub renderer: Arc<dyn Renderer>,
    /// Hands mails over.
    pub mailer: Arc<dyn Mailer>,
    /// Calls other systems' endpoints.
    pub webhooks: Arc<dyn WebhookCaller>,
}

/// Ways to the contexts that live in other processes. What lives here needs none.
#[derive(Clone, Default)]
pub struct Elsewhere {
    /// Users, for those who must know who asks.
    pub accounts: Option<Arc<dyn Accounts>>,
    /// Users, for orders.
    pub customers: Option<Arc<dyn Customers>>,
    /// Users, for notifications.
    pub contacts: Option<Arc<dyn Contacts>>,
    /// The catalog, for orders.
    pub catalog: Option<Arc<dyn CatalogPort>>,
    /// Orders, for the catalog.
    pub holds: Option<Arc<dyn HoldOwners>>,
    /// Orders, for reviews.
    pub purchases: Option<Arc<dyn Purchases>>,
    /// The catalog, for users who become sellers.
    pub sellers: Option<Arc<dyn Sellers>>,
    /// What each keeps about people, for whoever asks what is kept about her.
    pub records: Vec<(Context, Arc<dyn Records>)>,
}

/// A context that is needed and neither lives here nor has a way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} does not live here, and nobody said where it does")]
pub struct Nowhere(pub Context);

impl Part {
    /// The contexts over these ports. Those that live here call each other directly.
    ///
    /// # Errors
    /// [`Nowhere`], when one needs another that is not to be had.
    pub fn new(here: Here, elsewhere: Elsewhere, policies: Policies) -> Result<Self, Nowhere> {
        let Here { clock, entropy, users, catalog, orders, notifications } = here;
        let ids = IdSource::new(Arc::clone(&clock), entropy);
        let users = users.map(|UserPorts { store, passwords, tokens }| {
            Users::new(store, passwords, tokens, Arc::clone(&clock), ids.clone(), policies.auth)
        });
        let known = users.clone().map(Arc::new);
        let accounts = one(known.clone().map(|users| users as Arc<dyn Accounts>), elsewhere.accounts, Context::Users)?;

        let register = orders.as_ref().map(|orders| Arc::new(HoldRegister(Arc::clone(&orders.store))) as Arc<dyn HoldOwners>);
        let bought = orders.as_ref().map(|orders| Arc::new(PurchaseRegister(Arc::clone(&orders.store))) as Arc<dyn Purchases>);
        let catalog = match catalog {
            Some(CatalogPorts { store, search, images }) => {
                let holds = one(register, elsewhere.holds, Context::Orders)?;
                let purchases = one(bought, elsewhere.purchases, Context::Orders)?;
                let catalog = Catalog::new(store, holds, purchases, search, images, Arc::clone(&clock), ids.clone());
                Some(catalog.with_policy(policies.stock))
            }
            None => None,
        };
        let orders = match orders {
            Some(SalesPorts { store, carts, gateways, cart_key }) => {
                let shelf = catalog.clone().map(|catalog| Arc::new(catalog) as Arc<dyn CatalogPort>);
                let catalog = one(shelf, elsewhere.catalog, Context::Catalog)?;
                let buyers = known.clone().map(|users| users as Arc<dyn Customers>);
                let customers = one(buyers, elsewhere.customers, Context::Users)?;
                let ports = OrderPorts { store, carts, catalog, customers, gateways, cart_key };
                Some(Orders::new(ports, Arc::clone(&clock), ids.clone(), policies.orders))
            }
            None => None,
        };
        let notifications = match notifications {
            Some(ports) => {
                let contacts = one(known.map(|users| users as Arc<dyn Contacts>), elsewhere.contacts, Context::Users)?;
                Some(Notifications::new(ports, contacts, Arc::clone(&clock), ids.clone(), policies.mail))
            }
            None => None,
        };
        let records = [
            (Context::Catalog, catalog.clone().map(|catalog| Arc::new(catalog) as Arc<dyn Records>)),
            (Context::Orders, orders.clone().map(|orders| Arc::new(orders) as Arc<dyn Records>)),
            (Context::Notifications, notifications.clone().map(|told| Arc::new(told) as Arc<dyn Records>)),
        ];
        // What lives here comes first, and so is the one that is asked.
        let records = records.into_iter().filter_map(|(context, records)| Some((context, records?))).chain(elsewhere.records);
        let records: Vec<(Context, Arc<dyn Records>)> = records.collect();
        // Users alone need no catalog: it is missed when somebody is to be a seller.
        let sellers = catalog.clone().map(|catalog| Arc::new(catalog) as Arc<dyn Sellers>).or(elsewhere.sellers);
        let users = users.map(|users| users.with_records(records).with_sellers(sellers));
        let dead_letters = DeadLetterDesk::new(Vec::new(), ids, Arc::clone(&clock));
        let (relays, outboxes) = (Vec::new(), Vec::new());
        let (bus, last_audit, books) = (None, Arc::default(), None);
        Ok(Self {
            users,
            catalog,
            orders,
            notifications,
            accounts,
            dead_letters,
            clock,
            relays,
            bus,
            outboxes,
            last_audit,
            books,
        })
    }

    /// Which contexts live here.
    #[must_use]
    pub fn contexts(&self) -> Vec<Context> {
        let lives = |context: &&Context| match context {
            Context::Users => self.users.is_some(),
            Context::Catalog => self.catalog.is_some(),
            Context::Orders => self.orders.is_some(),
            Context::Notifications => self.notifications.is_some(),
        };
        Context::ALL.iter().filter(lives).copied().collect()
    }

    /// The whole shop, if this part is one: what only all contexts together can say is asked of it.
    #[must_use]
    pub fn whole(&self) -> Option<Commerce> {
        Commerce::of(self.clone(), self.books.clone()?).ok()
    }

    /// As the part that a whole shop with these books is.
    pub(crate) fn with_books(self, books: ShopBooks) -> Self {
        Self { books: Some(books), ..self }
    }

    /// What time it is for this part.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock itself.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// How long what its outboxes have published may be on its way.
    pub(crate) fn bus_lag(&self) -> Duration {
        self.bus.as_ref().map_or(Duration::ZERO, |bus| bus.lag())
    }

    /// The consumers that live here, for a bus to bring events to, each with the context whose
    /// database records what it did.
    pub fn consumers(&self) -> Vec<(Context, Arc<dyn Consumer>)> {
        let keeper = self.catalog.clone().map(|catalog| Arc::new(StockKeeper::new(catalog)) as Arc<dyn Consumer>);
        let reducer = self.orders.clone().map(|orders| Arc::new(CartReducer(orders)) as Arc<dyn Consumer>);
        let recorder = self.notifications.clone().map(|told| Arc::new(NotificationRecorder::new(told)) as Arc<dyn Consumer>);
        let caller = self.notifications.clone().map(|told| Arc::new(WebhookRecorder::new(told)) as Arc<dyn Consumer>);
        let log = self.users.clone().map(|users| Arc::new(StaffLogKeeper::new(users)) as Arc<dyn Consumer>);
        let all = [
            (Context::Users, log),
            (Context::Catalog, keeper),
            (Context::Orders, reducer),
            (Context::Notifications, recorder),
            (Context::Notifications, caller),
        ];
        all.into_iter().filter_map(|(context, consumer)| Some((context, consumer?))).collect()
    }

    /// With its outboxes relayed to `bus`.
    #[must_use]
    pub fn with_bus(mut self, bus: &Arc<dyn EventBus>, outboxes: Vec<(Context, Arc<dyn Outbox>)>) -> Self {
        let relay = |(context, outbox): &(Context, Arc<dyn Outbox>)| (*context, Relay::new(Arc::clone(outbox), Arc::clone(bus)));
        self.relays = outboxes.iter().map(relay).collect();
        self.bus = Some(Arc::clone(bus));
        self.outboxes = outboxes;
        self
    }

    /// With its consumers' dead letters kept here, by context.
    #[must_use]
    pub fn with_dead_letters(mut self, letters: &[(Context, Arc<dyn DeadLetters>)]) -> Self {
        let place = |(context, consumer): (Context, Arc<dyn Consumer>)| {
            let (_, letters) = letters.iter().find(|(owner, _)| *owner == context)?;
            Some((consumer, Arc::clone(letters)))
        };
        self.dead_letters = self.dead_letters.over(self.consumers().into_iter().filter_map(place).collect());
        self
    }

    /// The same part in the course of a request with this W3C `traceparent`: the events that it causes
    /// and the calls to other processes carry it, and so do the logs of who records them and of the
    /// mails that follow.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self {
            users: self.users.as_ref().map(|users| users.in_trace(traceparent)),
            catalog: self.catalog.as_ref().map(|catalog| catalog.in_trace(traceparent)),
            orders: self.orders.as_ref().map(|orders| orders.in_trace(traceparent)),
            notifications: self.notifications.as_ref().map(|told| told.in_trace(traceparent)),
            accounts: self.accounts.in_trace(traceparent).unwrap_or_else(|| Arc::clone(&self.accounts)),
            ..self.clone()
        }
    }

    /// Does one batch of `work` and answers how much there was to do; nothing for what lives elsewhere.
    ///
    /// # Errors
    /// When a port does not answer; nothing is lost, the next step goes on.
    pub async fn step(&self, work: Work) -> Outcome<usize> {
        const BATCH: u32 = limits::WORK_BATCH;
        let Self { users, catalog, orders, notifications, .. } = self;
        let done = match work {
            Work::RelayUsers | Work::RelayCatalog | Work::RelayOrders | Work::RelayNotifications => {
                return self.relay(work.context()).await;
            }
            Work::ForgetErased => OptionFuture::from(users.as_ref().map(|users| users.forget_erased(BATCH))).await,
            Work::SweepHolds => OptionFuture::from(catalog.as_ref().map(|catalog| catalog.sweep_holds(BATCH))).await,
            Work::AlertLowStock => OptionFuture::from(catalog.as_ref().map(|catalog| catalog.alert_low_stock(BATCH))).await,
            Work::ResumeAttempts => OptionFuture::from(orders.as_ref().map(|orders| orders.resume_attempts(BATCH))).await,
            Work::ExpireUnpaid => OptionFuture::from(orders.as_ref().map(|orders| orders.expire_unpaid(BATCH))).await,
            Work::SendRefunds => OptionFuture::from(orders.as_ref().map(|orders| orders.send_refunds(BATCH))).await,
            Work::RetryParked => OptionFuture::from(orders.as_ref().map(|orders| orders.retry_parked(BATCH))).await,
            Work::SendMail => OptionFuture::from(notifications.as_ref().map(|told| told.send_due(BATCH))).await,
            Work::SendWebhooks => OptionFuture::from(notifications.as_ref().map(Notifications::send_webhooks)).await,
            Work::RetryWebhooks => OptionFuture::from(notifications.as_ref().map(Notifications::retry_webhooks)).await,
        };
        done.unwrap_or(Ok(0))
    }

    /// Drives everything that is due here now to rest.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle(&self) -> Outcome<()> {
        for _ in 0..limits::SETTLE_PASSES_MAX {
            let mut done = 0usize;
            for work in Work::ALL {
                done = done.saturating_add(self.step(*work).await?);
            }
            if done == 0 {
                return Ok(());
            }
        }
        Ok(())
    }

    /// How far each outbox that is here is behind.
    ///
    /// # Errors
    /// When a store does not answer.
    pub async fn backlogs(&self) -> Outcome<Vec<(Context, Backlog)>> {
        let mut backlogs = Vec::with_capacity(self.outboxes.len());
        for (context, outbox) in &self.outboxes {
            backlogs.push((*context, outbox.backlog().await?));
        }
        Ok(backlogs)
    }

    /// How far the outbox of one context is behind; `None` where it lives elsewhere.
    ///
    /// # Errors
    /// When its store does not answer.
    pub async fn backlog(&self, context: Context) -> Outcome<Option<Backlog>> {
        match self.outboxes.iter().find(|(owner, _)| *owner == context) {
            Some((_, outbox)) => Ok(Some(outbox.backlog().await?)),
            None => Ok(None),
        }
    }

    /// How far the queues of the consumers that live here are behind, where a broker keeps any.
    ///
    /// # Errors
    /// When the broker cannot be asked.
    pub async fn queued(&self) -> Outcome<Vec<Queued>> {
        let Some(bus) = &self.bus else { return Ok(Vec::new()) };
        let queues: Vec<Queue> = self.consumers().iter().map(|(_, consumer)| Queue::of(&**consumer)).collect();
        Ok(if queues.is_empty() { Vec::new() } else { bus.queued(&queues).await? })
    }

    /// Whether the database of each context that lives here answers, and takes writes. Whoever sends requests here asks again
    /// and again, so it is asked for what is behind the end of its lists.
    pub async fn health(&self) -> Vec<(Context, Option<Error>)> {
        let page = PageRequest::first().from(Cursor(Uuid::nil()));
        let mut all = Vec::new();
        if let Some(users) = &self.users {
            all.push((Context::Users, users.users(&Actor::System, None, &page).await.err()));
        }
        if let Some(catalog) = &self.catalog {
            all.push((Context::Catalog, catalog.category_tree().await.err()));
        }
        if let Some(orders) = &self.orders {
            all.push((Context::Orders, orders.orders(&Actor::System, OrderFilter::default(), &page).await.err()));
        }
        if let Some(notifications) = &self.notifications {
            let told = notifications.list(&Actor::System, &NotificationFilter::default(), &page).await;
            all.push((Context::Notifications, told.err()));
        }
        for (context, outbox) in &self.outboxes {
            if let Some((_, error @ None)) = all.iter_mut().find(|(here, _)| here == context) {
                *error = outbox.takes_writes().await.err().map(Error::from);
            }
        }
        all
    }

    /// What the last audit of this process found.
    #[must_use]
    pub fn last_audit(&self) -> Option<Report> {
        self.last_audit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn note_audit(&self, report: &Report) {
        *self.last_audit.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
    }

    async fn relay(&self, context: Context) -> Outcome<usize> {
        match self.relays.iter().find(|(owner, _)| *owner == context) {
            Some((_, relay)) => Ok(relay.step().await?),
            None => Ok(0),
        }
    }
}

/// The port to what lives here, else the one to where it lives.
fn one<P: ?Sized>(here: Option<Arc<P>>, elsewhere: Option<Arc<P>>, context: Context) -> Result<Arc<P>, Nowhere> {
    here.or(elsewhere).ok_or(Nowhere(context))
}
