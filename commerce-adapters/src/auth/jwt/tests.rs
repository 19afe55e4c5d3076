use super::super::key_file::Seed;
use super::*;

fn signer() -> JwtSigner {
    JwtSigner::new(&[7; 32], "https://shop.example", "commerce")
}

fn claims() -> Claims {
    let now = Timestamp::from_micros(1_772_366_400_000_000);
    Claims {
        user: "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b".parse().unwrap(),
        session: "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2c".parse().unwrap(),
        role: Role::Customer,
        seller: None,
        issued_at: now,
        expires_at: now.plus(Duration::from_mins(15)),
    }
}

/// A token with this header and payload, rightly signed.
fn signed(header: &Value, payload: &Value) -> String {
    let signed = format!("{}.{}", encode(header), encode(payload));
    let signature = SigningKey::from_bytes(&[7; 32]).sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn parts() -> (Value, Value) {
    let token = signer().sign(&claims());
    let mut parts = token.split('.');
    let mut next = || decode(parts.next().unwrap()).unwrap();
    (next(), next())
}

#[test]
fn a_token_says_what_was_signed() {
    assert_eq!(signer().read(&signer().sign(&claims())), Some(claims()));
    let (header, payload) = parts();
    assert_eq!(header["typ"], "at+jwt");
    assert_eq!(header["kid"], signer().jwks()["keys"][0]["kid"]);
    assert_eq!(signer().read(&signed(&header, &payload)), Some(claims()));
}

#[test]
fn a_time_beyond_all_times_is_refused_even_when_rightly_signed() {
    let (header, mut payload) = parts();
    for (name, seconds) in [("exp", 17_721_772_367_300_i64), ("exp", i64::MAX), ("iat", i64::MIN)] {
        let good = std::mem::replace(&mut payload[name], json!(seconds));
        assert_eq!(signer().read(&signed(&header, &payload)), None, "{name}: {seconds}");
        payload[name] = good;
    }
}

#[test]
fn a_token_that_is_no_text_is_refused_even_when_rightly_signed() {
    let (header, _) = parts();
    let token = signer().sign(&claims());
    let text = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let broken = [b"{\"note\":\"\xff\",".as_slice(), &text[1..]].concat();
    let signed = format!("{}.{}", encode(&header), URL_SAFE_NO_PAD.encode(broken));
    let signature = SigningKey::from_bytes(&[7; 32]).sign(signed.as_bytes());
    assert_eq!(signer().read(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))), None);
}

#[test]
fn who_has_the_public_keys_reads_what_who_signs_reads() {
    let keys = PublicKeys::of(&signer().jwks(), "https://shop.example", "commerce");
    let token = signer().sign(&claims());
    assert!(keys.may_judge(&token));
    assert_eq!(keys.read(&token), Some(claims()));
    assert_eq!(keys.read(&token.replace('.', "_")), None);
    let foreign = JwtSigner::new(&[8; 32], "https://shop.example", "commerce").sign(&claims());
    assert!(!keys.may_judge(&foreign), "a key that may be new");
    assert!(keys.may_judge("nonsense") && keys.read("nonsense").is_none());
    assert!(keys.same(&PublicKeys::of(&signer().jwks(), "x", "x")));
}

#[test]
fn foreign_headers_are_refused_even_when_rightly_signed() {
    let (header, payload) = parts();
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        signed(&header, &payload)
    };
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("typ", json!("JWT")),
        ("kid", json!("../../etc/passwd")),
        ("jku", json!("https://evil.example/jwks.json")),
        ("jwk", signer().jwks()["keys"][0].clone()),
        ("x5u", json!("https://evil.example/cert")),
        ("crit", json!(["exp"])),
    ] {
        assert_eq!(signer().read(&with(name, value.clone())), None, "{name}: {value}");
    }
}

