//! How many change sets a second the MySQL stores commit on a private MariaDB of this machine, which forces
//! each transaction to the disk in its log and in its binary log; and beside it what the obvious way
//! gives, which is to lock, read, write and commit for each reservation.
//!
//! `cargo bench -p commerce-adapters --bench mysql --features mysql` measures; without `--bench` every
//! workload runs once, small, to see that it works.

mod workloads;

use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::sql::mysql::Urls;
use commerce_adapters::sql::{Databases, mysql};
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::ids::{Id, MovementId};
use commerce_peers::{Ground, SqlServer};
use sqlx::mysql::{MySqlConnectOptions, MySqlPool, MySqlPoolOptions};
use sqlx::{Connection, Executor};

use workloads::{Shop, check, measure, order, reserve, sku, stock};

/// Connections of the obvious way: as many as a service's pool has.
const CONNECTIONS: u32 = 16;
/// How long it waits before it asks for a lock again that somebody has.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    let span = if full { Duration::from_secs(4) } else { Duration::from_millis(50) };
    let server = SqlServer::start_on(Ground::Disk);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be started");
    runtime.block_on(async {
        let prefix = server.shop();
        let urls = Urls::with_prefix(&prefix);
        let databases = mysql::Databases::connect(&urls, Arc::new(SystemClock), &OsEntropy).await.expect("the shop opens");
        let shop = Shop::on(Databases::MySql(databases));
        stock(&shop).await;
        for callers in [1, 64, 512] {
            let shop = shop.clone();
            measure("reservations, one SKU", callers, span, move || reserve(shop.clone())).await;
        }
        check(&shop).await;
        let pool = pool(&format!("{prefix}catalog")).await;
        for callers in [1, 64] {
            let (pool, shop) = (pool.clone(), shop.clone());
            measure("the same, row lock", callers, span, move || by_row_lock(pool.clone(), shop.clone())).await;
        }
        for callers in [1, 64] {
            let (pool, shop) = (pool.clone(), shop.clone());
            measure("the same, named lock", callers, span, move || by_named_lock(pool.clone(), shop.clone())).await;
        }
        pool.close().await;
        check(&shop).await;
        for callers in [1, 64, 512] {
            let shop = shop.clone();
            measure("orders", callers, span, move || order(shop.clone())).await;
        }
        shop.databases.close().await;
    });
}

async fn pool(url: &str) -> MySqlPool {
    let options: MySqlConnectOptions = url.parse().expect("it is a URL");
    let options = options.statement_cache_capacity(1_024);
    let pool = MySqlPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(Duration::from_mins(1));
    pool.connect_with(options).await.expect("the server is there")
}

/// Takes one unit as a service without batches does it: the row is locked, read, written, and the
/// ledger with it.
async fn by_row_lock(pool: MySqlPool, shop: Arc<Shop>) {
    let mut transaction = pool.begin().await.expect("a transaction begins");
    take_one(&mut transaction, &shop, true).await;
    transaction.commit().await.expect("it commits");
}

/// Takes one unit as the reference design does it: under a lock of the SKU's name that who does not get
/// it asks for again after a pause. The lock is the server's here, so that nothing else is measured.
async fn by_named_lock(pool: MySqlPool, shop: Arc<Shop>) {
    let mut connection = pool.acquire().await.expect("there is a connection");
    loop {
        let asked = sqlx::query_scalar("SELECT GET_LOCK('inventory:HOT-1', 0)").fetch_one(&mut *connection);
        let taken: Option<i64> = asked.await.expect("the server answers");
        if taken == Some(1) {
            break;
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let mut transaction = connection.begin().await.expect("a transaction begins");
    take_one(&mut transaction, &shop, false).await;
    transaction.commit().await.expect("it commits");
    connection.execute("DO RELEASE_LOCK('inventory:HOT-1')").await.expect("the lock is ours");
}

async fn take_one(connection: &mut sqlx::MySqlConnection, shop: &Shop, lock: bool) {
    const PLAIN: &str = "SELECT on_hand - reserved FROM inventory WHERE sku = ?";
    const LOCKED: &str = "SELECT on_hand - reserved FROM inventory WHERE sku = ? FOR UPDATE";
    const TAKE: &str = "UPDATE inventory SET reserved = reserved + 1, version = version + 1 WHERE sku = ?";
    const NOTE: &str = "INSERT INTO stock_ledger (id, sku, kind, on_hand_change, reserved_change, reason, moved_at)
        VALUES (?, ?, 'RESERVATION', 0, 1, 'held for a checkout', 0)";
    let read = if lock { LOCKED } else { PLAIN };
    let sku = sku();
    let left: i64 = sqlx::query_scalar(read).bind(sku.as_str()).fetch_one(&mut *connection).await.expect("the SKU is there");
    assert!(left > 0, "there is stock");
    sqlx::query(TAKE).bind(sku.as_str()).execute(&mut *connection).await.expect("a unit is taken");
    let id = shop.ids.mint::<MovementId>().uuid().as_bytes().to_vec();
    sqlx::query(NOTE).bind(id).bind(sku.as_str()).execute(connection).await.expect("the ledger is written");
}
