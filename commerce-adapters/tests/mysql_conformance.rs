//! The MySQL stores keep every promise of the ports, on MariaDB.
#![cfg(feature = "mysql")]

use std::sync::{Arc, LazyLock};

use commerce_adapters::sql::mysql::{Databases, Urls};
use commerce_adapters::system::OsEntropy;
use commerce_core::catalog::CatalogStore;
use commerce_core::notifications::NotificationStore;
use commerce_core::orders::{CartStore, OrderStore};
use commerce_core::testing::ManualClock;
use commerce_core::testing::conformance::{self, Opened};
use commerce_core::users::UserStore;
use commerce_peers::SqlServer;

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

async fn shop(clock: Arc<ManualClock>) -> Databases {
    let urls = Urls::with_prefix(&SERVER.shop());
    Databases::connect(&urls, clock, &OsEntropy).await.expect("a new shop opens")
}

macro_rules! conforms {
    ($($suite:ident: $database:ident as $port:path;)+) => {$(
        #[tokio::test]
        async fn $suite() {
            conformance::$suite(async |clock| {
                let shop = shop(clock).await;
                let store = Arc::new(shop.$database());
                Opened::<dyn $port>::new(store.clone(), store).keeping(shop)
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
