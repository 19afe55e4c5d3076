//! What a provider says about an attempt, applied. Monotone: facts may come from the answer, a
//! webhook or a poll, in any order and any number of times.

use crate::error::Refusal;
use crate::ids::{AttemptId, IdSource};
use crate::limits;
use crate::money::Money;
use crate::time::Timestamp;

use super::model::{Order, OrderStatus};
use super::payment::{Attempt, AttemptState, PaymentFact, PaymentMethod, Refund, RefundCause, RefundState};
use super::ports::ProviderAnswer;
use super::story::{Decided, Happening};

/// What an answer about an attempt means for its order.
#[derive(Debug)]
pub enum Applied {
    /// The order changes.
    Changed(Box<Decided>),
    /// It was known already.
    Known,
    /// It contradicts our books; nothing may be built on it.
    Contradiction(String),
}

/// Applies an answer about `attempt` to its order.
#[must_use]
pub fn apply_payment_fact(order: Order, attempt: AttemptId, answer: &ProviderAnswer, ids: &IdSource, now: Timestamp) -> Applied {
    let Some(known) = order.payment.attempts.iter().find(|known| known.id == attempt).cloned() else {
        return Applied::Contradiction(format!("order {} has no attempt {attempt}", order.id));
    };
    if let (Some(ours), Some(theirs)) = (&known.reference, &answer.reference)
        && ours != theirs
    {
        return Applied::Contradiction(format!("attempt {attempt} is {ours}, not {theirs}"));
    }
    if let PaymentFact::Captured { amount } = &answer.fact
        && *amount != known.amount
    {
        return Applied::Contradiction(format!("attempt {attempt} is about {}, not {amount}", known.amount));
    }
    let next = advance(&known, answer, now);
    if next == known {
        return Applied::Known;
    }
    let newly = |state| next.state == state && known.state != state;
    let (captured, declined) = (newly(AttemptState::Captured), newly(AttemptState::Declined));
    let mut decided = Decided::about(order);
    if let Some(slot) = decided.order.payment.attempts.iter_mut().find(|slot| slot.id == attempt) {
        *slot = next;
    }
    if declined {
        decided = decided.and(Happening::Declined);
    }
    if captured { capture(decided, known.amount, ids, now) } else { Applied::Changed(Box::new(decided)) }
}

/// The attempt after an answer. CAPTURED is final; DECLINED and VOIDED yield only to CAPTURED.
fn advance(attempt: &Attempt, answer: &ProviderAnswer, now: Timestamp) -> Attempt {
    let mut next = attempt.clone();
    if next.reference.is_none() {
        next.reference.clone_from(&answer.reference);
    }
    match &answer.fact {
        PaymentFact::Captured { .. } => {
            next.state = AttemptState::Captured;
            next.failure_code = None;
        }
        PaymentFact::Declined { code } if attempt.state.is_open() => {
            next.state = AttemptState::Declined;
            next.failure_code = Some(code.clone());
        }
        PaymentFact::Voided if attempt.state.is_open() => next.state = AttemptState::Voided,
        PaymentFact::Authorized if attempt.state.is_open() => next.state = AttemptState::Authorized,
        PaymentFact::Pending { next_action } if attempt.state.is_open() && attempt.state != AttemptState::Authorized => {
            next.state = AttemptState::Pending;
            next.next_action.clone_from(next_action);
        }
        PaymentFact::NoAnswer if attempt.state == AttemptState::Created => next.state = AttemptState::Unknown,
        PaymentFact::Declined { .. }
        | PaymentFact::Voided
        | PaymentFact::Authorized
        | PaymentFact::Pending { .. }
        | PaymentFact::NoAnswer
        | PaymentFact::Unheard => {}
    }
    next.check_at = next.state.is_open().then(|| now.plus(pause(next.checks)));
    if !next.state.is_open() {
        next.token = None;
        next.next_action = None;
    } else if next.state != attempt.state || attempt.check_at.is_some_and(|due| due <= now) {
        next.checks = next.checks.saturating_add(1);
    } else {
        next.check_at = attempt.check_at;
    }
    next
}

