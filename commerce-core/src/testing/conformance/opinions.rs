//! Reviews, what they add up to, and wishlists.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CatalogStore, CatalogWrite, Product, Rating, Review, ReviewFilter, ReviewStatus, Wish};
use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::{ProductId, UserId};
use crate::limits;
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, got, refusal, walk};
use super::{cases, samples};

type Catalog = Fixture<dyn CatalogStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    cases! { make;
        a_review_is_read_as_written,
        of_many_reviews_by_one_user_one_is_kept,
        a_rating_is_changed_with_the_review_or_not_at_all,
        reviews_are_listed_newest_first,
        a_tally_counts_what_is_approved,
        a_wish_is_kept_once,
        wishlists_are_paged_newest_first,
    }
}

async fn product(fixture: &Catalog) -> Product {
    let product = samples::product(&fixture.ids, &[], fixture.now());
    let sku = samples::sku(&format!("SKU-{}", product.id));
    let product = Product { variants: vec![samples::variant(&sku, samples::paise(500))], ..product };
    fixture.write([CatalogWrite::InsertProduct(product.clone())]).await;
    product
}

fn review(fixture: &Catalog, product: ProductId, user: UserId) -> Review {
    Review {
        id: fixture.ids.mint(),
        product,
        user,
        rating: 4,
        title: None,
        text: "It holds tea.".to_owned(),
        verified_purchase: false,
        status: ReviewStatus::Pending,
        reason: None,
        created_at: fixture.now(),
        moderated_at: None,
        moderated_by: None,
        version: 1,
    }
}

fn decided(fixture: &Catalog, review: &Review, status: ReviewStatus) -> Review {
    Review { status, moderated_at: Some(fixture.now()), version: review.version + 1, ..review.clone() }
}

async fn a_review_is_read_as_written(fixture: &Catalog) {
    let of = product(fixture).await.id;
    let plain = review(fixture, of, fixture.ids.mint());
    let full = Review {
        rating: limits::STARS_MAX,
        title: Some("ü".repeat(limits::SHORT_TEXT_MAX)),
        text: samples::UNICODE.repeat(100),
        verified_purchase: true,
        ..review(fixture, of, fixture.ids.mint())
    };
    fixture.write([plain.clone(), full.clone()].map(CatalogWrite::InsertReview)).await;
    assert_eq!(got(fixture.store.review(plain.id).await), Some(plain.clone()));
    assert_eq!(got(fixture.store.review(full.id).await), Some(full.clone()));
    assert_eq!(got(fixture.store.review(fixture.ids.mint()).await), None);

    fixture.clock.advance(Duration::from_secs(1));
    let (reason, by) = (Some(samples::UNICODE.replace('\n', " ")), Some(fixture.ids.mint()));
    let rejected = Review { reason, moderated_by: by, ..decided(fixture, &full, ReviewStatus::Rejected) };
    fixture.write([CatalogWrite::UpdateReview(rejected.clone())]).await;
    assert_eq!(got(fixture.store.review(full.id).await), Some(rejected.clone()));
    let stale = fixture.refused([CatalogWrite::UpdateReview(rejected)]).await;
    assert!(matches!(stale, CommitRefusal::Stale(_)), "{stale:?}");
    let unknown = decided(fixture, &review(fixture, of, fixture.ids.mint()), ReviewStatus::Approved);
    assert!(matches!(fixture.refused([CatalogWrite::UpdateReview(unknown)]).await, CommitRefusal::Stale(_)));
}

