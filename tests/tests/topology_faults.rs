//! What goes wrong among four services, their database and their Redis, one test for each fault by its number in the list
//! of faults. In the end of each the books of all four are audited.
//!
//! All the while events come twice, late and out of order. One test at a time has the shop.

use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use commerce_peers::{Redis, SqlServer};
use commerce_tests::{Answer, Client, Fault, Options, Product, Proxy, Server, cod, eventually, eventually_within, mails, unique};
use futures_util::future::join_all;
use serde_json::json;

/// How long the shop may take to be as it was once a fault is over.
const HEALED_WITHIN: Duration = Duration::from_secs(40);
/// How long a request may take that cannot be served.
const TOLD_WITHIN: Duration = Duration::from_secs(25);
/// Units on the shelf in the beginning.
const STOCK: i64 = 1_000;

/// The shop that these tests share, each thing in it at the other end of a wire.
struct Stage {
    // What depends on others ends first.
    shop: Server,
    books: Proxy,
    bus: Proxy,
    database: SqlServer,
    redis: Redis,
}

fn port(url: &str) -> u16 {
    url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a URL has a port")
}

impl Stage {
    fn set() -> Self {
        let (database, redis) = (SqlServer::start(), Redis::start());
        let (books, bus) = (Proxy::to(port(database.url())), Proxy::to(port(redis.url())));
        let env = vec![
            ("COMMERCE_DATABASE__URL", format!("mysql://root@127.0.0.1:{}/shop", books.port())),
            ("COMMERCE_REDIS__URL", format!("redis://127.0.0.1:{}", bus.port())),
            ("COMMERCE_EVENTS__BUS", "redis".to_owned()),
            ("COMMERCE_EVENTS__CHAOS_PERCENT", "20".to_owned()),
            ("COMMERCE_ORDERS__CARTS", "redis".to_owned()),
        ];
        let wires = vec!["orders"];
        let shop = Server::start_with(Options { services: Some(true), mariadb: Some(false), env, wires, ..Options::default() });
        Self { shop, books, bus, database, redis }
    }
}

/// The shop in the hands of one test, with a buyer and goods of its own.
struct Scene {
    stage: Arc<Stage>,
    buyer: Client,
    admin: Client,
    cup: Product,
    _turn: tokio::sync::MutexGuard<'static, ()>,
}

impl Scene {
    async fn begin() -> Self {
        static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
        static STAGE: Mutex<Weak<Stage>> = Mutex::new(Weak::new());
        let stage = tokio::task::block_in_place(|| {
            let mut known = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
            known.upgrade().unwrap_or_else(|| {
                let stage = Arc::new(Stage::set());
                *known = Arc::downgrade(&stage);
                stage
            })
        });
        let turn = TURN.lock().await;
        let (admin, buyer) = (stage.shop.admin().await, stage.shop.customer().await);
        let cup = admin.product(100, STOCK).await;
        Self { stage, buyer, admin, cup, _turn: turn }
    }

    async fn order(&self, key: &str) -> Answer {
        let sent = self.buyer.post("/api/orders", &cod(&[(&self.cup.sku, 1)])).key(key).try_send().await;
        sent.expect("the gateway answers")
    }

    /// Sells under this key, once it can.
    async fn sells(&self, key: &str) -> Answer {
        let order = async || self.order(key).await;
        eventually_within(HEALED_WITHIN, "the shop sells", order, |answer| answer.status < 300).await
    }

    async fn stock_is(&self, what: &str, expected: (i64, i64, i64)) {
        let stock = async || {
            let answer =
                self.admin.get(&format!("/api/inventory/{}", self.cup.sku)).try_send().await.expect("the gateway answers");
            let number = |member: &str| answer.json()[member].as_i64().unwrap_or_default();
            if answer.status == 200 { (number("onHand"), number("reserved"), number("available")) } else { (0, 0, 0) }
        };
        eventually_within(HEALED_WITHIN, what, stock, |stock| *stock == expected).await;
    }

    fn now(&self, what: impl FnOnce(&Server)) {
        tokio::task::block_in_place(|| what(&self.stage.shop));
    }

    /// How often the bus was given that this order was placed.
    fn told_of(&self, order: &str) -> usize {
        let port = port(self.stage.redis.url()).to_string();
        let range = ["-p", &port, "XRANGE", "commerce:{events}:order-events", "-", "+"];
        let said = Command::new("redis-cli").args(range).output().expect("the client of Redis is there");
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        text.lines().filter(|line| line.contains("ORDER_CREATED") && line.contains(order)).count()
    }

    fn mails_to_buyer(&self, subject: &str) -> usize {
        let all = mails(&self.stage.shop.data());
        all.iter().filter(|mail| mail.to.contains(&self.buyer.email) && mail.subject.starts_with(subject)).count()
    }

