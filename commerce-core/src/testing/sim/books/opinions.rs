//! Reviews with what they add up to, and wishes.

use super::Books;
use crate::catalog::{CatalogWrite, Rating, Review, ReviewStatus};
use crate::change::ChangeSet;
use crate::ids::ProductId;
use crate::users::ERASED;

impl Books {
    /// Takes down what a change set says of reviews and wishes.
    pub(super) fn opinions(&mut self, changes: &ChangeSet<CatalogWrite>) {
        let mut rated = Vec::new();
        for write in &changes.writes {
            match write {
                CatalogWrite::InsertReview(review) => self.reviewed(review),
                CatalogWrite::UpdateReview(review) => {
                    self.moderated(review);
                    rated.push(review.product);
                }
                CatalogWrite::InsertProduct(product) | CatalogWrite::UpdateProduct(product) => {
                    self.ratings.insert(product.id, product.rating);
                    rated.push(product.id);
                }
                CatalogWrite::InsertWish(wish) => {
                    let fresh = self.wishes.insert((wish.user, wish.product));
                    self.must(fresh, || format!("{} wishes for {} twice", wish.user, wish.product));
                }
                CatalogWrite::DeleteWish(user, product) => {
                    self.wishes.remove(&(*user, *product));
                }
                CatalogWrite::InsertCategory(_)
                | CatalogWrite::UpdateCategory(_)
                | CatalogWrite::DeleteCategory(_)
                | CatalogWrite::TouchTree(_)
                | CatalogWrite::ExpectTree(_)
                | CatalogWrite::InsertSeller(_)
                | CatalogWrite::UpdateSeller(_)
                | CatalogWrite::Move(_)
                | CatalogWrite::Note(_)
                | CatalogWrite::InsertHold(_)
                | CatalogWrite::EndHold(..)
                | CatalogWrite::PostponeHold(..)
                | CatalogWrite::Recount { .. }
                | CatalogWrite::ExpectStock(..)
                | CatalogWrite::SetAlerted(..)
                | CatalogWrite::SetThreshold(..) => {}
            }
        }
        for product in rated {
            self.rating_is_said(product);
        }
    }

    fn reviewed(&mut self, review: &Review) {
        let twin = self.reviews.values().any(|other| other.user == review.user && other.product == review.product);
        self.must(!twin, || format!("{} has two reviews of {}", review.product, review.user));
        let unread = review.status == ReviewStatus::Pending && review.version == 1;
        self.must(unread, || format!("review {} is new and {}", review.id, review.status));
        // What is sold later does not unsay it.
        let orders = self.orders.values().filter(|entry| entry.order.user == review.user);
        let bought = orders.flat_map(|entry| &entry.order.lines).any(|line| line.product_id == review.product);
        self.must(bought || !review.verified_purchase, || format!("review {} is of no purchase", review.id));
        self.reviews.insert(review.id, review.clone());
    }

    fn moderated(&mut self, review: &Review) {
        let before = self.reviews.insert(review.id, review.clone());
        let same = |other: &Review| {
            let said = (other.user, other.product, other.rating, &other.title, &other.text, other.verified_purchase);
            said == (review.user, review.product, review.rating, &review.title, &review.text, review.verified_purchase)
        };
        let forgotten = self.is_gone(review.user) && review.title.is_none() && review.text == ERASED;
        self.must(forgotten || before.is_some_and(|before| same(&before)), || format!("staff rewrote review {}", review.id));
        self.must(review.status != ReviewStatus::Pending, || format!("review {} is not read any more", review.id));
    }

    /// The rating of a product is what its approved reviews add up to.
    fn rating_is_said(&mut self, product: ProductId) {
        let approved = self.reviews.values().filter(|it| it.product == product && it.status == ReviewStatus::Approved);
        let (count, sum) =
            approved.fold((0_u32, 0_u32), |(count, sum), it| (count.saturating_add(1), sum.saturating_add(it.rating.into())));
        let Some(kept) = self.ratings.get(&product).copied() else { return };
        self.must(kept == Rating { count, sum }, || format!("{product} is rated {kept:?}, its reviews say {sum} of {count}"));
    }
}
