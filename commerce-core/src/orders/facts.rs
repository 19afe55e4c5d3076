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
    let stands = order.status != OrderStatus::Cancelled && order.payment.method != PaymentMethod::Cod;
    let next = match advance(&known, answer, stands, now) {
        Ok(next) if next == known => return Applied::Known,
        Ok(next) => next,
        Err(why) => return Applied::Contradiction(why),
    };
    let newly = |state| next.state == state && known.state != state;
    let (captured, declined) = (newly(AttemptState::Captured), newly(AttemptState::Declined));
    let (promised, lapsed) = (next.is_promise() && newly(AttemptState::Authorized), newly(AttemptState::Voided));
    let mut decided = Decided::about(order);
    if let Some(slot) = decided.order.payment.attempts.iter_mut().find(|slot| slot.id == attempt) {
        *slot = next;
    }
    if declined {
        decided = decided.and(Happening::Declined);
    }
    if captured {
        return capture(decided, &known, ids, now);
    }
    if promised {
        decided = confirm(decided, now);
    }
    // What a promise carried is not paid any more.
    let carried = lapsed && known.state == AttemptState::Authorized && stands && decided.was_confirmed;
    if carried && decided.order.status.may_become(OrderStatus::Cancelled) {
        return match cancel(decided.order, "the promised payment was given back", ids, now) {
            Ok(cancelled) => Applied::Changed(Box::new(cancelled)),
            Err(refusal) => Applied::Contradiction(refusal.to_string()),
        };
    }
    Applied::Changed(Box::new(decided))
}

/// The attempt after an answer. CAPTURED is final; DECLINED and VOIDED yield only to CAPTURED. A promise is not
/// declined any more, whatever comes late. What an order `stands` on rests until the promise is about to lapse.
///
/// # Errors
/// How the answer contradicts what is known of the attempt.
pub(crate) fn advance(attempt: &Attempt, answer: &ProviderAnswer, stands: bool, now: Timestamp) -> Result<Attempt, String> {
    let id = attempt.id;
    if let (Some(ours), Some(theirs)) = (&attempt.reference, &answer.reference)
        && ours != theirs
    {
        return Err(format!("attempt {id} is {ours}, not {theirs}"));
    }
    let mut next = attempt.clone();
    if next.reference.is_none() {
        next.reference.clone_from(&answer.reference);
    }
    let promised = attempt.state == AttemptState::Authorized;
    match &answer.fact {
        PaymentFact::Captured { amount } if !attempt.may_take(*amount) => {
            return Err(format!("attempt {id} is about {}, not {amount}", attempt.to_capture.unwrap_or(attempt.amount)));
        }
        PaymentFact::Authorized { amount } if *amount != attempt.amount => {
            return Err(format!("attempt {id} is about {}, not a promise of {amount}", attempt.amount));
        }
        PaymentFact::Captured { amount } => {
            next.state = AttemptState::Captured;
            next.to_capture = Some(*amount);
            next.failure_code = None;
        }
        PaymentFact::Declined { code } if attempt.state.is_open() && !promised => {
            next.state = AttemptState::Declined;
            next.failure_code = Some(code.clone());
        }
        PaymentFact::Voided if attempt.state.is_open() => next.state = AttemptState::Voided,
        PaymentFact::Authorized { .. } if attempt.state.is_open() => next.state = AttemptState::Authorized,
        PaymentFact::Pending { next_action } if attempt.state.is_open() && !promised => {
            next.state = AttemptState::Pending;
            next.next_action.clone_from(next_action);
        }
        PaymentFact::NoAnswer if attempt.state == AttemptState::Created => next.state = AttemptState::Unknown,
        PaymentFact::Declined { .. }
        | PaymentFact::Voided
        | PaymentFact::Authorized { .. }
        | PaymentFact::Pending { .. }
        | PaymentFact::NoAnswer
        | PaymentFact::Unheard => {}
    }
    schedule(&mut next, attempt, stands, now);
    Ok(next)
}

