//! The `Authorization` and `Idempotency-Key` headers and the tokens in them.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use commerce_adapters::auth::jwt::JwtSigner;
use commerce_core::users::{Claims, TokenSigner};
use commerce_server::auth::bearer;
use commerce_server::extract::RequestIdempotency;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::Value;

use crate::halves;

const SEED: [u8; 32] = [7; 32];
const ISSUER: &str = "https://shop.example";
const AUDIENCE: &str = "commerce";

fn signer() -> JwtSigner {
    JwtSigner::new(&SEED, ISSUER, AUDIENCE)
}

/// A token is good only to the letter: what is read was signed by this key over these very bytes.
/// The first line is a token as a stranger sends it; both lines together are a header and a
/// payload that are rightly signed, and still must be ours.
pub fn tokens(bytes: &[u8]) {
    let (first, second) = halves(bytes);
    if let Some(claims) = std::str::from_utf8(first).ok().and_then(|token| signer().read(token)) {
        again(&claims);
        let rest = std::str::from_utf8(first).unwrap_or_default().rsplit_once('.');
        let (signed, signature) = rest.expect("a token has three parts");
        let ours = SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
        assert_eq!(signature, URL_SAFE_NO_PAD.encode(ours.to_bytes()), "a signature that is not ours");
    }
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(first), URL_SAFE_NO_PAD.encode(second));
    let signature = SigningKey::from_bytes(&SEED).sign(signed.as_bytes());
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    if let Some(claims) = signer().read(&token) {
        again(&claims);
        let header: Value = serde_json::from_slice(first).expect("a header that is read is JSON");
        let payload: Value = serde_json::from_slice(second).expect("a payload that is read is JSON");
        assert!(header["alg"] == "EdDSA" || header["alg"] == "Ed25519", "{header}");
        assert_eq!(header.as_object().map(serde_json::Map::len), Some(3), "{header}");
        assert_eq!((&header["typ"], &header["kid"]), (&"at+jwt".into(), &signer().jwks()["keys"][0]["kid"]));
        assert_eq!((&payload["iss"], &payload["aud"]), (&ISSUER.into(), &AUDIENCE.into()));
    }
}

/// Claims survive being signed and read.
fn again(claims: &Claims) {
    assert_eq!(signer().read(&signer().sign(claims)).as_ref(), Some(claims));
}

/// Header values: a bearer token is a part of the value without spaces around it, and a key that is
/// taken is the key that was sent.
pub fn authorization(bytes: &[u8]) {
    let (first, second) = halves(bytes);
    if let Ok(value) = std::str::from_utf8(first)
        && let Some(token) = bearer(value)
    {
        assert_eq!(token, token.trim());
        assert!(value.len() >= token.len() + "bearer ".len() && value.contains(token), "{value:?}");
    }
    let Ok(value) = HeaderValue::from_bytes(second) else { return };
    match RequestIdempotency::of(&HeaderMap::from_iter([("idempotency-key".parse().expect("a name"), value)])) {
        Ok(RequestIdempotency(key)) => {
            let key = key.expect("the header is there");
            assert_eq!(key.as_str().as_bytes(), second);
            assert!((1..=255).contains(&key.as_str().chars().count()));
        }
        Err(problem) => assert_eq!((problem.status().as_u16(), problem.code()), (422, "INVALID")),
    }
}
