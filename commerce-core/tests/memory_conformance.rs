//! The reference adapters keep every promise of the ports.

use std::sync::Arc;

use commerce_core::catalog::{CatalogStore, ImageStore, ProductSearch};
use commerce_core::events::EventBus;
use commerce_core::notifications::{Mailer, NotificationStore, Renderer};
use commerce_core::orders::{CartStore, OrderStore, PaymentGateway};
use commerce_core::testing::conformance::{self, Carrier, Made, Opened, Post};
use commerce_core::testing::fault::{Calm, Faulty};
use commerce_core::testing::memory::{
    MemoryBus, MemoryCatalog, MemoryImages, MemoryNotifications, MemoryOrders, MemorySearch, MemoryUsers, PlainHasher,
    PlainRenderer, PlainTokens, RecordingMailer, ScriptedGateway,
};
use commerce_core::users::{PasswordHasher, TokenSigner, UserStore};
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

/// A decorated port at which nothing goes wrong keeps every promise too.
mod decorated {
    use super::*;

    fn decorated<P: ?Sized>(port: Arc<P>) -> Arc<Faulty<P>> {
        Arc::new(Faulty::new(port, Arc::new(Calm)))
    }

    macro_rules! conforms {
        ($($suite:ident: $adapter:ident as $port:path;)+) => {$(
            #[test]
            fn $suite() {
                block_on(conformance::$suite(async |clock| {
                    let store = Arc::new($adapter::new(clock));
                    Opened::<dyn $port>::new(decorated::<dyn $port>(store.clone()), store)
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

    #[test]
    fn sandbox_gateway() {
        block_on(conformance::sandbox_gateway(async || {
            Made::<dyn PaymentGateway>::new(decorated::<dyn PaymentGateway>(Arc::new(ScriptedGateway::new())))
        }));
    }
}

#[test]
fn sandbox_gateway() {
    block_on(conformance::sandbox_gateway(async || Made::<dyn PaymentGateway>::new(Arc::new(ScriptedGateway::new()))));
}

#[test]
fn images() {
    block_on(conformance::images(async || Made::<dyn ImageStore>::new(Arc::new(MemoryImages::new()))));
}

#[test]
fn passwords() {
    block_on(conformance::passwords(async || Made::<dyn PasswordHasher>::new(Arc::new(PlainHasher))));
}

#[test]
fn tokens() {
    block_on(conformance::tokens(async |key| Made::<dyn TokenSigner>::new(Arc::new(PlainTokens::new(&key.to_string())))));
}

#[test]
fn search() {
    block_on(conformance::search(async || Made::<dyn ProductSearch>::new(Arc::new(MemorySearch::new()))));
}

#[test]
fn mailer() {
    block_on(conformance::mailer(async || {
        let mailer = Arc::new(RecordingMailer::new());
        let handed_over = Box::new({
            let mailer = mailer.clone();
            move || mailer.mails().iter().map(|mail| format!("{mail:?}")).collect()
        });
        Post { mailer: Made::<dyn Mailer>::new(mailer), handed_over }
    }));
}

#[test]
fn renderer() {
    block_on(conformance::renderer(async || Made::<dyn Renderer>::new(Arc::new(PlainRenderer))));
}

#[test]
fn bus() {
    block_on(conformance::bus(async |boxes, clock| {
        let bus = MemoryBus::new(clock);
        for (consumer, letters) in boxes.clone() {
            bus.subscribe(consumer, letters);
        }
        Carrier::at_once(Made::<dyn EventBus>::new(Arc::new(bus)), &boxes)
    }));
}