/// When the provider is asked next, and what a browser may still do.
fn schedule(next: &mut Attempt, before: &Attempt, stands: bool, now: Timestamp) {
    if !next.state.is_open() || next.state == AttemptState::Authorized {
        next.token = None;
        next.next_action = None;
    }
    if !next.state.is_open() {
        next.check_at = None;
    } else if stands && next.is_promise() {
        next.check_at = Some(next.created_at.plus(limits::PROMISE_KEEP));
    } else if next.state != before.state || before.check_at.is_none_or(|due| due <= now) {
        next.check_at = Some(now.plus(pause(next.checks)));
        next.checks = next.checks.saturating_add(1);
    }
}

/// Money came in: a pending order is confirmed, a cancelled one gives it back, and so does one
/// that stands on another attempt or that the courier collects for.
fn capture(mut decided: Decided, known: &Attempt, ids: &IdSource, now: Timestamp) -> Applied {
    let payment = &mut decided.order.payment;
    let taken = payment.attempts.iter().find(|attempt| attempt.id == known.id).map_or(0, Attempt::taken);
    let Ok(captured) = payment.captured.plus(Money::new(taken, payment.amount.currency)) else {
        return Applied::Contradiction("the captured amounts of the order do not add up".to_owned());
    };
    payment.captured = captured;
    let promised = |it: &Attempt| it.state == AttemptState::Authorized && !it.is_given_up();
    let carries = |it: &Attempt| it.id != known.id && (it.state == AttemptState::Captured || promised(it));
    // An order that stands on this promise goes on to do so.
    let paid_before = payment.attempts.iter().any(carries) && !promised(known);
    decided = decided.and(Happening::Paid);
    let cancelled = decided.order.status == OrderStatus::Cancelled;
    let on_delivery = decided.order.payment.method == PaymentMethod::Cod;
    if cancelled || paid_before || on_delivery {
        let why = match (paid_before, cancelled) {
            (true, _) => "paid twice",
            (false, true) => "captured after the order was cancelled",
            (false, false) => "captured after the order was to be paid on delivery",
        };
        let refund = refund(&decided.order, known.id, taken, (why, RefundCause::Owed), ids, now);
        decided.order.payment.refunds.extend((taken > 0).then_some(refund));
    } else {
        decided = confirm(decided, now);
    }
    Applied::Changed(Box::new(decided))
}

/// The order confirmed, where it waited for that.
fn confirm(decided: Decided, now: Timestamp) -> Decided {
    match decided.order.clone().step(OrderStatus::Confirmed, now) {
        Ok(order) => {
            let order = Order { payment_due_at: None, ..order };
            Decided { order, ..decided }.and(Happening::Became(OrderStatus::Confirmed))
        }
        Err(_) => decided,
    }
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
    let captured = captured.map(|attempt| (attempt.id, attempt.taken(), false));
    for (attempt, captured, cash) in captured.chain([(payment.cash_id(), payment.cash(), true)]) {
        let claims = |refund: &&Refund| refund.attempt == attempt && refund.state != RefundState::Failed;
        let claimed = payment.refunds.iter().filter(claims).fold(0i64, |sum, refund| sum.saturating_add(refund.amount.minor));
        let amount = captured.saturating_sub(claimed).min(left);
        if amount <= 0 {
            continue;
        }
        left = left.saturating_sub(amount);
        let refund = refund(order, attempt, amount, (why, cause), ids, now);
        refunds.push(if cash { handed_over(refund) } else { refund });
    }
    refunds
}

/// A refund row with its provider key, to be sent at once.
fn refund(
    order: &Order,
    attempt: AttemptId,
    amount: i64,
    (why, cause): (&str, RefundCause),
    ids: &IdSource,
    now: Timestamp,
) -> Refund {
    Refund {
        id: ids.mint(),
        attempt,
        amount: Money::new(amount, order.payment.amount.currency),
        cause,
        lines: Vec::new(),
        state: RefundState::Pending,
        reason: why.to_owned(),
        reference: None,
        created_at: now,
        check_at: Some(now),
        checks: 0,
    }
}

/// What a refund of cash is known as; no provider names it.
pub const CASH: &str = "cash";

/// Of what the courier collected.
fn handed_over(refund: Refund) -> Refund {
    Refund { state: RefundState::Succeeded, reference: Some(CASH.to_owned()), check_at: None, ..refund }
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
