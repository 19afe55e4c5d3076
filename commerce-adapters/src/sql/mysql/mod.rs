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
mod insert;
mod line;
mod migrate;
mod partitions;
mod ports;
mod readers;
mod relayed;
mod retention;
mod script;
mod sealing;
mod snapshot;
mod statements;
mod writer;

#[cfg(test)]
mod tests;

#[path = "../shared/catalog/mod.rs"]
mod catalog;
#[path = "../shared/fields.rs"]
mod fields;
#[path = "../shared/gathered.rs"]
mod gathered;
#[path = "../shared/head.rs"]
mod head;
#[path = "../shared/leases.rs"]
mod leases;
#[path = "../shared/notifications.rs"]
mod notifications;
#[path = "../shared/orders/mod.rs"]
mod orders;
#[path = "../shared/seals.rs"]
mod seals;
#[path = "../shared/users/mod.rs"]
mod users;
#[path = "../shared/webhooks.rs"]
mod webhooks;

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
pub use partitions::Months;

use self::engine::Context;
use self::error::store_error;
use self::line::{Address, Purpose};
pub use super::judge::OrdersWrite;
use crate::sql::PendingMigration;
use crate::stores::{Backing, Stores};

/// Where the four databases of a shop are: URLs like `mysql://user:password@host:3306/orders`, or with
/// `?socket=/path`. They may name four servers or one. A database that is not there is made. Empty for one
/// that this process never opens.
#[derive(Clone, Default, PartialEq, Eq)]
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

/// Where the replicas of the four databases are, of those that have one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ReaderUrls {
    /// Of users.
    pub users: Option<String>,
    /// Of the catalog.
    pub catalog: Option<String>,
    /// Of orders.
    pub orders: Option<String>,
    /// Of notifications.
    pub notifications: Option<String>,
}

impl Urls {
    /// Of four databases on one server, whose names begin with what `prefix` ends with:
    /// `mysql://shop@host/shop_` has `shop_users`, `shop_catalog`, `shop_orders` and
    /// `shop_notifications`.
    pub fn with_prefix(prefix: &str) -> Self {
        let of = |which: Which| beginning_with(prefix, which.as_str());
        Self {
            users: of(Which::Users),
            catalog: of(Which::Catalog),
            orders: of(Which::Orders),
            notifications: of(Which::Notifications),
            readers: None,
        }
    }

    /// With replicas of them.
    #[must_use]
    pub fn read_from(mut self, readers: ReaderUrls) -> Self {
        self.readers = Some(Box::new(readers));
        self
    }

    /// The database of a context, and its replica.
    pub(super) fn of(&self, which: Which) -> (&str, Option<&str>) {
        let readers = self.readers.as_deref();
        let (writer, reader) = match which {
            Which::Users => (&self.users, readers.and_then(|urls| urls.users.as_deref())),
            Which::Catalog => (&self.catalog, readers.and_then(|urls| urls.catalog.as_deref())),
            Which::Orders => (&self.orders, readers.and_then(|urls| urls.orders.as_deref())),
            Which::Notifications => (&self.notifications, readers.and_then(|urls| urls.notifications.as_deref())),
        };
        (writer, reader)
    }
}

impl ReaderUrls {
    /// The same as [`Urls::with_prefix`].
    pub fn with_prefix(prefix: &str) -> Self {
        let of = |which: Which| Some(beginning_with(prefix, which.as_str()));
        Self {
            users: of(Which::Users),
            catalog: of(Which::Catalog),
            orders: of(Which::Orders),
            notifications: of(Which::Notifications),
        }
    }
}

/// The database of a context on the server of a shop's URL: `mysql://host/shop` has `shop_orders`, and a URL
/// that names none has `orders_db`.
#[must_use]
pub fn database_of(shop: &str, which: Which) -> String {
    let (place, options) = shop.split_once('?').map_or((shop, ""), |(place, options)| (place, options));
    let place = place.trim_end_matches('/');
    let host = place.split_once("://").map_or(place, |(_, rest)| rest);
    let mark = if options.is_empty() { "" } else { "?" };
    if host.contains('/') {
        let joint = if place.ends_with('_') { "" } else { "_" };
        return format!("{place}{joint}{which}{mark}{options}");
    }
    format!("{place}/{which}_db{mark}{options}")
}

