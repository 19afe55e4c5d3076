//! The facade: the four contexts over their ports, and the work they leave to be done later.
//!
//! [`Commerce`] owns no thread and no timer. A shell calls [`Commerce::step`] for each kind of
//! [`Work`] as often as it likes, or [`Commerce::settle`] to drive everything that is due to rest.

use std::sync::{Arc, Mutex, PoisonError};

use crate::actor::Actor;
use crate::audit::{AuditRequest, Auditor, Report, ShopBooks};
use crate::catalog::{Catalog, CatalogStore, ImageStore, ProductSearch, StockKeeper, StockPolicy};
use crate::error::Outcome;
use crate::events::desk::DeadLetterDesk;
use crate::events::relay::Relay;
use crate::events::{Backlog, Consumer, DeadLetters, EventBus, Outbox, wire_names};
use crate::ids::{Entropy, IdSource};
use crate::limits;
use crate::notifications::{MailPolicy, Mailer, NotificationRecorder, NotificationStore, Notifications, Renderer};
use crate::orders::{CartReducer, CartStore, HoldRegister, OrderPolicy, OrderPorts, OrderStore, Orders, PaymentGateway};
use crate::time::{Clock, Timestamp};
use crate::users::{AuthPolicy, PasswordHasher, TokenSigner, UserStore, Users};

/// A whole shop.
#[derive(Clone)]
pub struct Commerce {
    /// Who may log in, and where they live.
    pub users: Users,
    /// What is sold, and how much of it is there.
    pub catalog: Catalog,
    /// What is bought, and how it is paid.
    pub orders: Orders,
    /// Who is told what.
    pub notifications: Notifications,
    /// What consumers could not handle.
    pub dead_letters: DeadLetterDesk,
    pub(crate) books: ShopBooks,
    last_audit: Arc<Mutex<Option<Report>>>,
    clock: Arc<dyn Clock>,
    relays: Vec<(Context, Relay)>,
    outboxes: Vec<(Context, Arc<dyn Outbox>)>,
}

/// Everything a shop reaches the world through.
pub struct Ports {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Keeps users.
    pub users: Arc<dyn UserStore>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Signs access tokens.
    pub tokens: Arc<dyn TokenSigner>,
    /// Keeps products and stock.
    pub catalog: Arc<dyn CatalogStore>,
    /// Finds products.
    pub search: Arc<dyn ProductSearch>,
    /// Keeps pictures.
    pub images: Arc<dyn ImageStore>,
    /// Keeps orders.
    pub orders: Arc<dyn OrderStore>,
    /// Keeps carts.
    pub carts: Arc<dyn CartStore>,
    /// Collects money; the first that takes a method serves it.
    pub gateways: Vec<Arc<dyn PaymentGateway>>,
    /// Keeps notifications.
    pub notifications: Arc<dyn NotificationStore>,
    /// Words for mails.
    pub renderer: Arc<dyn Renderer>,
    /// Hands mails over.
    pub mailer: Arc<dyn Mailer>,
    /// What an audit reads.
    pub books: ShopBooks,
}

/// Everything a shop decides for itself.
#[derive(Clone, Debug, Default)]
pub struct Policies {
    /// About passwords.
    pub auth: AuthPolicy,
    /// About stock.
    pub stock: StockPolicy,
    /// About orders.
    pub orders: OrderPolicy,
    /// About mails.
    pub mail: MailPolicy,
}

wire_names! {
    /// The four contexts, each with a database of its own.
    Context {
        /// Users.
        Users = "users",
        /// Catalog.
        Catalog = "catalog",
        /// Orders.
        Orders = "orders",
        /// Notifications.
        Notifications = "notifications",
    }

    /// What is done later, by whoever holds the lease of the context it belongs to.
    Work {
        /// Publish what users said.
        RelayUsers = "relay-users",
        /// Publish what the catalog said.
        RelayCatalog = "relay-catalog",
        /// Publish what orders said.
        RelayOrders = "relay-orders",
        /// End holds that ran out and that no order stands behind.
        SweepHolds = "sweep-holds",
        /// Tell ops what is running low.
        AlertLowStock = "alert-low-stock",
        /// Ask providers about attempts without an answer.
        ResumeAttempts = "resume-attempts",
        /// Cancel what was not paid in time.
        ExpireUnpaid = "expire-unpaid",
        /// Send money back.
        SendRefunds = "send-refunds",
        /// Try providers' messages again that came too early.
        RetryParked = "retry-parked",
        /// Send mails.
        SendMail = "send-mail",
    }
}

impl Work {
    /// The context whose database it reads and writes.
    #[must_use]
    pub fn context(self) -> Context {
        match self {
            Self::RelayUsers => Context::Users,
            Self::RelayCatalog | Self::SweepHolds | Self::AlertLowStock => Context::Catalog,
            Self::RelayOrders | Self::ResumeAttempts | Self::ExpireUnpaid | Self::SendRefunds | Self::RetryParked => {
                Context::Orders
            }
            Self::SendMail => Context::Notifications,
        }
    }
}

