//! What goes wrong between a shop and its servers, one test for each fault by its number in the list of faults; in the end
//! the books are audited.

use std::time::{Duration, Instant};

use commerce_peers::{Moto, SqlServer};
use commerce_tests::{
    Answer, Client, Fault, Options, Product, Proxy, Server, cod, eventually, eventually_within, mails, run_command_with, unique,
};
use serde_json::json;

/// How long the shop may take to sell again once a fault is over.
const HEALED_WITHIN: Duration = Duration::from_secs(20);
/// How long a request may take that cannot be served.
const TOLD_WITHIN: Duration = Duration::from_secs(20);

/// A shop whose database is at the other end of a wire.
struct Scene {
    // What depends on others ends first.
    shop: Server,
    proxy: Proxy,
    database: SqlServer,
    buyer: Client,
    admin: Client,
    cup: Product,
}

impl Scene {
    async fn set() -> Self {
        let database = SqlServer::start();
        let port = database.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a URL has a port");
        let proxy = Proxy::to(port);
        let env = vec![("COMMERCE_DATABASE__URL", format!("mysql://root@127.0.0.1:{}/shop", proxy.port()))];
        let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), env, ..Options::default() });
        let (admin, buyer) = (shop.admin().await, shop.customer().await);
        let cup = admin.product(100, 1_000).await;
        Self { shop, proxy, database, buyer, admin, cup }
    }

    async fn order(&self, key: &str) -> Answer {
        let sent = self.buyer.post("/api/orders", &cod(&[(&self.cup.sku, 1)])).key(key).try_send().await;
        sent.expect("the shop answers")
    }

    /// Refused in time, with a hint when to come again.
    async fn is_refused(&self, key: &str) {
        let begun = Instant::now();
        let refused = self.order(key).await;
        assert_eq!(refused.status, 503, "{}", refused.text());
        assert!(!refused.header("retry-after").is_empty() && begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
    }

    /// Sells under this key, once it can.
    async fn sells(&self, key: &str) {
        let order = async || self.order(key).await;
        drop(eventually_within(HEALED_WITHIN, "the shop sells", order, |answer| answer.status < 300).await);
    }

    /// Exactly so many orders, all of them sold, and true books.
    async fn ends_with(self, orders: i64) {
        let sold = || self.admin.stock(&self.cup.sku);
        let expected = (1_000 - orders, 0, 1_000 - orders);
        eventually_within(HEALED_WITHIN, "every hold becomes a sale", sold, |stock| *stock == expected).await;
        let audit = self.shop.run(&["audit", "--output", "json"]);
        assert_eq!(audit.code, 0, "{audit:?}");
        drop(self.shop);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a03_an_order_whose_answer_is_lost_is_there_once() {
    let scene = Scene::set().await;
    for round in 0..3 {
        let key = unique("lost");
        let (told, ()) = tokio::join!(scene.order(&key), async {
            tokio::time::sleep(Duration::from_millis(10 * round)).await;
            scene.proxy.set(Fault::AnswersLost);
            tokio::time::sleep(Duration::from_secs(1)).await;
            scene.proxy.set(Fault::None);
        });
        assert!([201, 503].contains(&told.status), "{}", told.text());
        scene.sells(&key).await;
        assert_eq!(scene.order(&key).await.header("idempotent-replayed"), "true");
    }
    scene.ends_with(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a04_a_database_that_is_killed_loses_nothing_that_was_acknowledged() {
    let scene = Scene::set().await;
    let mut acknowledged = Vec::new();
    for round in 0..2 {
        let keys: Vec<String> = (0..8).map(|number| unique(&format!("k{round}-{number}"))).collect();
        let orders = futures_util::future::join_all(keys.iter().map(|key| scene.order(key)));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            tokio::task::block_in_place(|| scene.database.peer().kill());
        };
        let (answers, ()) = tokio::join!(orders, kill);
        for (answer, key) in answers.iter().zip(&keys) {
            assert!([201, 503].contains(&answer.status), "{}", answer.text());
            if answer.status == 201 {
                acknowledged.push(key.clone());
            }
        }
        scene.is_refused(&keys[0]).await;
        tokio::task::block_in_place(|| scene.database.peer().again());
        for key in &keys {
            scene.sells(key).await;
        }
    }
    for key in acknowledged {
        assert_eq!(scene.order(&key).await.status, 200, "what was acknowledged is there");
    }
    scene.ends_with(16).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a05_a_database_that_is_restarted_is_waited_for() {
    let scene = Scene::set().await;
    scene.sells("before").await;
    tokio::task::block_in_place(|| scene.database.peer().stop());
    scene.is_refused("after").await;
    let ready = async || scene.shop.anyone().get("/health/ready").try_send().await.expect("the shop is there");
    assert_eq!(ready().await.status, 503);
    tokio::task::block_in_place(|| scene.database.peer().again());
    scene.sells("after").await;
    drop(eventually("it is ready", ready, |answer| answer.status == 200).await);
    scene.ends_with(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c12_a_wire_that_says_nothing_is_given_up_in_time() {
    let scene = Scene::set().await;
    scene.sells("before").await;
    scene.proxy.set(Fault::Silent);
    scene.is_refused("after").await;
    scene.proxy.set(Fault::None);
    scene.sells("after").await;
    scene.ends_with(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c13_a_database_far_away_sells_all_the_same() {
    let scene = Scene::set().await;
    scene.proxy.set(Fault::Late(Duration::from_millis(150)));
    let keys: Vec<String> = (0..8).map(|number| format!("far-{number}")).collect();
    for answer in futures_util::future::join_all(keys.iter().map(|key| scene.order(key))).await {
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    scene.proxy.set(Fault::None);
    scene.ends_with(8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c14_half_an_answer_is_no_answer() {
    let scene = Scene::set().await;
    for round in 0..3 {
        let key = format!("half-{round}");
        scene.proxy.set(Fault::HalfAnswers);
        let told = scene.order(&key).await;
        assert!([201, 503].contains(&told.status), "{}", told.text());
        scene.proxy.set(Fault::None);
        scene.sells(&key).await;
    }
    scene.ends_with(3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c10_a_replica_that_breaks_off_is_not_missed() {
    let database = SqlServer::start();
    let replica = SqlServer::replica_of(&database);
    let port = |server: &SqlServer| server.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("it has a port");
    let proxy = Proxy::to(port(&replica));
    let env = vec![
        ("COMMERCE_DATABASE__URL", format!("{}/shop", database.url())),
        ("COMMERCE_DATABASE__READER_URL", format!("mysql://root@127.0.0.1:{}/shop", proxy.port())),
    ];
    let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), env, ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(100, 10).await;
    for fault in [Fault::Broken, Fault::Silent, Fault::HalfAnswers, Fault::None] {
        proxy.set(fault);
        for path in ["/api/products".to_owned(), format!("/api/products/{}", cup.id), "/api/categories".to_owned()] {
            let begun = Instant::now();
            assert_eq!(shop.anyone().get(&path).send().await.status, 200, "{fault:?} {path}");
            assert!(begun.elapsed() < TOLD_WITHIN, "{fault:?} {path}: {:?}", begun.elapsed());
        }
    }
    drop(shop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b12_c30_without_mail_and_pictures_the_shop_sells_and_tells_later() {
    // The server keeps all in memory: what fails is the way to it.
    let moto = Moto::start();
    let port = moto.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a URL has a port");
    let proxy = Proxy::to(port);
    let env = vec![
        ("COMMERCE_AWS__ENDPOINT", format!("http://127.0.0.1:{}", proxy.port())),
        ("COMMERCE_AWS__REGION", "us-east-1".to_owned()),
        ("COMMERCE_AWS__IMAGES_BUCKET", "pictures".to_owned()),
        ("COMMERCE_MAIL__TRANSPORT", "ses".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ];
    moto.make_bucket("pictures");
    assert_eq!(run_command_with(&["aws", "init"], &env, "").code, 0);
    let shop = Server::start_with(Options { services: Some(false), env, ..Options::default() });
    let admin = shop.admin().await;
    let cup = admin.product(100, 10).await;
    let ready = async || {
        let answer = admin.get("/health/ready").try_send().await.expect("an answer");
        (answer.status, answer.json()["dependencies"]["images"]["status"].clone())
    };
    assert_eq!(ready().await, (200, json!("UP")));
    proxy.set(Fault::Broken);
    eventually_within(Duration::from_secs(30), "it is told that pictures are away", ready, |told| *told == (503, json!("DOWN")))
        .await;
    let buyer = shop.customer().await;
    buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).send().await.expect(201);
    buyer.read(&format!("/api/products/{}", cup.id)).await;
    let sold = || admin.stock(&cup.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (9, 0, 9)).await;
    let letters = shop.run(&["dlq", "list", "--output", "json"]).json();
    assert_eq!(letters["items"], json!([]), "mails that wait are no dead letters");

    proxy.set(Fault::None);
    eventually_within(Duration::from_secs(30), "and that they are back", ready, |told| *told == (200, json!("UP"))).await;
    let told = async || moto.data().contains(&buyer.email);
    eventually_within(Duration::from_mins(2), "she is told when SES is back", told, |told| *told).await;
    assert_eq!(mails(&shop.data()).len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c08_c09_a_replica_that_is_behind_is_neither_believed_nor_shown_to_whoever_ordered() {
    let database = SqlServer::start();
    let replica = SqlServer::replica_of(&database);
    let env = vec![
        ("COMMERCE_DATABASE__URL", format!("{}/shop", database.url())),
        ("COMMERCE_DATABASE__READER_URL", format!("{}/shop", replica.url())),
    ];
    let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), env, ..Options::default() });
    let (admin, buyer, other) = (shop.admin().await, shop.customer().await, shop.customer().await);
    let cup = admin.product(100, 1).await;
    let followed = async || tokio::task::block_in_place(|| replica.sql("SELECT COUNT(*) FROM shop_catalog.inventory"));
    eventually("the replica follows", followed, |count| count == "1\n").await;
    tokio::task::block_in_place(|| replica.sql("STOP SLAVE SQL_THREAD"));

    let order = buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("last").send().await.expect(201);
    let path = format!("/api/orders/{}", order["id"].as_str().expect("an id"));
    assert_eq!(buyer.read(&path).await["number"], order["number"], "she sees what she did");
    assert_eq!(buyer.read("/api/orders").await["items"].as_array().map(Vec::len), Some(1));
    let refused = other.post("/api/orders", &cod(&[(&cup.sku, 1)])).send().await;
    refused.any_problem(409);
    let again = buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("last").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    let sold = || admin.stock(&cup.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (0, 0, 0)).await;
    tokio::task::block_in_place(|| replica.sql("START SLAVE SQL_THREAD"));
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

/// The newest of what was acknowledged was on the primary alone and is lost with it. What the replica has is whole in itself,
/// and the shop goes on from there; that money was taken for more, a reconciliation finds when it is no longer on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c11_a_shop_goes_on_from_where_the_promoted_replica_was() {
    let database = SqlServer::start();
    let replica = SqlServer::replica_of(&database);
    let port = |server: &SqlServer| server.url().rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("it has a port");
    let wire = Proxy::to(port(&database));
    let env = vec![("COMMERCE_DATABASE__URL", format!("mysql://root@127.0.0.1:{}/shop", wire.port()))];
    let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), env, ..Options::default() });
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 10).await;
    buyer.order_paid(&cup.sku, "tok_ok").await;
    let sold = || admin.stock(&cup.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (9, 0, 9)).await;
    let at = |server: &SqlServer| server.sql(&format!("SELECT {}", server.make().transactions()));
    let followed = async || tokio::task::block_in_place(|| at(&replica) == at(&database));
    eventually("the replica has all", followed, |followed| *followed).await;
    tokio::task::block_in_place(|| replica.sql("STOP SLAVE"));
    let lost = buyer.order_paid(&cup.sku, "tok_ok").await;
    eventually("the hold of what is lost becomes a sale", sold, |stock| *stock == (8, 0, 8)).await;
    let waiting = || {
        let unheard = |context: &str| format!("(SELECT COUNT(*) FROM shop_{context}.outbox WHERE published_at IS NULL)");
        database.sql(&format!("SELECT {}", ["users", "catalog", "orders", "notifications"].map(unheard).join(" + ")))
    };
    let waiting = async || tokio::task::block_in_place(waiting);
    eventually("all events are heard of", waiting, |waiting| waiting == "0\n").await;

    tokio::task::block_in_place(|| {
        database.peer().kill();
        replica.sql("RESET SLAVE ALL; SET GLOBAL read_only = 0");
    });
    wire.lead_to(port(&replica));
    let order = async || buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("after").try_send().await;
    let placed = |answer: &Result<Answer, _>| answer.as_ref().is_ok_and(|answer| answer.status < 300);
    drop(eventually_within(HEALED_WITHIN, "the shop sells", order, placed).await);
    buyer.get(&format!("/api/orders/{}", lost.id)).send().await.any_problem(404);
    eventually_within(HEALED_WITHIN, "as if it had never been", sold, |stock| *stock == (8, 0, 8)).await;
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

/// Files cannot grow any more, as on a disk that is full: what cannot be kept is not acknowledged, and all the rest goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c15_a_disk_that_is_full_refuses_and_loses_nothing() {
    const ORDERS_MAX: usize = 200;
    // Whoever ignores the signal is told by the write itself.
    let options = Options { services: Some(false), mariadb: Some(false), under: Some("trap '' XFSZ"), ..Options::default() };
    let shop = Server::start_with(options);
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 1_000).await;
    let order = async |key: &str| buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key(key).try_send().await;
    let order = async |key: &str| order(key).await.expect("the shop is there");
    assert_eq!(order("first").await.status, 201);
    let log = std::fs::metadata(shop.data().join("orders.db-wal")).expect("there is a log").len();
    let limit = |bytes: &str| {
        let process = shop.pids()[0].to_string();
        let set = std::process::Command::new("prlimit").args(["--pid", &process, &format!("--fsize={bytes}:")]).status();
        assert!(set.expect("prlimit of util-linux is there").success());
    };
    limit(&(log + 32 * 1024).to_string());
    let mut kept = vec!["first".to_owned()];
    let refused = loop {
        let key = unique("full");
        let answer = order(&key).await;
        match answer.status {
            201 if kept.len() < ORDERS_MAX => kept.push(key),
            503 => break key,
            status => panic!("{status} after {} orders: {}", kept.len(), answer.text()),
        }
    };
    let ready = async || shop.anyone().get("/health/ready").try_send().await.expect("the shop is there");
    let unready = async || order(&refused).await.status == 503 && ready().await.status == 503;
    eventually_within(HEALED_WITHIN, "it is said that nothing can be kept", unready, |is| *is).await;
    buyer.read(&format!("/api/products/{}", cup.id)).await;
    assert_eq!(buyer.read("/api/orders?limit=100").await["items"].as_array().map(|items| items.len().min(1)), Some(1));
    limit("unlimited");
    drop(eventually_within(HEALED_WITHIN, "all is ready", ready, |answer| answer.status == 200).await);
    let again = async || order(&refused).await;
    drop(eventually_within(HEALED_WITHIN, "the shop sells", again, |answer| answer.status < 300).await);
    for key in &kept {
        assert_eq!(order(key).await.status, 200, "what was acknowledged is there");
    }
    let left = 1_000 - i64::try_from(kept.len() + 1).expect("it is a small number");
    let sold = || admin.stock(&cup.sku);
    eventually_within(HEALED_WITHIN, "every hold becomes a sale", sold, |stock| *stock == (left, 0, left)).await;
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

/// The log goes where nothing can be written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c16_a_log_that_cannot_be_written_stops_nobody() {
    let env = vec![("COMMERCE_TELEMETRY__LEVEL", "debug".to_owned())];
    let options =
        Options { services: Some(true), mariadb: Some(false), env, under: Some("exec 2>/dev/full"), ..Options::default() };
    let shop = Server::start_with(options);
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 10).await;
    buyer.order(&[(&cup.sku, 1)]).await;
    shop.kill_one("catalog");
    let refused = buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).try_send().await.expect("the gateway answers");
    assert_eq!(refused.status, 503, "what is to be warned of happens, too");
    shop.start_one("catalog");
    let sold =
        async || buyer.post("/api/orders", &cod(&[(&cup.sku, 1)])).key("later").try_send().await.expect("the gateway answers");
    drop(eventually_within(HEALED_WITHIN, "the shop sells", sold, |answer| answer.status < 300).await);
    let sold = || admin.stock(&cup.sku);
    eventually_within(HEALED_WITHIN, "every hold becomes a sale", sold, |stock| *stock == (8, 0, 8)).await;
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c18_a_process_without_descriptors_takes_nobody_in_and_gets_over_it() {
    let options = Options { services: Some(false), mariadb: Some(false), under: Some("ulimit -n 160"), ..Options::default() };
    let shop = Server::start_with(options);
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 10).await;
    let crowd: Vec<std::net::TcpStream> =
        (0..300).map(|_| std::net::TcpStream::connect(shop.authority()).expect("there is room to wait in")).collect();
    let full = async || shop.log().contains("a connection could not be accepted");
    eventually("there is no descriptor left", full, |full| *full).await;
    drop(crowd);
    // Somebody new, not on a connection that stood all the while.
    let order = async || buyer.at(&shop).post("/api/orders", &cod(&[(&cup.sku, 1)])).key("after").try_send().await;
    let placed = |answer: &Result<Answer, _>| answer.as_ref().is_ok_and(|answer| answer.status < 300);
    drop(eventually_within(HEALED_WITHIN, "the shop sells", order, placed).await);
    let sold = || admin.stock(&cup.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (9, 0, 9)).await;
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}

/// Killed again and again while it changes tables, which a database does not undo; each run goes on where the last one ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c28_a_migration_that_is_killed_half_way_is_gone_on_with() {
    let database = SqlServer::start();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let url = format!("{}/shop", database.url());
    let mut kills = 0;
    loop {
        let mut migrate = std::process::Command::new(commerce_tests::binary())
            .args(["migrate", "--yes", "--data"])
            .arg(folder.path())
            .env("COMMERCE_DATABASE__URL", &url)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the binary can be started");
        // A little more each time, so that it is everywhere once.
        tokio::time::sleep(Duration::from_millis(60 + 20 * kills)).await;
        if let Some(ended) = migrate.try_wait().expect("an own child can be waited for") {
            assert!(ended.success(), "{ended}");
            break;
        }
        migrate.kill().expect("an own child can be killed");
        migrate.wait().expect("an own child can be waited for");
        kills += 1;
    }
    assert!(kills >= 3, "it was killed {kills} times only");
    let env = vec![("COMMERCE_DATABASE__URL", url)];
    let shop = Server::start_with(Options { services: Some(false), mariadb: Some(false), env, ..Options::default() });
    let plan = shop.run(&["migrate", "--plan", "--output", "json"]).json();
    assert_eq!(plan["items"], json!([]));
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 10).await;
    buyer.order(&[(&cup.sku, 1)]).await;
    let sold = || admin.stock(&cup.sku);
    eventually("the hold becomes a sale", sold, |stock| *stock == (9, 0, 9)).await;
    let audit = shop.run(&["audit", "--output", "json"]);
    assert_eq!(audit.code, 0, "{audit:?}");
    drop(shop);
}
