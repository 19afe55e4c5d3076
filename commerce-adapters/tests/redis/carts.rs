//! Carts in Redis.

use std::sync::Arc;
use std::time::Duration;

use commerce_adapters::commerce_core::change::{ChangeSet, CommitError};
use commerce_adapters::commerce_core::error::{ErrorClass, StoreErrorKind};
use commerce_adapters::commerce_core::ids::Id;
use commerce_adapters::commerce_core::ids::UserId;
use commerce_adapters::commerce_core::orders::{Cart, CartOwner, CartStore, CartWrite};
use commerce_adapters::commerce_core::testing::conformance::{self, Opened};
use commerce_adapters::commerce_core::time::Clock;
use commerce_adapters::redis::Redis;
use commerce_adapters::redis::carts::RedisCarts;
use commerce_adapters::system::SystemClock;
use uuid::Uuid;

use crate::support::{redis, until};

#[tokio::test]
async fn conform() {
    conformance::carts_apart(async |clock| {
        let carts = RedisCarts::new(redis(), clock);
        Opened::<dyn CartStore>::silent(Arc::new(carts))
    })
    .await;
}

fn owner() -> CartOwner {
    CartOwner::User(UserId::from_uuid(Uuid::from_u128(7)))
}

fn save(version: u64) -> ChangeSet<CartWrite> {
    let cart = Cart { version, ..Cart::empty(owner(), SystemClock.now()) };
    ChangeSet::of([if version == 1 { CartWrite::Begin(cart) } else { CartWrite::Save(cart) }])
}

fn carts(url: &str) -> RedisCarts {
    RedisCarts::new(Redis::open(url, "shop").unwrap(), Arc::new(SystemClock))
}

#[tokio::test]
async fn without_redis_a_cart_is_unavailable_and_comes_back_with_it() {
    let server = commerce_peers::Redis::start();
    let carts = carts(server.url());
    carts.commit(save(1)).await.unwrap();
    server.peer().kill();
    let error = carts.cart(owner(), SystemClock.now()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{:?}", error.source);
    let Err(CommitError::Store(error)) = carts.commit(save(2)).await else { panic!("there is nobody to commit it") };
    assert_eq!(error.kind.class(), ErrorClass::Unavailable);

    server.peer().again();
    until("the cart is there again", || async {
        carts.cart(owner(), SystemClock.now()).await.is_ok_and(|cart| cart.is_some_and(|cart| cart.version == 1))
    })
    .await;
    carts.commit(save(2)).await.unwrap();

    // Nobody asks while it is away: the first who does is answered all the same.
    server.peer().kill();
    tokio::time::sleep(Duration::from_secs(3)).await;
    server.peer().again();
    tokio::time::sleep(Duration::from_secs(5)).await;
    carts.cart(owner(), SystemClock.now()).await.unwrap();
}

#[tokio::test]
async fn a_redis_that_is_halted_is_answered_for_and_goes_on_afterwards() {
    let server = commerce_peers::Redis::start();
    let carts = carts(server.url());
    carts.commit(save(1)).await.unwrap();
    server.peer().pause();
    let error = carts.cart(owner(), SystemClock.now()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{:?}", error.source);
    let Err(CommitError::Store(error)) = carts.commit(save(2)).await else { panic!("nobody has committed it") };
    assert_eq!(error.kind, StoreErrorKind::OutcomeUnknown, "it may be done when the server goes on");
    server.peer().resume();
    until("what was sent is done once", || async {
        carts.cart(owner(), SystemClock.now()).await.is_ok_and(|cart| cart.is_some_and(|cart| cart.version == 2))
    })
    .await;
    carts.commit(save(3)).await.unwrap();
}
