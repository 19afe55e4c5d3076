//! Four services and a gateway are the same shop: what clients see, what strangers do not, what goes on
//! while one of them is gone, and while they are replaced.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use commerce_tests::{
    Answer, Authority, Client, Options, Server, cod, eventually, eventually_within, purchase, raw_request, shared, unique,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

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

#[test]
fn who_keeps_the_users_warns_of_the_demos_password() {
    let shop = Server::start_services();
    let create = ["user", "create", "--email", "admin@example.com", "--full-name", "A", "--role", "ADMIN", "--password-stdin"];
    assert_eq!(shop.run_with(&create, "admin-demo").code, 0);
    for (role, warnings) in [("orders", 0), ("users", 1)] {
        shop.roll(role);
        let log = shop.log();
        assert_eq!(log.matches("the demo's password of admin@example.com").count(), warnings, "{role}: {log}");
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
async fn as_many_headers_pass_the_gateway_as_one_process_takes() {
    let (services, alone) = (Server::start_services(), shared());
    for shop in [&services, &*alone] {
        let host = shop.base().trim_start_matches("http://");
        let with = |lines: usize| {
            let more = "X-N: a\r\n".repeat(lines - 2);
            raw_request(host, format!("GET /api/products HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n").as_bytes())
        };
        assert!(with(100).starts_with("HTTP/1.1 200"), "{}", with(100));
        let refused = with(101);
        assert!(refused.starts_with("HTTP/1.1 431") && refused.contains("TOO_MANY_HEADERS"), "{refused}");
    }
}

#[tokio::test]
async fn what_does_not_need_a_service_that_is_gone_goes_on_and_the_rest_comes_back() {
    let shop = Server::start_services();
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let product = admin.product(1_000, 5).await;
    let (anyone, page) = (shop.anyone(), format!("/api/products/{}", product.id));

    let figures = async || anyone.get("/metrics").send().await.text();
    let called = |kind: &str, name: &str, state: &str, is: u32, figures: &str| {
        let (of, said) = (format!("kind=\"{kind}\",name=\"{name}\""), format!("state=\"{state}\"}} {is}"));
        figures.lines().any(|line| line.starts_with("circuit_breaker_state{") && line.contains(&of) && line.ends_with(&said))
    };
    let before = figures().await;
    for (kind, name) in [("forward", "orders"), ("forward", "notifications"), ("call", "users")] {
        assert!(called(kind, name, "closed", 1, &before), "{kind} {name}: {before}");
    }

    shop.kill_one("orders");
    // At once: soon nobody would be sent there, and so nobody would fail.
    for _ in 0..5 {
        assert_eq!(customer.get("/api/orders").try_send().await.expect("the gateway answers").status, 503);
    }
    let after = figures().await;
    assert!(called("forward", "orders", "closed", 0, &after), "{after}");
    assert!(called("forward", "catalog", "closed", 1, &after), "{after}");
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
    eventually("and is called as before", figures, |figures| called("forward", "orders", "closed", 1, figures)).await;

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
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

/// What answers the first line of a request over TLS, with a certificate or without one; an error when the greeting or the
/// first answer is one.
fn over_tls(listener: &str, trusted: &Authority, shown: Option<&Authority>) -> std::io::Result<String> {
    let wrong = |error: &dyn std::fmt::Debug| std::io::Error::other(format!("{error:?}"));
    let mut roots = RootCertStore::empty();
    let trusted = CertificateDer::from_pem_file(trusted.certificate()).map_err(|error| wrong(&error))?;
    roots.add(trusted).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| wrong(&error))?.with_root_certificates(roots);
    let config = match shown {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let (certificate, key) = authority.sign("caller");
            let certificate = CertificateDer::from_pem_file(certificate).map_err(|error| wrong(&error))?;
            let key = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(&error))?;
            builder.with_client_auth_cert(vec![certificate], key).map_err(|error| wrong(&error))?
        }
    };
    let name = "catalog".try_into().map_err(|error| wrong(&error))?;
    let connection = ClientConnection::new(Arc::new(config), name).map_err(|error| wrong(&error))?;
    let stream = std::net::TcpStream::connect(listener)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut stream = StreamOwned::new(connection, stream);
    write!(stream, "GET /internal/products HTTP/1.1\r\nHost: catalog\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_show_certificates_sell_and_answer_nobody_without_one() {
    let redis = commerce_peers::Redis::start();
    // They tell each other where they are, which says no more about what they are than an address does.
    let env = vec![("COMMERCE_REDIS__URL", redis.url().to_owned()), ("COMMERCE_SERVICES__REGISTRY", "true".to_owned())];
    let shop = Server::start_with(Options { services: Some(true), tls: true, env, ..Options::default() });
    purchase(&shop).await;

    let folder = tempfile::tempdir().expect("a folder can be made");
    let (own, stranger) = (shop.authority_of_services(), Authority::in_folder(folder.path()));
    let inside = shop.internal_listener("catalog");
    let plain = raw_request(&inside, b"GET /internal/products HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert!(!plain.contains("HTTP"), "who does not speak TLS is not understood: {plain}");
    let told = |shown| tokio::task::block_in_place(|| over_tls(&inside, own, shown));
    assert!(told(Some(own)).is_ok_and(|line| line.contains("401")), "one of the shop's is answered, and wants a token");
    for shown in [None, Some(&stranger)] {
        let answer = told(shown).unwrap_or_default();
        assert!(!answer.contains("HTTP"), "somebody without a certificate of the shop's was answered: {answer}");
    }
    // What is not the catalog cannot pass for it.
    let other = shop.internal_listener("users");
    assert!(over_tls(&other, own, Some(own)).is_err_and(|error| error.to_string().contains("not valid for name")));
}

/// `tests/cluster`: everything on this machine, started and ended as a person would.
struct Cluster {
    dir: tempfile::TempDir,
    port: u16,
}

impl Cluster {
    fn new() -> Self {
        // Below what the system hands out, and another for each process that tests.
        let port = 12_000 + u16::try_from(std::process::id() % 90).expect("it is below 90") * 10;
        Self { dir: tempfile::tempdir().expect("a folder can be made"), port }
    }

    fn run(&self, args: &[&str]) -> std::process::Output {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster");
        let mut command = std::process::Command::new(script);
        command.args(args).env("COMMERCE_CLUSTER_DIR", self.dir.path()).env("COMMERCE_CLUSTER_PORT", self.port.to_string());
        // Ends only when no child has kept the other end of a pipe.
        command.env("COMMERCE_BIN", commerce_tests::binary()).output().expect("the script can be started")
    }

    /// Standard output, line by line.
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{args:?}: {out}{err}");
        out.lines().map(str::to_owned).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.run(&["down"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_command_brings_everything_up_and_another_takes_it_down() {
    let cluster = Cluster::new();
    let up = cluster.lines(&["up"]);
    let gateway = up.last().and_then(|line| line.strip_prefix("gateway ")).expect("the last line says where the gateway is");
    assert_eq!(gateway, format!("http://127.0.0.1:{}", cluster.port));

    let anyone = Client::new(gateway);
    let admin = anyone.logged_in("admin@example.com", "admin-demo").await;
    let shown = anyone.read("/api/products?limit=100").await;
    let products = shown["items"].as_array().expect("a list").clone();
    assert!(products.len() > 10, "{shown}");
    let mut sku = String::new();
    for product in &products {
        let product = anyone.read(&format!("/api/products/{}", product["id"].as_str().expect("an id"))).await;
        for variant in product["variants"].as_array().expect("a list") {
            variant["sku"].as_str().expect("a SKU").clone_into(&mut sku);
            assert!(variant["available"].as_i64() >= Some(10), "{variant}");
        }
    }
    let before = admin.stock(&sku).await;
    let customer = anyone.registered(&unique("cluster")).await;
    customer.post("/api/cart/me", &json!({"sku": sku, "quantity": 2})).send().await.expect(200);
    let body = json!({"shippingAddress": commerce_tests::address(), "payment": {"method": "CARD", "token": "tok_ok"}});
    let order = customer.post("/api/orders", &body).key("once").send().await.expect(201);
    assert_eq!(order["status"], "CONFIRMED");
    let sold = (before.0 - 2, 0, before.2 - 2);
    eventually("the hold becomes a sale", || admin.stock(&sku), |stock| *stock == sold).await;
    eventually("the cart is emptied", || customer.read("/api/cart/me"), |cart| cart["lines"] == json!([])).await;
    let mail = cluster.dir.path().join("data");
    let told = async || commerce_tests::mails(&mail).iter().filter(|mail| mail.to.contains(&customer.email)).count();
    eventually("she is told", told, |count| *count >= 4).await;

    let status = cluster.lines(&["status"]);
    assert_eq!(status.iter().filter(|line| line.contains(" runs as ")).count(), 9, "{status:?}");
    assert_eq!(status.last().map(String::as_str), Some("ready: 200"));
    let again = cluster.run(&["up"]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("runs already"), "{again:?}");
    let ports: Vec<u16> = status.iter().filter_map(|line| line.rsplit_once("on port ")?.1.parse().ok()).collect();
    let processes: Vec<u32> = status.iter().filter_map(|line| line.split(' ').nth(3)?.parse().ok()).collect();
    assert_eq!((ports.len(), processes.len()), (9, 9));
    cluster.lines(&["down"]);
    for port in ports {
        assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "somebody listens on {port}");
    }
    for process in processes {
        assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "{process} runs");
    }
}
