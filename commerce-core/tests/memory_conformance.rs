//! The reference adapters keep every promise of the ports.

use std::sync::Arc;

use commerce_core::catalog::CatalogStore;
use commerce_core::notifications::NotificationStore;
use commerce_core::orders::{CartStore, OrderStore};
use commerce_core::testing::conformance::{self, Opened};
use commerce_core::testing::memory::{MemoryCatalog, MemoryNotifications, MemoryOrders, MemoryUsers};
use commerce_core::users::UserStore;
use futures_executor::block_on;

macro_rules! conforms {
    ($($suite:ident: $adapter:ident as $port:path;)+) => {$(
        #[test]
        fn $suite() {
            block_on(conformance::$suite(async |clock| {
                let store = Arc::new($adapter::new(clock));
                Opened::<dyn $port>::new(store.clone(), store)
            }));
        }
    )+};
}

conforms! {
    users: MemoryUsers as UserStore;
    catalog: MemoryCatalog as CatalogStore;
    orders: MemoryOrders as OrderStore;
    carts: MemoryOrders as CartStore;
    notifications: MemoryNotifications as NotificationStore;
}
