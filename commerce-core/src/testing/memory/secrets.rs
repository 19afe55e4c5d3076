//! Passwords and tokens without cryptography: fast, and good for nothing but tests.

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::change::digest;
use crate::error::StoreError;
use crate::ids::{Id, SellerId, SessionId, UserId};
use crate::time::Timestamp;
use crate::users::{Claims, PasswordHash, PasswordHasher, Role, TokenSigner, Verdict};

/// "Hashes" by writing `plain:` before the password; `old:` stands for a hash to be renewed.
#[derive(Clone, Copy, Default)]
pub struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: &str) -> Result<PasswordHash, StoreError> {
        Ok(PasswordHash(format!("plain:{password}")))
    }

    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict, StoreError> {
        let Some(PasswordHash(hash)) = hash else { return Ok(Verdict::Wrong) };
        Ok(match hash.split_once(':') {
            Some(("plain", right)) if right == password => Verdict::Right,
            Some(("old", right)) if right == password => Verdict::RightButOld,
            Some(_) | None => Verdict::Wrong,
        })
    }
}

/// Writes the claims in the clear, with a keyed digest behind them.
#[derive(Clone, Debug)]
pub struct PlainTokens {
    secret: String,
}

impl PlainTokens {
    /// Signing with `secret`.
    pub fn new(secret: &str) -> Self {
        Self { secret: secret.to_owned() }
    }

    fn signature(&self, text: &str) -> String {
        hex::encode(digest(&[self.secret.as_bytes(), text.as_bytes()]))
    }
}

impl TokenSigner for PlainTokens {
    fn sign(&self, claims: &Claims) -> String {
        let seller = claims.seller.map(|seller| seller.to_string()).unwrap_or_default();
        let from = claims.issued_at.as_micros();
        let until = claims.expires_at.as_micros();
        let text = format!("{}.{}.{}.{seller}.{from}.{until}", claims.user, claims.session, claims.role);
        format!("{text}.{}", self.signature(&text))
    }

    fn read(&self, token: &str) -> Option<Claims> {
        let (text, signature) = token.rsplit_once('.')?;
        if signature != self.signature(text) {
            return None;
        }
        let mut parts = text.split('.');
        Some(Claims {
            user: parts.next()?.parse::<UserId>().ok()?,
            session: parts.next()?.parse::<SessionId>().ok()?,
            role: parts.next()?.parse::<Role>().ok()?,
            seller: match parts.next()? {
                "" => None,
                seller => Some(SellerId::from_uuid(seller.parse().ok()?)),
            },
            issued_at: Timestamp::from_micros(parts.next()?.parse().ok()?),
            expires_at: Timestamp::from_micros(parts.next()?.parse().ok()?),
        })
    }

    fn successor(&self, refresh_token: &str) -> String {
        self.signature(refresh_token)
    }

    fn seal(&self, body_hash: &[u8; 32]) -> [u8; 32] {
        digest(&[self.secret.as_bytes(), body_hash])
    }

    fn jwks(&self) -> Value {
        json!({ "keys": [] })
    }
}
