//! Somebody who was erased: her orders are what the books need, and nothing personal.
//!
//! An order keeps where it goes until it has come to its end; then what people wrote about it goes, too. Amounts, lines and the
//! country and state that it was taxed in stay; so do the reasons that staff gave for refunds. Events keep the words that they
//! were said with until their retention ends.

use crate::actor::Actor;
use crate::change::{Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::{OrderId, UserId};
use crate::page::whole;
use crate::text::Metadata;
use crate::users::ERASED;

use super::Orders;
use super::cancel_lines::Cancellation;
use super::cart::CartOwner;
use super::model::{Order, OrderStatus, TimelineEntry};
use super::ports::{OrderFilter, OrderWrite};
use super::returns::{Return, ReturnStatus};
use super::shipments::{Shipment, ShipmentEvent};
use super::story::Decided;

impl Orders {
    /// Forgets what is personal in all that somebody ordered, as far as nothing of it is under way, and empties her cart.
    /// Answers whether nothing is left.
    pub(super) async fn forget_person(&self, user: UserId) -> Outcome<bool> {
        // It is hers, and she went: nobody of the staff has changed it.
        self.clear_cart(&Actor::Customer(user), CartOwner::User(user), None).await?;
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
            let history = whole(|page| async move { self.store.timeline(id, &page).await }).await?;
            let (_, changes) = self.update(Decided::about(order.anonymous()), &Actor::System);
            let worded = history.into_iter().filter(|line| !line.note.is_empty());
            let changes = worded
                .fold(changes, |changes, line| changes.and(OrderWrite::Reword(TimelineEntry { note: String::new(), ..line })));
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
    pub(crate) fn anonymous(self) -> Self {
        let cancellation = |it: Cancellation| Cancellation { reason: String::new(), ..it };
        let returned = |it: Return| Return { reason: ERASED.to_owned(), note: None, ..it };
        Self {
            shipping_address: self.shipping_address.erased(),
            metadata: Metadata::new(),
            cancellations: self.cancellations.into_iter().map(cancellation).collect(),
            shipments: self.shipments.into_iter().map(Shipment::wordless).collect(),
            returns: self.returns.into_iter().map(returned).collect(),
            ..self
        }
    }
}

impl Shipment {
    /// The same parcel without what its carrier said of its ways in words.
    fn wordless(self) -> Self {
        let events = self.events.into_iter().map(|it| ShipmentEvent { note: None, ..it }).collect();
        Self { events, ..self }
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
