//! The signature of a call (Standard Webhooks 1.0, "Signature scheme").

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use commerce_core::notifications::{WebhookCall, WebhookSecret};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// `webhook-signature`: one signature for each secret, newest first, with spaces between.
#[must_use]
pub fn signature(call: &WebhookCall) -> String {
    let signed = |secret: &WebhookSecret| sign(secret, &call.message.to_string(), seconds(call), call.body.as_bytes());
    call.secrets.iter().map(signed).collect::<Vec<_>>().join(" ")
}

/// `webhook-timestamp`: when the call is made, in seconds since 1970.
#[must_use]
pub fn seconds(call: &WebhookCall) -> i64 {
    call.at.as_micros().div_euclid(1_000_000)
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64.
#[must_use]
pub fn sign(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret.key()).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that implementations of the standard are tested with.
    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
