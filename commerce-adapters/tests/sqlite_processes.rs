//! Several processes sell out of one data directory, and one of them is killed.
//!
//! The test runs itself again as child processes: a child reserves one unit after another and says
//! `held` on its standard output after each commit.
#![cfg(feature = "sqlite")]

mod processes;
mod selling;

use std::path::Path;
use std::sync::Arc;

use commerce_adapters::sql::{Databases, sqlite};
use commerce_adapters::system::SystemClock;

use selling::Seller;

async fn open(dir: &Path) -> Seller {
    let shop = sqlite::Databases::open(dir, Arc::new(SystemClock)).await.expect("the shop opens");
    Seller::of(Databases::Sqlite(shop))
}

/// What a child does. Does nothing unless a test below started the process.
#[tokio::test]
async fn child_process() {
    let Some(dir) = std::env::var_os(processes::SHOP) else { return };
    processes::sell_all(open(Path::new(&dir)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_sell_exactly_what_there_is() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let place = dir.path().to_str().expect("it is a text");
    processes::processes_sell_exactly_what_there_is(open(dir.path()).await, place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let place = dir.path().to_str().expect("it is a text");
    processes::a_killed_process_loses_nothing(async || open(dir.path()).await, place).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_the_last_units_gets_exactly_these() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    processes::a_crowd_gets_exactly_what_there_is(open(dir.path()).await).await;
}
