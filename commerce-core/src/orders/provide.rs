//! What orders does for other contexts, and what it makes of its own events.

use std::sync::Arc;

use async_trait::async_trait;

use crate::catalog::{HoldKey, HoldOwners, Purchases, Standing};
use crate::error::StoreError;
use crate::events::{ConsumeError, Consumer, Envelope, EventKind};
use crate::ids::{ProductId, UserId};

use super::Orders;
use super::cart::CartOwner;
use super::model::{HoldRef, OrderFacts, OrderStatus};
use super::ports::OrderStore;

/// Answers the catalog's sweeper what stands behind a hold.
pub struct HoldRegister(pub Arc<dyn OrderStore>);

#[async_trait]
impl HoldOwners for HoldRegister {
    async fn standing(&self, key: HoldKey, generation: u32) -> Result<Standing, StoreError> {
        Ok(match self.0.order_on_hold(HoldRef { key, generation }).await? {
            None | Some((_, OrderStatus::Cancelled)) => Standing::Nobody,
            Some((order, _)) => Standing::Live(order),
        })
    }
}

/// Answers who writes reviews what was bought.
pub struct PurchaseRegister(pub Arc<dyn OrderStore>);

#[async_trait]
impl Purchases for PurchaseRegister {
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError> {
        self.0.bought(user, product).await
    }
}

impl Orders {
    /// What the catalog asks about purchases.
    #[must_use]
    pub fn purchases(&self) -> PurchaseRegister {
        PurchaseRegister(Arc::clone(&self.store))
    }

    /// What the catalog's sweeper asks about holds.
    #[must_use]
    pub fn hold_owners(&self) -> HoldRegister {
        HoldRegister(Arc::clone(&self.store))
    }
}

/// Takes what was ordered out of the customer's cart; what she added meanwhile stays.
#[derive(Clone)]
pub struct CartReducer(pub Orders);

#[async_trait]
impl Consumer for CartReducer {
    fn name(&self) -> &'static str {
        "order-cart-queue"
    }

    fn wants(&self, kind: EventKind) -> bool {
        kind == EventKind::OrderCreated
    }

    async fn handle(&self, event: &Envelope) -> Result<(), ConsumeError> {
        let facts: OrderFacts = event.data()?;
        if !facts.from_cart {
            return Ok(());
        }
        let owner = CartOwner::User(facts.user_id);
        self.0.reduce_cart(owner, facts.cart_claim, &facts.lines, Some((self.name(), event.id))).await?;
        Ok(())
    }
}
