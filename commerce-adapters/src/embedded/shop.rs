//! An open shop: the facade with what keeps it running.

use std::ops::Deref;
use std::sync::Arc;

use commerce_core::Commerce;
use commerce_core::error::{Outcome, StoreError};

use super::service::Service;
use crate::sql::Databases;
use crate::watch::Watch;

/// An open shop. Use it as the [`Commerce`] it derefs to; [`close`](Self::close) it when done.
///
/// Dropped without being closed it loses nothing: what is due is done by the next process.
pub struct Shop {
    commerce: Commerce,
    databases: Databases,
    service: Service,
}

impl Shop {
    pub(super) fn new(commerce: Commerce, databases: Databases, service: Service) -> Self {
        Self { commerce, databases, service }
    }

    /// The databases, for their keepers: backups, audits, retention.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// The breakers that it was opened with.
    #[must_use]
    pub fn watches(&self) -> &[Arc<dyn Watch>] {
        self.service.watches()
    }

    /// Drives everything that is due now to rest, the search index included.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle(&self) -> Outcome<()> {
        self.service.settle().await
    }

    /// Settles what this process caused, unless another process on the directory holds the leases
    /// and will do it anyway. Answers whether it did.
    ///
    /// # Errors
    /// When a port does not answer.
    pub async fn settle_if_free(&self) -> Outcome<bool> {
        self.service.settle_if_free().await
    }

    /// Lets the workers finish their step, gives the leases back and closes the databases, which
    /// leaves no write-ahead log.
    ///
    /// # Errors
    /// When a database cannot be closed cleanly; nothing is lost.
    pub async fn close(self) -> Result<(), StoreError> {
        self.service.close().await
    }
}

impl Deref for Shop {
    type Target = Commerce;

    fn deref(&self) -> &Commerce {
        &self.commerce
    }
}