#[test]
fn foreign_payloads_and_signatures_are_refused() {
    let (header, payload) = parts();
    for (name, value) in [("iss", json!("https://evil.example")), ("aud", json!("other")), ("aud", json!(["commerce"]))] {
        let mut payload = payload.clone();
        payload[name] = value;
        assert_eq!(signer().read(&signed(&header, &payload)), None, "{name}");
    }
    let token = signer().sign(&claims());
    assert_eq!(JwtSigner::new(&[8; 32], "https://shop.example", "commerce").read(&token), None);
    let (signed_part, signature) = token.rsplit_once('.').unwrap();
    let mut admin = payload.clone();
    admin["role"] = json!("ADMIN");
    for forged in [
        format!("{}.{}.{signature}", encode(&header), encode(&admin)),
        format!("{signed_part}."),
        signed_part.to_owned(),
        format!("{token}="),
        format!("{token}.x"),
        "x".repeat(TOKEN_MAX + 1),
        String::new(),
    ] {
        assert_eq!(signer().read(&forged), None, "{forged}");
    }
}

#[test]
fn the_public_key_as_symmetric_secret_opens_nothing() {
    let (mut header, payload) = parts();
    header["alg"] = json!("HS256");
    let signed = format!("{}.{}", encode(&header), encode(&payload));
    let mac = Hmac::<Sha256>::new_from_slice(signer().keys().current.public.as_bytes()).unwrap();
    let signature = mac.chain_update(signed.as_bytes()).finalize().into_bytes();
    assert_eq!(signer().read(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))), None);
}

#[test]
fn a_rotation_shows_and_ends_no_token() {
    let seed = |byte: u8| Seed { secret: [byte; 32], since: Timestamp::EPOCH };
    let before = KeyRing { next: Some(seed(8)), ..KeyRing::single([7; 32], Timestamp::EPOCH) };
    let after = KeyRing { current: seed(8), next: Some(seed(9)), previous: Some(seed(7)), refresh: before.refresh };
    let of = |ring: &KeyRing| JwtSigner::over(ring, None, "https://shop.example", "commerce");
    let (old, new) = (of(&before), of(&after));
    assert_eq!(new.read(&old.sign(&claims())), Some(claims()), "the key before is still known");
    assert_eq!(old.read(&new.sign(&claims())), Some(claims()), "the next key was known before");
    assert_eq!(old.successor("token"), new.successor("token"));
    let kids = |signer: &JwtSigner| {
        let shown = signer.jwks();
        shown["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kids(&old), [key_id(&[7; 32]), key_id(&[8; 32])]);
    assert_eq!(kids(&new), [key_id(&[8; 32]), key_id(&[9; 32]), key_id(&[7; 32])]);
    let revoked = KeyRing { previous: None, ..after };
    assert_eq!(of(&revoked).read(&old.sign(&claims())), None, "a forgotten key opens nothing");
}

#[test]
fn a_token_is_checked_once_and_forgotten_when_there_are_many() {
    let signer = signer();
    let at = |second| Claims { issued_at: from_seconds(second).unwrap(), ..claims() };
    let tokens: Vec<String> = (0..100).map(|second| signer.sign(&at(second))).collect();
    for _ in 0..2 {
        for (second, token) in (0..).zip(&tokens) {
            assert_eq!(signer.read(token), Some(at(second)));
        }
    }
    assert_eq!(signer.keys().known.0.lock().unwrap().len(), tokens.len());
    let full = (0..KNOWN_MAX).map(|n| (Sha256::digest(n.to_le_bytes()).into(), at(0)));
    signer.keys().known.0.lock().unwrap().extend(full);
    assert_eq!(signer.read(&signer.sign(&at(101))), Some(at(101)));
    assert_eq!(signer.keys().known.0.lock().unwrap().len(), 1);
    assert_eq!(signer.read(&tokens[0].replace('.', "_")), None);
}

#[test]
fn a_successor_is_stable_secret_and_long() {
    let next = signer().successor("token");
    assert_eq!(next, signer().successor("token"));
    assert_eq!(next.len(), 64);
    assert_ne!(next, signer().successor("tokem"));
    assert_ne!(next, JwtSigner::new(&[8; 32], "https://shop.example", "commerce").successor("token"));
}

#[test]
fn a_seal_is_stable_and_needs_the_key() {
    let sealed = signer().seal(&[1; 32]);
    assert_eq!(sealed, signer().seal(&[1; 32]));
    assert_ne!(sealed, signer().seal(&[2; 32]));
    assert_ne!(sealed, JwtSigner::new(&[8; 32], "https://shop.example", "commerce").seal(&[1; 32]));
}
