//! Who may still try to log in: the books of failed tries, and the queue before the hasher.
//!
//! A failed try counts for the account from this address, for the account from everywhere, and for
//! the address over all accounts; a try that succeeds counts for nothing. The two wide limits are
//! soft: an address that logged into the account before is judged by its own failures alone, so that
//! whoever tries passwords elsewhere cannot keep the owner out. Kept in this process: after a restart
//! all books are empty, and the refresh of a session makes its address known again.
//!
//! As many tries run as there are cores, in the order they came, and each is judged when its turn
//! comes: tries sent at once do not slip past the limit together.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use commerce_core::{Refusal, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::problem::{Answered, Problem};
use crate::rate_limit::Limiter;

/// The span in which failed tries are counted.
const PERIOD: Duration = Duration::from_mins(15);
/// Failed tries of one address over all accounts, for each that one account may have: a household
/// or an office, but no list of accounts.
const ACCOUNTS_PER_ADDRESS: u32 = 10;
/// Tries that may wait for each one that runs: about a second and a half of waiting.
const WAITING_PER_CORE: usize = 32;
/// Pairs of account and address remembered at most: bounds memory at a few megabytes. Forgetting one
/// makes the wide limits hold for it again.
const KNOWN_MAX: usize = 65_536;

/// An account, hashed, so that the books name nobody.
pub type Account = u64;

/// The books of one server.
pub struct Logins {
    pairs: Limiter<(Account, IpAddr)>,
    accounts: Limiter<Account>,
    addresses: Limiter<IpAddr>,
    /// Where accounts were logged into, with the instant of the last time.
    known: Mutex<HashMap<(Account, IpAddr), Instant>>,
    /// Who waits or runs.
    seats: Semaphore,
    /// Who runs.
    turns: Semaphore,
}

/// A try whose turn it is.
pub struct Turn<'a> {
    _seat: SemaphorePermit<'a>,
    _turn: SemaphorePermit<'a>,
}

