//! What only the inside of the stores can cause or see: a refused write, a broken row, months, keys of a
//! race.

mod forgetting;
mod opening;

use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use commerce_core::catalog::{CatalogStore, CatalogWrite, Seller, SellerReads};
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal, Handled, KeyClaim, KeyResult, KeyScope};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::{Envelope, EventKind, Outbox, Topic};
use commerce_core::ids::{Id, IdSource, ProductId};
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::{Clock, Timestamp};
use commerce_peers::{Make, SqlServer};
use futures_util::future::join_all;
use sqlx::AssertSqlSafe;

use super::engine::{Context, Database};
use super::line::{Address, Purpose};
use super::writer::MySqlWriter;
use super::{Databases, PendingMigration, Urls, Which, database_of};
use crate::system::OsEntropy;

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

struct Bench {
    urls: Urls,
    shop: Databases,
    clock: Arc<ManualClock>,
    ids: IdSource,
}

impl Bench {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        Self::at(Urls::with_prefix(&SERVER.shop()), clock, 3).await
    }

    async fn at(urls: Urls, clock: Arc<ManualClock>, seed: u64) -> Self {
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(seed)));
        let shop = Databases::connect(&urls, clock.clone(), &OsEntropy).await.unwrap();
        Self { urls, shop, clock, ids }
    }

    /// Another process on the same databases.
    async fn another(&self) -> Self {
        Self::at(self.urls.clone(), self.clock.clone(), 4).await
    }

    fn seller(&self, slug: &str) -> Seller {
        let (id, created_at) = (self.ids.mint(), self.clock.now());
        Seller { id, name: slug.to_owned(), slug: slug.parse().unwrap(), user: None, created_at, version: 1 }
    }

    fn event(&self) -> Envelope {
        Envelope {
            id: self.ids.mint(),
            topic: Topic::Catalog,
            kind: EventKind::ProductUpdated,
            schema: 1,
            aggregate: self.ids.mint::<ProductId>().uuid(),
            version: 1,
            at: self.clock.now(),
            traceparent: None,
            data: serde_json::json!({}).into(),
        }
    }

    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        CatalogStore::commit(&self.shop.catalog(), changes).await
    }

    async fn insert(&self, slug: &str) -> Result<(), CommitError> {
        self.commit(ChangeSet::of([CatalogWrite::InsertSeller(self.seller(slug))])).await
    }
}

async fn execute<W: Context>(database: &Database<W>, sql: &str) -> Result<(), StoreError> {
    let sql = sql.to_owned();
    database
        .write("test", move |connection| {
            let sql = sql.clone();
            Box::pin(async move { sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(|_| ()) })
        })
        .await
}

fn kind(outcome: Result<(), CommitError>) -> StoreErrorKind {
    match outcome {
        Err(CommitError::Store(error)) => error.kind,
        other => panic!("the store was to fail, it answered {other:?}"),
    }
}

#[tokio::test]
async fn one_that_cannot_be_written_fails_alone() {
    let bench = Bench::new().await;
    let said = bench.event();
    bench.commit(ChangeSet::new().say([said.clone()])).await.unwrap();
    let sets = (0..40).map(|n| {
        let seller = CatalogWrite::InsertSeller(bench.seller(&format!("s{n}")));
        let event = if n == 17 { said.clone() } else { bench.event() };
        ChangeSet::of([seller]).say([event])
    });
    let outcomes = join_all(sets.map(|set| bench.commit(set))).await;
    for (n, outcome) in outcomes.into_iter().enumerate() {
        match outcome {
            Ok(()) => assert_ne!(n, 17),
            Err(CommitError::Refused(CommitRefusal::Duplicate("id"))) => assert_eq!(n, 17),
            Err(other) => panic!("{n}: {other:?}"),
        }
    }
    let waiting = bench.shop.catalog().unpublished(100).await.unwrap();
    assert_eq!(waiting.len(), 40);
}

