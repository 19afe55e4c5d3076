//! Signatures of the kind `t=<unix>,v1=<hex HMAC-SHA256(secret, t + "." + body)>`: Stripe's, and the sandbox's.

use std::time::Duration;

use commerce_core::error::Refusal;
use commerce_core::time::Timestamp;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// How old a webhook's timestamp may be, either way.
const AGE_MAX: Duration = Duration::from_mins(5);

/// A message as it came.
pub(super) struct Signed<'a> {
    pub(super) header: &'a str,
    pub(super) body: &'a [u8],
}

/// The HMAC of a body that was sent at this second.
pub(super) fn mac(secret: &str, seconds: i64, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(seconds.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    mac
}

/// Passes what was signed with `secret` within [`AGE_MAX`]. Any one of several `v1` parts may hold, so that a secret can
/// be rotated.
///
/// # Errors
/// `BAD_SIGNATURE`.
pub(super) fn check(secret: &str, Signed { header, body }: Signed<'_>, now: Timestamp) -> Result<(), Refusal> {
    let part = |name: &'static str| header.split(',').filter_map(move |part| part.trim().strip_prefix(name)?.strip_prefix('='));
    let seconds: i64 = part("t").next().and_then(|text| text.parse().ok()).ok_or(Refusal::BadSignature)?;
    let sent = Timestamp::from_micros(seconds.saturating_mul(1_000_000));
    if now.since(sent).max(sent.since(now)) > AGE_MAX {
        return Err(Refusal::BadSignature);
    }
    let holds = |text: &str| hex::decode(text).is_ok_and(|given| mac(secret, seconds, body).verify_slice(&given).is_ok());
    if part("v1").any(holds) { Ok(()) } else { Err(Refusal::BadSignature) }
}
