//! Opening a shop: migrations that were stopped, respelt or are newer, and many processes at once.

use std::sync::Arc;

use commerce_core::Timestamp;
use commerce_core::error::StoreErrorKind;
use commerce_core::testing::ManualClock;
use futures_util::future::join_all;

use super::{Bench, SERVER, execute};
use crate::sql::mysql::{Databases, Urls, migrate};
use crate::system::OsEntropy;

#[tokio::test]
async fn a_shop_that_is_newer_than_the_program_is_refused() {
    let bench = Bench::new().await;
    let newer = "INSERT INTO schema_migrations (version, description, checksum, applied_at) VALUES (99, 'newer', x'00', 0)";
    execute(&bench.shop.catalog(), newer).await.unwrap();
    bench.shop.close().await;
    let refused = Databases::connect(&bench.urls, bench.clock.clone(), &OsEntropy).await.err().unwrap();
    assert_eq!(refused.kind, StoreErrorKind::Internal);
}

/// What was applied in the words of an earlier program is not applied again.
#[tokio::test]
async fn a_migration_in_other_words_is_known() {
    let bench = Bench::new().await;
    let orders = bench.shop.orders();
    for (table, (then, now)) in ["schema_migrations", "schema_steps", "schema_steps"].into_iter().zip(migrate::RESPELT) {
        let known = format!("SELECT COUNT(*) FROM {table} WHERE checksum = x'{now}'");
        let (_, name) = bench.urls.orders.rsplit_once('/').unwrap();
        assert_eq!(SERVER.sql(&format!("USE {name}; {known}")), "1\n", "{now} is of no words that are applied");
        execute(&orders, &format!("UPDATE {table} SET checksum = x'{then}' WHERE checksum = x'{now}'")).await.unwrap();
    }
    bench.shop.close().await;
    assert_eq!(Databases::pending_migrations(&bench.urls).await.unwrap(), []);
    // Stopped before the migration was noted, it goes on after the step.
    let database = bench.urls.orders.rsplit_once('/').unwrap().1;
    SERVER.sql(&format!("DELETE FROM {database}.schema_migrations WHERE version = 7"));
    Bench::at(bench.urls.clone(), bench.clock.clone(), 5).await.shop.close().await;
}

/// Killed after any step of its migrations, noted or not, a shop opens.
#[tokio::test]
async fn migrations_go_on_where_they_were_stopped() {
    let bench = Bench::new().await;
    let orders = bench.shop.orders();
    execute(&orders, "DELETE FROM schema_migrations WHERE version = 2").await.unwrap();
    execute(&orders, "DELETE FROM schema_steps WHERE version = 2 AND step > 2").await.unwrap();
    execute(&orders, "DROP TABLE writers").await.unwrap();
    bench.shop.close().await;
    let again = Bench::at(bench.urls.clone(), bench.clock.clone(), 5).await;
    assert_eq!(Databases::pending_migrations(&again.urls).await.unwrap(), []);
    execute(&again.shop.orders(), "SELECT * FROM writers").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_open_a_new_shop_at_once() {
    let urls = Urls::with_prefix(&SERVER.shop());
    let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
    let opened = join_all((0..4).map(|_| Databases::connect(&urls, clock.clone(), &OsEntropy))).await;
    for shop in opened {
        shop.unwrap().close().await;
    }
}
