//! Several processes sell out of the same databases on MariaDB; processes and the server are killed and
//! halted.
//!
//! The test runs itself again as child processes: a child reserves one unit after another and says
//! `held` on its standard output after each commit.
#![cfg(all(feature = "mysql", target_os = "linux"))]

mod processes;
mod selling;

use std::process::{Child, Command};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use commerce_adapters::sql::mysql::Urls;
use commerce_adapters::sql::{Databases, mysql};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::error::StoreErrorKind;
use commerce_peers::SqlServer;
use futures_util::future::join_all;

use processes::{child, sold};
use selling::Seller;

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

async fn open(prefix: &str) -> Seller {
    let urls = Urls::with_prefix(prefix);
    let shop = mysql::Databases::connect(&urls, Arc::new(SystemClock), &OsEntropy).await.expect("the shop opens");
    Seller::of(Databases::MySql(shop))
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([format!("-{name}"), child.id().to_string()]).status();
    assert!(sent.expect("kill can be run").success());
}

/// What a child does. Does nothing unless a test below started the process.
#[tokio::test]
async fn child_process() {
    let Ok(prefix) = std::env::var(processes::SHOP) else { return };
    processes::sell_all(open(&prefix).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_sell_exactly_what_there_is() {
    let place = SERVER.shop();
    processes::processes_sell_exactly_what_there_is(open(&place).await, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let place = SERVER.shop();
    processes::a_killed_process_loses_nothing(async || open(&place).await, &place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_the_last_units_gets_exactly_these() {
    processes::a_crowd_gets_exactly_what_there_is(open(&SERVER.shop()).await).await;
}

/// A process that is halted half way through a batch loses its locks within seconds; the others sell
/// on, and it goes on with what it has when it is woken.
#[tokio::test(flavor = "multi_thread")]
async fn a_halted_process_holds_nothing_for_long() {
    let place = SERVER.shop();
    let seller = open(&place).await;
    seller.stock_up(1_000_000).await;
    let mut halted = child(&place);
    let mut lines = sold(&mut halted);
    lines.by_ref().take(20).count();
    for _ in 0..10 {
        // Where in a batch it stops is left to chance; ten times is often enough to meet a lock.
        signal(&halted, "STOP");
        let begun = Instant::now();
        assert!(seller.reserve().await);
        assert!(begun.elapsed() < Duration::from_secs(9), "it waited for {:?}", begun.elapsed());
        signal(&halted, "CONT");
        assert!(lines.next().is_some(), "it goes on");
    }
    halted.kill().expect("the child can be killed");
    halted.wait().expect("the child ends");
    seller.audited_stock().await;
}

/// The server is killed under load: what it acknowledged is there, and the stores come back by
/// themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_it_acknowledged() {
    let server = SqlServer::start();
    let seller = Arc::new(open(&server.shop()).await);
    seller.stock_up(1_000_000).await;
    for _ in 0..3 {
        let before = seller.audited_stock().await.reserved;
        let callers = (0..8).map(|_| {
            let seller = Arc::clone(&seller);
            tokio::spawn(async move {
                let (mut held, mut unknown) = (0_i64, 0_i64);
                loop {
                    match seller.try_reserve().await {
                        Ok(taken) => held += i64::from(taken),
                        Err(error) if error.kind == StoreErrorKind::OutcomeUnknown => unknown += 1,
                        Err(error) if error.kind == StoreErrorKind::Unavailable => return (held, unknown),
                        Err(error) => panic!("{error:?}"),
                    }
                }
            })
        });
        let callers: Vec<_> = callers.collect();
        tokio::time::sleep(Duration::from_millis(300)).await;
        tokio::task::block_in_place(|| server.peer().kill());
        let told: Vec<(i64, i64)> = join_all(callers).await.into_iter().map(|told| told.expect("no caller panics")).collect();
        tokio::task::block_in_place(|| server.peer().again());
        let (held, unknown) = told.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        assert!(held > 0, "something was sold before");
        assert!(seller.try_reserve().await.expect("it sells again at once"));
        let taken = seller.audited_stock().await.reserved - before - 1;
        assert!((held..=held + unknown).contains(&taken), "{held} were acknowledged, {unknown} in doubt, {taken} are taken");
    }
}

/// A server that stops in order and comes back is met as if nothing had been.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_restarted_is_found_again() {
    let server = SqlServer::start();
    let seller = open(&server.shop()).await;
    seller.stock_up(10).await;
    tokio::task::block_in_place(|| server.peer().stop());
    assert_eq!(seller.try_reserve().await.map_err(|error| error.kind), Err(StoreErrorKind::Unavailable));
    tokio::task::block_in_place(|| server.peer().again());
    assert!(seller.reserve().await);
    assert_eq!(seller.audited_stock().await.reserved, 1);
}

/// A primary that was made read-only says so, and is written to again when it is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_told() {
    let server = SqlServer::start();
    let prefix = server.shop();
    let seller = open(&prefix).await;
    seller.stock_up(10).await;
    let (_, databases) = prefix.rsplit_once('/').expect("a URL names a database");
    // Root writes all the same; so somebody else asks.
    server.sql(&format!(
        "CREATE USER 'shop'@'127.0.0.1'; GRANT ALL ON `{databases}users`.* TO 'shop'@'127.0.0.1';
        GRANT ALL ON `{databases}catalog`.* TO 'shop'@'127.0.0.1'; GRANT ALL ON `{databases}orders`.* TO 'shop'@'127.0.0.1';
        GRANT ALL ON `{databases}notifications`.* TO 'shop'@'127.0.0.1'"
    ));
    let other = open(&prefix.replace("root@", "shop@")).await;
    assert!(other.reserve().await);
    server.sql("SET GLOBAL read_only = 1");
    assert_eq!(other.try_reserve().await.map_err(|error| error.kind), Err(StoreErrorKind::ReadOnly));
    assert_eq!(other.audited_stock().await.reserved, 1, "reading goes on");
    server.sql("SET GLOBAL read_only = 0");
    assert!(other.reserve().await);
    drop(seller);
}

/// A server that does not force what it takes to the disk is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_lose_orders_is_refused() {
    let server = SqlServer::start();
    server.sql("SET GLOBAL sync_binlog = 0");
    let urls = Urls::with_prefix(&server.shop());
    let refused = mysql::Databases::connect(&urls, Arc::new(SystemClock), &OsEntropy).await.err().expect("it is refused");
    assert_eq!(refused.kind, StoreErrorKind::Internal);
    assert!(format!("{:?}", refused.source).contains("sync_binlog"), "{refused:?}");
}
