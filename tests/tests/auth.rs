//! Accounts, logins, sessions and tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use commerce_tests::{Client, Options, Server, eventually, mails, shared, unique};
use serde_json::{Value, json};

const PASSWORD: &str = "correct horse battery";

async fn login(client: &Client, email: &str, password: &str) -> commerce_tests::Answer {
    client.post("/api/auth/login", &json!({"email": email, "password": password})).send().await
}

#[tokio::test]
async fn registration() {
    let shop = shared();
    let anyone = shop.anyone();
    let email = format!("{}@example.com", unique("new"));
    let body = json!({"email": email, "password": PASSWORD, "fullName": "Zoë Ångström", "phone": "+91 20 1234"});
    let answer = anyone.post("/api/users", &body).send().await;
    let user = answer.expect(201);
    assert_eq!(answer.header("location"), format!("/api/users/{}", user["id"].as_str().unwrap()));
    assert_eq!((&user["email"], &user["role"], &user["fullName"]), (&json!(email), &json!("CUSTOMER"), &json!("Zoë Ångström")));
    assert_eq!(user["phone"], "+91 20 1234");
    assert!(!answer.text().to_lowercase().contains("password") && !answer.text().contains("argon2"), "{}", answer.text());
    anyone.post("/api/users", &body).send().await.problem(409, "EMAIL_TAKEN");
    let mut shouted = body.clone();
    shouted["email"] = json!(email.to_uppercase());
    anyone.post("/api/users", &shouted).send().await.problem(409, "EMAIL_TAKEN");

    let data = shop.data();
    let welcome = eventually(
        "the welcome mail",
        async || mails(&data).into_iter().filter(|mail| mail.to.contains(&email)).collect::<Vec<_>>(),
        |mails| !mails.is_empty(),
    )
    .await;
    assert_eq!(welcome.len(), 1);
    assert_eq!(welcome[0].subject, "Welcome!");
    assert!(welcome[0].text.contains("text/html") && welcome[0].text.contains("text/plain"), "{}", welcome[0].text);
}

#[tokio::test]
async fn links_in_mails_lead_to_where_the_shop_listens() {
    let shop = Server::start_with(Options { services: Some(false), ..Options::default() });
    let email = shop.customer().await.email;
    let data = shop.data();
    let welcome =
        eventually("the welcome mail", async || mails(&data).into_iter().find(|mail| mail.to.contains(&email)), Option::is_some);
    let text = welcome.await.expect("it is there").text;
    assert!(text.contains(shop.base()), "{text}");
}

#[tokio::test]
async fn a_repeated_registration_is_a_replay() {
    let shop = shared();
    let anyone = shop.anyone();
    let body = json!({"email": format!("{}@example.com", unique("new")), "password": PASSWORD, "fullName": "Ann"});
    let key = unique("key");
    let first = anyone.post("/api/users", &body).key(&key).send().await.expect(201);
    let again = anyone.post("/api/users", &body).key(&key).send().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.expect(200)["id"], first["id"]);
    let other = json!({"email": format!("{}@example.com", unique("new")), "password": PASSWORD, "fullName": "Bea"});
    anyone.post("/api/users", &other).key(&key).send().await.problem(422, "IDEMPOTENCY_MISMATCH");
    for key in ["", &"k".repeat(256)] {
        let answer = anyone.post("/api/users", &other).key(key).send().await;
        assert!([400, 422].contains(&answer.status), "{}", answer.text());
    }
}

#[tokio::test]
async fn logging_in() {
    let shop = shared();
    let anyone = shop.anyone();
    let user = shop.customer().await;
    let tokens = login(&anyone, &user.email, PASSWORD).await.expect(200);
    assert_eq!(tokens["tokenType"], "Bearer");
    assert!(tokens["expiresIn"].as_i64().unwrap() >= 300, "{tokens}");
    assert!(tokens["refreshToken"].as_str().unwrap().len() >= 32);
    assert_eq!(tokens["user"]["email"], user.email);
    login(&anyone, &user.email.to_uppercase(), PASSWORD).await.expect(200);
    // Wrong mail and wrong password cannot be told apart.
    let same = |mut problem: Value| {
        problem.as_object_mut().unwrap().remove("requestId");
        problem
    };
    let wrong_password = login(&anyone, &user.email, "wrong horse battery").await.any_problem(401);
    let wrong_mail = login(&anyone, "nobody@example.com", PASSWORD).await.any_problem(401);
    assert_eq!(same(wrong_password), same(wrong_mail));
    assert_eq!(login(&anyone, "no mail address", PASSWORD).await.status, 401);
    assert_eq!(login(&anyone, &user.email, "").await.status, 401);
    assert_eq!(login(&anyone, &user.email, &"x".repeat(10_000)).await.status, 401);
}

