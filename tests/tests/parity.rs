//! One scenario on every shape of the shop: one process on files, one process on MariaDB, Redis and SQS, four
//! services on either. Answers and events are the same but for ids and times.

use commerce_peers::{Moto, Redis};
use commerce_tests::{Answer, Options, Server, cod, events, eventually, run_command_with};
use serde_json::{Value, json};

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
    let low = async || admin.read("/api/notifications?event=LOW_STOCK_ALERT").await["items"].as_array().map(Vec::len);
    eventually("ops are told of the little that is left", low, |count| *count == Some(1)).await;
    log.note("stock", &admin.get("/api/inventory/PARITY-1").send().await);
    log.note("ledger", &admin.get("/api/inventory/PARITY-1/ledger").send().await);
    let user = customer.user.clone();
    let told = async || admin.read(&format!("/api/notifications?recipient={user}")).await["items"].as_array().map(Vec::len);
    eventually("everything is told", told, |count| *count == Some(5)).await;
    log.note("cancel", &customer.post(&format!("/api/orders/{order}/cancel"), &json!({})).send().await);
    let paid = async || customer.read(&format!("/api/orders/{order}")).await["payment"]["status"].clone();
    eventually("the money is given back", paid, |status| *status == "REFUNDED").await;
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
            .map(|(name, value)| (name, value.to_str().unwrap_or_default()))
            .map(|(name, value)| {
                let began = value.trim_matches('"').parse().is_ok_and(is_beginning);
                format!("{name}: {}", if began { "*" } else { value })
            })
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
        Value::Number(number) if number.as_u64().is_some_and(is_beginning) => json!("*"),
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

/// The version of a cart, which begins at the millisecond of its first edit.
fn is_beginning(version: u64) -> bool {
    version > 1_000_000_000_000
}

#[tokio::test]
async fn every_shape_of_the_shop_says_the_same() {
    let (redis, moto) = (Redis::start(), Moto::start());
    let env = |prefix: &str, bus: &str| {
        vec![
            ("COMMERCE_REDIS__URL", redis.url().to_owned()),
            ("COMMERCE_REDIS__PREFIX", prefix.to_owned()),
            ("COMMERCE_ORDERS__CARTS", "redis".to_owned()),
            ("COMMERCE_EVENTS__BUS", bus.to_owned()),
            ("COMMERCE_AWS__ENDPOINT", moto.url().to_owned()),
            ("COMMERCE_AWS__REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "key".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ]
    };
    let queues = env("one", "sqs");
    assert_eq!(run_command_with(&["aws", "init"], &queues, "").code, 0);
    let shape = |services, mariadb, mut env: Vec<(&'static str, String)>| {
        // So that little is left only once something was sold, whoever looks when.
        env.push(("COMMERCE_INVENTORY__LOW_STOCK_THRESHOLD", "2".to_owned()));
        Options { services: Some(services), mariadb: Some(mariadb), env, ..Options::default() }
    };
    let shapes = [
        ("embedded", shape(false, false, Vec::new())),
        ("one process on servers", shape(false, true, queues)),
        ("four services on files", shape(true, false, Vec::new())),
        ("four services on servers", shape(true, true, env("four", "redis"))),
    ];
    let mut first: Option<(Vec<String>, Vec<String>)> = None;
    for (name, options) in shapes {
        let shop = Server::start_with(options);
        let (told, said) = (transcript(&shop).await, event_log(&shop).await);
        assert!(told.len() > 30 && said.len() > 8, "{name} says {} and {}", told.len(), said.len());
        match &first {
            None => first = Some((told, said)),
            Some((first_told, first_said)) => {
                for (expected, found) in first_told.iter().zip(&told) {
                    assert_eq!(expected, found, "{name}");
                }
                assert_eq!(first_told.len(), told.len(), "{name}");
                for (expected, found) in first_said.iter().zip(&said) {
                    assert_eq!(expected, found, "{name}");
                }
                assert_eq!(first_said.len(), said.len(), "{name}");
            }
        }
    }
}

/// What was said, without what is new each time. Events of different aggregates have no order among them.
async fn event_log(shop: &Server) -> Vec<String> {
    let known = |event: String| {
        let (head, data) = event.split_once(" {").expect("an event says an object");
        let data: Value = serde_json::from_str(&format!("{{{data}")).expect("events are JSON");
        format!("{head} {}", timeless(data))
    };
    let mut log: Vec<String> = events(shop).await.into_iter().map(known).collect();
    log.sort();
    log
}
