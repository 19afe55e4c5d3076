//! Judges what is written about coupons: saving them, using them, giving uses back.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::change::CommitRefusal;
use commerce_core::ids::{CouponId, OrderId, UserId};
use commerce_core::orders::{Coupon, Redemption, UseLimit, UsedUp, check_uses};
use commerce_core::text::CouponCode;

use super::{judge_free, judge_version};
use crate::sql::table::Table;

/// A coupon as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct CouponRow<'a> {
    pub(crate) code: CouponCode,
    pub(crate) version: u64,
    pub(crate) used: u32,
    pub(crate) usage_limit: Option<u32>,
    pub(crate) per_user_limit: Option<u32>,
    /// What to write, once a change set saved it.
    pub(crate) write: Option<&'a Coupon>,
}

/// One use of a coupon by an order.
#[derive(Clone, Debug)]
pub(crate) struct UseRow {
    pub(crate) coupon: CouponId,
    pub(crate) code: CouponCode,
    /// The version of the coupon that was used.
    pub(crate) version: u64,
    pub(crate) user: UserId,
    pub(crate) redeemed_at: Timestamp,
    pub(crate) returned_at: Option<Timestamp>,
    /// Whether a change set made it.
    pub(crate) made: bool,
    /// Whether a change set gave it back.
    pub(crate) given_back: bool,
}

/// Coupons and their uses that a batch works on.
#[derive(Default)]
pub(crate) struct CouponsJudge<'a> {
    pub(crate) coupons: Table<CouponId, CouponRow<'a>>,
    pub(crate) codes: Table<CouponCode, CouponId>,
    /// Uses of a coupon by one customer that count.
    pub(crate) by_user: Table<(CouponId, UserId), u32>,
    /// All uses of an order.
    pub(crate) uses: Table<OrderId, Vec<UseRow>>,
}

impl<'a> CouponsJudge<'a> {
    pub(super) fn save(&mut self, coupon: &'a Coupon) -> Result<(), CommitRefusal> {
        let known = self.coupons.get(&coupon.id);
        let used = known.map_or(0, |known| known.used);
        if coupon.version == 1 {
            judge_free("code", self.codes.get(&coupon.code).is_some())?;
            judge_free("id", known.is_some())?;
        } else {
            judge_version("coupon", known.map(|known| known.version), coupon.version)?;
        }
        if let Some(limit) = coupon.usage_limit.filter(|limit| *limit < used) {
            return Err(CommitRefusal::Exhausted(UsedUp { coupon: coupon.code.clone(), rule: UseLimit::Usage, limit, used }));
        }
        let Coupon { code, version, usage_limit, per_user_limit, .. } = coupon;
        let (version, usage_limit, per_user_limit) = (*version, *usage_limit, *per_user_limit);
        let row = CouponRow { code: code.clone(), version, used, usage_limit, per_user_limit, write: Some(coupon) };
        self.codes.set(code.clone(), coupon.id);
        self.coupons.set(coupon.id, row);
        Ok(())
    }

    pub(super) fn remove(&mut self, id: CouponId, version: u64) -> Result<(), CommitRefusal> {
        let known = self.coupons.get(&id).filter(|known| known.version == version);
        let code = known.ok_or(CommitRefusal::Stale("coupon"))?.code.clone();
        self.codes.remove(code);
        self.coupons.remove(id);
        Ok(())
    }

    pub(super) fn redeem(&mut self, it: &'a Redemption) -> Result<(), CommitRefusal> {
        let by_user = self.by_user.get(&(it.coupon, it.user)).copied().unwrap_or(0);
        let judged = self.coupons.get(&it.coupon).filter(|coupon| coupon.version == it.version);
        let coupon = judged.ok_or(CommitRefusal::Stale("coupon"))?.clone();
        let (all, hers) = ((coupon.used, coupon.usage_limit), (by_user, coupon.per_user_limit));
        check_uses(&coupon.code, all, hers).map_err(CommitRefusal::Exhausted)?;
        let mut uses = self.uses.get(&it.order).cloned().unwrap_or_default();
        judge_free("redemption", uses.iter().any(|known| known.coupon == it.coupon))?;
        let (coupon_id, user) = (it.coupon, it.user);
        uses.push(UseRow {
            coupon: coupon_id,
            code: it.code.clone(),
            version: it.version,
            user,
            redeemed_at: it.redeemed_at,
            returned_at: it.returned_at,
            made: true,
            given_back: false,
        });
        self.uses.set(it.order, uses);
        self.by_user.set((coupon_id, user), by_user.saturating_add(1));
        self.coupons.set(coupon_id, CouponRow { used: coupon.used.saturating_add(1), ..coupon });
        Ok(())
    }

    pub(super) fn give_back(&mut self, order: OrderId, at: Timestamp) {
        let Some(mut uses) = self.uses.get(&order).cloned() else { return };
        for it in uses.iter_mut().filter(|it| it.returned_at.is_none()) {
            it.returned_at = Some(at);
            it.given_back = true;
            if let Some(coupon) = self.coupons.get(&it.coupon).cloned() {
                self.coupons.set(it.coupon, CouponRow { used: coupon.used.saturating_sub(1), ..coupon });
            }
            if let Some(hers) = self.by_user.get(&(it.coupon, it.user)).copied() {
                self.by_user.set((it.coupon, it.user), hers.saturating_sub(1));
            }
        }
        self.uses.set(order, uses);
    }

    pub(super) fn keep(&mut self) {
        self.coupons.keep();
        self.codes.keep();
        self.by_user.keep();
        self.uses.keep();
    }

    pub(super) fn undo(&mut self) {
        self.coupons.undo();
        self.codes.undo();
        self.by_user.undo();
        self.uses.undo();
    }
}

/// What a batch must know of coupons before it can be judged.
#[derive(Default)]
pub(crate) struct CouponsWants {
    pub(crate) ids: BTreeSet<CouponId>,
    pub(crate) codes: BTreeSet<CouponCode>,
    pub(crate) by_user: BTreeSet<(CouponId, UserId)>,
    /// Orders whose uses are asked for.
    pub(crate) orders: BTreeSet<OrderId>,
}

impl CouponsWants {
    pub(super) fn save(&mut self, coupon: &Coupon) {
        self.ids.insert(coupon.id);
        self.codes.insert(coupon.code.clone());
    }

    pub(super) fn redeem(&mut self, it: &Redemption) {
        self.ids.insert(it.coupon);
        self.by_user.insert((it.coupon, it.user));
        self.orders.insert(it.order);
    }
}