impl Commerce {
    /// A shop over these ports, its contexts calling each other directly.
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let ids = IdSource::new(Arc::clone(&ports.clock), ports.entropy);
        let clock = ports.clock;
        let users = Users::new(ports.users, ports.passwords, ports.tokens, Arc::clone(&clock), ids.clone(), policies.auth);
        let holds = Arc::new(HoldRegister(Arc::clone(&ports.orders)));
        let catalog = Catalog::new(ports.catalog, holds, ports.search, ports.images, Arc::clone(&clock), ids.clone())
            .with_policy(policies.stock);
        let order_ports = OrderPorts {
            store: ports.orders,
            carts: ports.carts,
            catalog: Arc::new(catalog.clone()),
            customers: Arc::new(users.clone()),
            gateways: ports.gateways,
        };
        let orders = Orders::new(order_ports, Arc::clone(&clock), ids.clone(), policies.orders);
        let contacts = Arc::new(users.clone());
        let own_clock = Arc::clone(&clock);
        let notifications =
            Notifications::new(ports.notifications, contacts, ports.renderer, ports.mailer, clock, ids, policies.mail);
        let (dead_letters, books) = (DeadLetterDesk::default(), ports.books);
        let (relays, outboxes, last_audit) = (Vec::new(), Vec::new(), Arc::default());
        Self { users, catalog, orders, notifications, dead_letters, books, last_audit, clock: own_clock, relays, outboxes }
    }

    /// What time it is for this shop.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The consumers of this shop's events, for a bus to bring them to, each with the context whose
    /// database records what it did.
    pub fn consumers(&self) -> Vec<(Context, Arc<dyn Consumer>)> {
        vec![
            (Context::Catalog, Arc::new(StockKeeper::new(self.catalog.clone()))),
            (Context::Orders, Arc::new(CartReducer(self.orders.clone()))),
            (Context::Notifications, Arc::new(NotificationRecorder::new(self.notifications.clone()))),
        ]
    }

    /// With its outboxes relayed to `bus`.
    #[must_use]
    pub fn with_bus(mut self, bus: &Arc<dyn EventBus>, outboxes: Vec<(Context, Arc<dyn Outbox>)>) -> Self {
        let relay = |(context, outbox): &(Context, Arc<dyn Outbox>)| (*context, Relay::new(Arc::clone(outbox), Arc::clone(bus)));
        self.relays = outboxes.iter().map(relay).collect();
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
        self.dead_letters = DeadLetterDesk::new(self.consumers().into_iter().filter_map(place).collect());
        self
    }

    /// The same shop in the course of a request with this W3C `traceparent`: the events that it causes
    /// carry it, and so do the logs of who records them and of the mails that follow.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self {
            users: self.users.in_trace(traceparent),
            catalog: self.catalog.in_trace(traceparent),
            orders: self.orders.in_trace(traceparent),
            ..self.clone()
        }
    }

    /// Does one batch of `work` and answers how much there was to do.
    ///
    /// # Errors
    /// When a port does not answer; nothing is lost, the next step goes on.
    pub async fn step(&self, work: Work) -> Outcome<usize> {
        match work {
            Work::RelayUsers | Work::RelayCatalog | Work::RelayOrders => self.relay(work.context()).await,
            Work::SweepHolds => self.catalog.sweep_holds(limits::WORK_BATCH).await,
            Work::AlertLowStock => self.catalog.alert_low_stock(limits::WORK_BATCH).await,
            Work::ResumeAttempts => self.orders.resume_attempts(limits::WORK_BATCH).await,
            Work::ExpireUnpaid => self.orders.expire_unpaid(limits::WORK_BATCH).await,
            Work::SendRefunds => self.orders.send_refunds(limits::WORK_BATCH).await,
            Work::RetryParked => self.orders.retry_parked(limits::WORK_BATCH).await,
            Work::SendMail => self.notifications.send_due(limits::WORK_BATCH).await,
        }
    }

    /// Drives everything that is due now to rest: for tests and short programs.
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

    /// How far each outbox is behind.
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

    /// Looks whether everything is true that must be true of the shop's data. Staff. May take long
    /// on a large shop; the shop goes on meanwhile.
    ///
    /// # Errors
    /// `FORBIDDEN`, and when a database does not answer.
    pub async fn audit(&self, actor: &Actor, request: AuditRequest<'_>) -> Outcome<Report> {
        actor.require_staff()?;
        let mut report = Auditor::new(&self.books, &self.orders.gateways, &self.clock, request).run().await?;
        if request.fix && !report.is_clean() {
            let repairs = self.repair(&report).await?;
            self.settle().await?;
            report = Report { repairs, ..Auditor::new(&self.books, &self.orders.gateways, &self.clock, request).run().await? };
        }
        *self.last_audit.lock().unwrap_or_else(PoisonError::into_inner) = Some(report.clone());
        Ok(report)
    }

    /// What the last audit of this process found.
    #[must_use]
    pub fn last_audit(&self) -> Option<Report> {
        self.last_audit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn relay(&self, context: Context) -> Outcome<usize> {
        match self.relays.iter().find(|(owner, _)| *owner == context) {
            Some((_, relay)) => Ok(relay.step().await?),
            None => Ok(0),
        }
    }
}
