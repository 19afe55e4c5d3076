//! An open shop: the facade with what keeps it running.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use commerce_core::Commerce;
use commerce_core::commerce::Context;
use commerce_core::error::{Outcome, StoreError};
use commerce_core::events::Leases;
use commerce_core::time::Clock;
use uuid::Uuid;

use super::workers::{LEASE, Workers};
use crate::sql::Databases;

/// How long a short program may need to settle what it caused.
const SETTLE_LEASE_FOR: Duration = Duration::from_secs(30);

/// An open shop. Use it as the [`Commerce`] it derefs to; [`close`](Self::close) it when done.
///
/// Dropped without being closed it loses nothing: what is due is done by the next process.
pub struct Shop {
    commerce: Commerce,
    databases: Databases,
    workers: Option<Workers>,
    leases: Vec<(Context, Arc<dyn Leases>)>,
    owner: Uuid,
    clock: Arc<dyn Clock>,
}

impl Shop {
    pub(super) fn new(
        commerce: Commerce,
        databases: Databases,
        workers: Option<Workers>,
        leases: Vec<(Context, Arc<dyn Leases>)>,
        owner: Uuid,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { commerce, databases, workers, leases, owner, clock }
    }

    /// The databases, for their keepers: backups, audits, retention.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Drives everything that is due now to rest, the search index included.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle(&self) -> Outcome<()> {
        self.commerce.settle().await?;
        self.commerce.catalog.index_catch_up().await.map(|_| ())
    }

    /// Settles what this process caused, unless another process on the directory holds the leases
    /// and will do it anyway. Answers whether it did.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle_if_free(&self) -> Outcome<bool> {
        let mut free = true;
        for (_, leases) in &self.leases {
            let now = self.clock.now();
            free &= leases.acquire(LEASE, self.owner, now, now.plus(SETTLE_LEASE_FOR)).await?.is_some();
        }
        let settled = if free { self.settle().await } else { Ok(()) };
        if self.workers.is_none() {
            self.give_back().await?;
        }
        settled.map(|()| free)
    }

    /// Lets the workers finish their step, gives the leases back and closes the databases, which
    /// leaves no write-ahead log.
    ///
    /// # Errors
    /// When a database cannot be closed cleanly; nothing is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        if let Some(workers) = &self.workers {
            workers.stop().await;
        }
        self.give_back().await?;
        self.databases.close().await;
        Ok(())
    }

    async fn give_back(&self) -> Result<(), StoreError> {
        for (_, leases) in &self.leases {
            leases.give_back(LEASE, self.owner).await?;
        }
        Ok(())
    }
}

impl Deref for Shop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.commerce
    }
}
