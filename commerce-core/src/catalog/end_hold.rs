//! How a hold ends, once: sold, given back, or run out. And how a sold unit comes back.

use crate::change::{ChangeSet, Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::IdSource;
use crate::orders::HoldRef;
use crate::time::Timestamp;

use super::Catalog;
use super::ports::CatalogWrite;
use super::stock::{Hold, HoldState, Movement, MovementKind};

impl Catalog {
    /// Gives an active hold back. Terminal: no later sale of it succeeds. A hold that has ended
    /// already stays as it is.
    pub async fn release(&self, hold: HoldRef) -> Outcome<()> {
        rounds("hold", || self.end_once(hold, Ending::Released)).await
    }

    /// Turns an active hold into a sale, as the event of its confirmed order does. A hold that has ended
    /// already stays as it is.
    pub async fn sell(&self, hold: HoldRef) -> Outcome<()> {
        rounds("hold", || self.end_once(hold, Ending::Sold)).await
    }

    async fn end_once(&self, hold: HoldRef, how: Ending) -> Outcome<Round<()>> {
        let newest = self.store.hold(hold.key).await?;
        let Some(active) = newest.filter(|newest| is_active(newest, hold)) else { return Ok(Round::Done(())) };
        let changes = ChangeSet::of(ending(&active, how, &self.ids, self.clock.now()));
        settle(self.store.commit(changes).await, ())
    }
}

/// Whether `newest` is this very generation, and active.
pub(super) fn is_active(newest: &Hold, hold: HoldRef) -> bool {
    newest.generation == hold.generation && newest.state == HoldState::Active
}

/// The ways a hold ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its order was confirmed: on hand and reserved both fall.
    Sold,
    /// Its order was cancelled or never came to be.
    Released,
    /// It ran out and no order stood behind it.
    Expired,
}

/// The writes that end a hold. `EndHold` comes first and guards the rest.
pub(crate) fn ending(hold: &Hold, how: Ending, ids: &IdSource, now: Timestamp) -> Vec<CatalogWrite> {
    let (state, kind, reason) = match how {
        Ending::Sold => (HoldState::Committed, MovementKind::Sale, "sold"),
        Ending::Released => (HoldState::Released, MovementKind::Release, "given back"),
        Ending::Expired => (HoldState::Expired, MovementKind::Expiry, "ran out"),
    };
    let movement = |line: &super::stock::HoldLine| {
        let quantity = i64::from(line.quantity);
        CatalogWrite::Move(Movement {
            id: ids.mint(),
            sku: line.sku.clone(),
            kind,
            on_hand: if how == Ending::Sold { quantity.saturating_neg() } else { 0 },
            reserved: quantity.saturating_neg(),
            reference: Some(hold.key.to_hex()),
            reason: reason.to_owned(),
            actor: None,
            at: now,
        })
    };
    let end = CatalogWrite::EndHold(hold.key, hold.generation, state);
    std::iter::once(end).chain(hold.lines.iter().map(movement)).collect()
}
