//! Redis beside a shop: what it counts, notes and keeps for all processes, and what goes on while it is gone.

use std::time::Duration;

use commerce_peers::Redis;
use commerce_tests::{Answer, Client, Options, Server, cod, eventually, eventually_within, purchase};
use serde_json::json;

/// Settings of a shop that uses this server for everything it can.
fn everything(redis: &Redis) -> Vec<(&'static str, String)> {
    vec![
        ("COMMERCE_REDIS__URL", redis.url().to_owned()),
        ("COMMERCE_EVENTS__BUS", "redis".to_owned()),
        ("COMMERCE_ORDERS__CARTS", "redis".to_owned()),
        ("COMMERCE_AUTH__SESSIONS", "redis".to_owned()),
        ("COMMERCE_SERVICES__REGISTRY", "true".to_owned()),
        ("COMMERCE_GATEWAY__RATE_LIMIT_SHARED", "true".to_owned()),
    ]
}

async fn asked(who: &Client, path: &str) -> Answer {
    who.get(path).try_send().await.expect("the gateway is there")
}

#[tokio::test]
async fn services_find_each_other_in_the_register() {
    let redis = Redis::start();
    let shop = Server::start_with(Options { services: Some(true), env: everything(&redis), ..Options::default() });
    purchase(&shop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_the_shop_sells_and_only_carts_wait() {
    let redis = Redis::start();
    // Nobody is locked out by the limit, but everybody is counted.
    let mut env = everything(&redis);
    env.push(("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", "100000".to_owned()));
    let shop = Server::start_with(Options { services: Some(true), limits: true, env, ..Options::default() });
    let (admin, mut customer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 9).await;
    customer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);

    for halted in [true, false] {
        tokio::task::block_in_place(|| if halted { redis.peer().pause() } else { redis.peer().kill() });
        let page = format!("/api/products/{}", cup.id);
        for path in [page.as_str(), "/api/products", "/api/products/search?q=cup", "/api/categories"] {
            assert_eq!(asked(&customer, path).await.status, 200, "{path}");
        }
        assert_eq!(asked(&customer, "/api/orders").await.status, 200, "users know her session");
        let order = customer.post("/api/orders", &cod(&[(&cup.sku, 1)])).send().await.expect(201);
        assert_eq!(order["status"], "CONFIRMED");
        let cart = asked(&customer, "/api/cart/me").await;
        cart.problem(503, "UNAVAILABLE");
        assert!(!cart.header("retry-after").is_empty());
        let changed = customer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 1})).try_send().await;
        assert_eq!(changed.expect("the gateway answers").status, 503);
        // Who believes in what is noted would go on believing.
        let logout = customer.post("/api/auth/logout", &json!({})).try_send().await.expect("the gateway answers");
        logout.problem(503, "UNAVAILABLE");
        let doctor = shop.run(&["doctor", "--output", "json"]);
        assert!(doctor.code == 1 && doctor.out.contains("does not answer"), "{doctor:?}");
        let ready = asked(&customer, "/health/ready").await;
        let state = |name: &str| ready.json()["dependencies"][name]["status"].clone();
        assert_eq!((ready.status, state("redis"), state("users")), (503, json!("DOWN"), json!("UP")));

        tokio::task::block_in_place(|| if halted { redis.peer().resume() } else { redis.peer().again() });
        // What a halted Redis was told of the logout it may do when it goes on.
        customer = customer.logged_in(&customer.email, "correct horse battery").await;
        let back = async || asked(&customer, "/api/cart/me").await;
        let cart = eventually("carts are back", back, |cart| cart.status == 200).await;
        assert_eq!(cart.json()["lines"][0]["quantity"], 2, "as she left it");
        let ready = async || asked(&customer, "/health/ready").await;
        drop(eventually("all is ready", ready, |answer| answer.status == 200).await);
    }
    let sold = || admin.stock(&cup.sku);
    eventually_within(Duration::from_secs(40), "what was sold meanwhile is told", sold, |stock| *stock == (7, 0, 7)).await;
}