#[tokio::test]
async fn every_character_of_a_password_counts() {
    let shop = shared();
    let anyone = shop.anyone();
    let email = format!("{}@example.com", unique("long"));
    let long = "x".repeat(100);
    let body = json!({"email": email, "password": long, "fullName": "Ann"});
    anyone.post("/api/users", &body).send().await.expect(201);
    login(&anyone, &email, &("x".repeat(99) + "y")).await.any_problem(401);
    login(&anyone, &email, &"x".repeat(72)).await.any_problem(401);
    login(&anyone, &email, &long).await.expect(200);
    let email = format!("{}@example.com", unique("wide"));
    let wide = "пароль密码🔑 ".repeat(10);
    anyone.post("/api/users", &json!({"email": email, "password": wide, "fullName": "Ann"})).send().await.expect(201);
    login(&anyone, &email, &wide).await.expect(200);
    login(&anyone, &email, wide.trim()).await.any_problem(401);
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let shop = shared();
    let user = shop.customer().await;
    let admin = shop.admin().await;
    let token = user.token.clone().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, signature] = parts.as_slice() else { panic!("no JWT: {token}") };
    let decode = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = decode(head);
    assert!(["EdDSA", "Ed25519"].contains(&header["alg"].as_str().unwrap()), "{header}");
    let life = decode(claims)["exp"].as_i64().unwrap() - decode(claims)["iat"].as_i64().unwrap();
    assert!(life >= 300, "{life}");

    let keys = shop.anyone().read("/.well-known/jwks.json").await;
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).expect("the token's key is published");
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert!(key.get("d").is_none(), "the private key is published");

    let mut other_claims = decode(claims);
    other_claims["sub"] = json!(admin.user);
    let mut promoted = decode(claims);
    for (name, value) in [("role", json!("ADMIN")), ("roles", json!(["ADMIN"]))] {
        promoted[name] = value;
    }
    let mut none = header.clone();
    none["alg"] = json!("none");
    let mut hmac = header.clone();
    hmac["alg"] = json!("HS256");
    let mut elsewhere = header.clone();
    elsewhere["kid"] = json!("../../etc/passwd");
    elsewhere["jku"] = json!("http://127.0.0.1:1/jwks.json");
    let hmac_input = format!("{}.{claims}", encode(&hmac));
    let hmac_signature = {
        use hmac::{Hmac, Mac};
        let public = URL_SAFE_NO_PAD.decode(key["x"].as_str().unwrap()).unwrap();
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&public).unwrap();
        mac.update(hmac_input.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    };
    for forged in [
        format!("{}.{claims}.", encode(&none)),
        format!("{}.{claims}.{signature}", encode(&none)),
        format!("{hmac_input}.{hmac_signature}"),
        format!("{}.{claims}.{signature}", encode(&elsewhere)),
        format!("{head}.{}.{signature}", encode(&other_claims)),
        format!("{head}.{}.{signature}", encode(&promoted)),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}.{claims}.{}", "A".repeat(86)),
        format!("{token}.x"),
        user.refresh.clone().unwrap(),
    ] {
        user.with_token(Some(&forged)).get("/api/users/me").send().await.any_problem(401);
    }
    user.get("/api/users/me").send().await.expect(200);
}

