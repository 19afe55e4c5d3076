//! Money that is promised: staff takes it, or less of it, or gives it back.
//!
//! What is to be done is written down with the order before the provider hears of it, so that of two who want something
//! else of one promise one is refused, whatever becomes of the call; a worker finishes what was begun.

use serde_json::json;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{Answer, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{AttemptId, Id, OrderId};
use crate::limits;
use crate::money::Money;
use crate::staff::StaffAction;
use crate::time::Timestamp;

use super::Orders;
use super::collect::give_up;
use super::facts::cancel;
use super::model::{Order, OrderStatus};
use super::payment::{Attempt, AttemptState};
use super::status::settle_keyed;
use super::story::Decided;

/// What staff wants of a promise.
#[derive(Clone, Debug)]
pub struct PromiseWish {
    /// Names the attempt, or the payment for its last attempt.
    pub payment: Uuid,
    /// So much of it; all where none is said.
    pub amount: Option<Money>,
    /// Under which key.
    pub key: Option<RequestKey>,
    /// The version that the order must have.
    pub expected: Option<u64>,
}

impl PromiseWish {
    /// About all of this payment's promise.
    #[must_use]
    pub fn all_of(payment: Uuid) -> Self {
        Self { payment, amount: None, key: None, expected: None }
    }

    /// The same about this much.
    #[must_use]
    pub fn of(self, amount: Option<Money>) -> Self {
        Self { amount, ..self }
    }
}

/// What staff may want of a promise: in the scope of its key, and in the log of staff.
const CAPTURE: (&str, StaffAction) = ("capture", StaffAction::PaymentCaptured);
const VOID: (&str, StaffAction) = ("void", StaffAction::PaymentVoided);

/// What came of deciding about a promise.
enum Decision {
    /// It is written down like this.
    Begin(Box<Decided>),
    /// It was begun before; the provider may not have heard of it.
    GoOn,
    /// It was done before.
    Done,
}

impl Orders {
    /// Takes what was promised for an order, or less of it; what is left of the promise is given back by the provider. Taking the
    /// same once more answers what it came to.
    ///
    /// # Errors
    /// `NOT_CAPTURABLE` for what is not promised or is taken otherwise, and for a part where the provider takes no parts;
    /// `CAPTURE_EXCEEDS_AUTHORIZED`, `INVALID`, `CURRENCY_MISMATCH`, `FORBIDDEN` for its customer, `NOT_FOUND` for strangers,
    /// `VERSION_MISMATCH`.
    pub async fn capture_payment(&self, actor: &Actor, id: OrderId, wish: PromiseWish) -> Outcome<Answer<Order>> {
        let amount = wish.amount;
        let decide = |order: Order, attempt: &Attempt, now| {
            let decision = begin_capture(order, attempt, amount, now)?;
            let part = matches!(decision, Decision::Begin(_)) && amount.is_some_and(|amount| amount != attempt.amount);
            if part && self.gateway(&attempt.provider).is_some_and(|gateway| !gateway.takes_in_part()) {
                return Err(Refusal::NotCapturable("its provider takes a promise whole or not at all"));
            }
            Ok(decision)
        };
        let (answer, attempt) = self.decide_about(actor, id, CAPTURE, wish, &decide).await?;
        match answer {
            Answer::Fresh(order) => Ok(Answer::Fresh(self.charge(order, attempt).await)),
            Answer::Replayed(order) => Ok(Answer::Replayed(order)),
        }
    }

    /// Gives back what was promised for an order, or gives up an attempt to pay it. A promise is given back whole. An
    /// order that stands on it is cancelled, which is possible until it is shipped; one that waits for its money may be paid
    /// again.
    ///
    /// # Errors
    /// `NOT_VOIDABLE` for what was captured or declined, `ILLEGAL_TRANSITION` once it is shipped, `INVALID` for a part
    /// of a promise, `FORBIDDEN` for its customer, `NOT_FOUND` for strangers, `VERSION_MISMATCH`.
    pub async fn void_payment(&self, actor: &Actor, id: OrderId, wish: PromiseWish) -> Outcome<Answer<Order>> {
        let amount = wish.amount;
        let decide = |order: Order, attempt: &Attempt, now| self.begin_void(order, attempt, amount, now);
        let (answer, attempt) = self.decide_about(actor, id, VOID, wish, &decide).await?;
        let Answer::Fresh(order) = answer else { return Ok(answer) };
        let Some(known) = order.payment.attempts.iter().find(|known| known.id == attempt) else {
            return Ok(Answer::Fresh(order));
        };
        let Some(gateway) = self.gateway(&known.provider) else { return Ok(Answer::Fresh(order)) };
        let said = give_up(gateway.void(known).await);
        match self.take_answer(id, attempt, &said).await {
            Ok(order) => Ok(Answer::Fresh(order)),
            Err(error) => {
                tracing::warn!(order = %id, error = &error as &dyn std::error::Error, "a void is left to the worker");
                Ok(Answer::Fresh(order))
            }
        }
    }

    /// One decision about an attempt, written down; the order as it then is, fresh where the provider is to be asked.
    async fn decide_about(
        &self,
        actor: &Actor,
        id: OrderId,
        (action, deed): (&str, StaffAction),
        PromiseWish { payment, key, expected, .. }: PromiseWish,
        decide: &(dyn Fn(Order, &Attempt, Timestamp) -> Result<Decision, Refusal> + Sync),
    ) -> Outcome<(Answer<Order>, AttemptId)> {
        let claim = key.map(|key| self.claim_on(actor, id, &format!("payments/{payment}/{action}"), key));
        rounds("order", || async {
            let order = self.owned(actor, id).await?;
            actor.require_staff()?;
            let nothing = || nothing_to_decide(&order, payment, action);
            let attempt = named(&order, payment).cloned().ok_or_else(nothing)?;
            if self.used_before(claim.as_ref()).await? {
                let order = self.owned(actor, id).await?;
                return Ok(Round::Done((Answer::Replayed(order), attempt.id)));
            }
            expect_version("order", expected, order.version)?;
            match decide(order.clone(), &attempt, self.clock.now())? {
                Decision::Done => Ok(Round::Done((Answer::Replayed(order), attempt.id))),
                Decision::GoOn => Ok(Round::Done((Answer::Fresh(order), attempt.id))),
                Decision::Begin(decided) => {
                    let (order, changes) = self.update(*decided, actor);
                    let to_capture = order.payment.attempts.iter().find(|it| it.id == attempt.id).and_then(|it| it.to_capture);
                    let detail = json!({ "payment": attempt.id, "amount": to_capture });
                    let changes = changes.say(self.told(actor, id, deed, detail));
                    let begun = (Answer::Fresh(order), attempt.id);
                    settle_keyed(self.store.commit(changes.claim(claim.clone())).await, begun)
                }
            }
        })
        .await
    }

    fn begin_void(&self, order: Order, attempt: &Attempt, amount: Option<Money>, now: Timestamp) -> Result<Decision, Refusal> {
        match attempt.state {
            AttemptState::Voided => return Ok(Decision::Done),
            AttemptState::Captured => return Err(Refusal::NotVoidable("it is captured and can be refunded")),
            AttemptState::Declined => return Err(Refusal::NotVoidable("it was declined")),
            AttemptState::Created | AttemptState::Pending | AttemptState::Unknown | AttemptState::Authorized => {}
        }
        if amount.is_some_and(|amount| amount != attempt.amount) {
            return Err(Refusal::field("amount", "INVALID", "a promise is given back whole; capture less of it instead"));
        }
        if attempt.is_given_up() || order.status == OrderStatus::Cancelled {
            return Ok(Decision::GoOn);
        }
        let promised = attempt.state == AttemptState::Authorized;
        if promised && !attempt.is_promise() {
            return Err(Refusal::NotVoidable("it is being captured"));
        }
        let waits = order.status == OrderStatus::Pending;
        let mut decided =
            if waits { Decided::about(order) } else { cancel(order, "its payment was given back", &self.ids, now)? };
        mark(&mut decided.order, attempt.id, Money::zero(attempt.amount.currency), now);
        Ok(Decision::Begin(Box::new(decided)))
    }

    /// Worker: takes a promise before its provider lets go of it.
    pub(crate) async fn take_before_it_lapses(&self, id: OrderId, attempt: AttemptId) -> Outcome<()> {
        let begun = rounds("order", || async {
            let order = self.stored(id).await?;
            let known = order.payment.attempts.iter().find(|known| known.id == attempt).cloned();
            let now = self.clock.now();
            let Some(known) = known.filter(|it| it.is_promise() && it.check_at.is_some_and(|at| at <= now)) else {
                return Ok(Round::Done(None));
            };
            let Ok(Decision::Begin(decided)) = begin_capture(order, &known, None, now) else { return Ok(Round::Done(None)) };
            let (order, changes) = self.update(*decided, &Actor::System);
            settle(self.store.commit(changes).await, Some(order))
        })
        .await?;
        if let Some(order) = begun {
            self.charge(order, attempt).await;
        }
        Ok(())
    }
}

/// The attempt of this id; of the payment's own id the last one.
fn named(order: &Order, payment: Uuid) -> Option<&Attempt> {
    let attempts = &order.payment.attempts;
    if order.payment.id.uuid() == payment { attempts.last() } else { attempts.iter().find(|it| it.id.uuid() == payment) }
}

/// Why there is nothing to capture or to give up under this id: cash has a payment, but no attempt at one.
fn nothing_to_decide(order: &Order, payment: Uuid, action: &str) -> Refusal {
    const CASH: &str = "no provider has anything of it";
    match action {
        _ if order.payment.id.uuid() != payment => Refusal::NotFound("payment"),
        "void" => Refusal::NotVoidable(CASH),
        _ => Refusal::NotCapturable(CASH),
    }
}

fn begin_capture(order: Order, attempt: &Attempt, amount: Option<Money>, now: Timestamp) -> Result<Decision, Refusal> {
    let currency = attempt.amount.currency;
    let begun = attempt.to_capture.filter(|_| !attempt.is_given_up());
    let amount = amount.or(begun).unwrap_or(attempt.amount);
    if amount.currency != currency {
        return Err(Refusal::CurrencyMismatch);
    }
    if amount.minor < 1 {
        return Err(Refusal::field("amount", "OUT_OF_RANGE", "must be positive"));
    }
    let same = attempt.to_capture == Some(amount);
    match attempt.state {
        AttemptState::Captured if same => return Ok(Decision::Done),
        AttemptState::Captured => return Err(Refusal::NotCapturable("it is captured already")),
        AttemptState::Authorized => {}
        AttemptState::Created | AttemptState::Pending | AttemptState::Unknown | AttemptState::Declined | AttemptState::Voided => {
            return Err(Refusal::NotCapturable("nothing is promised"));
        }
    }
    if order.status == OrderStatus::Cancelled || attempt.is_given_up() {
        return Err(Refusal::NotCapturable("it is being given back"));
    }
    if amount.minor > attempt.amount.minor {
        return Err(Refusal::CaptureExceedsAuthorized { most: attempt.amount });
    }
    match attempt.to_capture {
        Some(_) if same => Ok(Decision::GoOn),
        Some(_) => Err(Refusal::NotCapturable("another amount of it is being captured")),
        None => {
            let mut decided = Decided::about(order);
            mark(&mut decided.order, attempt.id, amount, now);
            Ok(Decision::Begin(Box::new(decided)))
        }
    }
}

/// Writes down what is to be taken of an attempt; a worker sees to it should this process not.
fn mark(order: &mut Order, attempt: AttemptId, to_capture: Money, now: Timestamp) {
    for it in order.payment.attempts.iter_mut().filter(|it| it.id == attempt) {
        it.to_capture = Some(to_capture);
        it.check_at = Some(now.plus(limits::CHARGE_ANSWER_WITHIN));
    }
}
