//! What orders does for other contexts, and what it makes of its own events.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use crate::catalog::{HoldKey, HoldOwners, Purchases, Standing};
use crate::error::{Outcome, StoreError};
use crate::events::{ConsumeError, Consumer, Envelope, EventKind};
use crate::ids::{ProductId, UserId};
use crate::page::whole;
use crate::users::Records;

use super::Orders;
use super::cart::{CartLine, CartOwner};
use super::coupon::Redemption;
use super::model::{HoldRef, Order, OrderFacts, OrderStatus, TimelineEntry};
use super::payment::Refund;
use super::ports::{OrderFilter, OrderStore};
use super::returns::Return;
use super::shipments::Shipment;

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

#[async_trait]
impl Records for Orders {
    async fn of(&self, user: UserId) -> Outcome<Map<String, Value>> {
        let filter = &OrderFilter { user: Some(user), ..OrderFilter::default() };
        let orders = whole(|page| async move { self.store.orders(filter, &page).await }).await?;
        let cart = self.carts.cart(CartOwner::User(user), self.clock.now()).await?;
        let cart = cart.map(|it| json!({ "lines": it.lines.iter().map(wanted).collect::<Vec<_>>(), "couponCode": it.coupon, "metadata": it.metadata }));
        let wallet = self.store.wallet(user).await?;
        let entries = whole(|page| async move { self.store.wallet_entries(user, &page).await }).await?;
        let wallet = wallet.map(|it| json!({ "balance": it.balance, "entries": entries }));
        let mut uses = Vec::new();
        for order in orders.iter().filter(|order| order.coupon.is_some()) {
            uses.extend(self.store.redemptions(order.id).await?);
        }
        let used = |it: &Redemption| json!({ "orderId": it.order, "code": it.code, "redeemedAt": it.redeemed_at, "returnedAt": it.returned_at });
        let mut told = Vec::with_capacity(orders.len());
        for order in &orders {
            let history = whole(|page| async move { self.store.timeline(order.id, &page).await }).await?;
            told.push(exported(order, &history));
        }
        let (uses, orders) = (uses.iter().map(used).collect(), told.into());
        let lists = [
            ("orders", orders),
            ("couponUses", uses),
            ("cart", cart.unwrap_or_default()),
            ("wallet", wallet.unwrap_or_default()),
        ];
        Ok(lists.into_iter().map(|(name, list)| (name.to_owned(), list)).collect())
    }

    async fn forget(&self, user: UserId) -> Outcome<bool> {
        self.forget_person(user).await
    }
}

/// A line of a cart, which is stored under other names.
fn wanted(it: &CartLine) -> Value {
    json!({ "sku": it.sku, "quantity": it.quantity, "seenPrice": it.seen_price })
}

fn given_back(it: &Refund) -> Value {
    json!({ "id": it.id, "amount": it.amount, "reason": it.reason, "status": it.state, "createdAt": it.created_at })
}

fn sent_back(it: &Return) -> Value {
    json!({
        "id": it.id, "type": it.kind, "status": it.status, "lines": it.lines, "reason": it.reason, "note": it.note,
        "refund": it.refund, "exchange": it.exchange, "requestedAt": it.requested_at, "updatedAt": it.updated_at,
    })
}

fn parcel(it: &Shipment) -> Value {
    json!({
        "id": it.id, "carrier": it.carrier, "trackingNumber": it.tracking_number, "status": it.status(), "lines": it.lines,
        "events": it.events, "createdAt": it.created_at,
    })
}

fn step(it: &TimelineEntry) -> Value {
    json!({ "status": it.status, "at": it.at, "note": it.note, "actor": it.actor })
}

/// An order as its customer is told everything that is kept of it.
fn exported(it: &Order, history: &[TimelineEntry]) -> Value {
    json!({
        "id": it.id, "number": it.number, "status": it.status, "placedAt": it.id.placed_at(), "lines": it.lines,
        "subtotal": it.subtotal, "discount": it.discount, "shipping": it.shipping, "tax": it.tax, "total": it.total,
        "taxLines": it.tax_lines, "couponCode": it.coupon, "shippingAddress": it.shipping_address,
        "shippingOption": it.shipping_option, "metadata": it.metadata,
        "cancellations": it.cancellations,
        "timeline": history.iter().map(step).collect::<Vec<_>>(),
        "shipments": it.shipments.iter().map(parcel).collect::<Vec<_>>(),
        "payment": {
            "method": it.payment.method, "status": it.payment.status(), "captured": it.payment.captured,
            "refunded": it.payment.refunded,
        },
        "refunds": it.payment.refunds.iter().map(given_back).collect::<Vec<_>>(),
        "returns": it.returns.iter().map(sent_back).collect::<Vec<_>>(),
    })
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
        let owner = facts.guest_cart.map_or(CartOwner::User(facts.user_id), CartOwner::Guest);
        self.0.reduce_cart(owner, facts.cart_claim, &facts.lines, Some((self.name(), event.id))).await?;
        Ok(())
    }
}
