//! The facade: the four contexts over their ports, and the work they leave to be done later.
//!
//! [`Commerce`] owns no thread and no timer. A shell calls [`Commerce::step`] for each kind of
//! [`Work`] as often as it likes, or [`Commerce::settle`] to drive everything that is due to rest.

use std::sync::Arc;
use std::time::Duration;

use crate::actor::Actor;
use crate::audit::{AuditRequest, Auditor, Report, ShopBooks};
use crate::catalog::{Catalog, CatalogStore, ImageStore, ProductSearch, StockPolicy};
use crate::change::digest;
use crate::error::Outcome;
use crate::events::desk::DeadLetterDesk;
use crate::events::{Backlog, Consumer, DeadLetters, EventBus, Outbox, wire_names};
use crate::ids::Entropy;
use crate::limits;
use crate::notifications::{MailPolicy, Mailer, NotificationStore, Notifications, Renderer, WebhookCaller};
use crate::orders::{CartStore, OrderPolicy, OrderStore, Orders, PaymentGateway, cart_key};
use crate::part::{CatalogPorts, Elsewhere, Here, NotificationPorts, Nowhere, Part, SalesPorts, UserPorts};
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
    part: Part,
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
    /// Calls other systems' endpoints.
    pub webhooks: Arc<dyn WebhookCaller>,
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
    /// About what is not kept for ever.
    pub keep: KeepPolicy,
}

/// How long is kept what is not kept for ever, besides what [`limits`] says. Above the time for which an audit
/// looks for it ([`limits::HANDLED_KEEP`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepPolicy {
    /// Mails that are through.
    pub messages: Duration,
    /// Webhook deliveries that are through.
    pub deliveries: Duration,
    /// Dead letters.
    pub letters: Duration,
    /// What payment providers said and was applied; [`limits::PROVIDER_MESSAGE_SURE`] at least.
    pub provider_messages: Duration,
    /// Stock holds that ended without a sale; [`limits::HOLD_SURE`] at least.
    pub holds: Duration,
}

impl Default for KeepPolicy {
    fn default() -> Self {
        Self {
            messages: limits::MESSAGE_KEEP,
            deliveries: limits::WEBHOOK_DELIVERY_KEEP,
            letters: limits::LETTER_KEEP,
            provider_messages: limits::PROVIDER_MESSAGE_KEEP,
            holds: limits::HOLD_KEEP,
        }
    }
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
        /// Have other contexts forget who was erased.
        ForgetErased = "forget-erased",
        /// Publish what the catalog said.
        RelayCatalog = "relay-catalog",
        /// Publish what orders said.
        RelayOrders = "relay-orders",
        /// Publish what notifications said.
        RelayNotifications = "relay-notifications",
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
        /// Call other systems' endpoints that take what they are told.
        SendWebhooks = "send-webhooks",
        /// Call those that did not take it last.
        RetryWebhooks = "retry-webhooks",
    }
}

impl Work {
    /// The context whose database it reads and writes.
    #[must_use]
    pub fn context(self) -> Context {
        match self {
            Self::RelayUsers | Self::ForgetErased => Context::Users,
            Self::RelayCatalog | Self::SweepHolds | Self::AlertLowStock => Context::Catalog,
            Self::RelayOrders | Self::ResumeAttempts | Self::ExpireUnpaid | Self::SendRefunds | Self::RetryParked => {
                Context::Orders
            }
            Self::RelayNotifications | Self::SendMail | Self::SendWebhooks | Self::RetryWebhooks => Context::Notifications,
        }
    }
}

const WHOLE: &str = "a whole shop has all four contexts";

impl Commerce {
    /// A shop over these ports, its contexts calling each other directly.
    pub fn new(ports: Ports, policies: Policies) -> Self {
        let cart_key = cart_key(&ports.tokens.seal(&digest(&[b"guest carts"])));
        let here = Here {
            clock: ports.clock,
            entropy: ports.entropy,
            users: Some(UserPorts { store: ports.users, passwords: ports.passwords, tokens: ports.tokens }),
            catalog: Some(CatalogPorts { store: ports.catalog, search: ports.search, images: ports.images }),
            orders: Some(SalesPorts { store: ports.orders, carts: ports.carts, gateways: ports.gateways, cart_key }),
            notifications: Some(NotificationPorts {
                store: ports.notifications,
                renderer: ports.renderer,
                mailer: ports.mailer,
                webhooks: ports.webhooks,
            }),
        };
        let part = Part::new(here, Elsewhere::default(), policies).expect(WHOLE);
        Self::of(part, ports.books).expect(WHOLE)
    }

