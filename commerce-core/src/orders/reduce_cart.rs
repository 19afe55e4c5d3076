//! Takes out of a cart what was ordered of it, once: by the order itself, by its event, or by the customer's
//! next order, whichever is first.

use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal, Handled, Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::EventId;
use crate::text::{Quantity, Sku};

use super::Orders;
use super::cart::{Cart, CartOwner};
use super::ports::CartWrite;
use super::pricing::OrderLine;

impl Orders {
    /// Takes `ordered` out of the cart that `claim` stands for; one that has begun anew since then
    /// stays as it is. Answers the cart as it is then, if there is one. An event from before there were
    /// claims has none: its delivery, `handled`, alone keeps its lines from leaving twice.
    pub(super) async fn reduce_cart(
        &self,
        owner: CartOwner,
        claim: Option<Uuid>,
        ordered: &[OrderLine],
        handled: Option<(&'static str, EventId)>,
    ) -> Outcome<Option<Cart>> {
        let ordered: Vec<(Sku, Quantity)> = ordered.iter().map(|line| (line.sku.clone(), line.quantity)).collect();
        let ordered = ordered.as_slice();
        rounds("cart", || async move {
            let now = self.clock.now();
            let cart = self.carts.cart(owner, now).await?;
            let is_meant = |cart: &Cart| claim.is_none_or(|claim| claim == cart.claim());
            let (left, write) = match cart {
                Some(cart) if is_meant(&cart) => {
                    let left = cart.without(ordered, now);
                    (Some(left.clone()), Some(CartWrite::Save(left)))
                }
                other => (other, None),
            };
            // A cart that is gone is noted as handled too, or a repeat would reduce the next one.
            let handled = handled.map(|(consumer, event)| Handled { consumer, event, at: now });
            match self.carts.commit(ChangeSet::of(write).handling(handled)).await {
                Err(CommitError::Refused(CommitRefusal::AlreadyHandled)) => Ok(Round::Done(None)),
                other => settle(other, left),
            }
        })
        .await
    }
}