async fn of_many_reviews_by_one_user_one_is_kept(fixture: &Catalog) {
    let (one, other) = (product(fixture).await.id, product(fixture).await.id);
    let user: UserId = fixture.ids.mint();
    let write = |of, user| ChangeSet::of([CatalogWrite::InsertReview(review(fixture, of, user))]);
    let results = fixture.race((0..12).map(|_| write(one, user))).await;
    let (kept, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(kept.len(), 1, "one of twelve");
    for result in refused {
        assert_eq!(refusal(result), CommitRefusal::Duplicate("review"));
    }
    assert_eq!(fixture.refusal(write(one, user)).await, CommitRefusal::Duplicate("review"));
    let twice = ChangeSet::of((0..2).map(|_| CatalogWrite::InsertReview(review(fixture, other, user))));
    assert_eq!(fixture.refusal(twice).await, CommitRefusal::Duplicate("review"), "within one change set, too");
    fixture.commit(write(other, user)).await;
    fixture.commit(write(one, fixture.ids.mint())).await;
    let all = ReviewFilter { product: Some(one), ..ReviewFilter::default() };
    assert_eq!(walk(async |page| got(fixture.store.reviews(&all, &page).await)).await.len(), 2);
}

/// Each of many approves another review of one product, with the rating it then has.
async fn a_rating_is_changed_with_the_review_or_not_at_all(fixture: &Catalog) {
    let of = product(fixture).await;
    let reviews: Vec<Review> = (0..8).map(|_| review(fixture, of.id, fixture.ids.mint())).collect();
    fixture.write(reviews.iter().cloned().map(CatalogWrite::InsertReview)).await;
    let approve = |review: &Review| {
        let rated = Product { rating: Rating { count: 1, sum: 4 }, version: of.version + 1, ..of.clone() };
        ChangeSet::of([
            CatalogWrite::UpdateReview(decided(fixture, review, ReviewStatus::Approved)),
            CatalogWrite::UpdateProduct(rated),
        ])
    };
    let results = fixture.race(reviews.iter().map(approve)).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "two cannot rate one version of a product");
    let rating = got(fixture.store.product(of.id).await).expect("it is there").rating;
    assert_eq!((rating, got(fixture.store.tally(of.id).await)), (Rating { count: 1, sum: 4 }, Rating { count: 1, sum: 4 }));
}

async fn reviews_are_listed_newest_first(fixture: &Catalog) {
    let (of, elsewhere) = (product(fixture).await.id, product(fixture).await.id);
    let me: UserId = fixture.ids.mint();
    let mut reviews = Vec::new();
    for (n, status) in
        [ReviewStatus::Pending, ReviewStatus::Approved, ReviewStatus::Rejected].into_iter().cycle().take(9).enumerate()
    {
        let user = if n == 3 { me } else { fixture.ids.mint() };
        let written = review(fixture, of, user);
        fixture.write([CatalogWrite::InsertReview(written.clone())]).await;
        if status == ReviewStatus::Pending {
            reviews.push(written);
        } else {
            let decided = decided(fixture, &written, status);
            fixture.write([CatalogWrite::UpdateReview(decided.clone())]).await;
            reviews.push(decided);
        }
        fixture.clock.advance(Duration::from_secs(1));
    }
    let other = review(fixture, elsewhere, fixture.ids.mint());
    fixture.write([CatalogWrite::InsertReview(other.clone())]).await;
    reviews.reverse();
    let list = async |filter: ReviewFilter| walk(async |page| got(fixture.store.reviews(&filter, &page).await)).await;
    let expect = |keep: &dyn Fn(&Review) -> bool| reviews.iter().filter(|it| keep(it)).cloned().collect::<Vec<_>>();
    let all = ReviewFilter { product: Some(of), ..ReviewFilter::default() };
    assert_eq!(list(all).await, reviews);
    for status in [ReviewStatus::Pending, ReviewStatus::Approved, ReviewStatus::Rejected] {
        assert_eq!(list(ReviewFilter { status: Some(status), ..all }).await, expect(&|it| it.status == status));
    }
    let seen = |it: &Review| it.status == ReviewStatus::Approved || it.user == me;
    assert_eq!(list(ReviewFilter { seen_by: Some(me), ..all }).await, expect(&seen), "her own, and what is approved");
    let hers = ReviewFilter { author: Some(me), ..ReviewFilter::default() };
    assert_eq!(list(hers).await, expect(&|it| it.user == me));
    let own = ReviewFilter { status: Some(ReviewStatus::Pending), seen_by: Some(me), ..all };
    assert_eq!(list(own).await, expect(&|it| it.user == me));
    let mut everywhere = list(ReviewFilter::default()).await;
    assert_eq!((everywhere.remove(0), everywhere), (other, reviews));
}