fn beginning_with(prefix: &str, name: &str) -> String {
    match prefix.split_once('?') {
        Some((place, options)) => format!("{place}{name}?{options}"),
        None => format!("{prefix}{name}"),
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
        // On the heap: each is as large as a connection's setting up.
        let (users, catalog, orders, notifications) = tokio::try_join!(
            Box::pin(database(urls, Which::Users, &clock, entropy)),
            Box::pin(database(urls, Which::Catalog, &clock, entropy)),
            Box::pin(orders_database(urls, &clock, entropy)),
            Box::pin(database(urls, Which::Notifications, &clock, entropy)),
        )?;
        Ok(Self { users, catalog, orders, notifications })
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
        let mut stores = Stores::default();
        with_users(&mut stores, self.users());
        with_catalog(&mut stores, self.catalog());
        with_orders(&mut stores, self.orders());
        with_notifications(&mut stores, self.notifications());
        stores
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

    /// Which servers there are, as they say it themselves: each once, replicas after what they are of.
    ///
    /// # Errors
    /// When a URL is none.
    pub async fn servers(urls: &Urls) -> Result<Vec<Server>, StoreError> {
        let mut servers: Vec<Server> = Vec::new();
        for which in Which::ALL {
            let (writer, reader) = urls.of(*which);
            for (url, is_replica) in std::iter::once((writer, false)).chain(reader.map(|url| (url, true))) {
                let address = Address::parse(url, Purpose::Other)?;
                if servers.iter().all(|known| known.place != address.place()) {
                    servers.push(Server { place: address.place(), version: address.version().await, is_replica });
                }
            }
        }
        Ok(servers)
    }
}

/// A server that databases of a shop are on.
#[derive(Debug)]
pub struct Server {
    /// Its host and port, or its socket.
    pub place: String,
    /// What it calls itself: `10.11.6-MariaDB`; or that it does not answer, or is too old.
    pub version: Result<String, StoreError>,
    /// Whether it is only read from.
    pub is_replica: bool,
}

/// The stores of these contexts alone, as [`Databases::connect`] opens all of them.
///
/// # Errors
/// As [`Databases::connect`].
pub async fn stores(
    urls: &Urls,
    contexts: &[Which],
    clock: &Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> Result<Stores, StoreError> {
    let mut stores = Stores::default();
    for which in contexts.iter().copied() {
        match which {
            Which::Users => with_users(&mut stores, Box::pin(database(urls, which, clock, entropy)).await?),
            Which::Catalog => with_catalog(&mut stores, Box::pin(database(urls, which, clock, entropy)).await?),
            Which::Orders => with_orders(&mut stores, Box::pin(orders_database(urls, clock, entropy)).await?),
            Which::Notifications => with_notifications(&mut stores, Box::pin(database(urls, which, clock, entropy)).await?),
        }
    }
    Ok(stores)
}

async fn database<W: Context>(
    urls: &Urls,
    which: Which,
    clock: &Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> Result<Database<W>, StoreError> {
    let (writer, reader) = urls.of(which);
    Database::connect(writer, reader, Arc::clone(clock), entropy).await
}

/// With its partitions made for the months to come.
async fn orders_database(
    urls: &Urls,
    clock: &Arc<dyn Clock>,
    entropy: &dyn Entropy,
) -> Result<Database<OrdersWrite>, StoreError> {
    let orders: Database<OrdersWrite> = database(urls, Which::Orders, clock, entropy).await?;
    orders.keep_months(clock.now()).await?;
    Ok(orders)
}

fn with_users(stores: &mut Stores, database: Database<UserWrite>) {
    stores.backings.push(Backing::of(Which::Users, database.clone()));
    stores.users = Some(Arc::new(database));
}

fn with_catalog(stores: &mut Stores, database: Database<CatalogWrite>) {
    stores.backings.push(Backing::of(Which::Catalog, database.clone()));
    stores.catalog = Some(Arc::new(database));
}

fn with_orders(stores: &mut Stores, database: Database<OrdersWrite>) {
    stores.backings.push(Backing::of(Which::Orders, database.clone()));
    stores.orders = Some(Arc::new(database.clone()));
    stores.carts = Some(Arc::new(database));
}

fn with_notifications(stores: &mut Stores, database: Database<NotificationWrite>) {
    stores.backings.push(Backing::of(Which::Notifications, database.clone()));
    stores.notifications = Some(Arc::new(database));
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
