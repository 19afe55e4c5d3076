//! The databases of a shop, whatever engine they are on.

#[cfg(feature = "sqlite")]
use std::path::PathBuf;
use std::sync::Arc;

use commerce_core::Clock;
use commerce_core::audit::Books;
use commerce_core::catalog::CatalogStore;
use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
#[cfg(all(feature = "sqlite", feature = "mysql"))]
use commerce_core::error::StoreErrorKind;
use commerce_core::events::{DeadLetters, Leases, Outbox};
use commerce_core::ids::Entropy;
use commerce_core::notifications::NotificationStore;
#[cfg(feature = "sqlite")]
use commerce_core::orders::Order;
use commerce_core::orders::{CartStore, OrderStore};
use commerce_core::users::UserStore;

#[cfg(feature = "sqlite")]
use super::sqlite::past::Copied;
use crate::stores::Stores;

/// What every database has besides its context's own store.
pub trait Common: Outbox + DeadLetters + Leases + Books {}

impl<T: Outbox + DeadLetters + Leases + Books> Common for T {}

/// The users' database.
pub trait UsersDatabase: UserStore + Common {}

impl<T: UserStore + Common> UsersDatabase for T {}

/// The catalog's database.
pub trait CatalogDatabase: CatalogStore + Common {}

impl<T: CatalogStore + Common> CatalogDatabase for T {}

/// The database of orders and carts.
pub trait OrdersDatabase: OrderStore + CartStore + Common {}

impl<T: OrderStore + CartStore + Common> OrdersDatabase for T {}

/// The notifications' database.
pub trait NotificationsDatabase: NotificationStore + Common {}

impl<T: NotificationStore + Common> NotificationsDatabase for T {}

/// A migration that is not applied yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingMigration {
    /// Which database: `orders`.
    pub context: &'static str,
    /// Its number.
    pub version: i64,
    /// Its name.
    pub description: String,
}

/// Where the databases of a shop are.
#[derive(Clone)]
pub enum Place {
    /// Files in this folder.
    #[cfg(feature = "sqlite")]
    Files(PathBuf),
    /// MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(Box<super::mysql::Urls>),
}

impl Place {
    /// Opens all four, makes what is missing and brings their tables up to date. Needs a running tokio.
    ///
    /// # Errors
    /// When a database cannot be opened or is newer than this program.
    pub async fn open(&self, clock: &Arc<dyn Clock>, entropy: &dyn Entropy) -> Result<Databases, StoreError> {
        let _ = entropy;
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(dir) => super::sqlite::Databases::open(dir, Arc::clone(clock)).await.map(Databases::Sqlite),
            #[cfg(feature = "mysql")]
            Self::MySql(urls) => {
                Box::pin(super::mysql::Databases::connect(urls, Arc::clone(clock), entropy)).await.map(Databases::MySql)
            }
        }
    }

    /// The stores of these contexts alone: nobody else's database is touched.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn stores(
        &self,
        contexts: &[Context],
        clock: &Arc<dyn Clock>,
        entropy: &dyn Entropy,
    ) -> Result<Stores, StoreError> {
        let _ = entropy;
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(dir) => super::sqlite::stores(dir, contexts, clock).await,
            #[cfg(feature = "mysql")]
            Self::MySql(urls) => super::mysql::stores(urls, contexts, clock, entropy).await,
        }
    }

    /// What opening it would still apply. Changes nothing.
    ///
    /// # Errors
    /// When a database that is there cannot be read.
    pub async fn pending_migrations(&self) -> Result<Vec<PendingMigration>, StoreError> {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Files(dir) => super::sqlite::Databases::pending_migrations(dir).await,
            #[cfg(feature = "mysql")]
            Self::MySql(urls) => super::mysql::Databases::pending_migrations(urls).await,
        }
    }
}

/// The four databases of a shop. Cheap to clone.
#[derive(Clone)]
pub enum Databases {
    /// On files.
    #[cfg(feature = "sqlite")]
    Sqlite(super::sqlite::Databases),
    /// On MySQL or MariaDB.
    #[cfg(feature = "mysql")]
    MySql(super::mysql::Databases),
}

/// The same of each engine's databases.
macro_rules! on_either {
    ($self:ident, $databases:ident => $what:expr) => {
        match $self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite($databases) => $what,
            #[cfg(feature = "mysql")]
            Self::MySql($databases) => $what,
        }
    };
}

impl Databases {
    /// Users, addresses, sessions.
    pub fn users(&self) -> Arc<dyn UsersDatabase> {
        on_either!(self, databases => Arc::new(databases.users()))
    }

    /// Products, stock, holds.
    pub fn catalog(&self) -> Arc<dyn CatalogDatabase> {
        on_either!(self, databases => Arc::new(databases.catalog()))
    }

    /// Orders and carts.
    pub fn orders(&self) -> Arc<dyn OrdersDatabase> {
        on_either!(self, databases => Arc::new(databases.orders()))
    }

    /// Notifications.
    pub fn notifications(&self) -> Arc<dyn NotificationsDatabase> {
        on_either!(self, databases => Arc::new(databases.notifications()))
    }

    /// Writes copies of `model`, a settled order of this shop, for measuring a shop that is old.
    ///
    /// # Errors
    /// When a database does not answer, or the shop is not on files.
    #[cfg(feature = "sqlite")]
    pub async fn copy_order(&self, model: &Order, copies: &[Copied]) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(databases) => databases.copy_order(model, copies).await,
            #[cfg(feature = "mysql")]
            Self::MySql(_) => {
                let why = "only a shop on files is given a past";
                Err(StoreError::new(StoreErrorKind::Internal, "databases.copy_order", why))
            }
        }
    }

    /// The same as the stores that an assembly is made of.
    #[must_use]
    pub fn stores(&self) -> Stores {
        on_either!(self, databases => databases.stores())
    }

    /// Finishes what waits and lets go of the databases. Later calls of the stores answer
    /// `Unavailable`.
    pub async fn close(&self) {
        on_either!(self, databases => databases.close().await);
    }
}
