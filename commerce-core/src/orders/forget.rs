//! Somebody who was erased: her orders are what the books need, and nothing personal.
//!
//! An order keeps where it goes until it has come to its end. Amounts, lines and the country and state that it was taxed in
//! stay; so do the reasons that were given for what was cancelled or sent back.

use crate::actor::Actor;
use crate::change::{Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::{OrderId, UserId};
use crate::page::whole;
use crate::text::Metadata;

use super::Orders;
use super::cart::CartOwner;
use super::model::{Order, OrderStatus};
use super::ports::OrderFilter;
use super::returns::{Return, ReturnStatus};
use super::story::Decided;

impl Orders {
    /// Forgets what is personal in all that somebody ordered, as far as nothing of it is under way, and empties her cart.
    /// Answers whether nothing is left.
    pub(super) async fn forget_person(&self, user: UserId) -> Outcome<bool> {
        self.clear_cart(&Actor::System, CartOwner::User(user), None).await?;
        let filter = &OrderFilter { user: Some(user), personal: true, ..OrderFilter::default() };
        let orders = whole(|page| async move { self.store.orders(filter, &page).await }).await?;
        let mut nothing_left = true;
        for order in orders {
            nothing_left &= self.forget_where_to(order.id).await?;
        }
        Ok(nothing_left)
    }

    async fn forget_where_to(&self, id: OrderId) -> Outcome<bool> {
        rounds("order", || async {
            let order = self.owned(&Actor::System, id).await?;
            if !order.is_through() {
                return Ok(Round::Done(false));
            }
            if order.is_anonymous() {
                return Ok(Round::Done(true));
            }
            let (_, changes) = self.update(Decided::about(order.anonymous()), &Actor::System);
            settle(self.store.commit(changes).await, true)
        })
        .await
    }
}

impl Order {
    /// Whether nothing of it is under way any more, in either direction.
    pub(crate) fn is_through(&self) -> bool {
        match self.status {
            OrderStatus::Cancelled => true,
            OrderStatus::Delivered => self.returns.iter().all(Return::is_through),
            OrderStatus::Pending
            | OrderStatus::Confirmed
            | OrderStatus::Processing
            | OrderStatus::Shipped
            | OrderStatus::OutForDelivery => false,
        }
    }

    /// Whether it says nothing personal.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.shipping_address == self.shipping_address.erased() && self.metadata.is_empty()
    }

    /// The same order without anything personal.
    fn anonymous(self) -> Self {
        Self { shipping_address: self.shipping_address.erased(), metadata: Metadata::new(), ..self }
    }
}

impl Return {
    fn is_through(&self) -> bool {
        match self.status {
            ReturnStatus::Rejected | ReturnStatus::Refunded | ReturnStatus::Exchanged => true,
            ReturnStatus::Requested | ReturnStatus::Approved | ReturnStatus::Received => false,
        }
    }
}
