//! Orders in another process, as the catalog needs them.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::catalog::{HoldKey, HoldOwners, Purchases, Standing};
use commerce_core::error::{Error, StoreError, StoreErrorKind};
use commerce_core::ids::{ProductId, UserId};

use super::call::{Caller, Net};
use super::target::Target;
use super::wire::Bought;

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
        self.0.ask(OPERATION, &path).await.map_err(|error| unasked(OPERATION, error))
    }
}

/// Asks the orders' service what was bought.
pub struct RemotePurchases(Caller);

impl RemotePurchases {
    /// Over this net, at this place.
    pub fn new(net: &Net, target: &Arc<Target>) -> Self {
        Self(net.to(target))
    }
}

#[async_trait]
impl Purchases for RemotePurchases {
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError> {
        const OPERATION: &str = "orders.bought";
        let path = format!("/internal/purchases/{user}/{product}");
        let Bought { bought } = self.0.ask(OPERATION, &path).await.map_err(|error| unasked(OPERATION, error))?;
        Ok(bought)
    }
}

/// A question has no answer that is a no.
fn unasked(operation: &'static str, error: Error) -> StoreError {
    match error {
        Error::Store(error) => error,
        Error::Refused(refusal) => StoreError::new(StoreErrorKind::Internal, operation, *refusal),
    }
}