async fn a_tally_counts_what_is_approved(fixture: &Catalog) {
    let (of, other) = (product(fixture).await.id, product(fixture).await.id);
    assert_eq!(got(fixture.store.tally(of).await), Rating::default());
    for (stars, status) in [(5, ReviewStatus::Approved), (2, ReviewStatus::Approved), (1, ReviewStatus::Rejected)] {
        for of in [of, other] {
            let written = Review { rating: stars, ..review(fixture, of, fixture.ids.mint()) };
            let decided = decided(fixture, &written, status);
            fixture.write([CatalogWrite::InsertReview(written), CatalogWrite::UpdateReview(decided)]).await;
        }
    }
    fixture.write([CatalogWrite::InsertReview(review(fixture, of, fixture.ids.mint()))]).await;
    assert_eq!(got(fixture.store.tally(of).await), Rating { count: 2, sum: 7 });
}

fn wish(fixture: &Catalog, user: UserId, product: ProductId) -> Wish {
    Wish { id: fixture.ids.mint(), user, product, added_at: fixture.now() }
}

async fn a_wish_is_kept_once(fixture: &Catalog) {
    let of = product(fixture).await.id;
    let (me, you): (UserId, UserId) = (fixture.ids.mint(), fixture.ids.mint());
    let add = |user| ChangeSet::of([CatalogWrite::InsertWish(wish(fixture, user, of))]);
    let results = fixture.race((0..12).map(|_| add(me))).await;
    let (kept, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(kept.len(), 1, "one of twelve");
    for result in refused {
        assert_eq!(refusal(result), CommitRefusal::Duplicate("wish"));
    }
    fixture.commit(add(you)).await;
    fixture.write([CatalogWrite::DeleteWish(me, of), CatalogWrite::DeleteWish(me, fixture.ids.mint())]).await;
    assert_eq!(got(fixture.store.wish(me, of).await), None);
    assert!(got(fixture.store.wish(you, of).await).is_some(), "another's stays");
    fixture.write([CatalogWrite::DeleteWish(me, of)]).await;

    let again = wish(fixture, me, of);
    fixture.write([CatalogWrite::InsertWish(again.clone())]).await;
    assert_eq!(got(fixture.store.wish(me, of).await), Some(again));
    let anew = wish(fixture, me, of);
    fixture.write([CatalogWrite::DeleteWish(me, of), CatalogWrite::InsertWish(anew.clone())]).await;
    assert_eq!(got(fixture.store.wish(me, of).await), Some(anew), "off and on again in one change set");
    fixture.write([CatalogWrite::DeleteWish(me, of)]).await;
    let fleeting = [CatalogWrite::InsertWish(wish(fixture, me, of)), CatalogWrite::DeleteWish(me, of)];
    fixture.write(fleeting).await;
    assert_eq!(got(fixture.store.wish(me, of).await), None);
}

async fn wishlists_are_paged_newest_first(fixture: &Catalog) {
    let me: UserId = fixture.ids.mint();
    let mut wishes = Vec::new();
    for _ in 0..7 {
        let wish = wish(fixture, me, product(fixture).await.id);
        fixture.write([CatalogWrite::InsertWish(wish.clone())]).await;
        wishes.push(wish);
        fixture.clock.advance(Duration::from_secs(1));
    }
    wishes.reverse();
    assert_eq!(walk(async |page| got(fixture.store.wishes(me, &page).await)).await, wishes);
    assert_eq!(walk(async |page| got(fixture.store.wishes(fixture.ids.mint(), &page).await)).await, []);
}
