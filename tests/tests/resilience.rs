//! What goes on and what waits while a part of the shop is gone: every function by every dependency, as seen, and held
//! against the document that operators read.
//!
//! `COMMERCE_TEST_RENEW=1` writes the document anew.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use commerce_peers::Redis;
use commerce_tests::{Answer, Client, CommandOutput, Options, Product, Server, cod, eventually_within, sql_server, unique};
use serde_json::{Value, json};

/// The document.
const DOCUMENT: &str = "../examples/deploy/RESILIENCE.md";
/// How long a function may take until it is the same twice in a row, and until it works again.
const STEADY_WITHIN: Duration = Duration::from_secs(40);
/// How long a product may be shown as it was.
const SHOWN_FOR: Duration = Duration::from_millis(1_100);

/// How long what was said while parts were gone may be on its way.
const ARRIVED_WITHIN: Duration = Duration::from_mins(2);

/// What is there to be gone.
const DEPENDENCIES: [&str; 6] = ["users", "catalog", "orders", "notifications", "Redis", "MariaDB"];

/// What somebody does at the shop, in the words of the document.
#[derive(Clone, Copy)]
struct Function {
    name: &'static str,
    call: fn(&Scene) -> commerce_tests::Call,
}

const FUNCTIONS: &[Function] = &[
    Function { name: "read a product", call: |scene| scene.anyone.get(&format!("/api/products/{}", scene.cup.id)) },
    Function { name: "list products", call: |scene| scene.anyone.get("/api/products") },
    Function { name: "search", call: |scene| scene.anyone.get("/api/products/search?q=product") },
    Function { name: "register", call: |scene| scene.anyone.post("/api/users", &somebody()) },
    Function { name: "log in", call: |scene| scene.anyone.post("/api/auth/login", &scene.login) },
    Function { name: "read one's account", call: |scene| scene.customer.get("/api/users/me") },
    Function { name: "look at the cart", call: |scene| scene.customer.get("/api/cart/me") },
    Function { name: "put into the cart", call: |scene| scene.customer.post("/api/cart/me", &scene.line) },
    Function { name: "ask what an order costs", call: |scene| scene.customer.post("/api/orders/quote", &scene.wish) },
    Function { name: "order, cash on delivery", call: |scene| scene.customer.post("/api/orders", &scene.wish) },
    Function { name: "order, paid by card", call: |scene| scene.customer.post("/api/orders", &by_card(&scene.wish)) },
    Function { name: "list one's orders", call: |scene| scene.customer.get("/api/orders") },
    Function {
        name: "count stock (staff)",
        call: |scene| scene.admin.post(&scene.stock(), &json!({"delta": 1, "reason": "count"})),
    },
    Function { name: "list mails (staff)", call: |scene| scene.admin.get("/api/notifications") },
];

struct Scene {
    anyone: Client,
    customer: Client,
    admin: Client,
    cup: Product,
    login: Value,
    line: Value,
    wish: Value,
}

impl Scene {
    fn stock(&self) -> String {
        format!("/api/inventory/{}/adjust", self.cup.sku)
    }
}

fn somebody() -> Value {
    json!({"email": format!("{}@example.com", unique("guest")), "password": "correct horse battery", "fullName": "Guest"})
}

fn by_card(wish: &Value) -> Value {
    let mut wish = wish.clone();
    wish["payment"] = json!({"method": "CARD", "token": "tok_ok"});
    wish
}

/// In the words of the document.
fn word(answer: &Answer) -> String {
    match answer.status {
        200..300 => "works".to_owned(),
        503 if !answer.header("retry-after").is_empty() => "503".to_owned(),
        status => format!("{status}!"),
    }
}

async fn ask(scene: &Scene, function: Function) -> String {
    (function.call)(scene).try_send().await.map_or_else(|error| format!("no answer: {error}"), |answer| word(&answer))
}

