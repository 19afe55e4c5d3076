//! Passwords and access tokens.

use std::time::Duration;

use crate::limits;
use crate::time::Timestamp;
use crate::users::{Claims, PasswordHash, PasswordHasher, Role, TokenSigner, Verdict};

use super::fixture::got;
use super::outside::{Made, ids};

pub(super) async fn passwords(make: &impl AsyncFn() -> Made<dyn PasswordHasher>) {
    let hasher = make().await.port;
    let long = "ü".repeat(limits::PASSWORD_MAX);
    for password in ["correct horse", "पासवर्ड 🔑", " spaces stay ", long.as_str()] {
        let hash = got(hasher.hash(password).await);
        assert_eq!(got(hasher.verify(password, Some(&hash)).await), Verdict::Right);
        let headless: String = password.chars().skip(1).collect();
        for wrong in ["", "Correct horse", &format!("{password}x"), &headless] {
            assert_eq!(got(hasher.verify(wrong, Some(&hash)).await), Verdict::Wrong, "{wrong:?} for {password:?}");
        }
        assert_eq!(got(hasher.verify(password, None).await), Verdict::Wrong, "nobody has a password");
    }
    // An account that was erased keeps an empty hash: nothing opens it.
    for broken in ["", "rubbish", "$argon2id$v=19$m=1"] {
        let broken = PasswordHash(broken.to_owned());
        for guess in ["", "rubbish"] {
            assert_ne!(hasher.verify(guess, Some(&broken)).await.ok(), Some(Verdict::Right), "{guess:?}");
        }
    }
}

/// Two signers with keys of their own.
pub(super) async fn tokens(make: &impl AsyncFn(u8) -> Made<dyn TokenSigner>) {
    let (ours, theirs) = (make(1).await.port, make(2).await.port);
    let ids = ids();
    let now = Timestamp::from_micros(1_772_357_400_000_000);
    let customer = Claims {
        user: ids.mint(),
        session: ids.mint(),
        role: Role::Customer,
        seller: None,
        issued_at: now,
        expires_at: now.plus(Duration::from_mins(15)),
    };
    let seller = Claims { role: Role::Seller, seller: Some(ids.mint()), ..customer.clone() };
    for claims in [customer, seller] {
        let token = ours.sign(&claims);
        assert!(token.bytes().all(|byte| byte.is_ascii_graphic()), "it fits a header: {token}");
        assert_eq!(ours.read(&token), Some(claims), "the time is the caller's to judge");
        assert_eq!(theirs.read(&token), None, "another key's token is nothing");
        for at in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            if let Some(byte) = forged.get_mut(at) {
                *byte = if *byte == b'A' { b'B' } else { b'A' };
            }
            let forged = String::from_utf8(forged).expect("tokens are ASCII");
            assert_eq!(ours.read(&forged), None, "a changed byte {at}");
        }
        assert_eq!(ours.read(token.get(1..).unwrap_or_default()), None);
    }
    for rubbish in ["", ".", "..", "a.b.c", "eyJhbGciOiJub25lIn0.e30."] {
        assert_eq!(ours.read(rubbish), None, "{rubbish:?}");
    }
    let (refresh, other) = (ids.secret(), ids.secret());
    let next = ours.successor(&refresh);
    assert!(next.len() == 64 && next.bytes().all(|byte| byte.is_ascii_hexdigit()), "{next}");
    assert_eq!(ours.successor(&refresh), next, "the same every time");
    assert!(next != refresh && next != ours.successor(&other) && next != theirs.successor(&refresh));
    assert!(ours.jwks().get("keys").is_some_and(serde_json::Value::is_array));
}
