//! Faults that only the inside of the stores can cause: a full disk, a refused write, a broken row.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::catalog::{CatalogStore, CatalogWrite, Seller, SellerReads};
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal};
use commerce_core::commerce::KeepPolicy;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::{Envelope, EventKind, Outbox, Topic};
use commerce_core::ids::{Id, IdSource};
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::{Clock, Timestamp};
use futures_util::future::join_all;
use tempfile::TempDir;

use super::engine::{Context, Database};
use super::{Databases, PendingMigration};
use crate::sql::question::Question;

struct Bench {
    dir: TempDir,
    shop: Databases,
    clock: Arc<ManualClock>,
    ids: IdSource,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(3)));
        let shop = Databases::open(dir.path(), clock.clone()).await.unwrap();
        Self { dir, shop, clock, ids }
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
            aggregate: self.ids.mint::<commerce_core::ids::ProductId>().uuid(),
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

async fn execute(database: &Database<CatalogWrite>, sql: &'static str) -> Result<(), StoreError> {
    // Outside any transaction, as settings want it.
    database
        .write("test", move |connection| {
            Box::pin(async move {
                sqlx::raw_sql("COMMIT").execute(&mut *connection).await?;
                sqlx::raw_sql(sql).execute(&mut *connection).await?;
                sqlx::raw_sql("BEGIN IMMEDIATE").execute(connection).await?;
                Ok(())
            })
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
async fn a_full_disk_is_told_and_gotten_over() {
    let bench = Bench::new().await;
    let catalog = bench.shop.catalog();
    bench.insert("before").await.unwrap();
    execute(&catalog, "PRAGMA max_page_count = 1").await.unwrap();
    let big = ChangeSet::of([CatalogWrite::InsertSeller(Seller { name: "x".repeat(100_000), ..bench.seller("big") })]);
    assert_eq!(kind(bench.commit(big.clone()).await), StoreErrorKind::Full);
    execute(&catalog, "PRAGMA max_page_count = 1000000").await.unwrap();
    bench.commit(big).await.unwrap();
}

/// Whether a database takes writes is asked of the database only after one failed, and known again when there is room.
#[tokio::test]
async fn whether_writes_work_is_known_by_the_last_and_tried_when_it_failed() {
    let bench = Bench::new().await;
    let (catalog, users) = (bench.shop.catalog(), bench.shop.users());
    let kind = async || Outbox::takes_writes(&catalog).await.map_err(|error| error.kind);
    bench.insert("before").await.unwrap();
    execute(&catalog, "PRAGMA max_page_count = 1").await.unwrap();
    assert_eq!(kind().await, Ok(()), "nothing is written while nothing failed");
    let big = ChangeSet::of([CatalogWrite::InsertSeller(Seller { name: "x".repeat(100_000), ..bench.seller("big") })]);
    bench.commit(big.clone()).await.unwrap_err();
    for _ in 0..2 {
        assert_eq!(kind().await, Err(StoreErrorKind::Full));
    }
    let asked = join_all((0..10).map(|_| kind())).await;
    assert_eq!(asked, [Err(StoreErrorKind::Full); 10], "who does not try it goes by the last");
    users.takes_writes().await.unwrap();
    execute(&catalog, "PRAGMA max_page_count = 1000000").await.unwrap();
    assert_eq!(kind().await, Ok(()));
    assert_eq!(marks(&catalog).await, 1, "what was tried is taken out again");

    // Without the pages that are free now.
    execute(&catalog, "VACUUM").await.unwrap();
    execute(&catalog, "PRAGMA max_page_count = 1").await.unwrap();
    let beside = "CREATE TABLE big AS SELECT randomblob(200000)";
    assert_eq!(fill(&catalog, beside.to_owned()).await.unwrap_err().kind, StoreErrorKind::Full);
    assert_eq!(kind().await, Err(StoreErrorKind::Full), "what is no change set counts, too");
    execute(&catalog, "PRAGMA max_page_count = 1000000").await.unwrap();
    bench.commit(big).await.unwrap();
    execute(&catalog, "PRAGMA max_page_count = 1").await.unwrap();
    assert_eq!(kind().await, Ok(()), "a batch that was written says that writes work");
}

async fn marks(database: &Database<CatalogWrite>) -> usize {
    database.rows("test", Question::of("SELECT id FROM writers")).await.unwrap().len()
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told() {
    let bench = Bench::new().await;
    let catalog = bench.shop.catalog();
    assert_eq!(execute(&catalog, "PRAGMA query_only = 1").await.unwrap_err().kind, StoreErrorKind::ReadOnly);
    assert_eq!(kind(bench.insert("refused").await), StoreErrorKind::ReadOnly);
    assert_eq!(Outbox::takes_writes(&catalog).await.unwrap_err().kind, StoreErrorKind::ReadOnly);
    assert_eq!(catalog.sellers(&commerce_core::page::PageRequest::first()).await.unwrap().items, [], "reading goes on");
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

#[tokio::test]
async fn a_clean_stop_leaves_four_files_their_lock_and_nothing_pending() {
    let bench = Bench::new().await;
    bench.insert("one").await.unwrap();
    bench.shop.close().await;
    assert_eq!(kind(bench.insert("late").await), StoreErrorKind::Unavailable);
    let mut files: Vec<_> =
        std::fs::read_dir(bench.dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["catalog.db", "lock", "notifications.db", "orders.db", "users.db"]);
    assert_eq!(Databases::pending_migrations(bench.dir.path()).await.unwrap(), []);
    let empty = tempfile::tempdir().unwrap();
    let pending: Vec<PendingMigration> = Databases::pending_migrations(empty.path()).await.unwrap();
    assert_eq!(pending.len(), migration_files());
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0, "a plan changes nothing");
}

#[tokio::test]
async fn a_shop_that_is_newer_than_the_program_is_refused() {
    let bench = Bench::new().await;
    let newer = "INSERT INTO schema_migrations (version, description, checksum, applied_at) VALUES (99, 'newer', x'00', 0)";
    execute(&bench.shop.catalog(), newer).await.unwrap();
    bench.shop.close().await;
    let refused = Databases::open(bench.dir.path(), bench.clock.clone()).await.err().unwrap();
    assert_eq!(refused.kind, StoreErrorKind::Internal);
}

#[tokio::test]
async fn what_is_too_old_is_forgotten() {
    let bench = Bench::new().await;
    let catalog = bench.shop.catalog();
    let (old, waiting) = (bench.event(), bench.event());
    bench.commit(ChangeSet::new().say([old.clone(), waiting.clone()])).await.unwrap();
    catalog.published(&[old.id]).await.unwrap();
    assert_eq!(bench.shop.retention(bench.clock.now(), &KeepPolicy::default()).await.unwrap(), 0);
    let later = bench.clock.now().plus(Duration::from_hours(8 * 24));
    assert_eq!(
        bench.shop.retention(later, &KeepPolicy::default()).await.unwrap(),
        2,
        "the published event and the writer's mark"
    );
    assert_eq!(catalog.unpublished(10).await.unwrap(), [waiting]);
}

/// Mails, deliveries and dead letters go when the shop says; what is open or held stays, and a removed endpoint as
/// long as its deliveries.
#[tokio::test]
async fn what_the_shop_keeps_for_a_while_is_forgotten_then() {
    let bench = Bench::new().await;
    let (now, told) = (bench.clock.now(), bench.shop.notifications());
    let id = |number: u32| format!("{:012x}7{number:019x}", now.as_millis());
    for (number, status) in [(1, "DELIVERED"), (2, "FAILED"), (3, "PENDING")] {
        let id = id(number);
        let delivery = format!(
            "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, kind, occurred_at, data, status, tries, created_at, version)
            VALUES (x'{id}', x'{}', x'{id}', 'ORDER_CREATED', 0, '{{}}', '{status}', 1, 0, 2)",
            hex_of(9),
        );
        fill(&told, delivery).await.unwrap();
        let status = if status == "DELIVERED" { "SENT" } else { status };
        let mail = format!(
            "INSERT INTO notification_logs (id, event_id, kind, template, recipient, data, status, tries, created_at, maybe_twice,
            version) VALUES (x'{id}', x'{id}', 'ORDER_CREATED', 'order_placed', 'ops', '{{}}', '{status}', 1, 0, 0, 2)"
        );
        fill(&told, mail).await.unwrap();
    }
    for number in [8, 9] {
        let endpoint = format!(
            "INSERT INTO webhook_endpoints (id, url, events, secret, status, reason, created_at, updated_at, version)
            VALUES (x'{}', 'https://x.example', '[\"*\"]', 'whsec_x', 'REMOVED', 'staff', 0, {}, 2)",
            hex_of(number),
            now.as_micros(),
        );
        fill(&told, endpoint).await.unwrap();
    }
    let days = |days: u64| Duration::from_hours(days * 24);
    let keep = KeepPolicy {
        messages: days(60),
        deliveries: days(31),
        letters: days(40),
        provider_messages: days(400),
        holds: days(400),
    };
    assert_eq!(bench.shop.retention(now.plus(days(31)), &keep).await.unwrap(), 0, "not a day too early");
    let gone = bench.shop.retention(now.plus(days(32)), &keep).await.unwrap();
    assert_eq!(gone, 3, "two deliveries that are through, and the endpoint that nothing is left of");
    assert_eq!(bench.shop.retention(now.plus(days(61)), &keep).await.unwrap(), 2, "two mails");
    assert_eq!(bench.shop.retention(now.plus(days(1_000)), &keep).await.unwrap(), 0, "the open ones and their endpoint stay");
}

/// Messages of payment providers that were applied go when the shop says; what still waits, or contradicts the books, stays.
#[tokio::test]
async fn what_providers_said_is_forgotten_when_it_was_applied() {
    let bench = Bench::new().await;
    let (now, books) = (bench.clock.now(), bench.shop.orders());
    for state in ["APPLIED", "PARKED", "QUARANTINED"] {
        let message = format!(
            "INSERT INTO provider_events (provider, event_id, reference, fact, state, received_at)
            VALUES ('sandbox', '{state}', 'r', '{{}}', '{state}', {})",
            now.as_micros(),
        );
        fill(&books, message).await.unwrap();
    }
    let days = |days: u64| now.plus(Duration::from_hours(days * 24));
    let keep = KeepPolicy { provider_messages: Duration::from_hours(200 * 24), ..KeepPolicy::default() };
    assert_eq!(bench.shop.retention(days(200), &keep).await.unwrap(), 0, "not a day too early");
    assert_eq!(bench.shop.retention(days(201), &keep).await.unwrap(), 1);
    assert_eq!(bench.shop.retention(days(1_000), &keep).await.unwrap(), 0);
}

async fn fill<W: Context>(database: &Database<W>, sql: String) -> Result<(), StoreError> {
    let fill = database.write("test", move |connection| {
        Box::pin(async move { sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(connection).await.map(|_| ()) })
    });
    fill.await
}

fn hex_of(number: u8) -> String {
    format!("{number:032x}")
}

/// Files in the folder of migrations. Whether each is in the program is asked of an empty shop.
fn migration_files() -> usize {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let of = |context: &str| std::fs::read_dir(folder.join(context).join("sqlite")).unwrap().count();
    ["users", "catalog", "orders", "notifications"].into_iter().map(of).sum()
}
