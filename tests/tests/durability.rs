//! What was acknowledged stays, whatever happens to the process.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::HashMap;
use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commerce_tests::{Client, Options, Order, Server, binary, cod, eventually, eventually_within, mails, run_command, unique};
use futures_util::future::join_all;
use serde_json::{Value, json};

/// Every order there is, by id.
async fn all_orders(admin: &Client) -> HashMap<String, Value> {
    let (mut orders, mut cursor) = (HashMap::new(), String::new());
    loop {
        let page = admin.read(&format!("/api/orders?limit=100&cursor={cursor}")).await;
        for order in page["items"].as_array().unwrap() {
            let before = orders.insert(order["id"].as_str().unwrap().to_owned(), order.clone());
            assert!(before.is_none(), "an order is listed twice");
        }
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return orders,
        }
    }
}

/// What a buyer remembers: her key, and what was acknowledged under it.
type Memory = Arc<Mutex<Vec<(String, Option<String>)>>>;

/// Buys under ever new keys until the shop is gone.
async fn buy_until_gone(buyer: Client, body: Value, memory: Memory, acknowledged: Arc<AtomicUsize>) {
    loop {
        let key = unique("load");
        let sent = buyer.post("/api/orders", &body).key(&key).try_send().await;
        let Ok(answer) = sent else {
            memory.lock().unwrap().push((key, None));
            return;
        };
        let order = (answer.status == 201).then(|| answer.json()["number"].as_str().unwrap().to_owned());
        assert!(order.is_some() || answer.status == 503, "{}: {}", answer.status, answer.text());
        if order.is_some() {
            acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        memory.lock().unwrap().push((key, order));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_shop_keeps_every_acknowledged_order() {
    const STOCK: i64 = 100_000;
    let mut shop = Server::start();
    let cup = shop.admin().await.product(100, STOCK).await;
    let body = cod(&[(&cup.sku, 1)]);
    let mut buyers = join_all((0..4).map(|_| shop.customer())).await;
    let memories: Vec<Memory> = buyers.iter().map(|_| Memory::default()).collect();
    for _ in 0..3 {
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..16)
            .map(|number| {
                let (buyer, memory) = (buyers[number % 4].clone(), Arc::clone(&memories[number % 4]));
                tokio::spawn(buy_until_gone(buyer, body.clone(), memory, Arc::clone(&acknowledged)))
            })
            .collect();
        let count = async || acknowledged.load(Ordering::Relaxed);
        eventually_within(Duration::from_secs(30), "a hundred orders", count, |count| *count >= 100).await;
        shop.kill();
        for task in join_all(tasks).await {
            task.expect("no buyer panics");
        }
        shop = shop.again();
        // Sessions outlive it, and so do keys.
        buyers = buyers.iter().map(|buyer| buyer.at(&shop)).collect();
    }
    let admin = shop.admin().await;
    let orders = all_orders(&admin).await;
    let numbers: Vec<&str> = orders.values().map(|order| order["number"].as_str().unwrap()).collect();
    let mut expected = 0;
    for (buyer, memory) in buyers.iter().zip(&memories) {
        let memory = memory.lock().unwrap().clone();
        for (key, number) in &memory {
            if let Some(number) = number {
                assert_eq!(numbers.iter().filter(|known| *known == number).count(), 1, "{number} was acknowledged");
                expected += 1;
                continue;
            }
            // Nobody heard what became of it: the same key tells, and makes it one order.
            let again = buyer.post("/api/orders", &body).key(key).send().await;
            assert!([200, 201].contains(&again.status), "{}", again.text());
            let number = again.json()["number"].as_str().unwrap().to_owned();
            assert_eq!(numbers.contains(&number.as_str()), again.status == 200, "a replay is of an order that was there");
            let third = buyer.post("/api/orders", &body).key(key).send().await;
            assert_eq!(
                (third.expect(200)["number"].as_str(), third.header("idempotent-replayed")),
                (Some(number.as_str()), "true")
            );
            expected += 1;
        }
        // One of the acknowledged ones, replayed.
        let (key, number) = memory.iter().find(|(_, number)| number.is_some()).unwrap();
        let replay = buyer.post("/api/orders", &body).key(key).send().await;
        assert_eq!(replay.expect(200)["number"].as_str(), number.as_deref());
    }
    let orders = all_orders(&admin).await;
    assert_eq!(orders.len(), expected, "one order for each key");
    let sold = i64::try_from(orders.len()).unwrap();
    let books = eventually_within(
        Duration::from_secs(30),
        "every hold becomes a sale",
        async || admin.stock(&cup.sku).await,
        |(on_hand, reserved, _)| *on_hand + sold == STOCK && *reserved == 0,
    );
    assert_eq!(books.await, (STOCK - sold, 0, STOCK - sold));
    // Two mails for each order, each once.
    let data = shop.data();
    let placed = || mails(&data).into_iter().filter(|mail| mail.subject.starts_with("Order Placed")).collect::<Vec<_>>();
    let sent = async || placed().len();
    eventually_within(Duration::from_mins(1), "a mail for each order", sent, |count| *count >= orders.len()).await;
    let mut subjects: Vec<String> = placed().into_iter().map(|mail| mail.subject).collect();
    subjects.sort_unstable();
    assert!(subjects.windows(2).all(|pair| pair[0] != pair[1]), "a mail was sent twice");
    assert_eq!(subjects.len(), orders.len());
    let confirmed = async || mails(&data).iter().filter(|mail| mail.subject == "Order Confirmed").count();
    eventually_within(Duration::from_mins(1), "the second mail", confirmed, |count| *count >= orders.len()).await;
    assert_eq!(confirmed().await, orders.len());
    assert_eq!(shop.stop(), 0);
}

#[tokio::test]
async fn a_clean_stop_leaves_everything_in_its_file() {
    let shop = Server::start_with(Options { mariadb: Some(false), ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(100, 10).await;
    let buyer = shop.customer().await;
    let order = Order::of(&buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("before").send().await, 201);
    buyer.post("/api/cart/me", &json!({"sku": cup.sku, "quantity": 2})).send().await.expect(200);
    assert_eq!(shop.stop(), 0, "{}", shop.log());
    let files: Vec<String> =
        std::fs::read_dir(shop.data()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    for database in ["users.db", "catalog.db", "orders.db", "notifications.db"] {
        assert!(files.contains(&database.to_owned()), "no {database} in {files:?}");
    }
    assert!(!files.iter().any(|file| file.ends_with("-wal") || file.ends_with("-shm")), "{files:?}");
    private_key_is_private(&shop);

    let shop = shop.again();
    let buyer = buyer.at(&shop);
    assert_eq!(buyer.read(&format!("/api/orders/{}", order.id)).await["number"], order.number);
    assert_eq!(buyer.read("/api/cart/me").await["lines"][0]["quantity"], 2);
    let replay = buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("before").send().await;
    assert_eq!((replay.header("idempotent-replayed"), Order::of(&replay, 200).id), ("true", order.id));
    let refreshed = buyer.post("/api/auth/refresh", &json!({"refreshToken": buyer.refresh})).send().await;
    refreshed.expect(200);
}

/// Nobody else on the machine reads the key that signs tokens.
fn private_key_is_private(shop: &Server) {
    use std::os::unix::fs::PermissionsExt;
    let key = std::fs::read_dir(shop.data())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("key")));
    let mode = std::fs::metadata(key.expect("the signing key lies in the data directory")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
}

#[tokio::test]
async fn a_dropped_connection_cancels_no_order() {
    let shop = Server::start();
    let cup = shop.admin().await.product(100, 50).await;
    let buyer = shop.customer().await;
    let body = cod(&[(&cup.sku, 1)]).to_string();
    for number in 0..10 {
        let mut stream = TcpStream::connect(shop.authority()).unwrap();
        write!(
            stream,
            "POST /api/orders HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nIdempotency-Key: gone-{number}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            shop.authority(),
            buyer.token.as_deref().unwrap(),
            body.len(),
        )
        .unwrap();
        stream.flush().unwrap();
    }
    let orders = async || buyer.read("/api/orders").await["items"].as_array().unwrap().len();
    // A request whose connection broke before it was read was never made; one that was read is finished.
    let made = {
        let mut made = orders().await;
        for number in 0..10 {
            let again = buyer.post_bytes("/api/orders", body.clone()).key(&format!("gone-{number}")).send().await;
            assert!([200, 201].contains(&again.status), "{}", again.text());
            made += usize::from(again.status == 201);
        }
        made
    };
    eventually("ten orders, each once", orders, |count| *count == 10).await;
    assert!(made <= 20);
    shop.anyone().get("/health/ready").send().await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_finishes_what_was_begun() {
    let shop = Arc::new(Server::start());
    let cup = shop.admin().await.product(100, 100_000).await;
    let buyer = shop.customer().await;
    let acknowledged = Arc::new(AtomicUsize::new(0));
    let memory = Memory::default();
    let body = cod(&[(&cup.sku, 1)]);
    let tasks: Vec<_> = (0..8)
        .map(|_| tokio::spawn(buy_until_gone(buyer.clone(), body.clone(), Arc::clone(&memory), Arc::clone(&acknowledged))))
        .collect();
    let count = async || acknowledged.load(Ordering::Relaxed);
    eventually("some orders", count, |count| *count >= 30).await;
    let stopping = Arc::clone(&shop);
    let code = tokio::task::spawn_blocking(move || stopping.stop()).await.unwrap();
    assert_eq!(code, 0, "{}", shop.log());
    for task in join_all(tasks).await {
        task.expect("no buyer is answered with a defect");
    }
    let shop = shop.again();
    let orders = all_orders(&shop.admin().await).await;
    assert!(orders.len() >= acknowledged.load(Ordering::Relaxed));
}

/// Whoever stops it before it listens is heard, too.
#[test]
fn a_shop_that_is_stopped_while_it_opens_stops_cleanly() {
    for pause in [0, 20, 60, 150, 300] {
        let folder = tempfile::TempDir::new().unwrap();
        let data = folder.path().join("data");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let mut command = Command::new(binary());
        command.args(["serve", "--demo", "--listen", "127.0.0.1:0", "--data"]).arg(&data).current_dir(folder.path());
        let mut shop = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        // By then it hears of signals.
        while !data.exists() {
            assert_eq!(shop.try_wait().unwrap(), None, "it ended by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause));
        let asked = Command::new("kill").args(["-TERM", &shop.id().to_string()]).status().unwrap();
        assert!(asked.success());
        let ended = shop.wait().unwrap();
        assert_eq!(ended.code(), Some(0), "after {pause} ms: {}", std::fs::read_to_string(folder.path().join("log")).unwrap());
        let names = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = names.filter(|name| name.contains("-wal") || name.contains("-shm")).collect();
        assert_eq!(left, [""; 0], "after {pause} ms");
        let listed = run_command(&["product", "list", "--limit", "100", "--data", data.to_str().unwrap(), "--output", "json"]);
        assert_eq!(listed.json()["items"].as_array().unwrap().len(), 20, "the demo is whole");
    }
}

/// What it waits for may never answer; who asks twice is not kept waiting for that.
#[test]
fn a_shop_that_cannot_open_is_stopped_by_the_second_word() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("mysql://shop:word@{}/shop", silent.local_addr().unwrap());
    let folder = tempfile::TempDir::new().unwrap();
    let log = folder.path().join("log");
    let mut command = Command::new(binary());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data")).current_dir(folder.path());
    command.env("COMMERCE_DATABASE__URL", url).stderr(std::fs::File::create(&log).unwrap());
    let mut shop = command.spawn().unwrap();
    // By then it hears of signals, and waits.
    let _kept = silent.accept().unwrap();
    for _ in 0..2 {
        assert_eq!(shop.try_wait().unwrap(), None, "{}", std::fs::read_to_string(&log).unwrap());
        assert!(Command::new("kill").args(["-TERM", &shop.id().to_string()]).status().unwrap().success());
        std::thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(shop.wait().unwrap().code(), Some(1));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(said.contains("STOPPED"), "{said}");
}
