//! How much one user or one address may ask for.

use commerce_tests::{Options, Server, shared};
use futures_util::future::join_all;
use serde_json::json;

fn limited(user: u32, anonymous: u32) -> Server {
    let env = vec![
        ("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", user.to_string()),
        ("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", anonymous.to_string()),
    ];
    Server::start_with(Options { env, limits: true, ..Options::default() })
}

#[tokio::test]
async fn a_user_has_a_hundred_calls_a_minute_at_once() {
    let shop = Server::start_with(Options { limits: true, ..Options::default() });
    let user = shop.customer().await;
    let other = shop.customer().await;
    let started = std::time::Instant::now();
    let (mut served, mut last) = (0, user.get("/api/users/me").send().await);
    while last.status == 200 && served < 300 {
        served += 1;
        assert!(!last.header("ratelimit-remaining").is_empty() || !last.header("ratelimit").is_empty(), "{:?}", last.headers);
        last = user.get("/api/users/me").send().await;
    }
    // What came back of the allowance while the loop ran, at 100 in 60 s.
    let regained = started.elapsed().as_secs_f64() * 100.0 / 60.0;
    assert!(served >= 100 && f64::from(served) <= 101.0 + regained, "{served} served, {regained} regained");
    last.any_problem(429);
    let wait: u64 = last.header("retry-after").parse().expect("Retry-After is in seconds");
    assert!((1..=60).contains(&wait), "{wait}");
    // Another user, nobody in particular, and what does not count are served.
    other.get("/api/users/me").send().await.expect(200);
    shop.anyone().get("/api/products").send().await.expect(200);
    for path in ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"] {
        assert_eq!(user.get(path).send().await.status, 200, "{path}");
    }
    // A second token of the same user has no allowance of its own: it gets what came back meanwhile.
    let again = shop.anyone().logged_in(&user.email, "correct horse battery").await;
    let mut refused = 0;
    for _ in 0..50 {
        refused += usize::from(again.get("/api/users/me").send().await.status == 429);
    }
    assert!(refused > 0, "a new token brought a new allowance");
}

#[tokio::test]
async fn an_address_has_its_own_allowance() {
    let shop = limited(0, 30);
    let anyone = shop.anyone();
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(anyone.get("/api/products").send().await.status);
    }
    assert!(statuses[..30].iter().all(|status| *status == 200), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    // A header that anyone can write makes no other address.
    let answer =
        anyone.get("/api/products").header("x-forwarded-for", "203.0.113.9").header("x-real-ip", "203.0.113.9").send().await;
    assert_eq!(answer.status, 429);
    for path in ["/health/ready", "/metrics", "/docs"] {
        assert_eq!(anyone.get(path).send().await.status, 200, "{path}");
    }
    for _ in 0..40 {
        let answer = anyone.post("/api/payments/webhooks/sandbox", &json!({})).send().await;
        assert_eq!(answer.status, 401, "webhooks do not count: {}", answer.text());
    }
}

#[tokio::test]
async fn zero_switches_a_limit_off() {
    let shop = shared();
    let user = shop.customer().await;
    for _ in 0..250 {
        user.get("/api/users/me").send().await.expect(200);
    }
}

#[tokio::test]
async fn only_failed_logins_are_throttled() {
    let shop = shared();
    let user = shop.customer().await;
    let other = shop.customer().await;
    let login = async |email: &str, password: &str| {
        shop.anyone().post("/api/auth/login", &json!({"email": email, "password": password})).send().await
    };
    for _ in 0..12 {
        login(&user.email, "correct horse battery").await.expect(200);
    }
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(login(&user.email, "wrong horse battery").await.status);
    }
    assert_eq!(statuses[0], 401, "{statuses:?}");
    assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
    let answer = login(&user.email, "wrong horse battery").await;
    answer.any_problem(429);
    assert!(!answer.header("retry-after").is_empty());
    // Neither her session nor anybody else suffers.
    user.get("/api/users/me").send().await.expect(200);
    login(&other.email, "correct horse battery").await.expect(200);
}

#[tokio::test]
async fn a_storm_of_logins_is_turned_away_and_gotten_over() {
    let shop = Server::start_with(Options::default());
    let user = shop.customer().await;
    let anyone = shop.anyone();
    let body = json!({"email": user.email, "password": "correct horse battery"});
    let answers = join_all((0..200).map(|_| anyone.post("/api/auth/login", &body).try_send())).await;
    let answers: Vec<_> = answers.into_iter().map(|answer| answer.expect("every login is answered")).collect();
    for answer in &answers {
        assert!([200, 503].contains(&answer.status), "{}", answer.text());
        assert_eq!(answer.status == 503, !answer.header("retry-after").is_empty(), "{:?}", answer.headers);
    }
    assert!(answers.iter().any(|answer| answer.status == 200), "who waits in the queue is served");
    assert!(answers.iter().any(|answer| answer.status == 503), "the queue is bounded");
    anyone.post("/api/auth/login", &body).send().await.expect(200);
}

#[tokio::test]
async fn one_address_may_not_try_many_accounts() {
    let shop = Server::start_with(Options::default());
    let user = shop.customer().await;
    shop.anyone().logged_in(&user.email, "correct horse battery").await;
    let mut limited = 0;
    for account in 0..120 {
        let body = json!({"email": format!("nobody-{account}@example.com"), "password": "wrong horse battery"});
        let answer = shop.anyone().post("/api/auth/login", &body).send().await;
        assert!([401, 429].contains(&answer.status), "{}", answer.text());
        limited += usize::from(answer.status == 429);
    }
    assert!(limited > 0, "passwords can be sprayed over any number of accounts");
    // Who logged in here before is not kept out by it.
    shop.anyone().logged_in(&user.email, "correct horse battery").await;
}
