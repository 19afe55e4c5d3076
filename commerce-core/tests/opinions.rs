//! What the catalog promises about reviews and wishlists, over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(clippy::cloned_ref_to_slice_refs, reason = "what a list should hold reads better as a list")]

use commerce_core::catalog::{NewReview, Product, Rating, Review, ReviewStatus, SellerPatch};
use commerce_core::change::{Answer, RequestKey};
use commerce_core::error::Error;
use commerce_core::ids::{Id, ProductId, SellerId, UserId};
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::{Actor, Outcome, Refusal};
use futures_executor::block_on;
use futures_util::future::join_all;
use serde_json::json;
use uuid::Uuid;

const STAFF: Actor = Actor::System;

fn customer(n: u128) -> Actor {
    Actor::Customer(UserId::from_uuid(Uuid::from_u128(n)))
}

fn say(rating: i64) -> NewReview {
    NewReview { rating, title: None, text: "It holds tea.".to_owned() }
}

fn key(text: &str, body: u8) -> RequestKey {
    RequestKey { key: text.parse().unwrap(), body_hash: [body; 32] }
}

fn refused<T: std::fmt::Debug>(outcome: Outcome<T>) -> Refusal {
    match outcome {
        Err(Error::Refused(refusal)) => *refusal,
        other => panic!("not refused: {other:?}"),
    }
}

/// A shop with one product on sale.
async fn shop() -> (MemoryShop, ProductId) {
    let shop = MemoryShop::new(3);
    let cup = json!({"name": "Cup", "variants": [{"sku": "CUP", "price": {"amount": 500, "currency": "INR"}, "stock": 5}]});
    let cup = shop.catalog.create_product(&STAFF, serde_json::from_value(cup).unwrap(), None).await.unwrap();
    let id = cup.into_inner().id;
    (shop, id)
}

async fn written(shop: &MemoryShop, actor: &Actor, product: ProductId, rating: i64) -> Review {
    shop.catalog.write_review(actor, product, say(rating), None).await.unwrap().into_inner()
}

async fn decide(shop: &MemoryShop, review: &Review, status: ReviewStatus) -> Review {
    shop.catalog.moderate_review(&STAFF, review.id, status, None, None).await.unwrap()
}

async fn listed(shop: &MemoryShop, actor: &Actor, product: ProductId, status: Option<ReviewStatus>) -> Vec<Review> {
    shop.catalog.reviews(actor, product, status, &PageRequest::first()).await.unwrap().items
}

async fn product(shop: &MemoryShop, id: ProductId) -> Product {
    shop.catalog.product(&STAFF, id).await.unwrap()
}

#[test]
fn a_user_reviews_a_product_once() {
    block_on(async {
        let (shop, cup) = shop().await;
        let (asha, bina) = (customer(1), customer(2));
        let review = written(&shop, &asha, cup, 5).await;
        assert_eq!((review.status, review.verified_purchase, review.version), (ReviewStatus::Pending, false, 1));
        let again = shop.catalog.write_review(&asha, cup, say(1), None).await;
        assert_eq!(refused(again), Refusal::ReviewExists);
        let none = shop.catalog.write_review(&Actor::Anonymous, cup, say(1), None).await;
        assert_eq!(refused(none), Refusal::Unauthenticated);
        let unknown = shop.catalog.write_review(&asha, ProductId::from_uuid(Uuid::from_u128(1)), say(1), None).await;
        assert_eq!(refused(unknown), Refusal::NotFound("product"));

        let race = join_all((0..6).map(|_| shop.catalog.write_review(&bina, cup, say(3), None))).await;
        let (kept, lost): (Vec<_>, Vec<_>) = race.into_iter().partition(Result::is_ok);
        assert_eq!((kept.len(), lost.len()), (1, 5));
        assert!(lost.into_iter().all(|outcome| refused(outcome) == Refusal::ReviewExists));
    });
}

