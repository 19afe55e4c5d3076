//! The `SQLite` stores keep every promise of the ports.
#![cfg(feature = "sqlite")]

use std::sync::Arc;

use commerce_adapters::sql::sqlite::Databases;
use commerce_core::catalog::CatalogStore;
use commerce_core::notifications::NotificationStore;
use commerce_core::orders::{CartStore, OrderStore};
use commerce_core::testing::ManualClock;
use commerce_core::testing::conformance::{self, Opened};
use commerce_core::users::UserStore;
use tempfile::TempDir;

async fn shop(clock: Arc<ManualClock>) -> (Databases, TempDir) {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let shop = Databases::open(dir.path(), clock).await.expect("a new shop opens");
    (shop, dir)
}

macro_rules! conforms {
    ($($suite:ident: $database:ident as $port:path;)+) => {$(
        #[tokio::test]
        async fn $suite() {
            conformance::$suite(async |clock| {
                let (shop, dir) = shop(clock).await;
                let store = Arc::new(shop.$database());
                Opened::<dyn $port>::new(store.clone(), store).keeping((shop, dir))
            })
            .await;
        }
    )+};
}

conforms! {
    users: users as UserStore;
    catalog: catalog as CatalogStore;
    orders: orders as OrderStore;
    carts: orders as CartStore;
    notifications: notifications as NotificationStore;
}