    /// Exactly so many orders, all of them sold, each told once, and true books.
    async fn ends_with(self, orders: i64) {
        self.stock_is("every hold becomes a sale", (STOCK - orders, 0, STOCK - orders)).await;
        let placed = usize::try_from(orders).expect("there are no fewer than none");
        let told = async || self.mails_to_buyer("Order Placed");
        eventually_within(HEALED_WITHIN, "each order is told", told, |count| *count >= placed).await;
        let audit = tokio::task::block_in_place(|| self.stage.shop.run(&["audit", "--output", "json"]));
        assert_eq!(audit.code, 0, "{audit:?}");
        assert_eq!(self.mails_to_buyer("Order Placed"), placed, "and once");
    }
}

/// Orders have asked for a hold and are killed before they hear that they have it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a01_orders_that_die_between_hold_and_order_leave_a_hold_that_the_retry_shares() {
    let scene = Scene::begin().await;
    let shelf = format!("SELECT sku FROM shop_catalog.inventory WHERE sku = '{}' FOR UPDATE", scene.cup.sku);
    let kept = tokio::task::block_in_place(|| scene.stage.database.keep(&shelf));
    let (told, ()) = tokio::join!(scene.order("kept"), async {
        let waits = async || tokio::task::block_in_place(|| scene.stage.database.somebody_waits());
        eventually("the catalog waits for the shelf", waits, |waits| *waits).await;
        scene.now(|shop| shop.kill_one("orders"));
        tokio::task::block_in_place(|| drop(kept));
    });
    assert_eq!(told.status, 503, "{}", told.text());
    scene.stock_is("the hold is there", (STOCK, 1, STOCK - 1)).await;
    scene.now(|shop| shop.start_one("orders"));
    assert_eq!(scene.sells("kept").await.status, 201, "nobody had ordered");
    scene.ends_with(1).await;
}

/// The order is committed, sold and told while its answer is still on the wire; then the process is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a02_orders_that_die_before_they_answer_answer_the_retry_with_the_same_order() {
    let scene = Scene::begin().await;
    scene.stage.shop.wire("orders").set(Fault::AnswersLost);
    let (told, ()) = tokio::join!(scene.order("lost"), async {
        scene.stock_is("it is sold", (STOCK - 1, 0, STOCK - 1)).await;
        scene.now(|shop| shop.kill_one("orders"));
        scene.stage.shop.wire("orders").set(Fault::None);
    });
    told.problem(503, "OUTCOME_UNKNOWN");
    assert!(!told.header("retry-after").is_empty());
    scene.now(|shop| shop.start_one("orders"));
    let again = scene.sells("lost").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    scene.ends_with(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a07_a_row_that_somebody_keeps_is_waited_for_and_given_up() {
    let scene = Scene::begin().await;
    let shelf = format!("SELECT sku FROM shop_catalog.inventory WHERE sku = '{}' FOR UPDATE", scene.cup.sku);
    let kept = tokio::task::block_in_place(|| scene.stage.database.keep(&shelf));
    let begun = Instant::now();
    let told = scene.order("kept").await;
    assert_eq!(told.status, 503, "{}", told.text());
    assert!(!told.header("retry-after").is_empty() && begun.elapsed() < TOLD_WITHIN, "{:?}", begun.elapsed());
    tokio::task::block_in_place(|| drop(kept));
    drop(scene.sells("kept").await);
    scene.ends_with(1).await;
}

/// What an order says is in its outbox when the process is killed, and the bus is away until after it is back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b01_what_was_committed_and_not_yet_published_is_published_by_the_next_process() {
    let scene = Scene::begin().await;
    scene.stage.bus.set(Fault::Broken);
    let order = scene.sells("untold").await.json();
    scene.now(|shop| shop.kill_one("orders"));
    assert_eq!(scene.told_of(order["id"].as_str().expect("an id")), 0, "nobody has heard of it");
    scene.now(|shop| shop.start_one("orders"));
    scene.stage.bus.set(Fault::None);
    scene.ends_with(1).await;
}

/// The bus takes an event, its answer is lost, and the process that would have noted it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b03_what_was_published_and_not_noted_comes_twice_and_counts_once() {
    let scene = Scene::begin().await;
    // Not before: who finds its connection gone opens another, and gives that one nothing before it is answered.
    scene.stage.bus.set(Fault::AnswersLostFrom("ORDER_CREATED"));
    let order = scene.sells("twice").await.json();
    let id = order["id"].as_str().expect("an id");
    let heard = async || scene.told_of(id);
    eventually_within(HEALED_WITHIN, "the bus has it", heard, |count| *count >= 1).await;
    scene.now(|shop| shop.kill_one("orders"));
    let before = scene.told_of(id);
    scene.stage.bus.set(Fault::None);
    scene.now(|shop| shop.start_one("orders"));
    eventually_within(HEALED_WITHIN, "the bus has it again", heard, |count| *count > before).await;
    scene.ends_with(1).await;
}