#[tokio::test]
async fn a_broken_row_is_corrupt_and_fails_only_who_touches_it() {
    let bench = Bench::new().await;
    let catalog = bench.shop.catalog();
    let (broken, sound) = (bench.seller("broken"), bench.seller("sound"));
    for seller in [&broken, &sound] {
        bench.commit(ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())])).await.unwrap();
    }
    execute(&catalog, "UPDATE sellers SET slug = 'No Slug' WHERE slug = 'broken'").await.unwrap();
    assert_eq!(catalog.seller(broken.id).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    let update = |seller: &Seller| ChangeSet::of([CatalogWrite::UpdateSeller(Seller { version: 2, ..seller.clone() })]);
    let (first, second) = tokio::join!(bench.commit(update(&broken)), bench.commit(update(&sound)));
    assert_eq!(kind(first), StoreErrorKind::Corrupt);
    second.unwrap();
}

#[tokio::test]
async fn a_change_that_does_not_fit_through_fails_alone() {
    let bench = Bench::new().await;
    let large = "x".repeat(17 * 1024 * 1024);
    let big = ChangeSet::of([CatalogWrite::InsertSeller(Seller { name: large, ..bench.seller("big") })]);
    let (big, small) = tokio::join!(bench.commit(big), bench.insert("small"));
    assert_eq!(kind(big), StoreErrorKind::Internal);
    small.unwrap();
}

#[tokio::test]
async fn a_text_that_is_too_long_is_refused_and_not_cut() {
    let bench = Bench::new().await;
    let long = Seller { name: "x".repeat(256), ..bench.seller("long") };
    assert_eq!(kind(bench.commit(ChangeSet::of([CatalogWrite::InsertSeller(long.clone())])).await), StoreErrorKind::Internal);
    assert_eq!(bench.shop.catalog().seller(long.id).await.unwrap(), None);
}

/// Of processes that use one key, deliver one event or take one name at the same instant, one does and
/// the others are told by whom they were beaten, as within one process.
#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_was_faster_with_is_told_as_what_it_is() {
    let one = Bench::new().await;
    let other = one.another().await;
    for round in 0..30_u32 {
        let scope = KeyScope { user: None, route: "POST /api/x".to_owned(), key: format!("k{round}").parse().unwrap() };
        let event = one.event();
        let set = |bench: &Bench, seller: &Seller| {
            let result = KeyResult::Done(seller.id.uuid());
            let claim = KeyClaim { scope: scope.clone(), body_hash: [1; 32], generation: 1, result, at: bench.clock.now() };
            ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())]).claim(Some(claim))
        };
        let (left, right) = (one.seller(&format!("a{round}")), other.seller(&format!("b{round}")));
        let outcomes = tokio::join!(one.commit(set(&one, &left)), other.commit(set(&other, &right)));
        let winner = match outcomes {
            (Ok(()), Err(CommitError::Refused(CommitRefusal::KeyTaken(record)))) => (left.id, record),
            (Err(CommitError::Refused(CommitRefusal::KeyTaken(record))), Ok(())) => (right.id, record),
            other => panic!("{other:?}"),
        };
        assert_eq!(winner.1.result, KeyResult::Done(winner.0.uuid()));

        let handled = |bench: &Bench| Handled { consumer: "test", event: event.id, at: bench.clock.now() };
        let delivered = |bench: &Bench| ChangeSet::new().handling(Some(handled(bench)));
        match tokio::join!(one.commit(delivered(&one)), other.commit(delivered(&other))) {
            (Ok(()), Err(CommitError::Refused(CommitRefusal::AlreadyHandled)))
            | (Err(CommitError::Refused(CommitRefusal::AlreadyHandled)), Ok(())) => {}
            other => panic!("{other:?}"),
        }

        let name = format!("same{round}");
        match tokio::join!(one.insert(&name), other.insert(&name)) {
            (Ok(()), Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))))
            | (Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))), Ok(())) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// No key of the database says so: whoever names somebody for a seller waits for the other.
