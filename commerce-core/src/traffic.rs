//! How much one client may ask for, counted for all processes together where they share a limiter.
//!
//! The generic cell rate algorithm: each client has one number, the instant at which its allowance is
//! whole again. A request moves it on by one share of the period and is refused when that is more than
//! a period ahead; so a whole allowance may be used in one burst, and comes back share by share.

use std::time::Duration;

use async_trait::async_trait;

use crate::time::Timestamp;

/// So many requests in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How many; none at all means no limit.
    pub requests: u32,
    /// In which time.
    pub period: Duration,
}

impl Allowance {
    /// So many in a minute.
    #[must_use]
    pub const fn per_minute(requests: u32) -> Self {
        Self { requests, period: Duration::from_mins(1) }
    }

    /// The part of the period that one request uses up.
    #[must_use]
    pub fn share(&self) -> Duration {
        self.period.checked_div(self.requests).unwrap_or_default()
    }
}

/// What is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// Requests that would be served now.
    pub remaining: u32,
    /// Until the allowance is whole again.
    pub reset: Duration,
    /// Until the next request is served; none when this one was.
    pub wait: Option<Duration>,
}

impl Left {
    /// After a request at `now` of a client whose allowance is whole at `whole_at`, with the instant at
    /// which it is whole then. A refused request uses nothing up.
    #[must_use]
    pub fn after(whole_at: Option<Timestamp>, now: Timestamp, allowance: Allowance) -> (Self, Timestamp) {
        let whole_at = whole_at.map_or(now, |at| at.max(now));
        let next = whole_at.plus(allowance.share());
        let ahead = next.since(now);
        if ahead > allowance.period {
            let wait = Some(ahead.saturating_sub(allowance.period));
            return (Self { remaining: 0, reset: whole_at.since(now), wait }, whole_at);
        }
        let free = allowance.period.saturating_sub(ahead).as_micros();
        let remaining = free.checked_div(allowance.share().as_micros()).and_then(|shares| u32::try_from(shares).ok());
        (Self { remaining: remaining.unwrap_or(u32::MAX), reset: ahead, wait: None }, next)
    }
}

/// Counts requests.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts one request of `client` at `now` and says what is left of its `allowance`. Answers in any
    /// case: a limiter whose store is away counts as well as it can.
    async fn take(&self, client: &str, allowance: Allowance, now: Timestamp) -> Left;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_its_part_of_the_period_and_no_limit_has_none() {
        assert_eq!(Allowance::per_minute(100).share(), Duration::from_millis(600));
        assert_eq!(Allowance::per_minute(0).share(), Duration::ZERO);
        let (left, _) = Left::after(None, Timestamp::EPOCH, Allowance::per_minute(0));
        assert_eq!((left.remaining, left.wait), (u32::MAX, None));
    }
}
