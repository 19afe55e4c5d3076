//! Coupons and their uses, in the orders database.

use async_trait::async_trait;

use crate::change::CommitRefusal;
use crate::error::StoreError;
use crate::ids::{CouponId, Id, OrderId, UserId};
use crate::orders::{Coupon, CouponReads, Redemption, UseLimit, UsedUp, check_uses};
use crate::page::{Page, PageRequest};
use crate::text::CouponCode;
use crate::time::Timestamp;

use super::database::{judge_free, judge_version};
use super::orders::{MemoryOrders, Rows};

impl Rows {
    pub(super) fn save_coupon(&mut self, coupon: Coupon) -> Result<(), CommitRefusal> {
        let known = self.coupons.get(&coupon.id);
        let used = known.map_or(0, |known| known.used);
        if coupon.version == 1 {
            judge_free("code", self.coupons.values().any(|other| other.code == coupon.code))?;
            judge_free("id", known.is_some())?;
        } else {
            judge_version("coupon", known.map(|known| known.version), coupon.version)?;
        }
        if let Some(limit) = coupon.usage_limit.filter(|limit| *limit < used) {
            let (coupon, rule) = (coupon.code, UseLimit::Usage);
            return Err(CommitRefusal::Exhausted(UsedUp { coupon, rule, limit, used }));
        }
        self.coupons.insert(coupon.id, Coupon { used, ..coupon });
        Ok(())
    }

    pub(super) fn drop_coupon(&mut self, id: CouponId, version: u64) -> Result<(), CommitRefusal> {
        let known = self.coupons.get(&id).map(|known| known.version);
        if known != Some(version) {
            return Err(CommitRefusal::Stale("coupon"));
        }
        self.coupons.remove(&id);
        Ok(())
    }

    pub(super) fn redeem(&mut self, redemption: Redemption) -> Result<(), CommitRefusal> {
        let by_user = self.uses(redemption.coupon, redemption.user);
        let judged = self.coupons.get(&redemption.coupon).filter(|coupon| coupon.version == redemption.version);
        let coupon = judged.ok_or(CommitRefusal::Stale("coupon"))?;
        check_uses(&coupon.code, (coupon.used, coupon.usage_limit), (by_user, coupon.per_user_limit))
            .map_err(CommitRefusal::Exhausted)?;
        let name = (redemption.order, redemption.coupon);
        judge_free("redemption", self.redemptions.contains_key(&name))?;
        self.count(redemption.coupon, 1);
        self.redemptions.insert(name, redemption);
        Ok(())
    }

    pub(super) fn give_back(&mut self, order: OrderId, at: Timestamp) {
        let live = |redemption: &&Redemption| redemption.order == order && redemption.returned_at.is_none();
        let live: Vec<Redemption> = self.redemptions.values().filter(live).cloned().collect();
        for redemption in live {
            self.count(redemption.coupon, -1);
            let name = (redemption.order, redemption.coupon);
            self.redemptions.insert(name, Redemption { returned_at: Some(at), ..redemption });
        }
    }

    fn count(&mut self, coupon: CouponId, by: i32) {
        if let Some(coupon) = self.coupons.get_mut(&coupon) {
            coupon.used = coupon.used.saturating_add_signed(by);
        }
    }

    fn uses(&self, coupon: CouponId, user: UserId) -> u32 {
        let counts = |it: &&Redemption| it.coupon == coupon && it.user == user && it.returned_at.is_none();
        u32::try_from(self.redemptions.values().filter(counts).count()).unwrap_or(u32::MAX)
    }
}

#[async_trait]
impl CouponReads for MemoryOrders {
    async fn coupon(&self, code: &CouponCode) -> Result<Option<Coupon>, StoreError> {
        Ok(self.db.read(|rows| rows.coupons.values().find(|coupon| coupon.code == *code).cloned()).await)
    }

    async fn coupons(&self, page: &PageRequest) -> Result<Page<Coupon>, StoreError> {
        let coupons = self.db.read(|rows| rows.coupons.values().cloned().collect()).await;
        Ok(super::newest_first(coupons, page, |coupon: &Coupon| coupon.id.uuid()))
    }

    async fn coupon_uses(&self, coupon: CouponId, user: UserId) -> Result<u32, StoreError> {
        Ok(self.db.read(|rows| rows.uses(coupon, user)).await)
    }

    async fn redemptions(&self, order: OrderId) -> Result<Vec<Redemption>, StoreError> {
        let of_order = |redemption: &&Redemption| redemption.order == order;
        Ok(self.db.read(|rows| rows.redemptions.values().filter(of_order).cloned().collect()).await)
    }
}
