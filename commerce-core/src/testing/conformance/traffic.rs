//! Allowances: a burst, and back share by share.

use std::time::Duration;

use futures_util::future::join_all;

use crate::time::Timestamp;
use crate::traffic::{Allowance, RateLimiter};

use super::outside::Made;

const START: Timestamp = Timestamp::from_micros(1_772_357_400_000_000);

pub(super) async fn all(make: &impl AsyncFn() -> Made<dyn RateLimiter>) {
    an_allowance_may_be_used_at_once_and_comes_back_share_by_share(make).await;
    clients_do_not_matter_to_each_other(make).await;
    of_many_at_once_no_more_are_served_than_allowed(make).await;
    none_is_no_limit(make).await;
}

async fn an_allowance_may_be_used_at_once_and_comes_back_share_by_share(make: &impl AsyncFn() -> Made<dyn RateLimiter>) {
    let (limiter, allowance) = (make().await, Allowance::per_minute(100));
    for left in (0..100).rev() {
        let answer = limiter.port.take("a", allowance, START).await;
        assert_eq!((answer.remaining, answer.wait), (left, None));
    }
    let refused = limiter.port.take("a", allowance, START).await;
    assert_eq!((refused.remaining, refused.wait), (0, Some(Duration::from_millis(600))));
    assert_eq!(refused.reset, Duration::from_mins(1));
    let early = START.plus(Duration::from_micros(599_999));
    assert_eq!(limiter.port.take("a", allowance, early).await.wait, Some(Duration::from_micros(1)));
    let later = START.plus(Duration::from_millis(600));
    assert_eq!(limiter.port.take("a", allowance, later).await.wait, None, "who waits as told is served");
    assert!(limiter.port.take("a", allowance, later).await.wait.is_some());
    let whole = limiter.port.take("a", allowance, START.plus(Duration::from_mins(5))).await;
    assert_eq!((whole.remaining, whole.reset), (99, Duration::from_millis(600)));
}

async fn clients_do_not_matter_to_each_other(make: &impl AsyncFn() -> Made<dyn RateLimiter>) {
    let (limiter, allowance) = (make().await, Allowance::per_minute(1));
    for client in ["a", "A", "a ", "b", "", "{a}", "2001:db8::/64"] {
        assert_eq!(limiter.port.take(client, allowance, START).await.wait, None, "{client:?}");
        assert!(limiter.port.take(client, allowance, START).await.wait.is_some(), "{client:?}");
    }
}

async fn of_many_at_once_no_more_are_served_than_allowed(make: &impl AsyncFn() -> Made<dyn RateLimiter>) {
    let (limiter, allowance) = (make().await, Allowance::per_minute(10));
    let answers = join_all((0..50).map(|_| limiter.port.take("a", allowance, START))).await;
    assert_eq!(answers.iter().filter(|left| left.wait.is_none()).count(), 10);
}

async fn none_is_no_limit(make: &impl AsyncFn() -> Made<dyn RateLimiter>) {
    let limiter = make().await;
    for _ in 0..20 {
        assert_eq!(limiter.port.take("a", Allowance::per_minute(0), START).await.wait, None);
    }
}
