//! Coupons: who uses them, and that nobody uses one more than there are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Books, CLOCKS_DIFFER};
use crate::change::ChangeSet;
use crate::ids::{CouponId, OrderId, UserId};
use crate::orders::{Coupon, OrderStatus, OrderWrite, Redemption};
use crate::time::Timestamp;

use super::super::situations::Situation;

/// A coupon and who has used it.
pub(in crate::testing::sim) struct CouponEntry {
    coupon: Coupon,
    live: BTreeMap<OrderId, UserId>,
    given_back: BTreeSet<OrderId>,
    /// Whether all uses were taken at some time.
    full: bool,
    /// Whose own uses were all taken at some time.
    full_of: BTreeSet<UserId>,
}

impl Books {
    pub(super) fn coupon_saved(&mut self, coupon: &Coupon) {
        let (live, given_back, full_of) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let entry = CouponEntry { coupon: coupon.clone(), live, given_back, full: false, full_of };
        let fresh = self.coupons.insert(coupon.id, entry).is_none();
        self.must(fresh, || format!("the coupon {} changed, and nobody changes it here", coupon.code));
    }

    pub(super) fn redeemed(&mut self, redemption: &Redemption, changes: &ChangeSet<OrderWrite>, now: Timestamp) {
        let Redemption { order, user, code, .. } = redemption;
        let places = |write: &OrderWrite| matches!(write, OrderWrite::Insert(new) if new.id == *order && new.user == *user && new.coupon.as_deref() == Some(code.as_str()));
        self.must(changes.writes.iter().any(places), || format!("{code} is used by {order}, which does not name it"));
        let Some(entry) = self.coupons.get_mut(&redemption.coupon) else {
            return self.must(false, || format!("{code} is used, and there is no such coupon"));
        };
        let first = entry.live.insert(*order, *user).is_none() && !entry.given_back.contains(order);
        let (all, hers) = (entry.live.len(), entry.live.values().filter(|other| *other == user).count());
        let (limit, per_user) = (entry.coupon.usage_limit, entry.coupon.per_user_limit);
        let fits =
            |uses: usize, limit: Option<u32>| limit.is_none_or(|limit| u32::try_from(uses).is_ok_and(|uses| uses <= limit));
        let reached = |uses: usize, limit: Option<u32>| limit.is_some_and(|limit| u32::try_from(uses) == Ok(limit));
        entry.full |= reached(all, limit);
        if reached(hers, per_user) {
            entry.full_of.insert(*user);
        }
        let early = entry.coupon.starts_at.is_some_and(|starts| now.plus(CLOCKS_DIFFER) < starts);
        let late = entry.coupon.ends_at.is_some_and(|ends| ends.plus(CLOCKS_DIFFER) <= now);
        self.must(first, || format!("{order} uses {code} twice"));
        self.must(fits(all, limit), || format!("{code} is used {all} times of {limit:?}"));
        self.must(fits(hers, per_user), || format!("{code} is used {hers} times of {per_user:?} by {user}"));
        self.must(!early && !late, || format!("{code} is used at {now}, out of its time"));
    }

    pub(super) fn given_back(&mut self, order: OrderId, changes: &ChangeSet<OrderWrite>, met: &mut Vec<Situation>) {
        let ends =
            |write: &OrderWrite| matches!(write, OrderWrite::Update(it) if it.id == order && it.status == OrderStatus::Cancelled);
        self.must(changes.writes.iter().any(ends), || format!("{order} gives its coupons back and is not cancelled"));
        let mut twice = false;
        for entry in self.coupons.values_mut() {
            if entry.live.remove(&order).is_some() {
                twice |= !entry.given_back.insert(order);
                met.push(Situation::CouponGivenBack);
            }
        }
        self.must(!twice, || format!("{order} gives a coupon back twice"));
    }

    /// Whether all uses of a coupon, or all of this user, were taken at some time.
    pub(in crate::testing::sim) fn was_used_up(&self, user: UserId) -> bool {
        self.coupons.values().any(|entry| entry.full || entry.full_of.contains(&user))
    }

    /// Uses count of orders that live, and of no other.
    pub(in crate::testing::sim) fn judge_coupons(&self) -> Result<(), String> {
        for (id, entry) in &self.orders {
            let uses = self.coupons.values().filter(|coupon| coupon.live.contains_key(id)).count();
            let due = usize::from(entry.order.coupon.is_some() && entry.order.status != OrderStatus::Cancelled);
            if uses != due {
                return Err(format!("order {id} is {} and uses {uses} coupons, not {due}", entry.order.status));
            }
        }
        Ok(())
    }

    /// How often each coupon counts as used.
    pub(in crate::testing::sim) fn uses(&self) -> impl Iterator<Item = (CouponId, usize)> {
        self.coupons.iter().map(|(id, entry)| (*id, entry.live.len()))
    }
}
