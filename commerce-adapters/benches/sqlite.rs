//! How many change sets a second the `SQLite` stores commit, durably, on this machine.
//!
//! `cargo bench -p commerce-adapters --bench sqlite` measures; without `--bench` every workload runs
//! once, small, to see that it works.

mod workloads;

use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce_adapters::sql::{Databases, sqlite};
use commerce_adapters::system::SystemClock;

use workloads::{Shop, check, measure, order, reserve, stock};

fn main() {
    let full = std::env::args().any(|arg| arg == "--bench");
    let span = if full { Duration::from_secs(4) } else { Duration::from_millis(50) };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime can be started");
    runtime.block_on(async {
        let dir = tempfile::tempdir_in(".").expect("a folder can be made");
        let open = async || sqlite::Databases::open(dir.path(), Arc::new(SystemClock)).await.expect("the shop opens");
        open().await.close().await;
        let start = Instant::now();
        let databases = open().await;
        println!("open an existing shop      {:>8.1} ms", start.elapsed().as_secs_f64() * 1e3);
        let shop = Shop::on(Databases::Sqlite(databases));
        stock(&shop).await;
        for callers in [1, 64, 512] {
            let shop = shop.clone();
            measure("reservations, one SKU", callers, span, move || reserve(shop.clone())).await;
        }
        check(&shop).await;
        for callers in [1, 64, 512] {
            let shop = shop.clone();
            measure("orders", callers, span, move || order(shop.clone())).await;
        }
        let start = Instant::now();
        shop.databases.close().await;
        println!("close                      {:>8.1} ms", start.elapsed().as_secs_f64() * 1e3);
    });
}
