//! Paying an order again after a decline.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::OrderId;
use crate::limits;
use crate::staff::StaffAction;

use super::Orders;
use super::draft::attempt;
use super::guest::expect_no_wallet;
use super::model::{Order, OrderStatus};
use super::payment::PaymentMethod;
use super::status::settle_keyed;
use super::story::Decided;

impl Orders {
    /// Starts a new attempt to pay a pending order: its owner, the guest who has its link, or staff. While one is open, that one is the answer: an
    /// order never has two.
    ///
    /// # Errors
    /// `NOT_PAYABLE` once the order is paid, cancelled or out of time, `INVALID` for a method this
    /// shop does not take, `NOT_FOUND` for strangers, `VERSION_MISMATCH` when the order is not `expected`.
    pub async fn pay(
        &self,
        actor: &Actor,
        id: OrderId,
        method: PaymentMethod,
        token: Option<String>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Order>> {
        let claim = key.map(|key| self.claim_on(actor, id, "payments", key));
        let by_link = matches!(actor, Actor::Guest(..));
        expect_no_wallet("", Some(method).filter(|_| by_link))?;
        let tender = self.tender("", self.order(actor, id).await?.user, method, token)?;
        let answer = rounds("order", || async {
            let order = self.order(actor, id).await?;
            let open = order.status == OrderStatus::Pending && order.payment.open_attempt().is_some();
            if self.used_before(claim.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(self.order(actor, id).await?)));
            }
            expect_version("order", expected, order.version)?;
            if open {
                return Ok(Round::Done(Answer::Replayed(order)));
            }
            payable(&order, self.clock.now())?;
            if by_link && order.payment.attempts.len() >= limits::GUEST_ATTEMPTS_MAX {
                return Err(Refusal::NotPayable("it was tried too often; order once more").into());
            }
            let mut decided = Decided::about(order);
            let payment = &mut decided.order.payment;
            payment.method = method;
            payment.attempts.extend(attempt(&tender, payment.amount, &self.ids, self.clock.now()));
            if method == PaymentMethod::Cod {
                decided.order = Order { payment_due_at: None, ..decided.order.step(OrderStatus::Confirmed, self.clock.now())? };
                decided = decided.and(super::Happening::Became(OrderStatus::Confirmed));
            }
            let (order, changes) = self.update(decided, actor);
            let detail = json!({ "method": method });
            let changes = changes.say(self.told_to(order.user, actor, id, StaffAction::PaymentStarted, detail));
            settle_keyed(self.store.commit(changes.claim(claim.clone())).await, Answer::Fresh(order))
        })
        .await?;
        match answer {
            Answer::Fresh(order) => Ok(Answer::Fresh(self.collect(order).await)),
            Answer::Replayed(order) => Ok(Answer::Replayed(order)),
        }
    }
}

fn payable(order: &Order, now: crate::time::Timestamp) -> Result<(), Refusal> {
    match order.status {
        OrderStatus::Cancelled => Err(Refusal::NotPayable("it is cancelled")),
        OrderStatus::Pending if order.payment.captured.minor > 0 => Err(Refusal::NotPayable("it is paid")),
        OrderStatus::Pending if order.payment_due_at.is_some_and(|due| due <= now) => {
            Err(Refusal::NotPayable("its time to be paid is over"))
        }
        OrderStatus::Pending => Ok(()),
        OrderStatus::Confirmed
        | OrderStatus::Processing
        | OrderStatus::Shipped
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered => Err(Refusal::NotPayable("it needs no payment any more")),
    }
}
