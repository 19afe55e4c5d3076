//! Coupons: kept as written, used exactly as often as they may be, given back once.

use std::sync::Arc;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::ids::{CouponId, Id, UserId};
use crate::limits;
use crate::orders::{Coupon, CouponOff, Order, OrderStatus, OrderStore, OrderWrite, Redemption, UseLimit, UsedUp};
use crate::testing::{ManualClock, samples as forms};
use crate::time::Timestamp;

use super::fixture::{Fixture, Opened, got, walk};
use super::whole_orders::new_order;
use super::{cases, samples};

type Orders = Fixture<dyn OrderStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn OrderStore>) {
    cases! { make;
        a_coupon_is_read_as_written,
        a_code_belongs_to_one_coupon,
        versions_of_a_coupon_grow_by_one,
        a_use_is_judged_by_the_coupon_as_it_was_seen,
        of_many_who_want_the_last_use_one_gets_it,
        one_customer_gets_no_more_than_her_own,
        a_use_is_given_back_once,
        a_limit_does_not_fall_below_what_counts,
        a_coupon_goes_and_its_uses_stay,
        what_is_refused_uses_nothing,
    }
}

fn plain(fixture: &Orders) -> Coupon {
    let id: CouponId = fixture.ids.mint();
    let code = id.uuid().simple().to_string();
    forms::coupon(id, code.parse().expect("hexadecimal digits are a code"), fixture.now())
}

async fn saved(fixture: &Orders, coupon: Coupon) -> Coupon {
    fixture.write([OrderWrite::SaveCoupon(coupon.clone())]).await;
    coupon
}

async fn stored(fixture: &Orders, coupon: &Coupon) -> Option<Coupon> {
    got(fixture.store.coupon(&coupon.code).await)
}

async fn used(fixture: &Orders, coupon: &Coupon) -> u32 {
    stored(fixture, coupon).await.expect("it is there").used
}

fn use_of(coupon: &Coupon, order: &Order, at: Timestamp) -> Redemption {
    Redemption {
        order: order.id,
        coupon: coupon.id,
        code: coupon.code.clone(),
        version: coupon.version,
        user: order.user,
        redeemed_at: at,
        returned_at: None,
    }
}

/// A new order that uses a coupon.
fn placing(fixture: &Orders, coupon: &Coupon) -> (Order, ChangeSet<OrderWrite>) {
    let order = Order { coupon: Some(coupon.code.to_string()), ..new_order(fixture) };
    let redeem = OrderWrite::Redeem(use_of(coupon, &order, fixture.now()));
    (order.clone(), ChangeSet::of([OrderWrite::Insert(order), redeem]))
}

fn placing_for(fixture: &Orders, coupon: &Coupon, user: UserId) -> ChangeSet<OrderWrite> {
    let order = samples::order(fixture.ids.order(user), user, fixture.now());
    let redeem = OrderWrite::Redeem(use_of(coupon, &order, fixture.now()));
    ChangeSet::of([OrderWrite::Insert(order), redeem])
}

/// The change set that cancels an order which was just placed.
fn cancelling(fixture: &Orders, order: &Order, version: u64) -> ChangeSet<OrderWrite> {
    let cancelled = Order { status: OrderStatus::Cancelled, version, ..order.clone() };
    ChangeSet::of([OrderWrite::Update(cancelled), OrderWrite::GiveBack(order.id, fixture.now())])
}

fn full(fixture: &Orders) -> Coupon {
    Coupon {
        off: CouponOff::Fixed(samples::fils(limits::PRICE_MAX_MINOR)),
        usage_limit: Some(limits::COUPON_USES_MAX),
        per_user_limit: Some(1),
        starts_at: Some(samples::before_the_epoch()),
        ends_at: Some(samples::end_of_time()),
        minimum_subtotal: Some(samples::fils(1)),
        maximum_discount: Some(samples::fils(limits::PRICE_MAX_MINOR)),
        categories: (0..limits::COUPON_SCOPE_MAX).map(|_| fixture.ids.mint()).collect(),
        products: (0..limits::COUPON_SCOPE_MAX).map(|_| fixture.ids.mint()).collect(),
        combinable: true,
        metadata: samples::many_notes(),
        ..plain(fixture)
    }
}

