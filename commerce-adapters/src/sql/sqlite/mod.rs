//! The stores on `SQLite`: one file for each context in one data directory.
//!
//! Owns the files `users.db`, `catalog.db`, `orders.db`, `notifications.db`. Several processes may
//! use them at once: every batch takes the write lock before it reads what it judges. Start reading
//! at [`Databases::open`], then at `engine`, then at a context's `mod.rs`.

mod books;
pub(crate) mod cut;
mod engine;
mod error;
mod migrate;
pub mod past;
mod ports;
mod readers;
mod retention;
mod script;
mod sealing;
mod snapshot;
mod statements;
mod writable;

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

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use commerce_core::Clock;
use commerce_core::catalog::CatalogWrite;
use commerce_core::commerce::Context as Which;
use commerce_core::error::StoreError;
use commerce_core::notifications::NotificationWrite;
use commerce_core::users::UserWrite;
use sqlx::{Connection, SqliteConnection};

pub use engine::Database;

use self::engine::Context;
use self::error::store_error;
pub use super::judge::OrdersWrite;
use crate::sql::PendingMigration;
use crate::stores::{Backing, Stores};

/// The four databases of a shop.
#[derive(Clone)]
pub struct Databases {
    users: Database<UserWrite>,
    catalog: Database<CatalogWrite>,
    orders: Database<OrdersWrite>,
    notifications: Database<NotificationWrite>,
}

impl Databases {
    /// Opens the shop in `dir`, makes what is missing and brings its tables up to date. Needs a
    /// running tokio; deadlines and retentions are judged by `clock`.
    ///
    /// # Errors
    /// `ReadOnly` or `Full` when the folder cannot take the files, `Internal` for a shop that is
    /// newer than this program.
    pub async fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let (users, catalog, orders, notifications) = tokio::try_join!(
            Database::open(dir, clock.clone()),
            Database::open(dir, clock.clone()),
            Database::open(dir, clock.clone()),
            Database::open(dir, clock.clone()),
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

    /// Finishes what waits and lets go of the files; a clean stop leaves no log beside them. Later
    /// calls of the stores answer `Unavailable`.
    pub async fn close(&self) {
        tokio::join!(self.users.close(), self.catalog.close(), self.orders.close(), self.notifications.close());
    }

    /// What [`open`](Self::open) would still apply to the shop in `dir`. Changes nothing.
    ///
    /// # Errors
    /// When a file that is there cannot be read.
    pub async fn pending_migrations(dir: &Path) -> Result<Vec<PendingMigration>, StoreError> {
        let mut plan = pending::<UserWrite>(dir).await?;
        plan.extend(pending::<CatalogWrite>(dir).await?);
        plan.extend(pending::<OrdersWrite>(dir).await?);
        plan.extend(pending::<NotificationWrite>(dir).await?);
        Ok(plan)
    }
}

/// The stores of these contexts alone, as [`Databases::open`] opens all of them: nobody else's file is
/// touched.
///
/// # Errors
/// As [`Databases::open`].
pub async fn stores(dir: &Path, contexts: &[Which], clock: &Arc<dyn Clock>) -> Result<Stores, StoreError> {
    let mut stores = Stores::default();
    for context in contexts {
        let clock = Arc::clone(clock);
        match context {
            Which::Users => with_users(&mut stores, Database::open(dir, clock).await?),
            Which::Catalog => with_catalog(&mut stores, Database::open(dir, clock).await?),
            Which::Orders => with_orders(&mut stores, Database::open(dir, clock).await?),
            Which::Notifications => with_notifications(&mut stores, Database::open(dir, clock).await?),
        }
    }
    Ok(stores)
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

async fn pending<W: Context>(dir: &Path) -> Result<Vec<PendingMigration>, StoreError> {
    let options = sqlx::sqlite::SqliteConnectOptions::new();
    let file = dir.join(format!("{}.db", W::NAME));
    let missing = if file.exists() {
        let options = options.filename(file).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await.map_err(store_error("sqlite.plan"))?;
        migrate::missing(&mut connection, W::migrations()).await?
    } else {
        W::migrations().iter().collect()
    };
    let name = |migration: &migrate::Migration| PendingMigration {
        context: W::NAME,
        version: migration.version,
        description: migration.description.to_string(),
    };
    Ok(missing.into_iter().map(name).collect())
}
