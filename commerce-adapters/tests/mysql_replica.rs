//! What is only shown comes from a replica, however far behind; what is decided by never does, and
//! nobody notices when the replica is gone.
#![cfg(feature = "mysql")]

use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::sql::mysql::{Databases, ReaderUrls, Urls};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::Clock;
use commerce_core::catalog::{CatalogStore, CatalogWrite, ProductReads, Seller, SellerReads, StockReads};
use commerce_core::change::ChangeSet;
use commerce_core::error::StoreErrorKind;
use commerce_core::events::Outbox;
use commerce_core::ids::{IdSource, SellerId};
use commerce_core::page::PageRequest;
use commerce_peers::SqlServer;

struct Shop {
    databases: Databases,
    ids: IdSource,
}

impl Shop {
    async fn insert(&self, slug: &str) -> SellerId {
        let (id, created_at) = (self.ids.mint(), SystemClock.now());
        let seller =
            Seller { id, name: slug.to_owned(), slug: slug.parse().expect("a slug"), user: None, created_at, version: 1 };
        let changes = ChangeSet::of([CatalogWrite::InsertSeller(seller)]);
        CatalogStore::commit(&self.databases.catalog(), changes).await.expect("it is accepted");
        id
    }

    /// How many sellers a list for staff shows.
    async fn shown(&self) -> usize {
        self.databases.catalog().sellers(&PageRequest::first()).await.expect("the list is answered").items.len()
    }

    async fn shows(&self, count: usize) {
        for _ in 0..300 {
            if self.shown().await == count {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the list never shows {count} sellers, but {}", self.shown().await);
    }
}

/// A new shop on a primary, which shows what a replica of that has.
async fn open(primary: &SqlServer, replica: &SqlServer) -> (Shop, String) {
    let prefix = primary.shop();
    let readers = ReaderUrls::with_prefix(&prefix.replace(primary.url(), replica.url()));
    let urls = Urls::with_prefix(&prefix).read_from(readers);
    let clock = Arc::new(SystemClock);
    let databases = Databases::connect(&urls, clock.clone(), &OsEntropy).await.expect("a new shop opens");
    (Shop { databases, ids: IdSource::new(clock, Arc::new(OsEntropy)) }, prefix)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_primary_that_is_silent_nobody_waits_for_ever_and_browsing_goes_on() {
    let primary = SqlServer::start();
    let replica = SqlServer::replica_of(&primary);
    let (shop, _) = open(&primary, &replica).await;
    let first = shop.insert("first").await;
    shop.shows(1).await;
    let catalog = shop.databases.catalog();
    let sku = ["CUP".parse().expect("a SKU")];
    catalog.takes_writes().await.expect("it takes writes");
    primary.peer().pause();
    // Each that did not wait for its turn behind the others would be answered in no time.
    let bounded = tokio::time::timeout(Duration::from_secs(40), async {
        for answer in futures_util::future::join_all((0..40).map(|_| catalog.items(&sku))).await {
            assert_eq!(answer.expect_err("nobody answers").kind, StoreErrorKind::Unavailable);
        }
        while catalog.takes_writes().await.is_ok() {}
        for _ in 0..200 {
            assert_eq!(catalog.items(&sku).await.expect_err("nobody answers").kind, StoreErrorKind::Unavailable);
            assert!(catalog.seller(first).await.expect("the replica answers").is_some());
        }
        catalog.categories().await.expect("the replica answers");
        assert_eq!(catalog.takes_writes().await.expect_err("nobody answers").kind, StoreErrorKind::Unavailable);
    });
    bounded.await.expect("they are told at once that it is silent");
    primary.peer().resume();
    for _ in 0..300 {
        if catalog.items(&sku).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    shop.insert("second").await;
    catalog.takes_writes().await.expect("it takes writes");
    primary.sql("SET GLOBAL read_only = ON");
    assert_eq!(catalog.takes_writes().await.expect_err("it takes none").kind, StoreErrorKind::ReadOnly);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_replica_and_decisions_do_not() {
    let primary = SqlServer::start();
    let replica = SqlServer::replica_of(&primary);
    let (shop, prefix) = open(&primary, &replica).await;

    shop.insert("first").await;
    shop.shows(1).await;
    replica.sql("STOP SLAVE SQL_THREAD");
    let second = shop.insert("second").await;
    let catalog = shop.databases.catalog();
    assert!(catalog.seller(second).await.expect("the writer answers").is_some(), "what is decided by is never behind");
    assert_eq!(shop.shown().await, 1, "what is shown is as far behind as the replica");
    replica.sql("START SLAVE SQL_THREAD");
    shop.shows(2).await;

    tokio::task::block_in_place(|| replica.peer().kill());
    shop.insert("third").await;
    assert_eq!(shop.shown().await, 3, "without a replica the primary is asked");
    tokio::task::block_in_place(|| replica.peer().again());
    let (_, databases) = prefix.rsplit_once('/').expect("a URL names a database");
    let count = format!("SELECT COUNT(*) FROM {databases}catalog.sellers");
    while replica.sql(&count) != "3\n" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    replica.sql("STOP SLAVE SQL_THREAD");
    shop.insert("fourth").await;
    shop.shows(3).await;

    // A shop is not opened where it cannot be written, even by an administrator, who could.
    for name in [prefix.as_str(), "mysql://root@elsewhere/new_"].map(|prefix| prefix.rsplit_once('/').expect("it has one").1) {
        let there = Urls::with_prefix(&format!("{}/{name}", replica.url()));
        let refused = Databases::connect(&there, Arc::new(SystemClock), &OsEntropy).await.err().expect("it is refused");
        assert_eq!(refused.kind, StoreErrorKind::ReadOnly, "{name}");
    }
    assert!(!replica.sql("SHOW DATABASES").contains("new_"));
}
