//! Staff moves an order on; customers may only cancel.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{
    Answer, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope, RequestKey, Round, expect_version, rounds, settle,
};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId};
use crate::staff::StaffAction;
use crate::text::Check;

use super::Orders;
use super::facts::cancel;
use super::model::{Order, OrderStatus};
use super::ship::{become_status, by_hand};
use super::story::Decided;

impl Orders {
    /// Moves an order one status further. CANCELLED refunds what was captured, SHIPPED ships all that is open, and
    /// what is `OUT_FOR_DELIVERY` or DELIVERED its shipments are, too.
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
            let order = self.owned(actor, id).await?;
            actor.require_staff()?;
            expect_version("order", expected, order.version)?;
            let now = self.clock.now();
            let decided = match status {
                OrderStatus::Cancelled => cancel(order, &note, &self.ids, now)?,
                OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Processing => {
                    become_status(Decided::about(order), status, now)?.note(&note)
                }
                OrderStatus::Shipped | OrderStatus::OutForDelivery | OrderStatus::Delivered => {
                    by_hand(order, status, self.ids.mint(), now)?.note(&note)
                }
            };
            let (order, changes) = self.update(decided, actor);
            let told = self.told(actor, id, StaffAction::OrderStatusSet, json!({ "status": status }));
            settle(self.store.commit(changes.say(told)).await, order)
        })
        .await
    }

    /// Cancels an order: its owner, the guest who has its link, or staff, until it is shipped.
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
            let changes = changes.say(self.told_to(order.user, actor, id, StaffAction::OrderCancelled, json!({})));
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

pub(super) fn parse_note(field: &str, note: Option<String>) -> Result<String, Refusal> {
    let mut check = Check::new();
    let note = check.prose(field, &note.unwrap_or_default(), 0, crate::limits::SHORT_TEXT_MAX);
    check.finish()?;
    Ok(note)
}