#[tokio::test]
async fn refresh_rotates_and_knows_reuse() {
    let shop = shared();
    let user = shop.customer().await;
    let anyone = shop.anyone();
    let refresh = async |token: &str| anyone.post("/api/auth/refresh", &json!({"refreshToken": token})).send().await;
    let first = user.refresh.clone().unwrap();
    let second = refresh(&first).await.expect(200);
    let second_token = second["refreshToken"].as_str().unwrap();
    assert_ne!(second_token, first);
    user.with_token(second["accessToken"].as_str()).get("/api/users/me").send().await.expect(200);
    // A lost answer may be asked for again: the same pair.
    assert_eq!(refresh(&first).await.expect(200)["refreshToken"], second_token);
    let third = refresh(second_token).await.expect(200);
    // Two steps back is theft: the whole session ends.
    refresh(&first).await.any_problem(401);
    refresh(third["refreshToken"].as_str().unwrap()).await.any_problem(401);
    user.with_token(third["accessToken"].as_str()).get("/api/users/me").send().await.any_problem(401);
    for token in ["", "x", &"x".repeat(10_000), user.token.as_deref().unwrap()] {
        refresh(token).await.any_problem(401);
    }
    anyone.post("/api/auth/refresh", &json!({})).send().await.problem(400, "MISSING_FIELD");
}

#[tokio::test]
async fn logout_holds_from_the_next_request() {
    let shop = shared();
    let user = shop.customer().await;
    let other = shop.anyone().logged_in(&user.email, PASSWORD).await;
    let answer = user.post("/api/auth/logout", &json!({})).send().await;
    assert!([200, 204].contains(&answer.status), "{}", answer.text());
    user.get("/api/users/me").send().await.any_problem(401);
    let refresh = json!({"refreshToken": user.refresh.clone().unwrap()});
    shop.anyone().post("/api/auth/refresh", &refresh).send().await.any_problem(401);
    other.get("/api/users/me").send().await.expect(200);
    user.post("/api/auth/logout", &json!({})).send().await.any_problem(401);
    // Whoever lost the answer asks again under her key, with a token that opens nothing else.
    let logout = async |key: &str| other.post("/api/auth/logout", &json!({})).key(key).send().await;
    logout("leave").await.expect(204);
    let again = logout("leave").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"), "{}", again.text());
    other.get("/api/users/me").send().await.any_problem(401);
    logout("another").await.any_problem(401);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let shop = shared();
    let user = shop.customer().await;
    let other = shop.anyone().logged_in(&user.email, PASSWORD).await;
    let sessions = user.read("/api/users/me/sessions").await;
    let sessions = sessions["items"].as_array().unwrap().clone();
    assert_eq!(sessions.len(), 2, "{sessions:?}");
    let mut ended = 0;
    for session in &sessions {
        let id = session["id"].as_str().unwrap();
        shop.customer().await.delete(&format!("/api/users/{}/sessions/{id}", user.user)).send().await.any_problem(404);
        if session["current"] == json!(true) {
            continue;
        }
        if sessions.iter().any(|session| session["current"] == json!(true)) {
            user.delete(&format!("/api/users/me/sessions/{id}")).send().await.expect(204);
            user.delete(&format!("/api/users/me/sessions/{id}")).send().await.any_problem(404);
            ended += 1;
        }
    }
    if ended == 1 {
        other.get("/api/users/me").send().await.any_problem(401);
        user.get("/api/users/me").send().await.expect(200);
    }
}

#[tokio::test]
async fn all_sessions_are_ended_at_once() {
    let shop = shared();
    let (user, admin) = (shop.customer().await, shop.admin().await);
    let other = shop.anyone().logged_in(&user.email, PASSWORD).await;
    let path = format!("/api/users/{}/sessions", user.user);
    shop.customer().await.delete(&path).send().await.problem(404, "NOT_FOUND");
    user.delete("/api/users/me/sessions").send().await.expect(204);
    for gone in [&user, &other] {
        gone.get("/api/users/me").send().await.any_problem(401);
    }
    admin.delete(&path).send().await.problem(404, "NOT_FOUND");
    login(&shop.anyone(), &user.email, PASSWORD).await.expect(200);
    admin.delete(&path).send().await.expect(204);
    let ended = format!("/api/staff-log?subject={}&action=SESSION_ENDED", user.user);
    let told = eventually("it is told of", || admin.read(&ended), |log| log["items"] != json!([])).await;
    assert_eq!(told["items"].as_array().unwrap().len(), 1, "{told}");
}

