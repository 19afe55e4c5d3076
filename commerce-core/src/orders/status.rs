//! Staff moves an order on; customers may only cancel.

use crate::actor::Actor;
use crate::change::{
    Answer, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey, Round, expect_version, rounds, settle,
};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId};
use crate::text::Check;
use crate::time::Timestamp;

use super::Orders;
use super::facts::cancel;
use super::model::{Order, OrderStatus};
use super::payment::PaymentMethod;
use super::story::{Decided, Happening};

impl Orders {
    /// Moves an order one status further. CANCELLED refunds what was captured.
    ///
    /// # Errors
    /// `FORBIDDEN` for its customer, `NOT_FOUND` for strangers, `PAYMENT_REQUIRED`,
    /// `ILLEGAL_TRANSITION`, `VERSION_MISMATCH` when it is not `expected`.
    pub async fn set_status(
        &self,
        actor: &Actor,
        id: OrderId,
        status: OrderStatus,
        note: Option<String>,
        expected: Option<u64>,
    ) -> Outcome<Order> {
        let note = parse_note("note", note)?;
        rounds("order", || async {
            let order = self.order(actor, id).await?;
            actor.require_staff()?;
            expect_version("order", expected, order.version)?;
            let now = self.clock.now();
            let decided = match status {
                OrderStatus::Cancelled => cancel(order, &note, &self.ids, now)?,
                OrderStatus::Pending
                | OrderStatus::Confirmed
                | OrderStatus::Processing
                | OrderStatus::Shipped
                | OrderStatus::OutForDelivery
                | OrderStatus::Delivered => go_on(order, status, now)?.note(&note),
            };
            let (order, changes) = self.update(decided, actor);
            settle(self.store.commit(changes).await, order)
        })
        .await
    }

    /// Cancels an order: its owner or staff, until it is shipped.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, `ILLEGAL_TRANSITION` once it is shipped or cancelled,
    /// `VERSION_MISMATCH` when it is not `expected`.
    pub async fn cancel(
        &self,
        actor: &Actor,
        id: OrderId,
        reason: Option<String>,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Order>> {
        let reason = parse_note("reason", reason)?;
        let claim = key.map(|key| self.claim_on(actor, id, "cancel", key));
        rounds("order", || async {
            let order = self.order(actor, id).await?;
            if self.used_before(claim.as_ref()).await? {
                return Ok(Round::Done(Answer::Replayed(self.order(actor, id).await?)));
            }
            expect_version("order", expected, order.version)?;
            let decided = cancel(order, &reason, &self.ids, self.clock.now())?;
            let (order, changes) = self.update(decided, actor);
            settle_keyed(self.store.commit(changes.claim(claim.clone())).await, Answer::Fresh(order))
        })
        .await
    }

    /// A key for an action on one order.
    pub(crate) fn claim_on(&self, actor: &Actor, id: OrderId, action: &str, key: RequestKey) -> KeyClaim {
        KeyClaim {
            scope: KeyScope { user: actor.user(), route: format!("POST /api/orders/{id}/{action}"), key: key.key },
            body_hash: key.body_hash,
            result: KeyResult::Done(id.uuid()),
            generation: 1,
            at: self.clock.now(),
        }
    }

    /// Whether the same request was done before under this key.
    ///
    /// # Errors
    /// `IDEMPOTENCY_MISMATCH` when it was another request.
    pub(crate) async fn used_before(&self, claim: Option<&KeyClaim>) -> Outcome<bool> {
        let Some(claim) = claim else { return Ok(false) };
        let Some(record) = self.store.key(&claim.scope).await? else { return Ok(false) };
        Ok(record.replay(&claim.body_hash)?.is_some())
    }
}

/// As [`settle`]; where a twin used the key first, the next round answers as its replay.
pub(crate) fn settle_keyed<T>(committed: Result<(), CommitError>, result: T) -> Outcome<Round<T>> {
    match committed {
        Err(CommitError::Refused(CommitRefusal::KeyTaken(_))) => Ok(Round::Again),
        other => settle(other, result),
    }
}

/// A step that is not a cancel. Cash on delivery is captured when the parcel is handed over.
fn go_on(order: Order, status: OrderStatus, now: Timestamp) -> Result<Decided, Refusal> {
    let was_confirmed = Decided::about(order.clone()).was_confirmed;
    let order = order.step(status, now)?;
    let mut decided = Decided { was_confirmed, ..Decided::about(order) }.and(Happening::Became(status));
    let payment = &mut decided.order.payment;
    if status == OrderStatus::Confirmed {
        decided.order.payment_due_at = None;
    } else if status == OrderStatus::Delivered && payment.method == PaymentMethod::Cod {
        // On top of a card's capture that came after the switch to cash and is on its way back.
        payment.captured = payment.captured.plus(payment.amount)?;
        decided = decided.and(Happening::Paid);
    }
    Ok(decided)
}

fn parse_note(field: &str, note: Option<String>) -> Result<String, Refusal> {
    let mut check = Check::new();
    let note = check.prose(field, &note.unwrap_or_default(), 0, crate::limits::SHORT_TEXT_MAX);
    check.finish()?;
    Ok(note)
}
