//! Worker: pending orders whose time to be paid is over.

use crate::actor::Actor;
use crate::change::{Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::OrderId;
use crate::limits;

use super::Orders;
use super::collect::{NO_ANSWER, give_up};
use super::facts::cancel;
use super::model::{Order, OrderStatus};
use super::ports::DueWork;
use super::story::Decided;

impl Orders {
    /// Cancels pending orders whose deadline has passed. An order with an open attempt gets more
    /// time once; after that the attempt is first voided at its provider. Answers how many orders
    /// it looked at.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn expire_unpaid(&self, limit: u32) -> Outcome<usize> {
        let due = self.store.due(DueWork::Deadlines, self.clock.now(), limit).await?;
        for order in &due {
            self.expire(*order).await?;
        }
        Ok(due.len())
    }

    async fn expire(&self, id: OrderId) -> Outcome<()> {
        let order = self.stored(id).await?;
        if let Some(attempt) = order.payment.open_attempt()
            && order.payment_extended
        {
            let answer = match self.gateway(&attempt.provider) {
                Some(gateway) => give_up(gateway.void(attempt).await),
                None => NO_ANSWER,
            };
            self.take_answer(id, attempt.id, &answer).await?;
        }
        rounds("order", || async {
            let order = self.stored(id).await?;
            let now = self.clock.now();
            let overdue = order.status == OrderStatus::Pending && order.payment_due_at.is_some_and(|due| due <= now);
            if !overdue {
                return Ok(Round::Done(()));
            }
            let decided = if order.payment.open_attempt().is_some() && !order.payment_extended {
                let payment_due_at = Some(now.plus(limits::PAYMENT_GRACE));
                Decided::about(Order { payment_due_at, payment_extended: true, ..order })
            } else {
                cancel(order, "not paid in time", &self.ids, now)?
            };
            let (_, changes) = self.update(decided, &Actor::System);
            settle(self.store.commit(changes).await, ())
        })
        .await
    }
}
