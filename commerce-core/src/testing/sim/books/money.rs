//! The money of orders: what was promised, taken and given back.

use super::{Books, cash};
use crate::change::ChangeSet;
use crate::events::EventKind;
use crate::ids::OrderId;
use crate::orders::{
    Attempt, AttemptState, Order, OrderStatus, OrderWrite, PaymentFact, PaymentMethod, ProviderEvent, ProviderFact, Refund,
    RefundCause, RefundState,
};

impl Books {
    pub(super) fn money(&mut self, before: &Order, order: &Order) {
        let id = order.id;
        let (was, is) = (&before.payment, &order.payment);
        let kept = was.attempts.iter().all(|old| {
            let new = is.attempts.iter().find(|new| new.id == old.id);
            new.is_some_and(|new| {
                let captured = new.state == AttemptState::Captured;
                let stays = old.state != AttemptState::Captured || (captured && new.to_capture == old.to_capture);
                new.amount == old.amount && stays && asked_before(old, new)
            })
        });
        self.must(kept, || format!("order {id} forgot an attempt or its capture"));
        let within =
            is.attempts.iter().all(|it| it.to_capture.is_none_or(|part| 0 <= part.minor && part.minor <= it.amount.minor));
        self.must(within, || format!("more than was promised is taken for order {id}"));
        let open = is.attempts.iter().filter(|attempt| is_open(attempt.state)).count();
        self.must(open <= 1, || format!("order {id} has {open} open attempts"));
        let by_attempts: i64 = is.attempts.iter().map(taken).sum();
        let cash = cash(order);
        self.must(is.captured.minor == by_attempts + cash, || {
            format!("order {id} counts {} captured, its attempts {by_attempts} and its courier {cash}", is.captured)
        });
        let went =
            |state| is.refunds.iter().filter(move |refund| refund.state == state).map(|refund| refund.amount.minor).sum::<i64>();
        let all = went(RefundState::Pending) + went(RefundState::Unknown) + went(RefundState::Succeeded);
        let handed: i64 =
            is.refunds.iter().filter(|refund| refund.attempt == is.cash_id()).map(|refund| refund.amount.minor).sum();
        let claimed = all - handed;
        self.must(claimed <= by_attempts, || format!("order {id} gives back {claimed} of {by_attempts}"));
        self.must(handed <= cash, || format!("order {id} hands back {handed} of {cash}"));
        let given: i64 = is.refunds.iter().filter(|it| given(it) && it.attempt != is.cash_id()).map(|it| it.amount.minor).sum();
        self.must(is.refunded.minor == went(RefundState::Succeeded), || format!("order {id} counts {} refunded", is.refunded));
        let final_refunds = was.refunds.iter().all(|old| {
            let new = is.refunds.iter().find(|new| new.id == old.id && new.amount == old.amount);
            new.is_some_and(|new| old.state != RefundState::Succeeded || new.state == RefundState::Succeeded)
        });
        self.must(final_refunds, || format!("order {id} forgot a refund"));
        let (kept, owed) = (by_attempts - claimed, owed(order));
        let carried = is.method == PaymentMethod::Cod || is.amount.minor == 0 || carries(order).is_some();
        let live = !matches!(order.status, OrderStatus::Pending | OrderStatus::Cancelled);
        self.must(carried || !live, || format!("order {id} is {} and nobody pays for it", order.status));
        if order.status == OrderStatus::Cancelled {
            self.must(kept == 0, || format!("order {id} is cancelled and keeps {kept}"));
        } else if order.status != OrderStatus::Pending {
            let due = owed - given;
            self.must(kept == due, || format!("order {id} is {} and keeps {kept} of {due}", order.status));
        }
    }

