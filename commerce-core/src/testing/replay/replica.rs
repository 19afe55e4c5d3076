//! The stores of a whole shop, to be asked what others were asked.

use std::any::Any;
use std::sync::Arc;

use crate::audit::books::{Row, Walk};
use crate::audit::{AuditRequest, Auditor, Books, Report, ShopBooks, tables};
use crate::catalog::CatalogStore;
use crate::commerce::Context;
use crate::error::StoreError;
use crate::events::{DeadLetters, Leases, Outbox};
use crate::notifications::NotificationStore;
use crate::orders::{CartStore, OrderStore};
use crate::testing::conformance::NoWait;
use crate::testing::memory::{Answer, Chore, Deed};
use crate::time::Clock;
use crate::users::UserStore;

/// A database with everything that it has besides its store.
pub trait Whole: Outbox + DeadLetters + Leases + Books {}

impl<T: Outbox + DeadLetters + Leases + Books> Whole for T {}

/// The four databases of a shop.
pub struct Replica {
    users: Arc<dyn UserStore>,
    catalog: Arc<dyn CatalogStore>,
    orders: Arc<dyn OrderStore>,
    carts: Arc<dyn CartStore>,
    notifications: Arc<dyn NotificationStore>,
    whole: [(Context, Arc<dyn Whole>); 4],
    books: ShopBooks,
    _keep: Box<dyn Any + Send + Sync>,
}

impl Replica {
    /// Of these, which are empty.
    pub fn new<U, C, O, N>(users: Arc<U>, catalog: Arc<C>, orders: Arc<O>, notifications: Arc<N>) -> Self
    where
        U: UserStore + Whole + 'static,
        C: CatalogStore + Whole + 'static,
        O: OrderStore + CartStore + Whole + 'static,
        N: NotificationStore + Whole + 'static,
    {
        Self {
            whole: [
                (Context::Users, users.clone()),
                (Context::Catalog, catalog.clone()),
                (Context::Orders, orders.clone()),
                (Context::Notifications, notifications.clone()),
            ],
            books: ShopBooks {
                users: users.clone(),
                catalog: catalog.clone(),
                orders: orders.clone(),
                notifications: notifications.clone(),
            },
            users,
            catalog,
            carts: orders.clone(),
            orders,
            notifications,
            _keep: Box::new(()),
        }
    }

    /// Keeps something alive as long as the stores: a directory, a server.
    #[must_use]
    pub fn keeping(self, thing: impl Any + Send + Sync) -> Self {
        Self { _keep: Box::new(thing), ..self }
    }

    /// Asks for a deed.
    pub(super) async fn ask(&self, deed: &Deed) -> Result<Answer, StoreError> {
        match deed {
            Deed::Users(changes) => Answer::of(self.users.commit(changes.clone()).await),
            Deed::Catalog(changes) => Answer::of(self.catalog.commit(changes.clone()).await),
            Deed::Orders(changes) => Answer::of(self.orders.commit(changes.clone()).await),
            Deed::Carts(changes) => Answer::of(self.carts.commit(changes.clone()).await),
            Deed::Notifications(changes) => Answer::of(self.notifications.commit(changes.clone()).await),
            Deed::Chore(context, chore) => chore.ask(self.of(*context)).await,
        }
    }

    fn of(&self, context: Context) -> &dyn Whole {
        let database = self.whole.iter().find(|(known, _)| *known == context);
        &**database.map(|(_, whole)| whole).expect("every context has a database")
    }

    /// Every row of a context's tables.
    pub(super) async fn rows(&self, context: Context) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        for lead in tables::of(context) {
            let key = lead.columns.first().map_or("", |(column, _)| column);
            let walk = Walk { lead, key, name: key, within: None, beside: &[] };
            let stretch = self.of(context).stretch(&walk, None, u32::MAX).await?;
            rows.extend(stretch.pages.of(lead).iter().cloned());
        }
        Ok(rows)
    }

    /// What an audit says that waits for nothing.
    pub(super) async fn audit(&self, clock: &Arc<dyn Clock>) -> Result<Report, StoreError> {
        Auditor::new(&self.books, &[], clock, AuditRequest::new(&NoWait)).run().await
    }
}

impl Chore {
    async fn ask(&self, database: &dyn Whole) -> Result<Answer, StoreError> {
        match self {
            Self::Published(events) => database.published(events).await.map(|()| Answer::Done),
            Self::Bury(letter) => database.bury(letter).await.map(|()| Answer::Done),
            Self::Exhume(consumer, event, told) => {
                database.exhume(consumer, *event, told.as_ref()).await.map(|letter| Answer::Letter(letter.map(Box::new)))
            }
            Self::GiveUp(consumer, event, told) => {
                database.give_up(consumer, *event, told.as_ref()).await.map(|letter| Answer::Letter(letter.map(Box::new)))
            }
            Self::Tell(told) => database.tell(told).await.map(|()| Answer::Done),
            Self::Acquire { name, owner, now, until } => database.acquire(name, *owner, *now, *until).await.map(Answer::Epoch),
            Self::GiveBack(name, owner) => database.give_back(name, *owner).await.map(|()| Answer::Done),
        }
    }
}