#[test]
fn a_key_repeats_a_review_and_nothing_else() {
    block_on(async {
        let (shop, cup) = shop().await;
        let asha = customer(1);
        let write = |body| shop.catalog.write_review(&asha, cup, say(4), Some(key("k", body)));
        let race = join_all((0..4).map(|_| write(1))).await;
        let answers: Vec<_> = race.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| matches!(answer, Answer::Fresh(_))).count(), 1);
        let ids: std::collections::BTreeSet<_> = answers.into_iter().map(|answer| answer.into_inner().id).collect();
        assert_eq!(ids.len(), 1);
        assert_eq!(refused(write(2).await), Refusal::IdempotencyMismatch);
    });
}

#[test]
fn the_rating_is_what_approved_reviews_say_whatever_staff_decides_at_once() {
    block_on(async {
        let (shop, cup) = shop().await;
        let mut reviews = Vec::new();
        for n in 1..=5 {
            reviews.push(written(&shop, &customer(n), cup, i64::try_from(n).unwrap()).await);
        }
        assert_eq!(product(&shop, cup).await.rating, Rating::default(), "what nobody has read counts for nothing");
        let before = product(&shop, cup).await.version;
        join_all(reviews.iter().map(|review| decide(&shop, review, ReviewStatus::Approved))).await;
        let after = product(&shop, cup).await;
        assert_eq!((after.rating, after.version), (Rating { count: 5, sum: 15 }, before + 5));

        let rejected = decide(&shop, &reviews[4], ReviewStatus::Rejected).await;
        assert_eq!(rejected.version, 3);
        assert_eq!(decide(&shop, &rejected, ReviewStatus::Rejected).await, rejected, "a finished step repeated changes nothing");
        let flips = [ReviewStatus::Approved, ReviewStatus::Rejected].into_iter().cycle().take(6);
        join_all(flips.map(|status| decide(&shop, &reviews[0], status))).await;
        let counted: u32 =
            listed(&shop, &STAFF, cup, Some(ReviewStatus::Approved)).await.iter().map(|it| u32::from(it.rating)).sum();
        assert_eq!(product(&shop, cup).await.rating.sum, counted);

        let version = product(&shop, cup).await.version;
        let late = written(&shop, &customer(9), cup, 1).await;
        decide(&shop, &late, ReviewStatus::Rejected).await;
        assert_eq!(product(&shop, cup).await.version, version, "what never counted leaves the product alone");
    });
}

#[test]
fn everybody_sees_what_is_approved_and_authors_their_own() {
    block_on(async {
        let (shop, cup) = shop().await;
        let (asha, bina) = (customer(1), customer(2));
        let hers = written(&shop, &asha, cup, 5).await;
        let other = written(&shop, &bina, cup, 2).await;
        assert_eq!(listed(&shop, &Actor::Anonymous, cup, None).await, []);
        assert_eq!(listed(&shop, &asha, cup, None).await, [hers.clone()]);
        assert_eq!(listed(&shop, &STAFF, cup, Some(ReviewStatus::Pending)).await, [other.clone(), hers.clone()]);
        let other = decide(&shop, &other, ReviewStatus::Approved).await;
        assert_eq!(listed(&shop, &Actor::Anonymous, cup, None).await, [other.clone()]);
        assert_eq!(listed(&shop, &asha, cup, None).await, [other.clone(), hers.clone()]);
        assert_eq!(listed(&shop, &bina, cup, Some(ReviewStatus::Pending)).await, []);
        assert_eq!(refused(shop.catalog.review(&bina, hers.id).await), Refusal::NotFound("review"));
        assert_eq!(shop.catalog.review(&asha, hers.id).await.unwrap(), hers);
        assert_eq!(refused(shop.catalog.all_reviews(&asha, None, &PageRequest::first()).await), Refusal::Forbidden);
    });
}

