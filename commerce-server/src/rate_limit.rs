//! How much one user or one address may ask for: the generic cell rate algorithm.
//!
//! Each client has one number, the instant at which its allowance is whole again. A request moves
//! it on by one share of the period and is refused when that is more than a period ahead; so a
//! whole allowance may be used in one burst, and comes back share by share.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use commerce_core::ids::UserId;
use commerce_core::traffic;

use crate::problem::Problem;

/// Clients remembered at most: bounds memory at a few megabytes. Those whose allowance is whole
/// are forgotten first; under more clients than this, forgetting one only favours it.
const CLIENTS_MAX: usize = 65_536;

/// Who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Somebody who logged in.
    User(UserId),
    /// An address, or an IPv6 /64.
    Address(IpAddr),
}

impl fmt::Display for Client {
    /// As all processes call it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Address(address) => write!(f, "address {address}"),
        }
    }
}

/// An allowance per period for each client `K`.
pub struct Limiter<K> {
    allowance: u32,
    period: Duration,
    whole_at: Mutex<HashMap<K, Instant>>,
}

/// What is left after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    allowance: u32,
    remaining: u32,
    /// Until the allowance is whole again.
    reset: Duration,
    /// Until the next request is served; `None` when this one was.
    wait: Option<Duration>,
}

impl<K: Copy + Eq + Hash> Limiter<K> {
    /// `allowance` requests in each `period`; none at all means no limit.
    #[must_use]
    pub fn new(allowance: u32, period: Duration) -> Self {
        Self { allowance, period, whole_at: Mutex::default() }
    }

    /// Counts one request at `now`. `None` when there is no limit.
    pub fn take(&self, client: K, now: Instant) -> Option<Left> {
        self.count(client, now, true)
    }

    /// What is left at `now` without counting anything.
    pub fn look(&self, client: K, now: Instant) -> Option<Left> {
        self.count(client, now, false)
    }

    fn count(&self, client: K, now: Instant, take: bool) -> Option<Left> {
        if self.allowance == 0 {
            return None;
        }
        let share = self.period / self.allowance;
        let mut clients = self.whole_at.lock().unwrap_or_else(PoisonError::into_inner);
        let whole_at = clients.get(&client).copied().map_or(now, |at| at.max(now));
        let next = whole_at + share;
        let ahead = next.duration_since(now);
        if ahead > self.period {
            let reset = whole_at.duration_since(now);
            return Some(Left { allowance: self.allowance, remaining: 0, reset, wait: Some(ahead.saturating_sub(self.period)) });
        }
        if take {
            make_room(&mut clients, now);
            clients.insert(client, next);
        }
        let used = if take { ahead } else { ahead.saturating_sub(share) };
        let free = self.period.saturating_sub(used);
        let remaining = u32::try_from(free.as_nanos() / share.as_nanos().max(1)).unwrap_or(self.allowance).min(self.allowance);
        Some(Left { allowance: self.allowance, remaining, reset: used, wait: None })
    }
}

fn make_room<K: Copy + Eq + Hash>(clients: &mut HashMap<K, Instant>, now: Instant) {
    if clients.len() < CLIENTS_MAX {
        return;
    }
    clients.retain(|_, whole_at| *whole_at > now);
    if clients.len() >= CLIENTS_MAX {
        let any: Vec<K> = clients.keys().take(CLIENTS_MAX / 8).copied().collect();
        for client in any {
            clients.remove(&client);
        }
    }
}

impl Left {
    /// As a limiter of all processes said it of so many requests in a minute.
    #[must_use]
    pub fn of(allowance: u32, left: traffic::Left) -> Self {
        Self { allowance, remaining: left.remaining, reset: left.reset, wait: left.wait }
    }

    /// Refuses what is over the limit.
    ///
    /// # Errors
    /// 429 with `Retry-After`.
    pub fn check(&self) -> Result<(), Problem> {
        let Some(wait) = self.wait else { return Ok(()) };
        let detail = format!("more than {} requests in a minute", self.allowance);
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITED", detail).retry_after(seconds(wait)))
    }

    /// Whether the limit is reached.
    #[must_use]
    pub fn wait_seconds(&self) -> Option<u64> {
        self.wait.map(seconds)
    }

    /// Says on an answer what is left.
    pub fn tell(&self, headers: &mut HeaderMap) {
        headers.insert("ratelimit-limit", HeaderValue::from(self.allowance));
        headers.insert("ratelimit-remaining", HeaderValue::from(self.remaining));
        headers.insert("ratelimit-reset", HeaderValue::from(seconds(self.wait.unwrap_or(self.reset))));
    }
}

/// Whole seconds, rounded up, so that a client that waits them is served.
fn seconds(span: Duration) -> u64 {
    span.as_secs() + u64::from(span.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_minutes_allowance_may_be_used_in_one_burst_and_comes_back_share_by_share() {
        let limiter = Limiter::new(100, MINUTE);
        let start = Instant::now();
        for left in (0..100).rev() {
            let answer = limiter.take(1, start).unwrap();
            assert!(answer.check().is_ok());
            assert_eq!(answer.remaining, left);
        }
        assert_eq!(limiter.take(1, start).unwrap().wait_seconds(), Some(1));
        assert!(limiter.take(2, start).unwrap().check().is_ok());
        let later = start + Duration::from_millis(601);
        assert!(limiter.take(1, later).unwrap().check().is_ok());
        assert!(limiter.take(1, later).unwrap().check().is_err());
        assert_eq!(limiter.take(1, start + MINUTE * 2).unwrap().remaining, 99);
    }

    #[test]
    fn zero_is_no_limit_and_looking_counts_nothing() {
        assert_eq!(Limiter::new(0, MINUTE).take(1, Instant::now()), None);
        let limiter = Limiter::new(1, MINUTE);
        let now = Instant::now();
        assert!(limiter.look(1, now).unwrap().check().is_ok());
        assert!(limiter.take(1, now).unwrap().check().is_ok());
        assert!(limiter.look(1, now).unwrap().check().is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::new(5, MINUTE);
        let now = Instant::now();
        for client in 0..CLIENTS_MAX + 10 {
            limiter.take(client, now);
        }
        assert!(limiter.whole_at.lock().unwrap().len() <= CLIENTS_MAX);
    }
}
