//! Orders in another process, as the catalog's sweeper needs them.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::catalog::{HoldKey, HoldOwners, Standing};
use commerce_core::error::{Error, StoreError, StoreErrorKind};

use super::call::{Caller, Net};
use super::target::Target;

/// Asks the orders' service.
pub struct RemoteHolds(Caller);

impl RemoteHolds {
    /// Over this net, at this place.
    pub fn new(net: &Net, target: &Arc<Target>) -> Self {
        Self(net.to(target))
    }
}

#[async_trait]
impl HoldOwners for RemoteHolds {
    async fn standing(&self, key: HoldKey, generation: u32) -> Result<Standing, StoreError> {
        const OPERATION: &str = "orders.standing";
        let path = format!("/internal/holds/{}/{generation}", key.to_hex());
        self.0.ask(OPERATION, &path).await.map_err(|error| match error {
            Error::Store(error) => error,
            // A question has no answer that is a no.
            Error::Refused(refusal) => StoreError::new(StoreErrorKind::Internal, OPERATION, *refusal),
        })
    }
}
