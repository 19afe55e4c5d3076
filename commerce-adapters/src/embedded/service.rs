//! Some contexts of a shop, open in this process: what serves, and what keeps it running.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::Part;
use commerce_core::commerce::Commerce;
use commerce_core::error::{Outcome, StoreError};
use commerce_core::time::Clock;

use super::workers::{LEASE, Owner, Workers};
use crate::stores::Backing;
use crate::watch::Watch;

/// How long a short program may need to settle what it caused.
const SETTLE_LEASE_FOR: Duration = Duration::from_secs(30);

/// Open contexts. [`close`](Self::close) them when done; dropped without, they lose nothing: what is due
/// is done by the next process.
pub struct Service {
    part: Part,
    backings: Vec<Backing>,
    workers: Option<Workers>,
    owners: Vec<Owner>,
    clock: Arc<dyn Clock>,
    watches: Vec<Arc<dyn Watch>>,
}

impl Service {
    /// `owners` are those of `backings`.
    pub(super) fn new(
        part: Part,
        backings: Vec<Backing>,
        workers: Option<Workers>,
        owners: Vec<Owner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { part, backings, workers, owners, clock, watches: Vec::new() }
    }

    pub(super) fn with_watches(self, watches: Vec<Arc<dyn Watch>>) -> Self {
        Self { watches, ..self }
    }

    pub(super) fn with_audit(self, shop: &Commerce, minute_of_day: Option<u32>) -> Self {
        Self { workers: self.workers.map(|workers| workers.with_audit(shop, minute_of_day)), ..self }
    }

    /// The breakers that it was opened with.
    #[must_use]
    pub fn watches(&self) -> &[Arc<dyn Watch>] {
        &self.watches
    }

    /// What serves.
    #[must_use]
    pub fn part(&self) -> &Part {
        &self.part
    }

    /// Drives everything that is due now to rest, the search index included.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle(&self) -> Outcome<()> {
        // Every kind of work is in this one future: too large for its callers' stacks.
        Box::pin(self.part.settle()).await?;
        match &self.part.catalog {
            Some(catalog) => catalog.index_catch_up().await.map(|_| ()),
            None => Ok(()),
        }
    }

    /// Settles what this process caused, unless another process on the same databases holds the
    /// leases and will do it anyway. Answers whether it did.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle_if_free(&self) -> Outcome<bool> {
        let mut free = true;
        for (backing, owner) in self.backings.iter().zip(&self.owners) {
            let now = self.clock.now();
            free &= backing.leases.acquire(LEASE, owner.id(), now, now.plus(SETTLE_LEASE_FOR)).await?.is_some();
        }
        let settled = if free { self.settle().await } else { Ok(()) };
        if self.workers.is_none() {
            self.give_back().await?;
        }
        settled.map(|()| free)
    }

    /// Lets the workers finish their step, gives the leases back and closes the databases; a clean
    /// stop leaves no write-ahead log beside a file.
    ///
    /// # Errors
    /// When a lease cannot be given back; nothing is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        if let Some(workers) = &self.workers {
            workers.stop().await;
        }
        self.give_back().await?;
        futures_util::future::join_all(self.backings.iter().map(|backing| backing.keeper.let_go())).await;
        Ok(())
    }

    async fn give_back(&self) -> Result<(), StoreError> {
        for (backing, owner) in self.backings.iter().zip(&self.owners) {
            backing.leases.give_back(LEASE, owner.id()).await?;
        }
        Ok(())
    }
}