    /// What a provider says is believed only about the amount that we asked for.
    pub(super) fn believed(&mut self, event: &ProviderEvent) {
        let put_in = self.top_ups.values().any(|it| it.attempt.reference.as_ref() == Some(&event.reference));
        if put_in {
            return;
        }
        let payments = self.orders.values().map(|entry| &entry.order.payment);
        let asked = match event.fact {
            ProviderFact::Payment(PaymentFact::Captured { amount }) => {
                let mut attempts = payments.flat_map(|payment| &payment.attempts);
                attempts.any(|known| {
                    let asked = known.amount == amount || known.to_capture == Some(amount);
                    known.reference.as_ref() == Some(&event.reference) && asked
                })
            }
            ProviderFact::RefundSucceeded(amount) => {
                let mut refunds = payments.flat_map(|payment| &payment.refunds);
                refunds.any(|known| known.reference.as_ref() == Some(&event.reference) && known.amount == amount)
            }
            ProviderFact::Payment(_) | ProviderFact::Other => true,
        };
        self.must(asked, || format!("a provider's message {} was believed about another amount", event.event_id));
    }

    /// Money that may still come is called off before its order is given up.
    pub(super) fn called_off(&mut self, order: OrderId) {
        let Some(entry) = self.orders.get(&order) else { return };
        let open = entry.order.payment.attempts.iter().filter(|attempt| is_open(attempt.state));
        let forgotten = open.filter(|attempt| !self.given_up.contains(&attempt.id)).count();
        self.must(forgotten == 0, || format!("order {order} was given up while its provider may still take the money"));
    }
}

/// What an attempt took.
pub(in crate::testing::sim) fn taken(attempt: &Attempt) -> i64 {
    let captured = attempt.state == AttemptState::Captured;
    attempt.to_capture.filter(|_| captured).map_or(0, |part| part.minor)
}

/// Whether what is to be taken of an attempt was said once, and never otherwise but that all of it was taken.
fn asked_before(old: &Attempt, new: &Attempt) -> bool {
    let whole = new.state == AttemptState::Captured && new.to_capture == Some(new.amount);
    old.to_capture.is_none() || old.to_capture == new.to_capture || whole
}

/// The attempt that an order stands on: a promise, or a capture that is not owed back.
fn carries(order: &Order) -> Option<&Attempt> {
    let owed = |attempt: &Attempt| {
        let mut back = order.payment.refunds.iter().filter(|it| it.attempt == attempt.id && it.state != RefundState::Failed);
        back.any(|it| it.cause == RefundCause::Owed)
    };
    let mut attempts = order.payment.attempts.iter();
    attempts.find(|it| it.state == AttemptState::Authorized || (it.state == AttemptState::Captured && !owed(it)))
}

/// What the shop may keep of an order's attempts while it is neither pending nor cancelled.
pub(in crate::testing::sim) fn owed(order: &Order) -> i64 {
    if order.payment.method == PaymentMethod::Cod { 0 } else { carries(order).map_or(0, taken) }
}

/// Whether it went back for a return, or because staff gave it.
fn given(refund: &Refund) -> bool {
    refund.cause != RefundCause::Owed && refund.state != RefundState::Failed
}

fn is_open(state: AttemptState) -> bool {
    use AttemptState::{Authorized, Captured, Created, Declined, Pending, Unknown, Voided};
    match state {
        Created | Pending | Unknown | Authorized => true,
        Captured | Declined | Voided => false,
    }
}

/// Every capture, decline and refund that a change brings is said.
pub(super) fn says_its_money(before: &Order, order: &Order, changes: &ChangeSet<OrderWrite>) -> bool {
    let said = |kind| changes.events.iter().any(|event| event.kind == kind);
    let attempts = |order: &Order, state| order.payment.attempts.iter().filter(|attempt| attempt.state == state).count();
    let refunds = |order: &Order| order.payment.refunds.iter().filter(|refund| refund.state == RefundState::Succeeded).count();
    let more = |state| attempts(order, state) > attempts(before, state);
    (!more(AttemptState::Captured) || said(EventKind::PaymentSuccess))
        && (!more(AttemptState::Declined) || said(EventKind::PaymentFailed))
        && (refunds(order) == refunds(before) || said(EventKind::RefundSucceeded))
}
