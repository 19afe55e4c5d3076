//! The whole shop of the embedded assembly, on MariaDB instead of files: it trades, its audit is clean, and
//! another process goes on where it stopped.
#![cfg(all(feature = "mysql", feature = "sqlite"))]

use std::path::Path;
use std::sync::Arc;

use commerce_adapters::Embedded;
use commerce_adapters::embedded::Service;
use commerce_adapters::sql::mysql::{Databases, Urls};
use commerce_adapters::system::{OsEntropy, RealTime, SystemClock};
use commerce_core::audit::{AuditRequest, ShopBooks};
use commerce_core::testing::conformance::{buy_and_change_mind, trade};
use commerce_core::{Actor, Commerce};
use commerce_peers::SqlServer;

struct Shop {
    commerce: Commerce,
    service: Service,
}

async fn open(dir: &Path, urls: &Urls) -> Shop {
    let databases = Databases::connect(urls, Arc::new(SystemClock), &OsEntropy).await.expect("the databases open");
    let books = ShopBooks {
        users: Arc::new(databases.users()),
        catalog: Arc::new(databases.catalog()),
        orders: Arc::new(databases.orders()),
        notifications: Arc::new(databases.notifications()),
    };
    let service = Embedded::at(dir).without_index().over(databases.stores()).expect("the shop opens");
    let commerce = Commerce::of(service.part().clone(), books).unwrap_or_else(|_| panic!("all contexts are here"));
    Shop { commerce, service }
}

async fn is_clean(shop: &Shop) {
    let report = shop.commerce.audit(&Actor::System, AuditRequest::new(&RealTime)).await.expect("the books can be read");
    assert_eq!(report.violations, []);
    assert!(report.rows > 100, "it looked at {} rows", report.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_trades_on_mariadb() {
    let server = SqlServer::start();
    let (dir, urls) = (tempfile::tempdir().expect("a folder can be made"), Urls::with_prefix(&server.shop()));
    let shop = open(dir.path(), &urls).await;
    trade(&shop.commerce).await.expect("it trades");
    is_clean(&shop).await;
    shop.service.close().await.expect("it closes");

    let (one, other) = (open(dir.path(), &urls).await, open(dir.path(), &urls).await);
    let (bought, changed) = tokio::join!(buy_and_change_mind(&one.commerce), buy_and_change_mind(&other.commerce));
    bought.and(changed).expect("two processes sell");
    one.service.settle().await.expect("it settles");
    is_clean(&other).await;
    one.service.close().await.expect("it closes");
    other.service.close().await.expect("it closes");
    let mut files = std::fs::read_dir(dir.path()).expect("it can be read").flatten();
    assert!(!files.any(|file| file.path().extension().is_some_and(|end| end == "db")), "nothing is in files");
}
