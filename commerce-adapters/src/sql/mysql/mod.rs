//! The stores on MySQL 8.0 and MariaDB 10.11: one database for each context, on one server or on four.
//!
//! Several processes may use them at once. Start reading at [`Databases::connect`], then at `engine` and
//! `writer`, then at a context's `mod.rs` in `shared/`; `statements` has the texts.
//!
//! Times are BIGINT microseconds like on SQLite, not DATETIME(6): so rows are read and written by the
//! same code, and an audit sees the same cells. No time zone and no rounding of the server comes between.

mod books;
mod engine;
mod error;
mod line;
mod migrate;
mod partitions;
mod ports;
mod readers;
mod retention;
mod script;
mod snapshot;
mod statements;
mod writer;

#[cfg(test)]
mod tests;

#[path = "../shared/catalog/mod.rs"]
mod catalog;
#[path = "../shared/fields.rs"]
mod fields;
#[path = "../shared/head.rs"]
mod head;
#[path = "../shared/notifications.rs"]
mod notifications;
#[path = "../shared/orders/mod.rs"]
mod orders;
#[path = "../shared/users/mod.rs"]
mod users;

use std::sync::Arc;

use commerce_core::Clock;
use commerce_core::catalog::CatalogWrite;
use commerce_core::commerce::Context as Which;
use commerce_core::error::StoreError;
use commerce_core::ids::Entropy;
use commerce_core::notifications::NotificationWrite;
use commerce_core::users::UserWrite;
use sqlx::Connection;

pub use engine::Database;
pub use migrate::PendingMigration;
pub use partitions::Months;

use self::engine::Context;
use self::error::store_error;
use self::line::{Address, Purpose};
pub use super::judge::OrdersWrite;
use crate::stores::{Backing, Stores};

/// Where the four databases of a shop are: URLs like `mysql://user:password@host:3306/orders`, or with
/// `?socket=/path`. They may name four servers or one. A database that is not there is made.
#[derive(Clone, PartialEq, Eq)]
pub struct Urls {
    /// Of users.
    pub users: String,
    /// Of the catalog.
    pub catalog: String,
    /// Of orders.
    pub orders: String,
    /// Of notifications.
    pub notifications: String,
    /// Replicas of them, for what is only shown: products that are browsed, lists of staff, and what the
    /// search index follows. What is decided by, and what a user sees of her own, never comes from them.
    pub readers: Option<Box<ReaderUrls>>,
}

/// Where the replicas of the four databases are.
#[derive(Clone, PartialEq, Eq)]
pub struct ReaderUrls {
    /// Of users.
    pub users: String,
    /// Of the catalog.
    pub catalog: String,
    /// Of orders.
    pub orders: String,
    /// Of notifications.
    pub notifications: String,
}

impl Urls {
    /// Of four databases on one server, whose names begin with what `prefix` ends with:
    /// `mysql://shop@host/shop_` has `shop_users`, `shop_catalog`, `shop_orders` and
    /// `shop_notifications`.
    pub fn with_prefix(prefix: &str) -> Self {
        let ReaderUrls { users, catalog, orders, notifications } = ReaderUrls::with_prefix(prefix);
        Self { users, catalog, orders, notifications, readers: None }
    }

    /// With replicas of them.
    #[must_use]
    pub fn read_from(mut self, readers: ReaderUrls) -> Self {
        self.readers = Some(Box::new(readers));
        self
    }
}

impl ReaderUrls {
    /// The same as [`Urls::with_prefix`].
    pub fn with_prefix(prefix: &str) -> Self {
        let (place, options) = prefix.split_once('?').map_or((prefix, None), |(place, options)| (place, Some(options)));
        let of = |context: &str| match options {
            Some(options) => format!("{place}{context}?{options}"),
            None => format!("{place}{context}"),
        };
        Self {
            users: of(UserWrite::NAME),
            catalog: of(CatalogWrite::NAME),
            orders: of(OrdersWrite::NAME),
            notifications: of(NotificationWrite::NAME),
        }
    }
}

/// The four databases of a shop.
#[derive(Clone)]
pub struct Databases {
    users: Database<UserWrite>,
    catalog: Database<CatalogWrite>,
    orders: Database<OrdersWrite>,
    notifications: Database<NotificationWrite>,
}