    /// The shop that a part with all four contexts is.
    ///
    /// # Errors
    /// [`Nowhere`] naming the context that does not live in it.
    pub fn of(part: Part, books: ShopBooks) -> Result<Self, Nowhere> {
        Ok(Self {
            users: part.users.clone().ok_or(Nowhere(Context::Users))?,
            catalog: part.catalog.clone().ok_or(Nowhere(Context::Catalog))?,
            orders: part.orders.clone().ok_or(Nowhere(Context::Orders))?,
            notifications: part.notifications.clone().ok_or(Nowhere(Context::Notifications))?,
            dead_letters: part.dead_letters.clone(),
            part: part.with_books(books.clone()),
            books,
        })
    }

    /// The same shop as a part that has everything.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// What time it is for this shop.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.part.now()
    }

    /// The consumers of this shop's events, for a bus to bring them to, each with the context whose
    /// database records what it did.
    pub fn consumers(&self) -> Vec<(Context, Arc<dyn Consumer>)> {
        self.part.consumers()
    }

    /// With its outboxes relayed to `bus`.
    #[must_use]
    pub fn with_bus(self, bus: &Arc<dyn EventBus>, outboxes: Vec<(Context, Arc<dyn Outbox>)>) -> Self {
        Self::of(self.part.with_bus(bus, outboxes), self.books).expect(WHOLE)
    }

    /// With its consumers' dead letters kept here, by context.
    #[must_use]
    pub fn with_dead_letters(self, letters: &[(Context, Arc<dyn DeadLetters>)]) -> Self {
        Self::of(self.part.with_dead_letters(letters), self.books).expect(WHOLE)
    }

    /// The same shop in the course of a request with this W3C `traceparent`: see [`Part::in_trace`].
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self::of(self.part.in_trace(traceparent), self.books.clone()).expect(WHOLE)
    }

    /// Does one batch of `work` and answers how much there was to do.
    ///
    /// # Errors
    /// When a port does not answer; nothing is lost, the next step goes on.
    pub async fn step(&self, work: Work) -> Outcome<usize> {
        self.part.step(work).await
    }

    /// Drives everything that is due now to rest: for tests and short programs.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle(&self) -> Outcome<()> {
        self.part.settle().await
    }

    /// How far each outbox is behind.
    ///
    /// # Errors
    /// When a store does not answer.
    pub async fn backlogs(&self) -> Outcome<Vec<(Context, Backlog)>> {
        self.part.backlogs().await
    }

    /// Looks whether everything is true that must be true of the shop's data. Staff. May take long
    /// on a large shop; the shop goes on meanwhile.
    ///
    /// # Errors
    /// `FORBIDDEN`, and when a database does not answer.
    pub async fn audit(&self, actor: &Actor, request: AuditRequest<'_>) -> Outcome<Report> {
        actor.require_staff()?;
        let auditor = || {
            let auditor = Auditor::new(&self.books, &self.orders.gateways, self.part.clock(), request);
            auditor.carts_in_books(self.orders.carts.in_books()).bus_lag(self.part.bus_lag())
        };
        let mut report = auditor().run().await?;
        if request.fix && !report.is_clean() {
            let repairs = self.repair(&report).await?;
            if let Err(error) = self.notifications.tell_repaired(actor, repairs.len()).await {
                // They are made. Whoever asked for them is told, and who reads the log of this process.
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, ?repairs, "repairs are missing in the log of staff");
            }
            self.settle().await?;
            report = Report { repairs, ..auditor().run().await? };
        }
        self.part.note_audit(&report);
        Ok(report)
    }

    /// What the last audit of this process found.
    #[must_use]
    pub fn last_audit(&self) -> Option<Report> {
        self.part.last_audit()
    }
}

impl From<Commerce> for Part {
    fn from(shop: Commerce) -> Self {
        shop.part
    }
}
