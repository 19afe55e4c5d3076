//! What one service shows another: who asks whom for what, and when, signed with the secret they share.
//!
//! A token names the very call it is for (method, path, body), so that one that was overheard can only
//! say again what was said before, and within a minute.

use std::fmt;
use std::time::Duration;

use commerce_core::Timestamp;
use commerce_core::change::digest;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How long a token holds.
const HOLDS_FOR: Duration = Duration::from_mins(1);
/// How far the clocks of two services may be apart.
const LEEWAY: Duration = Duration::from_secs(5);
const VERSION: &str = "v1";

/// The secret that the services of one shop share. Cheap to clone.
#[derive(Clone)]
pub struct ServiceKey(Hmac<Sha256>);

impl fmt::Debug for ServiceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceKey(…)")
    }
}

/// A token that opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl ServiceKey {
    /// From the secret.
    pub fn new(secret: &str) -> Self {
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length"))
    }

    /// `from` asks `to` for `what` at `now`.
    #[must_use]
    pub fn sign(&self, from: &str, to: &str, now: Timestamp, what: &[&[u8]]) -> String {
        let at = now.as_micros().div_euclid(1_000_000);
        let mac = hex::encode(self.mac(from, to, at, what).finalize().into_bytes());
        format!("{VERSION}.{from}.{at}.{mac}")
    }

    /// Who asks `to` for `what`, if the token holds at `now`.
    ///
    /// # Errors
    /// [`Unfit`], whatever is wrong with it.
    pub fn check<'a>(&self, token: &'a str, to: &str, now: Timestamp, what: &[&[u8]]) -> Result<&'a str, Unfit> {
        let mut parts = token.split('.');
        let (Some(VERSION), Some(from), Some(at), Some(mac), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Unfit);
        };
        let at: i64 = at.parse().map_err(|_| Unfit)?;
        let signed = Timestamp::from_micros(at.checked_mul(1_000_000).ok_or(Unfit)?);
        if now.plus(LEEWAY) < signed || signed.plus(HOLDS_FOR).plus(LEEWAY) <= now {
            return Err(Unfit);
        }
        let mac = hex::decode(mac).map_err(|_| Unfit)?;
        self.mac(from, to, at, what).verify_slice(&mac).map_err(|_| Unfit)?;
        Ok(from)
    }

    fn mac(&self, from: &str, to: &str, at: i64, what: &[&[u8]]) -> Hmac<Sha256> {
        let at = at.to_be_bytes();
        let parts: Vec<&[u8]> = [from.as_bytes(), to.as_bytes(), &at].into_iter().chain(what.iter().copied()).collect();
        self.0.clone().chain_update(digest(&parts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_772_366_400_000_000);

    #[test]
    fn a_token_opens_one_thing_to_one_service_for_a_minute() {
        let key = ServiceKey::new("secret");
        let token = key.sign("orders", "catalog", NOON, &[b"POST", b"/internal/inventory/reserve", b"{}"]);
        let check = |to: &str, seconds: i64, what: &[&[u8]]| {
            key.check(&token, to, Timestamp::from_micros(NOON.as_micros() + seconds * 1_000_000), what)
        };
        let call: &[&[u8]] = &[b"POST", b"/internal/inventory/reserve", b"{}"];
        for seconds in [-5, 0, 60, 64] {
            assert_eq!(check("catalog", seconds, call), Ok("orders"), "{seconds}");
        }
        for seconds in [-6, 65, 3_600] {
            assert_eq!(check("catalog", seconds, call), Err(Unfit), "{seconds}");
        }
        assert_eq!(check("users", 0, call), Err(Unfit), "another service");
        assert_eq!(check("catalog", 0, &[b"POST", b"/internal/inventory/release", b"{}"]), Err(Unfit), "another path");
        assert_eq!(check("catalog", 0, &[b"POST", b"/internal/inventory/reserve", b"{ }"]), Err(Unfit), "another body");
        assert_eq!(ServiceKey::new("other").check(&token, "catalog", NOON, call), Err(Unfit), "another shop");
    }

    #[test]
    fn a_token_that_was_touched_opens_nothing() {
        let key = ServiceKey::new("secret");
        let token = key.sign("orders", "catalog", NOON, &[]);
        let parts: Vec<&str> = token.split('.').collect();
        for forged in [
            String::new(),
            format!("{token}."),
            token.replace("orders", "gateway"),
            token.replace("v1", "v0"),
            format!("{}.{}.{}.", parts[0], parts[1], parts[2]),
            format!("{}.{}.{}.{}", parts[0], parts[1], i64::MAX, parts[3]),
            format!("{}.{}.{}.{}", parts[0], parts[1], parts[2], &parts[3][..32]),
        ] {
            assert_eq!(key.check(&forged, "catalog", NOON, &[]), Err(Unfit), "{forged}");
        }
    }
}
