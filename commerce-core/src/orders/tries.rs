//! How an order was tried to be paid, one by one: each attempt, and the cash of one that is paid on delivery. Decides
//! nothing: it is what lists show.

use crate::ids::AttemptId;
use crate::money::Money;
use crate::time::Timestamp;

use super::model::Order;
use super::payment::{Attempt, AttemptState, NextAction, PaymentMethod, PaymentStatus, RefundState};

/// What stands in the place of a provider's name where the courier collects.
const CASH: &str = "cash";

/// One way in which an order was or is to be paid.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Try {
    /// Of the attempt; of cash, the payment's own.
    pub id: AttemptId,
    /// Through whom; `cash` for the courier.
    pub provider: String,
    /// How.
    pub method: PaymentMethod,
    /// How far.
    pub status: PaymentStatus,
    /// How much was asked for.
    pub amount: Money,
    /// What was promised or taken.
    pub authorized: Money,
    /// What was taken.
    pub captured: Money,
    /// Of that, what went back for sure.
    pub refunded: Money,
    /// The provider's own name for it, once known.
    pub reference: Option<String>,
    /// Why it was declined, where it was.
    pub failure_code: Option<String>,
    /// Where the customer must go on, while it is open.
    pub next_action: Option<NextAction>,
    /// When it was written down; of cash, the order.
    pub created_at: Timestamp,
}

impl AttemptState {
    /// The same in the words for payments, whose money may have gone back since.
    #[must_use]
    pub fn as_payment(self) -> PaymentStatus {
        match self {
            Self::Created | Self::Pending => PaymentStatus::Pending,
            Self::Unknown => PaymentStatus::Unknown,
            Self::Authorized => PaymentStatus::Authorized,
            Self::Captured => PaymentStatus::Captured,
            Self::Declined => PaymentStatus::Failed,
            Self::Voided => PaymentStatus::Voided,
        }
    }
}

impl Order {
    /// Every try to pay it, oldest first, and the cash of an order that is paid on delivery.
    #[must_use]
    pub fn tries(&self) -> Vec<Try> {
        let attempts = self.payment.attempts.iter().map(|attempt| self.tried(attempt));
        attempts.chain(self.in_cash()).collect()
    }

    fn tried(&self, attempt: &Attempt) -> Try {
        let money = |minor| Money::new(minor, attempt.amount.currency);
        let refunded = self.refunded_of(attempt.id);
        let (promised, failed) = match attempt.state {
            AttemptState::Authorized | AttemptState::Captured => (attempt.amount.minor, None),
            AttemptState::Declined => (0, attempt.failure_code.clone()),
            AttemptState::Created | AttemptState::Pending | AttemptState::Unknown | AttemptState::Voided => (0, None),
        };
        Try {
            id: attempt.id,
            provider: attempt.provider.clone(),
            method: attempt.method,
            status: with_refunds(attempt.state.as_payment(), attempt.taken(), refunded),
            amount: attempt.amount,
            authorized: money(promised),
            captured: money(attempt.taken()),
            refunded: money(refunded),
            reference: attempt.reference.clone(),
            failure_code: failed,
            next_action: attempt.next_action.clone().filter(|_| attempt.state.is_open()),
            created_at: attempt.created_at,
        }
    }

    fn in_cash(&self) -> Option<Try> {
        let payment = &self.payment;
        if payment.method != PaymentMethod::Cod {
            return None;
        }
        let money = |minor| Money::new(minor, payment.amount.currency);
        let (taken, refunded) = (payment.cash().max(0), self.refunded_of(payment.cash_id()));
        let status = if taken > 0 { PaymentStatus::Captured } else { PaymentStatus::Pending };
        Some(Try {
            id: payment.cash_id(),
            provider: CASH.to_owned(),
            method: payment.method,
            status: with_refunds(status, taken, refunded),
            amount: payment.amount,
            authorized: money(taken),
            captured: money(taken),
            refunded: money(refunded),
            reference: None,
            failure_code: None,
            next_action: None,
            created_at: self.id.placed_at(),
        })
    }

    /// What went back for sure out of one capture, in minor units.
    fn refunded_of(&self, attempt: AttemptId) -> i64 {
        let done = self.payment.refunds.iter().filter(|it| it.attempt == attempt && it.state == RefundState::Succeeded);
        done.fold(0, |sum, refund| sum.saturating_add(refund.amount.minor))
    }
}

fn with_refunds(status: PaymentStatus, taken: i64, refunded: i64) -> PaymentStatus {
    match status {
        PaymentStatus::Captured if refunded == 0 => status,
        PaymentStatus::Captured if refunded >= taken => PaymentStatus::Refunded,
        PaymentStatus::Captured => PaymentStatus::PartiallyRefunded,
        PaymentStatus::Pending
        | PaymentStatus::Unknown
        | PaymentStatus::Authorized
        | PaymentStatus::Failed
        | PaymentStatus::Voided
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded => status,
    }
}