#[tokio::test]
async fn two_processes_that_name_the_same_user_give_her_one_seller() {
    let one = Bench::new().await;
    let other = one.another().await;
    for round in 0..20 {
        let user = Some(one.ids.mint());
        let named = |bench: &Bench, side: &str| {
            let seller = Seller { user, ..bench.seller(&format!("{side}{round}")) };
            ChangeSet::of([CatalogWrite::InsertSeller(seller)])
        };
        match tokio::join!(one.commit(named(&one, "left")), other.commit(named(&other, "right"))) {
            (Ok(()), Err(CommitError::Refused(CommitRefusal::Duplicate("user"))))
            | (Err(CommitError::Refused(CommitRefusal::Duplicate("user"))), Ok(())) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Two processes change the same rows in opposite orders: nobody waits for ever, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn processes_that_cross_each_other_lose_nothing() {
    let one = Bench::new().await;
    let other = one.another().await;
    let sellers: Vec<Seller> = (0..8).map(|n| one.seller(&format!("s{n}"))).collect();
    one.commit(ChangeSet::of(sellers.iter().cloned().map(CatalogWrite::InsertSeller))).await.unwrap();
    let change = async |bench: &Bench, backwards: bool| {
        for _ in 0..40 {
            loop {
                let mut now = Vec::new();
                for seller in &sellers {
                    now.push(bench.shop.catalog().seller(seller.id).await.unwrap().unwrap());
                }
                if backwards {
                    now.reverse();
                }
                let next = now.into_iter().map(|seller| Seller { version: seller.version + 1, ..seller });
                match bench.commit(ChangeSet::of(next.map(CatalogWrite::UpdateSeller))).await {
                    Ok(()) => break,
                    Err(CommitError::Refused(CommitRefusal::Stale("seller"))) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
    };
    tokio::join!(change(&one, false), change(&other, true));
    for seller in &sellers {
        assert_eq!(one.shop.catalog().seller(seller.id).await.unwrap().unwrap().version, 81);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_has_committed_all_the_same() {
    let bench = Bench::new().await;
    let seller = bench.seller("gone");
    let changes = ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())]);
    tokio::select! {
        biased;
        _ = bench.commit(changes) => panic!("a commit does not end at once"),
        () = std::future::ready(()) => {}
    }
    // The next commit queues behind the one that nobody waits for.
    bench.insert("next").await.unwrap();
    assert_eq!(bench.shop.catalog().seller(seller.id).await.unwrap(), Some(seller));
}

#[test]
fn databases_are_called_after_their_shop() {
    for (shop, orders) in [
        ("mysql://u:p@h:3306/shop", "mysql://u:p@h:3306/shop_orders"),
        ("mysql://h/shop_?socket=/s/f", "mysql://h/shop_orders?socket=/s/f"),
        ("mysql://h/?ssl-mode=disabled", "mysql://h/orders_db?ssl-mode=disabled"),
        ("mysql://h:3306", "mysql://h:3306/orders_db"),
    ] {
        assert_eq!(database_of(shop, Which::Orders), orders);
    }
}

#[tokio::test]
async fn servers_are_told_with_their_version_each_once() {
    let readers = super::ReaderUrls { users: Some("mysql://root@127.0.0.1:1/x_users".to_owned()), ..Default::default() };
    let urls = Urls::with_prefix(&SERVER.shop());
    let servers = Databases::servers(&urls).await.unwrap();
    assert_eq!(servers.len(), 1);
    let is_mariadb = servers[0].version.as_ref().unwrap().contains("MariaDB");
    assert_eq!(is_mariadb, *SERVER.make() == Make::MariaDb, "{servers:?}");
    assert!(SERVER.url().ends_with(&servers[0].place), "{servers:?}");
    let both = Databases::servers(&urls.read_from(readers)).await.unwrap();
    let away = both.iter().find(|server| server.is_replica).unwrap();
    assert_eq!(away.place, "127.0.0.1:1");
    assert_eq!(away.version.as_ref().unwrap_err().kind, StoreErrorKind::Unavailable);
    assert!(both[0].version.is_ok(), "{both:?}");
}

#[tokio::test]
async fn a_stop_leaves_no_mark_and_nothing_pending() {
    let urls = Urls::with_prefix(&SERVER.shop());
    let pending: Vec<PendingMigration> = Databases::pending_migrations(&urls).await.unwrap();
    assert_eq!(pending.len(), migration_files());
    let databases = SERVER.sql("SHOW DATABASES");
    let (_, prefix) = urls.users.rsplit_once('/').unwrap();
    assert!(!databases.lines().any(|name| name == prefix), "a plan changes nothing");

    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
    let bench = Bench::at(urls.clone(), clock, 3).await;
    bench.insert("one").await.unwrap();
    bench.shop.close().await;
    assert_eq!(kind(bench.insert("late").await), StoreErrorKind::Unavailable);
    assert_eq!(Databases::pending_migrations(&urls).await.unwrap(), []);
    let (_, catalog) = urls.catalog.rsplit_once('/').unwrap();
    assert_eq!(SERVER.sql(&format!("SELECT COUNT(*) FROM {catalog}.writers")), "0\n");
}

/// A server that takes another's place may never have heard what followed from an event there: it is delivered again.
#[tokio::test]
async fn what_was_read_on_another_server_is_not_noted_as_published() {
    let server = SqlServer::start();
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
    let bench = Bench::at(Urls::with_prefix(&server.shop()), clock, 3).await;
    bench.commit(ChangeSet::new().say([bench.event()])).await.unwrap();
    let catalog = bench.shop.catalog();
    let waiting = async || catalog.unpublished(100).await.unwrap().iter().map(|event| event.id).collect::<Vec<_>>();
    let read = waiting().await;
    assert!(!read.is_empty());
    // As its connections see it, it is another one.
    let kill =
        "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE user = 'root' AND id <> CONNECTION_ID()";
    server.sql(&format!("SET GLOBAL server_id = 7; {}", server.sql(kill)));
    catalog.published(&read).await.unwrap();
    // Another one may still deliver what it read before, so this goes twice.
    for _ in 0..2 {
        assert_eq!(waiting().await, read);
        catalog.published(&read).await.unwrap();
    }
    assert_eq!(waiting().await, []);
}

/// Whoever looks up what became of a COMMIT is connected anew, perhaps to another server.
#[tokio::test]
async fn a_writer_says_where_it_looks_up_its_batches() {
    let bench = Bench::new().await;
    let address = Address::parse(&bench.urls.catalog, Purpose::Write).unwrap();
    let mut writer = MySqlWriter::new(address, [7; 16], bench.clock.clone());
    let server = writer.server();
    assert_eq!(server.load(Ordering::SeqCst), 0);
    assert_eq!(writer.last_committed().await.unwrap(), None);
    assert_eq!(server.load(Ordering::SeqCst), 2, "the number of a primary here is 1");
}

#[tokio::test]
async fn months_are_made_ahead_and_what_lies_beyond_is_told() {
    let bench = Bench::new().await;
    let now = bench.clock.now();
    let months = bench.shop.orders().keep_months(now).await.unwrap();
    let names: Vec<&str> = months.months.iter().map(String::as_str).collect();
    assert_eq!(names, ["m202603", "m202604", "m202605", "m202606"]);
    assert!(!months.overflowed);
    let far = "INSERT INTO orders (id, number, user_id, status, currency, subtotal_minor, discount_minor, shipping_minor,
            tax_minor, total_minor, tax_lines, ship_full_name, ship_line1, ship_city, ship_postal_code, ship_country,
            shipping_option, hold_key, hold_generation, payment_extended, metadata, updated_at, version)
        VALUES (UNHEX('0fffffffffff70008000000000000000'), 'far', '', 'PENDING', 'INR', 0, 0, 0, 0, 0, '[]', '', '', '', '', 'IN',
            '', '', 1, 0, '{}', 0, 1)";
    execute(&bench.shop.orders(), far).await.unwrap();
    assert!(bench.shop.orders().keep_months(now).await.unwrap().overflowed);
    let later = bench.shop.orders().keep_months(now.plus(Duration::from_hours(24 * 31))).await.unwrap();
    assert_eq!(later.months.last().map(String::as_str), Some("m202607"));
    assert!(later.overflowed, "it is still beyond the last month");
}

/// Files in the folder of migrations. Whether each is in the program is asked of an empty shop.
fn migration_files() -> usize {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let of = |context: &str| std::fs::read_dir(folder.join(context).join("mysql")).unwrap().count();
    ["users", "catalog", "orders", "notifications"].into_iter().map(of).sum()
}
