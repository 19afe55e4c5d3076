//! Carts.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::change::{ChangeSet, CommitRefusal};
use crate::limits;
use crate::orders::{Cart, CartOwner, CartStore, CartWrite};
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, got};
use super::samples::{paise, quantity, sku};
use super::{cases, samples};

type Carts = Fixture<dyn CartStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CartStore>) {
    cases! { make;
        a_cart_is_read_as_written,
        versions_grow_by_one,
        of_many_edits_of_one_version_one_wins,
        a_cart_expires,
    }
}

fn cart_of(fixture: &Carts, owner: CartOwner) -> Cart {
    Cart::empty(owner, fixture.now()).edited(fixture.now())
}

fn somebody(fixture: &Carts) -> CartOwner {
    CartOwner::User(fixture.ids.mint())
}

async fn read(fixture: &Carts, owner: CartOwner) -> Option<Cart> {
    got(fixture.store.cart(owner, fixture.now()).await)
}

async fn a_cart_is_read_as_written(fixture: &Carts) {
    let mut large = cart_of(fixture, CartOwner::Guest(Uuid::from_u128(7)));
    for n in (0..limits::LINES_MAX).rev() {
        let line = sku(&format!("SKU-{n:03} ü"));
        large.add(&line, quantity(limits::QUANTITY_MAX), paise(limits::PRICE_MAX_MINOR)).expect("it fits");
    }
    large.coupon = Some("WELCOME10".to_owned());
    large.metadata = samples::many_notes();
    let mut noted = cart_of(fixture, somebody(fixture));
    noted.metadata = samples::notes();
    for cart in [cart_of(fixture, somebody(fixture)), noted, large] {
        fixture.write([CartWrite::Begin(cart.clone())]).await;
        assert_eq!(read(fixture, cart.owner).await, Some(cart), "the order of lines included");
    }
    assert_eq!(read(fixture, somebody(fixture)).await, None);
}

async fn versions_grow_by_one(fixture: &Carts) {
    let owner = somebody(fixture);
    let first = cart_of(fixture, owner);
    for wrong in [0, 1, 2, first.version] {
        let wrong = Cart { version: wrong, ..first.clone() };
        assert!(matches!(fixture.refused([CartWrite::Save(wrong)]).await, CommitRefusal::Stale(_)), "nothing is there to edit");
    }
    fixture.write([CartWrite::Begin(first.clone())]).await;
    for wrong in [0, 1, first.version, first.version + 2] {
        let wrong = Cart { version: wrong, ..first.clone() };
        assert!(matches!(fixture.refused([CartWrite::Save(wrong)]).await, CommitRefusal::Stale(_)));
    }
    for begun in [1, first.version + 1] {
        let begun = Cart { version: begun, ..first.clone() };
        assert!(matches!(fixture.refused([CartWrite::Begin(begun)]).await, CommitRefusal::Stale(_)), "it has begun");
    }
    fixture.clock.advance(Duration::from_secs(1));
    let mut second = first.edited(fixture.now());
    second.add(&sku("A"), quantity(1), paise(1)).expect("it fits");
    fixture.write([CartWrite::Save(second.clone())]).await;
    assert_eq!(read(fixture, owner).await, Some(second));
}

async fn of_many_edits_of_one_version_one_wins(fixture: &Carts) {
    let owner = somebody(fixture);
    let edit = |n: u32| {
        let mut cart = cart_of(fixture, owner);
        cart.add(&sku("A"), quantity(n), paise(1)).expect("it fits");
        cart
    };
    let results = fixture.race((1..=20).map(|n| ChangeSet::of([CartWrite::Begin(edit(n))]))).await;
    let winners: Vec<Cart> = (1..=20).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| edit(n)).collect();
    let stored = read(fixture, owner).await.expect("one was saved");
    assert_eq!(winners, [stored]);
}

async fn a_cart_expires(fixture: &Carts) {
    let owner = somebody(fixture);
    let mut old = cart_of(fixture, owner);
    old.add(&sku("A"), quantity(1), paise(1)).expect("it fits");
    fixture.write([CartWrite::Begin(old.clone())]).await;
    fixture.clock.advance(limits::CART_KEEP.saturating_sub(Duration::from_micros(1)));
    assert_eq!(read(fixture, owner).await, Some(old.clone()), "it is kept for 24 hours");
    let too_early = cart_of(fixture, owner);
    assert!(matches!(fixture.refused([CartWrite::Begin(too_early)]).await, CommitRefusal::Stale(_)));

    fixture.clock.advance(Duration::from_micros(1));
    assert_eq!(read(fixture, owner).await, None, "and not longer");
    let late = old.clone().edited(fixture.now());
    assert!(matches!(fixture.refused([CartWrite::Save(late)]).await, CommitRefusal::Stale(_)));
    let new = cart_of(fixture, owner);
    assert!(old.version < new.version, "no version comes twice");
    fixture.write([CartWrite::Begin(new.clone())]).await;
    assert_eq!(read(fixture, owner).await, Some(new), "a new one takes its place");
}
