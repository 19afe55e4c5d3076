//! What is only shown comes from a replica, however far behind; what is decided by never does, and
//! nobody notices when the replica is gone.
#![cfg(feature = "mysql")]

use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::sql::mysql::{Databases, ReaderUrls, Urls};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::Clock;
use commerce_core::catalog::{CatalogStore, CatalogWrite, Seller, SellerReads};
use commerce_core::change::ChangeSet;
use commerce_core::error::StoreErrorKind;
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

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_from_the_replica_and_decisions_do_not() {
    let primary = SqlServer::start();
    let replica = SqlServer::replica_of(&primary);
    let prefix = primary.shop();
    let readers = ReaderUrls::with_prefix(&prefix.replace(primary.url(), replica.url()));
    let urls = Urls::with_prefix(&prefix).read_from(readers);
    let clock = Arc::new(SystemClock);
    let databases = Databases::connect(&urls, clock.clone(), &OsEntropy).await.expect("a new shop opens");
    let shop = Shop { databases, ids: IdSource::new(clock, Arc::new(OsEntropy)) };

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
