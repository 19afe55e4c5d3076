//! The stores of the contexts that live in one process, whatever engine keeps them.
//!
//! An engine hands out [`Stores`] for the contexts it is asked for; the assembly takes them as they
//! are and never learns which engine it was.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::catalog::CatalogStore;
use commerce_core::commerce::{Context, KeepPolicy};
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetters, Leases, Outbox};
use commerce_core::notifications::NotificationStore;
use commerce_core::orders::{CartStore, OrderStore};
use commerce_core::users::UserStore;

/// The stores of some contexts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Stores {
    /// Users, if they live here.
    pub users: Option<Arc<dyn UserStore>>,
    /// The catalog, if it lives here.
    pub catalog: Option<Arc<dyn CatalogStore>>,
    /// Orders, if they live here.
    pub orders: Option<Arc<dyn OrderStore>>,
    /// Carts, where orders live.
    pub carts: Option<Arc<dyn CartStore>>,
    /// Notifications, if they live here.
    pub notifications: Option<Arc<dyn NotificationStore>>,
    /// What every database has, for each context that lives here.
    pub backings: Vec<Backing>,
}

/// What the database of every context has beside its store.
#[derive(Clone)]
pub struct Backing {
    /// Whose.
    pub context: Context,
    /// Events on their way out.
    pub outbox: Arc<dyn Outbox>,
    /// Deliveries that were given up.
    pub letters: Arc<dyn DeadLetters>,
    /// Who may do what only one may do.
    pub leases: Arc<dyn Leases>,
    /// Its housekeeping.
    pub keeper: Arc<dyn Keeper>,
}

impl Backing {
    /// All of it out of one database.
    pub fn of<D>(context: Context, database: D) -> Self
    where
        D: Outbox + DeadLetters + Leases + Keeper + 'static,
    {
        let database = Arc::new(database);
        Self { context, outbox: database.clone(), letters: database.clone(), leases: database.clone(), keeper: database }
    }
}

/// The housekeeping of one database.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Deletes what nobody asks for any more at `now`, and what is not to be kept longer; answers how many rows
    /// went.
    ///
    /// # Errors
    /// When the database does not answer; what was deleted before stays deleted.
    async fn forget_old(&self, now: Timestamp, keep: &KeepPolicy) -> Result<u64, StoreError>;

    /// Finishes what waits and lets go of the database. Later calls answer `Unavailable`.
    async fn let_go(&self);
}
