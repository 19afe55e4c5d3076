//! Judging: whether each change set of a batch may be committed, in arrival order, in memory.
//!
//! Pure: works on rows the engine loaded under its write lock. Every judge sees the effects of the
//! change sets accepted before, and leaves nothing of one that it refuses.

mod catalog;
mod coupons;
mod head;
mod notifications;
mod opinions;
mod orders;
mod users;
mod wallets;

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitRefusal};

use super::batch::Verdict;

pub(crate) use catalog::{CatalogJudge, CatalogWants, HeldRow, NamedRow, ProductRow};
pub(crate) use coupons::{CouponRow, CouponsJudge, CouponsWants, UseRow};
pub(crate) use head::{Claimed, Head};
pub(crate) use notifications::{DeliveryRow, EndpointRow, NotificationJudge, NotificationRow};
pub(crate) use opinions::{OpinionJudge, OpinionWants, ReviewRow};
pub use orders::OrdersWrite;
pub(crate) use orders::{CartRow, HeardRow, OrdersJudge, OrdersWants, Versioned};
pub(crate) use users::{GuestRow, SessionRow, TokenRow, UserJudge, UserRow, UsersWants};
pub(crate) use wallets::{WalletsJudge, WalletsWants};

/// Judges the writes of one context.
pub(crate) trait Judge<'a, W> {
    /// Judges one change set's writes in order at the instant of the commit, making their effects
    /// on the rows.
    fn judge(&mut self, writes: &'a [W], now: Timestamp) -> Result<(), CommitRefusal>;

    /// Accepts what was made of the change set just judged.
    fn keep(&mut self);

    /// Takes it back.
    fn undo(&mut self);
}

/// Everything that a batch works on.
pub(crate) struct Loaded<'a, J> {
    /// What every change set has.
    pub(crate) head: Head<'a>,
    /// What one context has.
    pub(crate) judge: J,
}

/// Judges a batch: for each change set its claims, its deadline, then its writes as written.
pub(crate) fn judge_all<'a, W>(loaded: &mut Loaded<'a, impl Judge<'a, W>>, sets: &[&'a ChangeSet<W>]) -> Vec<Verdict> {
    let Loaded { head, judge } = loaded;
    let mut verdicts = Vec::with_capacity(sets.len());
    for set in sets {
        let verdict = head.judge(set).and_then(|()| judge.judge(&set.writes, head.now));
        if verdict.is_ok() {
            head.say(&set.events);
            head.keep();
            judge.keep();
        } else {
            head.undo();
            judge.undo();
        }
        verdicts.push(verdict);
    }
    verdicts
}

/// Accepts the version `next` of something whose stored version is `stored`.
fn judge_version(what: &'static str, stored: Option<u64>, next: u64) -> Result<(), CommitRefusal> {
    let expected = stored.and_then(|stored| stored.checked_add(1));
    if expected == Some(next) { Ok(()) } else { Err(CommitRefusal::Stale(what)) }
}

/// Refuses when `what` is taken.
fn judge_free(what: &'static str, taken: bool) -> Result<(), CommitRefusal> {
    if taken { Err(CommitRefusal::Duplicate(what)) } else { Ok(()) }
}