impl Logins {
    /// With so many failed tries for an account in a quarter of an hour; none at all means no limit.
    #[must_use]
    pub fn new(failures: u32) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_capacity(failures, cores, cores * WAITING_PER_CORE)
    }

    fn with_capacity(failures: u32, running: usize, waiting: usize) -> Self {
        Self {
            pairs: Limiter::new(failures, PERIOD),
            accounts: Limiter::new(failures, PERIOD),
            addresses: Limiter::new(failures.saturating_mul(ACCOUNTS_PER_ADDRESS), PERIOD),
            known: Mutex::default(),
            seats: Semaphore::new(running + waiting),
            turns: Semaphore::new(running),
        }
    }

    /// Waits for a turn to try.
    ///
    /// # Errors
    /// 429 with `Retry-After` after too many failures; 503 with `Retry-After` when too many wait.
    pub async fn turn(&self, account: Account, address: IpAddr) -> Answered<Turn<'_>> {
        self.judge(account, address, Instant::now())?;
        let busy = |full| Problem::from(StoreError::unavailable("login", full));
        let seat = self.seats.try_acquire().map_err(busy)?;
        let turn = self.turns.acquire().await.map_err(|closed| Problem::from(StoreError::unavailable("login", closed)))?;
        self.judge(account, address, Instant::now())?;
        Ok(Turn { _seat: seat, _turn: turn })
    }

    /// Whether this address may try this account now.
    fn judge(&self, account: Account, address: IpAddr, now: Instant) -> Answered<()> {
        let pair = self.pairs.look((account, address), now);
        let wide = if self.knows(account, address) {
            [None, None]
        } else {
            [self.accounts.look(account, now), self.addresses.look(address, now)]
        };
        let wait = [pair].into_iter().chain(wide).flatten().filter_map(|left| left.wait_seconds()).max();
        wait.map_or(Ok(()), |seconds| Err(Problem::from(Refusal::TooMany { seconds })))
    }

    /// Notes a failed try.
    pub fn failed(&self, account: Account, address: IpAddr) {
        let now = Instant::now();
        self.pairs.take((account, address), now);
        self.accounts.take(account, now);
        self.addresses.take(address, now);
    }

    /// Notes that the account's owner is at this address.
    pub fn passed(&self, account: Account, address: IpAddr) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX && !known.contains_key(&(account, address)) {
            let mut oldest: Vec<((Account, IpAddr), Instant)> = known.iter().map(|(pair, at)| (*pair, *at)).collect();
            oldest.sort_unstable_by_key(|(_, at)| *at);
            for (pair, _) in oldest.into_iter().take(KNOWN_MAX / 8) {
                known.remove(&pair);
            }
        }
        known.insert((account, address), Instant::now());
    }

    fn knows(&self, account: Account, address: IpAddr) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&(account, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASHA: Account = 1;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    async fn code(logins: &Logins, account: Account, from: IpAddr) -> &'static str {
        logins.turn(account, from).await.map_or_else(|problem| problem.code(), |_| "OK")
    }

    #[tokio::test]
    async fn one_account_from_many_addresses_is_limited_and_its_owner_is_not() {
        let logins = Logins::with_capacity(10, 2, 2);
        let home = address(1);
        logins.passed(ASHA, home);
        for last in 2..12 {
            assert_eq!(code(&logins, ASHA, address(last)).await, "OK");
            logins.failed(ASHA, address(last));
        }
        assert_eq!(code(&logins, ASHA, address(99)).await, "TOO_MANY", "an address nobody has tried from");
        assert_eq!(code(&logins, ASHA, home).await, "OK", "the owner, where she was before");
        assert_eq!(code(&logins, 2, address(99)).await, "OK", "another account");
        for _ in 0..10 {
            logins.failed(ASHA, home);
        }
        assert_eq!(code(&logins, ASHA, home).await, "TOO_MANY", "also she may not guess for ever");
    }

    #[tokio::test]
    async fn many_accounts_from_one_address_are_limited() {
        let logins = Logins::with_capacity(10, 2, 2);
        let (office, elsewhere) = (address(1), address(2));
        logins.passed(ASHA, office);
        for account in 1_000..1_100 {
            assert_eq!(code(&logins, account, office).await, "OK", "{account}");
            logins.failed(account, office);
        }
        assert_eq!(code(&logins, 5_000, office).await, "TOO_MANY", "one account more");
        assert_eq!(code(&logins, ASHA, office).await, "OK", "who logged in here before");
        assert_eq!(code(&logins, 5_000, elsewhere).await, "OK", "another address");
    }

    #[tokio::test]
    async fn tries_sent_at_once_do_not_slip_past_the_limit_together() {
        let logins = Logins::with_capacity(10, 1, 100);
        let tries = (0..50).map(|_| async {
            let turn = logins.turn(ASHA, address(1)).await?;
            // The password is compared here, while the others wait.
            tokio::task::yield_now().await;
            logins.failed(ASHA, address(1));
            drop(turn);
            Answered::Ok(())
        });
        let outcomes = futures_util::future::join_all(tries).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    }

    #[tokio::test]
    async fn beyond_the_queue_tries_are_turned_away() {
        let logins = Logins::with_capacity(0, 1, 1);
        let running = logins.turn(ASHA, address(1)).await.ok();
        assert!(running.is_some());
        let waiting = logins.turn(ASHA, address(1));
        tokio::pin!(waiting);
        assert!(futures_util::poll!(&mut waiting).is_pending());
        let problem = logins.turn(ASHA, address(1)).await.err().unwrap();
        assert_eq!((problem.status().as_u16(), problem.code()), (503, "UNAVAILABLE"));
        drop(running);
        assert!(waiting.await.is_ok(), "who waited is served");
    }

    #[test]
    fn what_is_known_is_bounded() {
        let logins = Logins::with_capacity(10, 1, 1);
        for account in 0..KNOWN_MAX + 10 {
            logins.passed(account as Account, address(1));
        }
        assert!(logins.known.lock().unwrap().len() <= KNOWN_MAX);
        assert!(logins.knows((KNOWN_MAX + 9) as Account, address(1)), "the newest stay");
    }
}