#[tokio::test]
async fn a_new_password_ends_other_sessions() {
    let shop = shared();
    let user = shop.customer().await;
    let other = shop.anyone().logged_in(&user.email, PASSWORD).await;
    let path = format!("/api/users/{}/password", user.user);
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    let wrong = user.put(&path, &change("wrong horse battery", "another long one")).send().await;
    assert!([401, 403, 422].contains(&wrong.status), "{}", wrong.text());
    user.put(&path, &change(PASSWORD, "short")).send().await.any_problem(422);
    let stranger = shop.customer().await;
    stranger.put(&path, &change(PASSWORD, "another long one")).send().await.any_problem(404);
    let answer = user.put(&path, &change(PASSWORD, "another long one")).send().await;
    assert!([200, 202, 204].contains(&answer.status), "{}", answer.text());
    other.get("/api/users/me").send().await.any_problem(401);
    login(&shop.anyone(), &user.email, PASSWORD).await.any_problem(401);
    login(&shop.anyone(), &user.email, "another long one").await.expect(200);
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_by_the_mailed_token() {
    let shop = shared();
    let (anyone, data) = (shop.anyone(), shop.data().clone());
    let client = anyone.registered(&unique("forgot")).await;
    let email = client.email.clone();
    let ask = async |email: &str| anyone.post("/api/auth/password-reset", &json!({"email": email})).send().await;
    for who in [email.as_str(), "nobody@example.com", "no address"] {
        assert_eq!(ask(who).await.status, 202, "{who}");
    }
    let token = eventually(
        "the mail with the token",
        async || {
            let mut mine = mails(&data).into_iter().filter(|mail| mail.to.contains(&email));
            let token = |text: &str| {
                text.split("#token=")
                    .nth(1)?
                    .split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
                    .next()
                    .map(str::to_owned)
            };
            mine.find_map(|mail| token(&mail.text))
        },
        Option::is_some,
    )
    .await
    .unwrap();
    let confirm = async |token: &str, password: &str| {
        anyone.post("/api/auth/password-reset/confirm", &json!({"token": token, "password": password})).send().await
    };
    confirm("nonsense", "a new password").await.problem(422, "INVALID");
    confirm(&token, "short").await.problem(422, "INVALID");
    confirm(&token, "a new password").await.expect(204);
    confirm(&token, "another password").await.problem(422, "INVALID");
    client.get("/api/users/me").send().await.problem(401, "UNAUTHENTICATED");
    login(&anyone, &email, PASSWORD).await.problem(401, "BAD_CREDENTIALS");
    login(&anyone, &email, "a new password").await.expect(200);
}

#[tokio::test]
async fn what_staff_did_is_a_chain_that_staff_reads() {
    let shop = shared();
    let admin = shop.admin().await;
    let client = shop.anyone().registered(&unique("watched")).await;
    client.get("/api/staff-log").send().await.problem(403, "FORBIDDEN");
    shop.anyone().get("/api/staff-log").send().await.problem(401, "UNAUTHENTICATED");
    admin.put(&format!("/api/users/{}/role", client.user), &json!({"role": "SELLER"})).send().await.expect(200);
    let told = admin.read(&format!("/api/staff-log?subject={}", client.user)).await;
    let mine = &told["items"][0];
    assert_eq!((&mine["userId"], &mine["subject"]["id"]), (&json!(client.user), &json!(client.user)));
    let log = admin.read("/api/staff-log?limit=100").await;
    let entries = log["items"].as_array().unwrap();
    assert_eq!(
        (&mine["action"], &mine["actorId"], &mine["detail"]["to"]),
        (&json!("ROLE_CHANGED"), &json!(admin.user), &json!("SELLER"))
    );
    for pair in entries.windows(2) {
        assert_eq!(pair[0]["previous"], pair[1]["hash"]);
    }
    let second = admin.read("/api/staff-log?limit=1").await;
    let rest = admin.read(&format!("/api/staff-log?limit=1&cursor={}", second["nextCursor"].as_str().unwrap_or_default())).await;
    assert!(second["nextCursor"].is_null() || rest["items"][0]["hash"] == second["items"][0]["previous"], "{second} {rest}");
}
