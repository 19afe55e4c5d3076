//! Four services and a gateway are the same shop: what clients see, what strangers do not, what goes on
//! while one of them is gone, and while they are replaced.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use commerce_tests::{Answer, Options, Server, cod, eventually, eventually_within, purchase, raw_request};
use serde_json::{Value, json};

#[tokio::test]
async fn a_purchase_goes_through_all_of_them_from_register_to_mail() {
    purchase(&Server::start_services()).await;
}

#[tokio::test]
async fn a_purchase_goes_through_over_redis_too() {
    let redis = commerce_peers::Redis::start();
    let env = vec![
        ("COMMERCE_EVENTS__BUS", "redis".to_owned()),
        ("COMMERCE_ORDERS__CARTS", "redis".to_owned()),
        ("COMMERCE_REDIS__URL", redis.url().to_owned()),
    ];
    for services in [false, true] {
        let env = [env.clone(), vec![("COMMERCE_REDIS__PREFIX", format!("apart-{services}"))]].concat();
        purchase(&Server::start_with(Options { services: Some(services), env, ..Options::default() })).await;
    }
}

#[tokio::test]
async fn a_stranger_is_told_nothing_of_the_inside_at_any_listener() {
    let shop = Server::start_services();
    let customer = shop.customer().await;
    let token = customer.token.clone().expect("she logged in");
    let listeners = shop.listeners();
    assert_eq!(listeners.len(), 9, "four services with two each, and the gateway");
    let calls = [
        ("GET", "/internal/products?skus=A"),
        ("POST", "/internal/inventory/reserve"),
        ("POST", "/internal/inventory/commit"),
        ("POST", "/internal/inventory/release"),
        ("POST", "/internal/events"),
        ("POST", "/internal/sessions"),
        ("GET", "/internal/keys"),
        ("GET", "//internal/products"),
        ("GET", "/api/..%2finternal/products"),
        ("POST", "/INTERNAL/inventory/reserve"),
        ("GET", "/internal;x/products"),
    ];
    for listener in &listeners {
        for (method, path) in calls {
            for authorization in [
                String::new(),
                format!("Authorization: Bearer {token}\r\n"),
                "Authorization: Service v1.orders.1.00\r\n".to_owned(),
                "X-Commerce-Pass: v1.gateway.1.00\r\nX-Forwarded-For: 127.0.0.1\r\n".to_owned(),
            ] {
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: {listener}\r\n{authorization}Content-Length: 2\r\n\
                     Content-Type: application/json\r\nConnection: close\r\n\r\n{{}}"
                );
                let answer = raw_request(listener, request.as_bytes());
                let status = answer.split(' ').nth(1).unwrap_or_default();
                assert!(["400", "401", "404"].contains(&status), "{method} {path} at {listener}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off() {
    let shop = Server::start_services();
    let customer = shop.customer().await;
    let host = shop.base().trim_start_matches("http://");
    let token = customer.token.as_deref().unwrap_or_default();
    let head = format!(
        "POST /api/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    );
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
    let answer = raw_request(host, format!("{head}{}0\r\n\r\n", chunk.repeat(20)).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("BODY_TOO_LARGE"), "{answer}");
    let answer = raw_request(host, format!("{head}{}0\r\n\r\n", chunk.repeat(2)).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 400"), "spaces are no JSON, but they arrived: {answer}");
}

#[tokio::test]
async fn what_does_not_need_a_service_that_is_gone_goes_on_and_the_rest_comes_back() {
    let shop = Server::start_services();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let product = admin.product(1_000, 5).await;
    let (anyone, page) = (shop.anyone(), format!("/api/products/{}", product.id));

    shop.kill_one("orders");
    let ready = async || anyone.get("/health/ready").try_send().await.expect("the gateway is there");
    let down = |name: &'static str| {
        move |answer: &Answer| {
            let state = |other: &str| answer.json()["dependencies"][other]["status"].clone();
            let others = ["users", "catalog", "orders", "notifications"].into_iter().filter(|other| *other != name);
            answer.status == 503 && state(name) == "DOWN" && others.into_iter().all(|other| state(other) == "UP")
        }
    };
    eventually("the gateway is not ready, and says why", ready, down("orders")).await;
    anyone.read(&page).await;
    customer.read("/api/users/me").await;
    let refused = customer.post("/api/orders", &cod(&[(&product.sku, 1)])).key("later").try_send().await;
    let refused = refused.expect("the gateway answers");
    refused.problem(503, "UNAVAILABLE");
    assert!(!refused.header("retry-after").is_empty());
    shop.start_one("orders");
    let order = async || customer.post("/api/orders", &cod(&[(&product.sku, 1)])).key("later").try_send().await;
    let placed = |answer: &Result<Answer, _>| answer.as_ref().is_ok_and(|answer| answer.status < 300);
    drop(eventually("orders are taken again", order, placed).await);
    eventually("and all is ready", ready, |answer| answer.status == 200).await;

    shop.kill_one("users");
    // Whoever holds a token may read as long as it lives; to change something she must be known.
    let hers = async || customer.get("/api/orders").try_send().await.expect("the gateway is there");
    eventually("she reads her orders", hers, |answer| answer.status == 200).await;
    let changed = customer.post("/api/cart/me", &json!({"sku": product.sku, "quantity": 1})).try_send().await;
    assert_eq!(changed.expect("the gateway answers").status, 503);
    let forged = customer.with_token(Some("eyJhbGciOiJub25lIn0.e30."));
    assert_eq!(forged.get("/api/orders").try_send().await.expect("the gateway answers").status, 401);
    shop.start_one("users");
    let change = async || customer.post("/api/cart/me", &json!({"sku": product.sku, "quantity": 1})).try_send().await;
    drop(eventually("she is known again", change, placed).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_are_replaced_under_load_and_no_request_fails() {
    let shop = Server::start_with(Options { services: Some(true), twins: vec!["catalog", "orders"], ..Options::default() });
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let product = admin.product(1_000, 900).await;
    let stop = Arc::new(AtomicBool::new(false));
    let buyer = |mut name: u64| {
        let (customer, product, stop) = (customer.clone(), product.clone(), Arc::clone(&stop));
        tokio::spawn(async move {
            let mut answers = BTreeMap::<String, u32>::new();
            while !stop.load(Ordering::Relaxed) {
                name += 1_000;
                let key = name.to_string();
                let ordered = customer.post("/api/orders", &cod(&[(&product.sku, 1)])).key(&key).try_send().await;
                let read = customer.get(&format!("/api/products/{}", product.id)).try_send().await;
                for answer in [ordered, read] {
                    let what = answer.map_or_else(|error| format!("{error:?}"), |answer| answer.status.to_string());
                    *answers.entry(what).or_default() += 1;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            answers
        })
    };
    let buyers: Vec<_> = (0..4).map(buyer).collect();
    let shop = tokio::task::spawn_blocking(move || {
        shop.roll("catalog");
        shop.roll("orders");
        shop
    });
    let shop = shop.await.expect("every instance stops in peace and comes back");
    stop.store(true, Ordering::Relaxed);
    let mut all = BTreeMap::<String, u32>::new();
    for buyer in buyers {
        for (answer, count) in buyer.await.expect("a buyer does not panic") {
            *all.entry(answer).or_default() += count;
        }
    }
    let good: u32 = all.iter().filter(|(answer, _)| ["200", "201"].contains(&answer.as_str())).map(|(_, count)| count).sum();
    assert_eq!(good, all.values().sum::<u32>(), "{all:?}");
    assert!(good > 50, "{all:?}");
    let placed = i64::from(all.get("201").copied().unwrap_or_default());
    let sold = || admin.stock(&product.sku);
    let within = Duration::from_secs(20);
    eventually_within(within, "every hold becomes a sale", sold, |stock| *stock == (900 - placed, 0, 900 - placed)).await;
    drop(shop);
}

/// One scenario as its requests and answers, without what is new each time.
async fn transcript(shop: &Server) -> Vec<String> {
    let mut log = Transcript::default();
    let anyone = shop.anyone();
    let admin = shop.admin().await;
    let email = "parity@example.com";
    let register = json!({"email": email, "password": "correct horse battery", "fullName": "Grace Hopper"});
    log.note("register", &anyone.post("/api/users", &register).send().await);
    log.note("register again", &anyone.post("/api/users", &register).send().await);
    log.note("wrong password", &anyone.post("/api/auth/login", &json!({"email": email, "password": "wrong horse"})).send().await);
    let customer = anyone.logged_in(email, "correct horse battery").await;
    log.note("me", &customer.get("/api/users/me").send().await);
    log.note("address", &customer.post("/api/users/me/addresses", &commerce_tests::address()).send().await);
    let product = json!({"name": "Parity Kurta", "description": "Cotton", "variants": [
        {"sku": "PARITY-1", "price": {"amount": 49_900, "currency": "INR"}, "stock": 3},
    ]});
    let made = admin.post("/api/products", &product).send().await;
    log.note("product", &made);
    let id = made.json()["id"].as_str().expect("a product has an id").to_owned();
    log.note("no token", &anyone.post("/api/products", &product).send().await);
    log.note("not staff", &customer.post("/api/products", &product).send().await);
    log.note("unknown field", &admin.post("/api/products", &json!({"nam": "x"})).send().await);
    log.note("shown", &anyone.get(&format!("/api/products/{id}")).send().await);
    log.note("bad cursor", &anyone.get("/api/products?cursor=x").send().await);
    log.note("bad token", &anyone.with_token(Some("x.y.z")).get("/api/products").send().await);
    log.note("bad token where none is needed", &anyone.with_token(Some("x.y.z")).get("/api/categories").send().await);
    log.note("no such path", &anyone.get("/api/nothing").send().await);
    log.note("no such method", &anyone.delete("/api/products").send().await);
    log.note("outside", &anyone.get("/internal/products").send().await);
    log.note("cart", &customer.post("/api/cart/me", &json!({"sku": "PARITY-1", "quantity": 2})).send().await);
    log.note("quote", &customer.post("/api/orders/quote", &json!({})).send().await);
    let body = json!({"payment": {"method": "CARD", "token": "tok_declined"}});
    let declined = customer.post("/api/orders", &body).key("k1").send().await;
    log.note("declined", &declined);
    let order = declined.json()["id"].as_str().expect("an order has an id").to_owned();
    log.note("the same again", &customer.post("/api/orders", &body).key("k1").send().await);
    log.note("another body", &customer.post("/api/orders", &cod(&[("PARITY-1", 1)])).key("k1").send().await);
    let pay = json!({"method": "CARD", "token": "tok_ok"});
    log.note("paid", &customer.post(&format!("/api/orders/{order}/payments"), &pay).send().await);
    log.note("sold out", &customer.post("/api/orders", &cod(&[("PARITY-1", 2)])).send().await);
    log.note("too many", &customer.post("/api/orders", &cod(&[("PARITY-1", 1_000)])).send().await);
    log.note("another's", &admin.get(&format!("/api/orders/{order}")).send().await);
    log.note("hers", &customer.get(&format!("/api/orders/{order}")).send().await);
    let sold = || admin.stock("PARITY-1");
    eventually("the hold becomes a sale", sold, |stock| *stock == (1, 0, 1)).await;
    // Begun, held, sold, and marked when ops were told that little is left.
    let version = async || admin.get("/api/inventory/PARITY-1").send().await.header("etag").to_owned();
    eventually("ops are told", version, |version| version == "\"5\"").await;
    log.note("stock", &admin.get("/api/inventory/PARITY-1").send().await);
    log.note("ledger", &admin.get("/api/inventory/PARITY-1/ledger").send().await);
    let user = customer.user.clone();
    let told = async || admin.read(&format!("/api/notifications?recipient={user}")).await["items"].as_array().map(Vec::len);
    eventually("everything is told", told, |count| *count == Some(5)).await;
    log.note("cancel", &customer.post(&format!("/api/orders/{order}/cancel"), &json!({})).send().await);
    log.note("timeline", &customer.get(&format!("/api/orders/{order}/timeline")).send().await);
    log.note("too large", &customer.post_bytes("/api/orders", vec![b' '; 1_100_000]).send().await);
    log.note("page", &anyone.get("/checkout").send().await);
    log.note("contract", &anyone.get("/openapi.json").send().await);
    log.0
}

#[derive(Default)]
struct Transcript(Vec<String>);

impl Transcript {
    fn note(&mut self, what: &str, answer: &Answer) {
        let mut headers: Vec<String> = answer
            .headers
            .iter()
            .filter(|(name, _)| {
                !["date", "content-length", "ratelimit-reset", "x-request-id", "location"].contains(&name.as_str())
            })
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()))
            .collect();
        headers.sort();
        let body =
            serde_json::from_slice::<Value>(&answer.body).map_or_else(|_| answer.text(), |body| timeless(body).to_string());
        self.0.push(format!("{what}: {} {headers:?} {body}", answer.status));
    }
}

/// Members that are new each time.
const NEW: [&str; 7] = ["requestId", "number", "instance", "slug", "reference", "providerReference", "expiresAt"];

/// Without ids, times and what is made of them.
fn timeless(value: Value) -> Value {
    match value {
        Value::String(text) if is_new(&text) => json!("*"),
        Value::Object(members) => {
            let known = |(name, value): (String, Value)| {
                let value = if NEW.contains(&name.as_str()) { json!("*") } else { timeless(value) };
                (name, value)
            };
            Value::Object(members.into_iter().map(known).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(timeless).collect()),
        other => other,
    }
}

/// An id, a hash, an order's number or a time.
fn is_new(text: &str) -> bool {
    let hex = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let time = text.len() > 19 && text.as_bytes()[10] == b'T' && text.ends_with('Z');
    (hex && text.len() >= 32) || text.starts_with("ORD-") || time
}

#[tokio::test]
async fn one_process_and_four_services_say_the_same() {
    let one = Server::start_with(Options { services: Some(false), ..Options::default() });
    let four = Server::start_services();
    let (one, four) = (transcript(&one).await, transcript(&four).await);
    for (one, four) in one.iter().zip(&four) {
        assert_eq!(one, four);
    }
    assert_eq!(one.len(), four.len());
}
