//! Corrects stock by hand, with a reason that stays in the ledger.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, IdSource};
use crate::limits;
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::text::{Check, Sku};
use crate::time::Timestamp;

use super::Catalog;
use super::ports::CatalogWrite;
use super::stock::{Inventory, Movement, MovementKind};
use crate::keyed::Keyed;

impl Catalog {
    /// Changes the units on hand by `delta`. Sellers their own, staff all.
    ///
    /// # Errors
    /// `BELOW_RESERVED`, `NOT_FOUND`, `INVALID`, `VERSION_MISMATCH` when the stock is not `expected`.
    pub async fn adjust_stock(
        &self,
        actor: &Actor,
        sku: &Sku,
        delta: i64,
        reason: String,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Inventory>> {
        let product = Subject::of(SubjectKind::Product, self.managed_stock(actor, sku).await?.product);
        let keyed = Keyed::of(actor, format!("POST /api/inventory/{sku}/adjust"), key);
        if keyed.seen(&*self.store).await?.is_some() {
            return Ok(Answer::Replayed(self.stock(sku).await?));
        }
        let (delta, reason) = check(delta, &reason)?;
        let (keyed, reason) = (&keyed, reason.as_str());
        rounds("inventory", || async move {
            let movement = adjustment(sku, delta, reason, actor, &self.ids, self.clock.now());
            let claim = keyed.claim(movement.id.uuid(), movement.at);
            let told = self.told(actor, StaffAction::StockAdjusted, product, json!({ "sku": sku, "delta": delta }));
            let changes = expecting(sku, expected).and(CatalogWrite::Move(movement)).say(told).claim(claim);
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    keyed.twin(&record)?;
                    Ok(Round::Done(Answer::Replayed(self.stock(sku).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Stale("inventory"))) => Err(Refusal::VersionMismatch("stock").into()),
                Err(CommitError::Refused(CommitRefusal::Short(_))) => Err(refusal(delta, &self.stock(sku).await?).into()),
                committed => match settle(committed, ())? {
                    Round::Done(()) => Ok(Round::Done(Answer::Fresh(self.stock(sku).await?))),
                    Round::Again => Ok(Round::Again),
                },
            }
        })
        .await
    }

    /// At this many available units ops are told; without a number, at as many as the shop has for new SKUs.
    ///
    /// # Errors
    /// `NOT_FOUND`, `INVALID`, `VERSION_MISMATCH` when the stock is not `expected`.
    pub async fn set_threshold(
        &self,
        actor: &Actor,
        sku: &Sku,
        threshold: Option<i64>,
        expected: Option<u64>,
    ) -> Outcome<Inventory> {
        let product = Subject::of(SubjectKind::Product, self.managed_stock(actor, sku).await?.product);
        let threshold = threshold.unwrap_or(self.policy.low_stock_threshold);
        if !(0..=limits::STOCK_MAX).contains(&threshold) {
            return Err(Refusal::field("lowStockThreshold", "OUT_OF_RANGE", "must be between 0 and 1,000,000,000").into());
        }
        let told = self.told(actor, StaffAction::ThresholdSet, product, json!({ "sku": sku, "threshold": threshold }));
        let changes = expecting(sku, expected).and(CatalogWrite::SetThreshold(sku.clone(), threshold)).say(told);
        match self.store.commit(changes).await {
            Err(CommitError::Refused(CommitRefusal::Stale("inventory"))) if expected.is_some() => {
                Err(Refusal::VersionMismatch("stock").into())
            }
            committed => {
                committed?;
                self.stock(sku).await
            }
        }
    }
}

/// Stock changes without its version being read, so that the store judges the one a client names.
fn expecting(sku: &Sku, expected: Option<u64>) -> ChangeSet<CatalogWrite> {
    ChangeSet::of(expected.map(|version| CatalogWrite::ExpectStock(sku.clone(), version)))
}

fn check(delta: i64, reason: &str) -> Result<(i64, String), Refusal> {
    let mut check = Check::new();
    if delta == 0 || delta.unsigned_abs() > limits::STOCK_MAX.unsigned_abs() {
        check.fault("delta", "OUT_OF_RANGE", "must be a whole number other than 0, at most 1,000,000,000 either way");
    }
    let reason = check.line("reason", reason, 1, limits::SHORT_TEXT_MAX);
    check.finish()?;
    Ok((delta, reason))
}

/// Why a movement by `delta` did not fit.
fn refusal(delta: i64, stock: &Inventory) -> Refusal {
    if delta < 0 {
        Refusal::BelowReserved { sku: stock.sku.clone(), reserved: stock.reserved }
    } else {
        Refusal::field("delta", "OUT_OF_RANGE", "the stock cannot exceed 1,000,000,000 units")
    }
}

fn adjustment(sku: &Sku, delta: i64, reason: &str, actor: &Actor, ids: &IdSource, now: Timestamp) -> Movement {
    Movement {
        id: ids.mint(),
        sku: sku.clone(),
        kind: MovementKind::Adjustment,
        on_hand: delta,
        reserved: 0,
        reference: None,
        reason: reason.to_owned(),
        actor: actor.user(),
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adjustment_needs_an_amount_and_a_reason() {
        assert_eq!(check(-3, "  broken "), Ok((-3, "broken".to_owned())));
        for (delta, reason) in [(0, "x"), (1, " "), (i64::MIN, "x"), (limits::STOCK_MAX + 1, "x")] {
            assert!(check(delta, reason).is_err(), "{delta} {reason}");
        }
    }
}