/// Who is to tell is away: orders are taken meanwhile, what waits is told once each, and whoever is erased by then is not told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b14_b18_a_backlog_is_told_once_and_nobody_is_told_who_is_gone() {
    const ORDERS: i64 = 40;
    let scene = Scene::begin().await;
    scene.now(|shop| shop.kill_one("notifications"));
    let gone = scene.stage.shop.customer().await;
    gone.order(&[(&scene.cup.sku, 1)]).await;
    gone.delete("/api/users/me").send().await.expect(204);
    let keys: Vec<String> = (1..ORDERS).map(|number| format!("waits-{number}")).collect();
    for answer in join_all(keys.iter().map(|key| scene.order(key))).await {
        assert_eq!(answer.status, 201, "{}", answer.text());
    }
    scene.stock_is("all is sold meanwhile", (STOCK - ORDERS, 0, STOCK - ORDERS)).await;
    scene.now(|shop| shop.start_one("notifications"));
    let told = async || scene.mails_to_buyer("Order Confirmed");
    let all = keys.len();
    eventually_within(HEALED_WITHIN, "what waited is told", told, |count| *count == all).await;
    let data = scene.stage.shop.data();
    assert!(!mails(&data).iter().any(|mail| mail.to.contains(&gone.email)), "she is gone");
    assert_eq!(scene.mails_to_buyer("Order Placed"), all);
    let audit = tokio::task::block_in_place(|| scene.stage.shop.run(&["audit", "--output", "json"]));
    assert_eq!(audit.code, 0, "{audit:?}");
}

/// A process that is halted in the middle of a load keeps nothing for itself, and goes on where it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c05_a_service_that_is_halted_half_way_is_not_believed_afterwards() {
    let scene = Scene::begin().await;
    let mut placed = 0;
    for role in ["catalog", "orders"] {
        let keys: Vec<String> = (0..8).map(|number| unique(&format!("{role}-{number}"))).collect();
        let halted = async {
            tokio::time::sleep(Duration::from_millis(15)).await;
            scene.now(|shop| shop.halt_one(role, true));
            // Longer than the database keeps the locks of somebody who says nothing.
            tokio::time::sleep(Duration::from_secs(4)).await;
            scene.now(|shop| shop.halt_one(role, false));
        };
        let (answers, ()) = tokio::join!(join_all(keys.iter().map(|key| scene.order(key))), halted);
        for answer in answers {
            assert!([201, 503].contains(&answer.status), "{}", answer.text());
        }
        for key in &keys {
            drop(scene.sells(key).await);
            placed += 1;
        }
    }
    scene.ends_with(placed).await;
}

/// Nothing reaches the database any more while buyers press on; afterwards all goes on as before, and not worse.
/// Whoever was sent to a process that is halted is answered while it still is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c05_of_a_service_that_is_halted_nobody_waits_for_ever() {
    let scene = Scene::begin().await;
    let key = unique("halted");
    scene.now(|shop| shop.halt_one("orders", true));
    let answers = tokio::time::timeout(Duration::from_secs(25), async {
        let reads = join_all((0..4).map(|_| scene.buyer.get("/api/orders").try_send()));
        tokio::join!(reads, scene.order(&key))
    });
    let answers = answers.await;
    scene.now(|shop| shop.halt_one("orders", false));
    let (reads, ordered) = answers.expect("they are answered while it is halted");
    for read in reads {
        assert_eq!(read.expect("the gateway answers").status, 503);
    }
    assert_eq!(ordered.status, 503);
    assert!(["OUTCOME_UNKNOWN", "UNAVAILABLE"].iter().any(|code| ordered.json()["code"] == *code), "{}", ordered.text());
    drop(scene.sells(&key).await);
    scene.ends_with(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c25_a_storm_of_retries_after_a_cut_is_gotten_over() {
    let scene = Scene::begin().await;
    let keys: Vec<String> = (0..16).map(|number| unique(&format!("storm-{number}"))).collect();
    let cut = async {
        scene.stage.books.set(Fault::Broken);
        tokio::time::sleep(Duration::from_secs(2)).await;
        scene.stage.books.set(Fault::None);
    };
    // Each asks again and again, without the pause that it is told to make.
    let (answers, ()) = tokio::join!(join_all(keys.iter().map(|key| scene.sells(key))), cut);
    assert_eq!(answers.len(), keys.len());
    let ready = async || scene.stage.shop.anyone().get("/health/ready").try_send().await.expect("the gateway is there");
    drop(eventually_within(HEALED_WITHIN, "all is ready", ready, |answer| answer.status == 200).await);
    let wish = json!({"sku": scene.cup.sku, "quantity": 1});
    scene.buyer.post("/api/cart/me", &wish).send().await.expect(200);
    scene.ends_with(16).await;
}
