//! Worker: money on its way back, sent under the refund's own key until the answer is final.

use crate::actor::Actor;
use crate::change::{Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::{OrderId, RefundId};
use crate::money::Money;
use crate::time::Timestamp;

use super::Orders;
use super::exchange::EXCHANGE;
use super::facts::{Applied, pause};
use super::model::Order;
use super::payment::{Refund, RefundState};
use super::ports::{DueWork, RefundAnswer};
use super::story::{Decided, Happening};

impl Orders {
    /// Sends refunds that are due, and asks again about those without an answer. Answers how many
    /// orders it looked at.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn send_refunds(&self, limit: u32) -> Outcome<usize> {
        let due = self.store.due(DueWork::Refunds, self.clock.now(), limit).await?;
        for order in &due {
            let order = self.stored(*order).await?;
            let now = self.clock.now();
            for refund in order.payment.refunds.iter().filter(|refund| refund.check_at.is_some_and(|at| at <= now)) {
                self.send_refund(&order, refund).await?;
            }
        }
        Ok(due.len())
    }

    async fn send_refund(&self, order: &Order, refund: &Refund) -> Outcome<()> {
        let Some(attempt) = order.payment.attempts.iter().find(|attempt| attempt.id == refund.attempt) else {
            tracing::error!(order = %order.id, refund = %refund.id, "a refund names no attempt of its order");
            return Ok(());
        };
        if attempt.provider == EXCHANGE {
            return self.bring_back(order.id, refund.id).await;
        }
        let answer = match self.gateway(&attempt.provider) {
            Some(gateway) => gateway.refund(refund, attempt).await,
            None => RefundAnswer::NoAnswer,
        };
        self.take_refund_answer(order.id, refund.id, &answer).await
    }

    async fn take_refund_answer(&self, order: OrderId, refund: RefundId, answer: &RefundAnswer) -> Outcome<()> {
        rounds("order", || async {
            match apply_refund_answer(self.stored(order).await?, refund, answer, self.clock.now()) {
                None => Ok(Round::Done(())),
                Some(decided) => {
                    let (_, changes) = self.update(decided, &Actor::System);
                    settle(self.store.commit(changes).await, ())
                }
            }
        })
        .await
    }
}

/// Applies a provider's answer to a refund; `None` when it is final already.
fn apply_refund_answer(order: Order, id: RefundId, answer: &RefundAnswer, now: Timestamp) -> Option<Decided> {
    let mut decided = Decided::about(order);
    let payment = &mut decided.order.payment;
    let refund = payment.refunds.iter_mut().find(|refund| refund.id == id && refund.check_at.is_some())?;
    refund.checks = refund.checks.saturating_add(1);
    match answer {
        RefundAnswer::Pending | RefundAnswer::NoAnswer => {
            refund.state = RefundState::Unknown;
            refund.check_at = Some(now.plus(pause(refund.checks)));
        }
        RefundAnswer::Failed { code } => {
            tracing::error!(refund = %id, code, "a provider refuses a refund for good; somebody must look");
            refund.state = RefundState::Failed;
            refund.check_at = None;
        }
        RefundAnswer::Succeeded { reference } => {
            refund.reference = Some(reference.clone());
            return Some(succeed(decided, id));
        }
    }
    Some(decided)
}

/// Applies a provider's word that the refund it calls `reference` went through.
pub(crate) fn apply_refund_fact(order: Order, reference: &str, amount: Money) -> Applied {
    let Some(refund) = order.payment.refunds.iter().find(|refund| refund.reference.as_deref() == Some(reference)) else {
        return Applied::Contradiction(format!("{reference} is not a refund of its order"));
    };
    if refund.amount != amount {
        return Applied::Contradiction(format!("refund {} is of {}, not {amount}", refund.id, refund.amount));
    }
    if refund.state == RefundState::Succeeded {
        return Applied::Known;
    }
    let id = refund.id;
    Applied::Changed(Box::new(succeed(Decided::about(order), id)))
}

fn succeed(mut decided: Decided, id: RefundId) -> Decided {
    let payment = &mut decided.order.payment;
    if let Some(refund) = payment.refunds.iter_mut().find(|refund| refund.id == id) {
        refund.state = RefundState::Succeeded;
        refund.check_at = None;
        payment.refunded.minor = payment.refunded.minor.saturating_add(refund.amount.minor);
    }
    decided.and(Happening::Refunded)
}
