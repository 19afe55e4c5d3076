//! Webhooks of the sandbox payment provider: signature header and body.

use commerce_adapters::payments::sandbox::Sandbox;
use commerce_core::orders::{PaymentGateway, ProviderEvent};
use commerce_core::{Currency, Error, Timestamp};

use crate::halves;

const NOW: Timestamp = Timestamp::from_micros(1_772_357_400_000_000);

/// The first line is the header, the rest the body. No header of a stranger opens anything; a body
/// that is rightly signed is read the same way twice or refused with a code.
pub fn webhook(bytes: &[u8]) {
    let sandbox = Sandbox::new("unused", "fuzz secret", Currency::INR);
    let (header, body) = halves(bytes);
    let header = String::from_utf8_lossy(header);
    let stranger = sandbox.webhook(Some(&header), body, NOW);
    let right = sandbox.sign(body, NOW);
    if stranger.is_ok() {
        let mac = right.split_once("v1=").map_or("", |(_, mac)| mac);
        assert!(header.to_lowercase().contains(mac) || !header.contains(&right[..12]), "{header} opened the door");
    } else {
        refused(&stranger);
    }
    let signed = sandbox.webhook(Some(&right), body, NOW);
    match &signed {
        Ok(event) => {
            let other = sandbox.webhook(Some(&format!("{right},v1=00")), body, NOW).expect("one right signature is enough");
            assert_eq!((&event.event_id, &event.reference, &event.fact), (&other.event_id, &other.reference, &other.fact));
            assert_eq!(event.provider, "sandbox");
        }
        Err(_) => refused(&signed),
    }
    let spoilt = sandbox.webhook(Some(&right), &[body, b" "].concat(), NOW);
    assert_eq!(spoilt.err().map(|error| error.code()), Some("BAD_SIGNATURE"));
}

fn refused(outcome: &Result<ProviderEvent, Error>) {
    let code = outcome.as_ref().err().map(Error::code);
    let known = ["BAD_SIGNATURE", "INVALID", "MALFORMED_JSON", "WRONG_TYPE", "UNKNOWN_FIELD", "MISSING_FIELD", "DUPLICATE_FIELD"];
    assert!(code.is_some_and(|code| known.contains(&code)), "{code:?}");
}