impl Databases {
    /// Connects to a shop, makes what is missing and brings its tables up to date. Needs a running
    /// tokio; deadlines and retentions are judged by `clock`, and `entropy` names the writers.
    ///
    /// # Errors
    /// `Unavailable` when a server does not answer, `Internal` for one that is not set up to keep what
    /// it takes, and for a shop that is newer than this program.
    pub async fn connect(urls: &Urls, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Result<Self, StoreError> {
        let readers = urls.readers.as_deref();
        // On the heap: each is as large as a connection's setting up.
        let (users, catalog, orders, notifications) = tokio::try_join!(
            Box::pin(Database::connect(&urls.users, readers.map(|urls| &*urls.users), clock.clone(), entropy)),
            Box::pin(Database::connect(&urls.catalog, readers.map(|urls| &*urls.catalog), clock.clone(), entropy)),
            Box::pin(Database::connect(&urls.orders, readers.map(|urls| &*urls.orders), clock.clone(), entropy)),
            Box::pin(Database::connect(&urls.notifications, readers.map(|urls| &*urls.notifications), clock.clone(), entropy)),
        )?;
        let databases = Self { users, catalog, orders, notifications };
        databases.orders.keep_months(clock.now()).await?;
        Ok(databases)
    }

    /// Users, addresses, sessions.
    pub fn users(&self) -> Database<UserWrite> {
        self.users.clone()
    }

    /// Products, stock, holds.
    pub fn catalog(&self) -> Database<CatalogWrite> {
        self.catalog.clone()
    }

    /// Orders and carts.
    pub fn orders(&self) -> Database<OrdersWrite> {
        self.orders.clone()
    }

    /// Notifications.
    pub fn notifications(&self) -> Database<NotificationWrite> {
        self.notifications.clone()
    }

    /// The same as stores of whatever engine.
    #[must_use]
    pub fn stores(&self) -> Stores {
        let (users, catalog, orders) = (self.users(), self.catalog(), self.orders());
        let notifications = self.notifications();
        let backings = vec![
            Backing::of(Which::Users, users.clone()),
            Backing::of(Which::Catalog, catalog.clone()),
            Backing::of(Which::Orders, orders.clone()),
            Backing::of(Which::Notifications, notifications.clone()),
        ];
        Stores {
            users: Some(Arc::new(users)),
            catalog: Some(Arc::new(catalog)),
            orders: Some(Arc::new(orders.clone())),
            carts: Some(Arc::new(orders)),
            notifications: Some(Arc::new(notifications)),
            backings,
        }
    }

    /// Finishes what waits and lets go of the servers. Later calls of the stores answer `Unavailable`.
    pub async fn close(&self) {
        tokio::join!(self.users.close(), self.catalog.close(), self.orders.close(), self.notifications.close());
    }

    /// What [`connect`](Self::connect) would still apply. Changes nothing.
    ///
    /// # Errors
    /// When a database that is there cannot be read.
    pub async fn pending_migrations(urls: &Urls) -> Result<Vec<PendingMigration>, StoreError> {
        let mut plan = pending::<UserWrite>(&urls.users).await?;
        plan.extend(pending::<CatalogWrite>(&urls.catalog).await?);
        plan.extend(pending::<OrdersWrite>(&urls.orders).await?);
        plan.extend(pending::<NotificationWrite>(&urls.notifications).await?);
        Ok(plan)
    }
}

async fn pending<W: Context>(url: &str) -> Result<Vec<PendingMigration>, StoreError> {
    const OPERATION: &str = "mysql.plan";
    let address = Address::parse(url, Purpose::Other)?;
    let missing = if address.has_database().await? {
        let mut connection = address.connect().await.map_err(store_error(OPERATION))?.connection;
        let missing = migrate::missing(&mut connection, W::migrations()).await?;
        connection.close().await.map_err(store_error(OPERATION))?;
        missing
    } else {
        W::migrations().iter().collect()
    };
    let name = |migration: &migrate::Migration| PendingMigration {
        context: W::NAME,
        version: migration.version,
        description: migration.description.to_owned(),
    };
    Ok(missing.into_iter().map(name).collect())
}