async fn a_coupon_is_read_as_written(fixture: &Orders) {
    let kinds = [CouponOff::FreeShipping, CouponOff::Percentage(100), CouponOff::Fixed(samples::paise(1))];
    let mut all = vec![full(fixture)];
    all.extend(kinds.map(|off| Coupon { off, ..plain(fixture) }));
    for coupon in &all {
        saved(fixture, coupon.clone()).await;
        assert_eq!(stored(fixture, coupon).await.as_ref(), Some(coupon));
    }
    all.reverse();
    assert_eq!(walk(async |page| got(fixture.store.coupons(&page).await)).await, all, "newest first");
    assert_eq!(stored(fixture, &plain(fixture)).await, None);
}

async fn a_code_belongs_to_one_coupon(fixture: &Orders) {
    let first = saved(fixture, plain(fixture)).await;
    let other = Coupon { code: first.code.clone(), ..plain(fixture) };
    assert_eq!(fixture.refused([OrderWrite::SaveCoupon(other.clone())]).await, CommitRefusal::Duplicate("code"));
    fixture.write([OrderWrite::DropCoupon(first.id, first.version)]).await;
    saved(fixture, other.clone()).await;
    assert_eq!(stored(fixture, &first).await, Some(other), "a code is free again once its coupon is gone");
    let rivals: Vec<Coupon> = (0..8).map(|_| Coupon { code: "RACE".parse().expect("it is a code"), ..plain(fixture) }).collect();
    let sets = rivals.iter().map(|coupon| ChangeSet::of([OrderWrite::SaveCoupon(coupon.clone())]));
    let results = fixture.race(sets).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
}

async fn versions_of_a_coupon_grow_by_one(fixture: &Orders) {
    let coupon = saved(fixture, plain(fixture)).await;
    for version in [3, 9] {
        let wrong = Coupon { version, ..coupon.clone() };
        assert_eq!(fixture.refused([OrderWrite::SaveCoupon(wrong)]).await, CommitRefusal::Stale("coupon"));
    }
    let changed = Coupon { id: coupon.id, code: coupon.code.clone(), version: 2, ..full(fixture) };
    fixture.write([OrderWrite::SaveCoupon(changed.clone())]).await;
    assert_eq!(stored(fixture, &coupon).await, Some(changed));
    assert_eq!(fixture.refused([OrderWrite::DropCoupon(coupon.id, 1)]).await, CommitRefusal::Stale("coupon"));
}

async fn a_use_is_judged_by_the_coupon_as_it_was_seen(fixture: &Orders) {
    let coupon = saved(fixture, plain(fixture)).await;
    let (order, changes) = placing(fixture, &coupon);
    fixture.commit(changes).await;
    let redemption = use_of(&coupon, &order, fixture.now());
    assert_eq!(got(fixture.store.redemptions(order.id).await), [redemption]);
    assert_eq!((used(fixture, &coupon).await, got(fixture.store.coupon_uses(coupon.id, order.user).await)), (1, 1));
    let changed = Coupon { version: 2, off: CouponOff::Percentage(1), used: 77, ..coupon.clone() };
    fixture.write([OrderWrite::SaveCoupon(changed.clone())]).await;
    assert_eq!(used(fixture, &coupon).await, 1, "who saves it does not count");
    assert_eq!(fixture.refusal(placing(fixture, &coupon).1).await, CommitRefusal::Stale("coupon"));
    fixture.commit(placing(fixture, &changed).1).await;
    assert_eq!(fixture.refusal(placing(fixture, &plain(fixture)).1).await, CommitRefusal::Stale("coupon"), "of no coupon");
}

async fn of_many_who_want_the_last_use_one_gets_it(fixture: &Orders) {
    let coupon = saved(fixture, Coupon { usage_limit: Some(3), ..plain(fixture) }).await;
    for _ in 0..2 {
        fixture.commit(placing(fixture, &coupon).1).await;
    }
    let (orders, sets): (Vec<Order>, Vec<_>) = (0..64).map(|_| placing(fixture, &coupon)).unzip();
    let results = fixture.race(sets).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let used_up = UsedUp { coupon: coupon.code.clone(), rule: UseLimit::Usage, limit: 3, used: 3 };
    for (result, order) in results.iter().zip(&orders) {
        let there = got(fixture.store.order(order.id).await).is_some();
        match result {
            Ok(()) => assert!(there),
            Err(CommitError::Refused(CommitRefusal::Exhausted(why))) => assert!(*why == used_up && !there),
            Err(error) => panic!("a buyer got {error}"),
        }
    }
    assert_eq!(used(fixture, &coupon).await, 3);
}