#[test]
fn staff_decides_and_nobody_else() {
    block_on(async {
        let (shop, cup) = shop().await;
        let (asha, bina) = (customer(1), customer(2));
        let review = written(&shop, &asha, cup, 5).await;
        let decide = |actor: Actor, status, reason: Option<&str>, expected| {
            let (reason, id, shop) = (reason.map(str::to_owned), review.id, &shop);
            async move { shop.catalog.moderate_review(&actor, id, status, reason, expected).await }
        };
        assert_eq!(refused(decide(Actor::Anonymous, ReviewStatus::Approved, None, None).await), Refusal::Unauthenticated);
        assert_eq!(refused(decide(asha, ReviewStatus::Approved, None, None).await), Refusal::Forbidden);
        assert_eq!(refused(decide(bina, ReviewStatus::Approved, None, None).await), Refusal::NotFound("review"));
        assert_eq!(refused(decide(STAFF, ReviewStatus::Pending, None, None).await).code(), "INVALID");
        assert_eq!(refused(decide(STAFF, ReviewStatus::Approved, None, Some(7)).await).code(), "VERSION_MISMATCH");
        let long = "x".repeat(256);
        assert_eq!(refused(decide(STAFF, ReviewStatus::Rejected, Some(&long), None).await).code(), "INVALID");
        let rejected = decide(STAFF, ReviewStatus::Rejected, Some(" spam "), Some(1)).await.unwrap();
        assert_eq!((rejected.status, rejected.reason.as_deref()), (ReviewStatus::Rejected, Some("spam")));
        let (merchant, own) = (UserId::from_uuid(Uuid::from_u128(8)), product(&shop, cup).await.seller);
        let named = SellerPatch { user: Some(Some(merchant)), ..SellerPatch::default() };
        shop.catalog.update_seller(&STAFF, own, named, None).await.unwrap();
        let seller = Actor::Seller(merchant, own);
        assert_eq!(refused(shop.catalog.write_review(&seller, cup, say(5), None).await), Refusal::Forbidden);
        let stranger = Actor::Seller(UserId::from_uuid(Uuid::from_u128(9)), SellerId::from_uuid(Uuid::from_u128(9)));
        assert_eq!(written(&shop, &stranger, cup, 5).await.rating, 5, "a seller of other things is a customer like any other");
    });
}

#[test]
fn a_wishlist_holds_a_product_once_and_is_its_owners() {
    block_on(async {
        let (shop, cup) = shop().await;
        let (asha, bina) = (customer(1), customer(2));
        let owner = asha.user().unwrap();
        let add = |key| shop.catalog.add_wish(&asha, owner, cup, key);
        let race = join_all((0..6).map(|_| add(None))).await;
        let wished: Vec<_> = race.into_iter().map(|answer| answer.unwrap().into_inner()).collect();
        assert_eq!(wished.iter().filter(|wished| wished.added).count(), 1);
        assert!(wished.iter().all(|it| it.wish.id == wished[0].wish.id));
        assert!(matches!(add(Some(key("k", 1))).await.unwrap(), Answer::Fresh(it) if !it.added));
        assert!(matches!(add(Some(key("k", 1))).await.unwrap(), Answer::Replayed(_)));
        assert_eq!(refused(add(Some(key("k", 2))).await), Refusal::IdempotencyMismatch);

        let list = |actor: Actor| {
            let shop = &shop;
            async move { shop.catalog.wishlist(&actor, owner, &PageRequest::first()).await }
        };
        let page = list(asha).await.unwrap();
        assert_eq!(page.items.len(), 1);
        assert_eq!(page.items[0].1.as_ref().map(|card| card.id), Some(cup));
        assert_eq!(refused(list(bina).await), Refusal::NotFound("wishlist"));
        assert_eq!(refused(list(Actor::Anonymous).await), Refusal::Unauthenticated);
        assert_eq!(refused(shop.catalog.add_wish(&bina, owner, cup, None).await), Refusal::NotFound("wishlist"));
        assert_eq!(refused(shop.catalog.remove_wish(&bina, owner, cup).await), Refusal::NotFound("wishlist"));

        shop.catalog.archive_product(&STAFF, cup, None).await.unwrap();
        assert_eq!(list(asha).await.unwrap().items[0].1, None, "what is not sold any more has no card");
        for _ in 0..2 {
            shop.catalog.remove_wish(&asha, owner, cup).await.unwrap();
        }
        assert_eq!(list(asha).await.unwrap().items, []);
        assert_eq!(refused(shop.catalog.add_wish(&asha, owner, cup, None).await), Refusal::NotFound("product"));
    });
}
