//! Whatever the reference adapters answered in a simulation, the MySQL stores answer on MariaDB, alone
//! and in batches, and have the same rows in the end.
//!
//! `COMMERCE_REPLAY_SEEDS` plays more seeds and `COMMERCE_REPLAY_SEED` begins at another.
#![cfg(feature = "mysql")]

use std::sync::{Arc, LazyLock};

use commerce_adapters::sql::mysql::{Databases, Urls};
use commerce_adapters::system::OsEntropy;
use commerce_core::testing::ManualClock;
use commerce_core::testing::replay::{Pace, Replica, Tally, replay};
use commerce_peers::SqlServer;

/// Seeds unless said otherwise: about half a minute without optimisation.
const SEEDS: u64 = 8;

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

async fn fresh(clock: Arc<ManualClock>) -> Replica {
    let urls = Urls::with_prefix(&SERVER.shop());
    let shop = Databases::connect(&urls, clock, &OsEntropy).await.expect("a new shop opens");
    let (users, catalog) = (Arc::new(shop.users()), Arc::new(shop.catalog()));
    let (orders, notifications) = (Arc::new(shop.orders()), Arc::new(shop.notifications()));
    Replica::new(users, catalog, orders, notifications).keeping(shop)
}

async fn play(pace: Pace) {
    let first = number("COMMERCE_REPLAY_SEED", 0);
    let mut tally = Tally::default();
    for seed in first..first.saturating_add(number("COMMERCE_REPLAY_SEEDS", SEEDS)) {
        match replay(seed, pace, fresh).await {
            Ok(same) => tally = tally.and(same),
            Err(difference) => panic!("{difference}"),
        }
    }
    println!("{tally}");
    assert!(tally.answers > 0 && tally.refusals > 0 && tally.rows > 0, "nothing was compared: {tally}");
}

#[tokio::test]
async fn every_answer_and_every_row_is_the_same() {
    play(Pace::OneByOne).await;
}

/// On one thread, so that what is asked together is in the writer's queue before it runs.
#[tokio::test(flavor = "current_thread")]
async fn in_batches_too() {
    play(Pace::Together).await;
}