async fn one_customer_gets_no_more_than_her_own(fixture: &Orders) {
    let coupon = saved(fixture, Coupon { per_user_limit: Some(2), ..plain(fixture) }).await;
    let (one, other): (UserId, UserId) = (fixture.ids.mint(), fixture.ids.mint());
    let sets: Vec<_> = (0..12).map(|n| placing_for(fixture, &coupon, if n % 3 == 0 { other } else { one })).collect();
    let results = fixture.race(sets).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 4);
    for user in [one, other] {
        assert_eq!(got(fixture.store.coupon_uses(coupon.id, user).await), 2);
    }
    let used_up = UsedUp { coupon: coupon.code.clone(), rule: UseLimit::PerUser, limit: 2, used: 2 };
    assert_eq!(fixture.refusal(placing_for(fixture, &coupon, one)).await, CommitRefusal::Exhausted(used_up));
}

async fn a_use_is_given_back_once(fixture: &Orders) {
    let coupon = saved(fixture, Coupon { usage_limit: Some(2), per_user_limit: Some(1), ..plain(fixture) }).await;
    let other = saved(fixture, plain(fixture)).await;
    let (order, changes) = placing(fixture, &coupon);
    fixture.commit(changes.and(OrderWrite::Redeem(use_of(&other, &order, fixture.now())))).await;
    fixture.commit(placing(fixture, &coupon).1).await;
    let results = fixture.race((0..8).map(|_| cancelling(fixture, &order, 2))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!((used(fixture, &coupon).await, used(fixture, &other).await), (1, 0));
    let first_time = fixture.now();
    fixture.clock.advance(std::time::Duration::from_secs(1));
    fixture.commit(cancelling(fixture, &order, 3)).await;
    assert_eq!((used(fixture, &coupon).await, used(fixture, &other).await), (1, 0), "once more gives nothing back");
    let uses = got(fixture.store.redemptions(order.id).await);
    assert!(uses.len() == 2 && uses.iter().all(|it| it.returned_at == Some(first_time)), "{uses:?}");
    assert_eq!(got(fixture.store.coupon_uses(coupon.id, order.user).await), 0);
    fixture.commit(placing_for(fixture, &coupon, order.user)).await;
    fixture.commit(ChangeSet::of([OrderWrite::GiveBack(new_order(fixture).id, fixture.now())])).await;
}

async fn a_limit_does_not_fall_below_what_counts(fixture: &Orders) {
    let coupon = saved(fixture, plain(fixture)).await;
    for _ in 0..2 {
        fixture.commit(placing(fixture, &coupon).1).await;
    }
    let limited = |limit| Coupon { usage_limit: Some(limit), version: 2, ..coupon.clone() };
    let used_up = UsedUp { coupon: coupon.code.clone(), rule: UseLimit::Usage, limit: 1, used: 2 };
    assert_eq!(fixture.refused([OrderWrite::SaveCoupon(limited(1))]).await, CommitRefusal::Exhausted(used_up));
    fixture.write([OrderWrite::SaveCoupon(limited(2))]).await;
    assert!(matches!(fixture.refusal(placing(fixture, &limited(2)).1).await, CommitRefusal::Exhausted(_)));
}

async fn a_coupon_goes_and_its_uses_stay(fixture: &Orders) {
    let coupon = saved(fixture, plain(fixture)).await;
    let (order, changes) = placing(fixture, &coupon);
    fixture.commit(changes).await;
    fixture.write([OrderWrite::DropCoupon(coupon.id, 1)]).await;
    assert_eq!(stored(fixture, &coupon).await, None);
    assert_eq!(fixture.refused([OrderWrite::DropCoupon(coupon.id, 1)]).await, CommitRefusal::Stale("coupon"));
    assert_eq!(got(fixture.store.redemptions(order.id).await).len(), 1);
    fixture.commit(cancelling(fixture, &order, 2)).await;
    assert!(got(fixture.store.redemptions(order.id).await).iter().all(|it| it.returned_at.is_some()));
}

async fn what_is_refused_uses_nothing(fixture: &Orders) {
    let coupon = saved(fixture, Coupon { usage_limit: Some(1), ..plain(fixture) }).await;
    let (order, changes) = placing(fixture, &coupon);
    let clash = OrderWrite::Insert(Order { number: order.number.clone(), ..new_order(fixture) });
    assert_eq!(fixture.refusal(changes.clone().and(clash)).await, CommitRefusal::Duplicate("number"));
    assert_eq!(used(fixture, &coupon).await, 0);
    fixture.commit(changes).await;
    assert_eq!(used(fixture, &coupon).await, 1);
}