/// What it comes to: the shop has noticed what is gone, and shows nothing any more that it kept from before.
async fn settled(scene: &Scene, function: Function) -> String {
    let twice = async || (ask(scene, function).await, ask(scene, function).await);
    eventually_within(STEADY_WITHIN, function.name, twice, |(one, other)| one == other).await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_says_what_goes_on_without_each_part() {
    let redis = Redis::start();
    let env = vec![
        ("COMMERCE_REDIS__URL", redis.url().to_owned()),
        ("COMMERCE_EVENTS__BUS", "redis".to_owned()),
        ("COMMERCE_ORDERS__CARTS", "redis".to_owned()),
        ("COMMERCE_AUTH__SESSIONS", "redis".to_owned()),
    ];
    let shop = Server::start_with(Options { services: Some(true), mariadb: Some(true), env, ..Options::default() });
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(1_000, 100_000).await;
    let scene = Scene {
        anyone: shop.anyone(),
        login: json!({"email": customer.email, "password": "correct horse battery"}),
        line: json!({"sku": cup.sku, "quantity": 1}),
        wish: cod(&[(&cup.sku, 1)]),
        customer,
        admin,
        cup,
    };
    for function in FUNCTIONS {
        assert_eq!(settled(&scene, *function).await, "works", "{} while all is there", function.name);
    }
    let mut seen: Vec<Vec<String>> = vec![Vec::new(); FUNCTIONS.len()];
    for dependency in DEPENDENCIES {
        tokio::task::block_in_place(|| end(&shop, &redis, dependency));
        tokio::time::sleep(SHOWN_FOR).await;
        for (row, function) in seen.iter_mut().zip(FUNCTIONS) {
            row.push(settled(&scene, *function).await);
        }
        tokio::task::block_in_place(|| begin(&shop, &redis, dependency));
        for function in FUNCTIONS {
            let again = async || ask(&scene, *function).await;
            eventually_within(STEADY_WITHIN, function.name, again, |word| word == "works").await;
        }
    }
    let audit = shop.run(&["audit"]);
    assert_eq!(audit.code, 0, "what is on its way is no violation: {audit:?}");
    let look = async || shop.run(&["audit"]);
    let arrived = |audit: &CommandOutput| audit.code == 0 && audit.out.lines().any(|line| line.trim() == "Unsettled   0");
    eventually_within(ARRIVED_WITHIN, "everything is where it belongs", look, arrived).await;
    let document = document(&seen);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCUMENT);
    if std::env::var_os("COMMERCE_TEST_RENEW").is_some() {
        std::fs::write(&path, &document).expect("the document can be written");
    }
    let written = std::fs::read_to_string(&path).expect("the document is there");
    assert!(written == document, "another shop than {}: run this with COMMERCE_TEST_RENEW=1\n{document}", path.display());
}

fn end(shop: &Server, redis: &Redis, dependency: &str) {
    match dependency {
        "Redis" => redis.peer().kill(),
        "MariaDB" => sql_server().peer().kill(),
        role => shop.kill_one(role),
    }
}

fn begin(shop: &Server, redis: &Redis, dependency: &str) {
    match dependency {
        "Redis" => redis.peer().again(),
        "MariaDB" => sql_server().peer().again(),
        role => shop.start_one(role),
    }
}

fn document(seen: &[Vec<String>]) -> String {
    let mut text = "# What goes on while a part is gone\n\n\
        Four services and a gateway, books on one MariaDB, carts, sessions and events in Redis. Each part is killed while nothing\n\
        else changes, and every function is tried until it answers the same twice in a row. `503` is an answer with\n\
        `Retry-After`: the client comes again, and a key makes that safe. Once the part is back, everything works again, and the\n\
        audit of all four databases is clean. Seen by `tests/tests/resilience.rs`, which writes this file with\n\
        `COMMERCE_TEST_RENEW=1` and fails when the shop is another.\n\n"
        .to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "| function | {} |", DEPENDENCIES.map(|name| format!("without {name}")).join(" | "));
    let _ = writeln!(text, "|---{}|", "|---".repeat(DEPENDENCIES.len()));
    for (function, row) in FUNCTIONS.iter().zip(seen) {
        let _ = writeln!(text, "| {} | {} |", function.name, row.join(" | "));
    }
    text
}
