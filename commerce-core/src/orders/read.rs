//! Looking at orders: their owners and staff.

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId, UserId};
use crate::page::{Page, PageRequest};

use super::Orders;
use super::model::{Order, TimelineEntry};
use super::ports::OrderFilter;

impl Orders {
    /// An order, for its owner, for staff, and for the guest who has its link.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn order(&self, actor: &Actor, id: OrderId) -> Outcome<Order> {
        match actor {
            Actor::Guest(guest, theirs) => {
                let order = self.stored(id).await?;
                let linked = order.id == *theirs && order.user == *guest;
                if linked { Ok(order) } else { Err(Refusal::NotFound("order").into()) }
            }
            Actor::Anonymous | Actor::Customer(_) | Actor::Seller(..) | Actor::Admin(_) | Actor::System => {
                self.owned(actor, id).await
            }
        }
    }

    /// An order, for its owner and staff alone: what needs more than the link of a guest.
    pub(super) async fn owned(&self, actor: &Actor, id: OrderId) -> Outcome<Order> {
        if matches!(actor, Actor::Anonymous | Actor::Guest(..)) {
            return Err(Refusal::Unauthenticated.into());
        }
        let order = self.stored(id).await?;
        actor.require_owner(order.user, "order")?;
        Ok(order)
    }

    /// Orders, newest first: a customer's own, for staff all that match.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `NOT_FOUND` when a customer asks for somebody else's.
    pub async fn orders(&self, actor: &Actor, filter: OrderFilter, page: &PageRequest) -> Outcome<Page<Order>> {
        if actor.is_staff() {
            return Ok(self.store.orders(&filter, page).await?);
        }
        let user = actor.require_user()?;
        actor.require_owner(filter.user.unwrap_or(user), "user")?;
        Ok(self.store.orders(&OrderFilter { user: Some(user), ..filter }, page).await?)
    }

    /// Orders of all of these users, newest first; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn orders_of(
        &self,
        actor: &Actor,
        users: &[UserId],
        filter: OrderFilter,
        page: &PageRequest,
    ) -> Outcome<Page<Order>> {
        actor.require_staff()?;
        let wanted = users.iter().filter(|user| filter.user.is_none_or(|only| only == **user));
        let mut lists = Vec::new();
        for user in wanted {
            lists.push(self.store.orders(&OrderFilter { user: Some(*user), ..filter.clone() }, page).await?);
        }
        Ok(Page::merged(lists, page, |order| order.id.uuid()))
    }

    /// An order's history, oldest first, for its owner and staff.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    pub async fn timeline(&self, actor: &Actor, id: OrderId, page: &PageRequest) -> Outcome<Page<TimelineEntry>> {
        self.order(actor, id).await?;
        Ok(self.store.timeline(id, page).await?)
    }
}