#[tokio::test]
async fn a_logout_holds_from_the_next_request_on() {
    let redis = Redis::start();
    let shop = Server::start_with(Options { services: Some(true), env: everything(&redis), ..Options::default() });
    let customer = shop.customer().await;
    let elsewhere = shop.anyone().logged_in(&customer.email, "correct horse battery").await;
    for session in [&customer, &elsewhere] {
        session.get("/api/orders").send().await.expect(200);
        session.get("/api/notifications").send().await.any_problem(403);
    }
    // What is noted serves where users do not: she may change things, and not only read.
    shop.kill_one("users");
    // Not at once: a busy Redis that was silent for a moment is left alone for a second.
    let put = json!({"sku": "NONE-SUCH", "quantity": 1});
    let changed = async || customer.post("/api/cart/me", &put).try_send().await.expect("the gateway answers").status;
    eventually("she may change things without users", changed, |status| *status == 422).await;
    shop.start_one("users");
    let logout = async || customer.post("/api/auth/logout", &json!({})).try_send().await.expect("the gateway answers").status;
    eventually("users are back", logout, |status| *status == 204).await;
    for path in ["/api/orders", "/api/cart/me", "/api/users/me"] {
        customer.get(path).send().await.problem(401, "UNAUTHENTICATED");
        elsewhere.get(path).send().await.expect(200);
    }
    let passwords = json!({"current": "correct horse battery", "new": "another horse battery"});
    customer.logged_in(&customer.email, "correct horse battery").await.put("/api/users/me/password", &passwords).send().await;
    elsewhere.get("/api/orders").send().await.problem(401, "UNAUTHENTICATED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_count_requests_together_and_alone_without_redis() {
    let redis = Redis::start();
    let env = vec![
        ("COMMERCE_REDIS__URL", redis.url().to_owned()),
        ("COMMERCE_GATEWAY__RATE_LIMIT_SHARED", "true".to_owned()),
        ("COMMERCE_GATEWAY__RATE_LIMIT_ANONYMOUS_PER_MINUTE", "12".to_owned()),
    ];
    let options = Options { services: Some(false), limits: true, env, ..Options::default() };
    let (one, other) = (Server::start_with(options.clone()), Server::start_with(options));
    let served = async |shop: &Server| -> u32 {
        let mut served = 0;
        for _ in 0..12 {
            let answer = asked(&shop.anyone(), "/api/categories").await;
            assert!([200, 429].contains(&answer.status), "{}", answer.status);
            served += u32::from(answer.status == 200);
        }
        served
    };
    assert_eq!(served(&one).await, 12);
    let left = served(&other).await;
    assert!(left <= 3, "the other had {left} of an allowance that was used up");
    tokio::task::block_in_place(|| redis.peer().kill());
    assert!(served(&other).await >= 10, "each counts for itself");
    let health = asked(&other.anyone(), "/health/ready").await;
    assert_eq!(health.status, 200, "nothing but the counting is missed");
    assert_eq!(health.json()["dependencies"]["redis"]["status"], "DOWN");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_tell_how_far_consumers_are_behind_and_nothing_of_a_redis_that_is_gone() {
    let redis = Redis::start();
    let env = vec![("COMMERCE_REDIS__URL", redis.url().to_owned()), ("COMMERCE_EVENTS__BUS", "redis".to_owned())];
    let shop = Server::start_with(Options { services: Some(false), env, ..Options::default() });
    let (anyone, customer) = (shop.anyone(), shop.customer().await);
    let cup = shop.admin().await.product(1_000, 9).await;
    customer.order(&[(&cup.sku, 1)]).await;
    let figures = async || asked(&anyone, "/metrics").await.text();
    let queues = ["catalog-order-queue", "order-cart-queue", "notification-queue", "webhook-queue", "staff-log-queue"];
    let done = |figures: &String| {
        let has = |line: String| figures.lines().any(|it| it == line);
        queues.iter().all(|queue| {
            has(format!("queue_waiting{{queue=\"{queue}\"}} 0")) && has(format!("queue_lag_seconds{{queue=\"{queue}\"}} 0"))
        })
    };
    eventually("every consumer is done", figures, done).await;
    tokio::task::block_in_place(|| redis.peer().kill());
    eventually("nothing is said that nobody knows", figures, |figures| !figures.contains("queue_waiting{")).await;
    assert!(figures().await.contains("http_requests_total"), "and all the rest is");
}
