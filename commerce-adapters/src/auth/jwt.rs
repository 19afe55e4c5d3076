//! Access tokens: JSON Web Tokens signed with Ed25519 (RFC 7519, 8037, 9068).
//!
//! One algorithm, and keys named by the process and never by the token: `alg` must be ours, `kid` one
//! of the shop's few keys, and a header with any other member (`jku`, `jwk`, `x5u`, `crit`) is
//! refused. A signer that follows a file takes over a rotation by another process within a second.
//! Checking a signature costs more than most of a request does, so that what a token was found to say
//! is kept as long as the keys are; whether it still holds is asked of others each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use commerce_core::ids::{SellerId, SessionId, UserId};
use commerce_core::time::Timestamp;
use commerce_core::users::{Claims, Role, TokenSigner};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::key_file::{KeyFile, KeyRing};

/// Characters of a token: ours have some 500; longer ones only burn CPU.
const TOKEN_MAX: usize = 2_048;
/// Tokens that were found good and are remembered, by their hash: a megabyte or two.
const KNOWN_MAX: usize = 8_192;
/// What access tokens are issued by and for, where the shop is its own issuer.
pub(crate) const ISSUER: &str = "commerce";
/// The type of access tokens (RFC 9068).
const TYPE: &str = "at+jwt";
/// The name of Ed25519 in RFC 8037, written; RFC 9864 calls it `Ed25519`, read too.
const ALGORITHM: &str = "EdDSA";

/// How often the file of the keys is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Signs access tokens with the current key, and reads those of all.
pub struct JwtSigner {
    held: Mutex<Held>,
    /// Where rotations are seen; none for keys that never change.
    file: Option<KeyFile>,
    issuer: String,
    audience: String,
}

/// The keys as last read.
struct Held {
    keys: Arc<Keys>,
    looked_at: Instant,
    written_at: Option<SystemTime>,
}

struct Keys {
    current: Key,
    /// The next one and the one before.
    others: Vec<Key>,
    refresh: [u8; 32],
    /// What tokens were found to say under these keys.
    known: Known,
}

struct Key {
    signing: SigningKey,
    public: VerifyingKey,
    kid: String,
}

impl Key {
    fn of(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public = signing.verifying_key();
        Self { kid: thumbprint(&public), signing, public }
    }
}

impl Keys {
    /// HMAC-SHA-256 of all parts in a row, under the secret that never rotates.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mac = Hmac::<Sha256>::new_from_slice(&self.refresh).expect("HMAC takes keys of any length");
        parts.iter().fold(mac, Mac::chain_update).finalize().into_bytes().into()
    }
}

impl From<&KeyRing> for Keys {
    fn from(ring: &KeyRing) -> Self {
        let others = [ring.next, ring.previous].into_iter().flatten().map(|seed| Key::of(&seed.secret)).collect();
        Self { current: Key::of(&ring.current.secret), others, refresh: ring.refresh, known: Known::default() }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    typ: String,
    kid: String,
}

#[derive(Serialize, Deserialize)]
struct Payload {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seller: Option<SellerId>,
    iat: i64,
    exp: i64,
}

impl JwtSigner {
    /// Signs with the one key made from `seed`, as `issuer` for `audience`.
    pub fn new(seed: &[u8; 32], issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::over(&KeyRing::single(*seed, Timestamp::EPOCH), None, issuer, audience)
    }

    /// Signs with the keys of `file`, which held `ring` when it was opened, as `issuer` for `audience`.
    pub fn following(file: KeyFile, ring: &KeyRing, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self::over(ring, Some(file), issuer, audience)
    }

    fn over(ring: &KeyRing, file: Option<KeyFile>, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let held = Held { keys: Arc::new(ring.into()), looked_at: Instant::now(), written_at: None };
        Self { held: Mutex::new(held), file, issuer: issuer.into(), audience: audience.into() }
    }

    /// The keys, read again if the file was replaced. While it cannot be read, those held go on.
    fn keys(&self) -> Arc<Keys> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &self.file
            && held.looked_at.elapsed() >= LOOK_EVERY
        {
            held.looked_at = Instant::now();
            let written_at = std::fs::metadata(file.path()).and_then(|metadata| metadata.modified()).ok();
            if written_at != held.written_at {
                match file.load() {
                    Ok(ring) => *held = Held { keys: Arc::new((&ring).into()), written_at, ..*held },
                    Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "the signing keys cannot be read"),
                }
            }
        }
        Arc::clone(&held.keys)
    }
}

/// What a token says under the key that its header names, if everything about it holds but the time.
fn claims<'a>(
    token: &str,
    key: impl FnOnce(&str) -> Option<&'a VerifyingKey>,
    (issuer, audience): (&str, &str),
) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header: Header = decode(header)?;
    if !matches!(header.alg.as_str(), ALGORITHM | "Ed25519") || header.typ != TYPE {
        return None;
    }
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).ok()?).ok()?;
    key(&header.kid)?.verify_strict(signed.as_bytes(), &signature).ok()?;
    let payload: Payload = decode(payload)?;
    if payload.iss != issuer || payload.aud != audience {
        return None;
    }
    Some(Claims {
        user: payload.sub,
        session: payload.sid,
        role: payload.role,
        seller: payload.seller,
        issued_at: from_seconds(payload.iat)?,
        expires_at: from_seconds(payload.exp)?,
    })
}

