//! The books of the reference adapters keep their promises.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::audit::ShopBooks;
use commerce_core::audit::books::{Cell, Row};
use commerce_core::commerce::{Commerce, Context};
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::{self, Tampered, trade};

struct Subject {
    shop: Arc<MemoryShop>,
    books: ShopBooks,
}

#[async_trait]
impl Tampered for Subject {
    fn shop(&self) -> &Commerce {
        &self.shop
    }

    fn books(&self) -> &ShopBooks {
        &self.books
    }

    async fn tamper(&self, context: Context, row: &Row, change: Option<(&'static str, Cell)>) {
        let MemoryShop { users_db, catalog_db, orders_db, notifications_db, .. } = &*self.shop;
        match context {
            Context::Users => users_db.tamper(row, change),
            Context::Catalog => catalog_db.tamper(row, change),
            Context::Orders => orders_db.tamper(row, change),
            Context::Notifications => notifications_db.tamper(row, change),
        }
    }
}

#[test]
fn the_books_in_memory_hide_nothing() {
    let shop = Arc::new(MemoryShop::new(7));
    futures_executor::block_on(trade(&shop)).expect("a shop trades");
    let audit = conformance::audit(async || {
        let books = ShopBooks {
            users: shop.users_db.clone(),
            catalog: shop.catalog_db.clone(),
            orders: shop.orders_db.clone(),
            notifications: shop.notifications_db.clone(),
        };
        shop.users_db.heal();
        shop.catalog_db.heal();
        shop.orders_db.heal();
        shop.notifications_db.heal();
        Subject { shop: shop.clone(), books }
    });
    futures_executor::block_on(audit);
}