/// Money came in: a pending order is confirmed, a cancelled one gives it back, and so does one
/// that was paid twice or that the courier collects for.
fn capture(mut decided: Decided, amount: Money, ids: &IdSource, now: Timestamp) -> Applied {
    let payment = &mut decided.order.payment;
    let Ok(captured) = payment.captured.plus(amount) else {
        return Applied::Contradiction("the captured amounts of the order do not add up".to_owned());
    };
    let before = payment.captured;
    payment.captured = captured;
    decided = decided.and(Happening::Paid);
    // What costs nothing is captured once as well.
    let captures = decided.order.payment.attempts.iter().filter(|attempt| attempt.state == AttemptState::Captured).count();
    let due = decided.order.payment.amount.minor;
    let paid_before = before.minor >= due && (due > 0 || captures > 1);
    let cancelled = decided.order.status == OrderStatus::Cancelled;
    let on_delivery = decided.order.payment.method == PaymentMethod::Cod;
    if cancelled || paid_before || on_delivery {
        let why = match (paid_before, cancelled) {
            (true, _) => "paid twice",
            (false, true) => "captured after the order was cancelled",
            (false, false) => "captured after the order was to be paid on delivery",
        };
        decided.order.payment.refunds.extend(refund_rest(&decided.order, Some(amount.minor), why, RefundCause::Owed, ids, now));
    } else if let Ok(order) = decided.order.clone().step(OrderStatus::Confirmed, now) {
        decided.order = Order { payment_due_at: None, ..order };
        decided = decided.and(Happening::Became(OrderStatus::Confirmed));
    }
    Applied::Changed(Box::new(decided))
}

/// Refund rows for up to `at_most` (all, when `None`) of what was captured and not claimed by an
/// earlier refund, newest capture first, each with its provider key. What the courier collected comes
/// last; it is handed over at once.
#[must_use]
pub fn refund_rest(
    order: &Order,
    at_most: Option<i64>,
    why: &str,
    cause: RefundCause,
    ids: &IdSource,
    now: Timestamp,
) -> Vec<Refund> {
    let payment = &order.payment;
    let mut left = at_most.unwrap_or(i64::MAX).min(order.refundable());
    let mut refunds = Vec::new();
    let captured = payment.attempts.iter().rev().filter(|attempt| attempt.state == AttemptState::Captured);
    let captured = captured.map(|attempt| (attempt.id, attempt.amount.minor, false));
    for (attempt, captured, cash) in captured.chain([(payment.cash_id(), payment.cash(), true)]) {
        let claims = |refund: &&Refund| refund.attempt == attempt && refund.state != RefundState::Failed;
        let claimed = payment.refunds.iter().filter(claims).fold(0i64, |sum, refund| sum.saturating_add(refund.amount.minor));
        let amount = captured.saturating_sub(claimed).min(left);
        if amount <= 0 {
            continue;
        }
        left = left.saturating_sub(amount);
        refunds.push(Refund {
            id: ids.mint(),
            attempt,
            amount: Money::new(amount, payment.amount.currency),
            cause,
            state: if cash { RefundState::Succeeded } else { RefundState::Pending },
            reason: why.to_owned(),
            reference: cash.then(|| "cash".to_owned()),
            created_at: now,
            check_at: (!cash).then_some(now),
            checks: 0,
        });
    }
    refunds
}

/// How long to wait before the next question: doubles from a second to five minutes.
#[must_use]
pub(crate) fn pause(checks: u32) -> std::time::Duration {
    let doubled = limits::CHECK_PAUSE.saturating_mul(2u32.saturating_pow(checks.min(16)));
    doubled.min(limits::CHECK_PAUSE_MAX)
}

/// Cancels an order: final. Captured money goes back, open attempts are given up by a worker, and
/// the stock is released or restocked by the catalog when it hears of it.
///
/// # Errors
/// `ILLEGAL_TRANSITION` once it is shipped or cancelled.
pub fn cancel(order: Order, why: &str, ids: &IdSource, now: Timestamp) -> Result<Decided, Refusal> {
    let was = Decided::about(order.clone()).was_confirmed;
    let mut order = order.step(OrderStatus::Cancelled, now)?;
    order.payment_due_at = None;
    let refunds = refund_rest(&order, None, "the order was cancelled", RefundCause::Owed, ids, now);
    order.payment.refunds.extend(refunds);
    for attempt in order.payment.attempts.iter_mut().filter(|attempt| attempt.state.is_open()) {
        attempt.check_at = Some(now);
    }
    let decided = Decided { was_confirmed: was, ..Decided::about(order) };
    Ok(decided.note(why).and(Happening::Became(OrderStatus::Cancelled)))
}