/// What tokens were found to say, by their hash.
#[derive(Default)]
struct Known(Mutex<HashMap<[u8; 32], Claims>>);

impl Known {
    /// What is known of a token, else what `judge` finds.
    fn or_judge(&self, token: &str, judge: impl FnOnce() -> Option<Claims>) -> Option<Claims> {
        if token.len() > TOKEN_MAX {
            return None;
        }
        let hash: [u8; 32] = Sha256::digest(token).into();
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        known.or_else(|| {
            let claims = judge()?;
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= KNOWN_MAX {
                // All at once: those in use are back with their next request.
                known.clear();
            }
            known.insert(hash, claims.clone());
            Some(claims)
        })
    }
}

impl TokenSigner for JwtSigner {
    fn sign(&self, claims: &Claims) -> String {
        let keys = self.keys();
        let header = Header { alg: ALGORITHM.to_owned(), typ: TYPE.to_owned(), kid: keys.current.kid.clone() };
        let payload = Payload {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: claims.user,
            sid: claims.session,
            role: claims.role,
            seller: claims.seller,
            iat: to_seconds(claims.issued_at),
            exp: to_seconds(claims.expires_at),
        };
        let signed = format!("{}.{}", encode(&header), encode(&payload));
        let signature = keys.current.signing.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    fn read(&self, token: &str) -> Option<Claims> {
        let keys = self.keys();
        let named = |kid: &str| {
            let all = std::iter::once(&keys.current).chain(&keys.others);
            all.into_iter().find(|key| key.kid == kid).map(|key| &key.public)
        };
        keys.known.or_judge(token, || claims(token, named, (&self.issuer, &self.audience)))
    }

    fn successor(&self, refresh_token: &str) -> String {
        hex::encode(self.keys().mac(&[refresh_token.as_bytes()]))
    }

    fn seal(&self, body_hash: &[u8; 32]) -> [u8; 32] {
        self.keys().mac(&[b"request body", body_hash])
    }

    fn jwks(&self) -> Value {
        let keys = self.keys();
        let shown = |key: &Key| {
            let x = URL_SAFE_NO_PAD.encode(key.public.as_bytes());
            json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": key.kid, "use": "sig", "alg": ALGORITHM })
        };
        let all: Vec<Value> = std::iter::once(&keys.current).chain(&keys.others).map(shown).collect();
        json!({ "keys": all })
    }
}

/// Reads access tokens with the public keys of a shop alone: for processes that sign none.
pub struct PublicKeys {
    keys: Vec<(String, VerifyingKey)>,
    issuer: String,
    audience: String,
    known: Known,
}

impl PublicKeys {
    /// Those of a JSON Web Key Set (RFC 7517) that are Ed25519 keys; the others are left out.
    #[must_use]
    pub fn of(set: &Value, issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        let key = |key: &Value| {
            let text = |name: &str| key.get(name).and_then(Value::as_str);
            let bytes = URL_SAFE_NO_PAD.decode(text("x")?).ok()?.try_into().ok()?;
            let ours = text("kty") == Some("OKP") && text("crv") == Some("Ed25519");
            Some((text("kid")?.to_owned(), VerifyingKey::from_bytes(&bytes).ok()?)).filter(|_| ours)
        };
        let keys = set.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(key).collect();
        Self { keys, issuer: issuer.into(), audience: audience.into(), known: Known::default() }
    }

    /// Whether both sets have the same keys.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.keys == other.keys
    }

    /// Whether what is said of a token holds: not of one by a key that is not among these, which may be
    /// new, and of none while there are no keys.
    #[must_use]
    pub fn may_judge(&self, token: &str) -> bool {
        let named = token.split('.').next().filter(|_| token.len() <= TOKEN_MAX).and_then(decode::<Header>);
        !self.keys.is_empty() && named.is_none_or(|header| self.keys.iter().any(|(kid, _)| *kid == header.kid))
    }

    /// The claims of a token whose signature, issuer, audience and type hold. The time is the caller's
    /// to judge.
    #[must_use]
    pub fn read(&self, token: &str) -> Option<Claims> {
        let named = |kid: &str| self.keys.iter().find(|(known, _)| known == kid).map(|(_, key)| key);
        self.known.or_judge(token, || claims(token, named, (&self.issuer, &self.audience)))
    }
}

/// The name of a signing key: the `kid` of its tokens.
#[must_use]
pub fn key_id(seed: &[u8; 32]) -> String {
    thumbprint(&SigningKey::from_bytes(seed).verifying_key())
}

/// The key's name: its JWK thumbprint (RFC 7638).
fn thumbprint(public: &VerifyingKey) -> String {
    let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(public.as_bytes()));
    URL_SAFE_NO_PAD.encode(Sha256::digest(jwk))
}

fn encode(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("strings and numbers are always JSON"))
}

fn decode<T: serde::de::DeserializeOwned>(part: &str) -> Option<T> {
    // What nobody reads of it must be text, too.
    serde_json::from_str(std::str::from_utf8(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?).ok()
}

fn to_seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

/// Nothing where no time of ours is that far away.
fn from_seconds(seconds: i64) -> Option<Timestamp> {
    seconds.checked_mul(1_000_000).map(Timestamp::from_micros)
}

#[cfg(test)]
mod tests;
