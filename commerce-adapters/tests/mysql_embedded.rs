//! The whole shop of the embedded assembly, on MariaDB instead of files: it trades, its audit is clean, and
//! another process goes on where it stopped.
#![cfg(all(feature = "mysql", feature = "sqlite"))]

use std::sync::Arc;

use commerce_adapters::sql::mysql::Urls;
use commerce_adapters::sql::{Databases, mysql};
use commerce_adapters::system::{OsEntropy, RealTime, SystemClock};
use commerce_adapters::{Embedded, Shop};
use commerce_core::Actor;
use commerce_core::audit::AuditRequest;
use commerce_core::testing::conformance::{buy_and_change_mind, trade};
use commerce_peers::MariaDb;

async fn open(dir: &std::path::Path, urls: &Urls) -> Shop {
    let databases = mysql::Databases::connect(urls, Arc::new(SystemClock), &OsEntropy).await.expect("the databases open");
    Embedded::at(dir).databases(Databases::MySql(databases)).without_index().open().await.expect("the shop opens")
}

async fn is_clean(shop: &Shop) {
    let report = shop.audit(&Actor::System, AuditRequest::new(&RealTime)).await.expect("the books can be read");
    assert_eq!(report.violations, []);
    assert!(report.rows > 100, "it looked at {} rows", report.rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_trades_on_mariadb() {
    let server = MariaDb::start();
    let (dir, urls) = (tempfile::tempdir().expect("a folder can be made"), Urls::with_prefix(&server.shop()));
    let shop = open(dir.path(), &urls).await;
    trade(&shop).await.expect("it trades");
    is_clean(&shop).await;
    shop.close().await.expect("it closes");

    let (one, other) = (open(dir.path(), &urls).await, open(dir.path(), &urls).await);
    let (bought, changed) = tokio::join!(buy_and_change_mind(&one), buy_and_change_mind(&other));
    bought.and(changed).expect("two processes sell");
    one.settle().await.expect("it settles");
    is_clean(&other).await;
    one.close().await.expect("it closes");
    other.close().await.expect("it closes");
    let files = std::fs::read_dir(dir.path()).expect("it can be read").flatten();
    assert!(!files.into_iter().any(|file| file.path().extension().is_some_and(|end| end == "db")), "nothing is in files");
}
