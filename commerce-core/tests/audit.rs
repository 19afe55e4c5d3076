//! The books of the reference adapters keep their promises.

use async_trait::async_trait;
use commerce_core::audit::ShopBooks;
use commerce_core::audit::books::{Cell, Row};
use commerce_core::commerce::{Commerce, Context};
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::{self, Tampered, trade};

struct Subject {
    shop: MemoryShop,
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
        let MemoryShop { users_db, catalog_db, orders_db, notifications_db, .. } = &self.shop;
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
    let audit = conformance::audit(async || {
        let shop = MemoryShop::new(7);
        trade(&shop).await.expect("a shop trades");
        let books = ShopBooks {
            users: shop.users_db.clone(),
            catalog: shop.catalog_db.clone(),
            orders: shop.orders_db.clone(),
            notifications: shop.notifications_db.clone(),
        };
        Subject { shop, books }
    });
    futures_executor::block_on(audit);
}
