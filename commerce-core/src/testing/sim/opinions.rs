//! What customers say about what they bought and wish for, and what staff makes of it.

use super::buyer::Buyer;
use super::client::{Told, key};
use super::house::Heard;
use super::staff::Staff;
use crate::Commerce;
use crate::actor::Actor;
use crate::catalog::{NewReview, ReviewStatus};
use crate::error::Error;
use crate::ids::ReviewId;
use crate::orders::Order;

impl Buyer {
    /// Sometimes she reviews what she ordered, perhaps a second time, or wishes for more of it.
    pub(super) async fn opine(&self, note: &str, order: &Order) {
        let (what, rating) = self.client.throw(|dice| (dice.below(6), dice.between(1, 5)));
        let Some(product) = order.lines.first().map(|line| line.product_id) else { return };
        let user = self.user;
        match what {
            0 | 1 => {
                let rating = i64::try_from(rating).unwrap_or(1);
                let key = key(note, 2);
                let request = |shop: Commerce, me: Actor| {
                    let (new, key) = (NewReview { rating, title: None, text: note.to_owned() }, key.clone());
                    async move { shop.catalog.write_review(&me, product, new, Some(key)).await }
                };
                if let Told::Refused(code, _) = self.client.insist(request).await {
                    let expected = matches!(code, "REVIEW_EXISTS" | "CONFLICT");
                    self.client.must(expected, || format!("a review by {user} was refused as {code}"));
                }
            }
            2 => {
                let key = key(note, 3);
                let request = |shop: Commerce, me: Actor| {
                    let key = key.clone();
                    async move { shop.catalog.add_wish(&me, user, product, Some(key)).await }
                };
                self.client.insist(request).await;
            }
            3 => {
                self.client.ask(|shop, me| async move { shop.catalog.remove_wish(&me, user, product).await }).await;
            }
            _ => {}
        }
    }
}

impl Staff {
    /// Reads a review and decides, or decides anew.
    pub(super) async fn moderate(&self) {
        let reviews: Vec<ReviewId> = self.client.house.ground.books().reviews.keys().copied().collect();
        if reviews.is_empty() {
            return;
        }
        let (review, approve) = self.client.throw(|dice| (*dice.pick(&reviews), dice.permille(600)));
        let status = if approve { ReviewStatus::Approved } else { ReviewStatus::Rejected };
        let decide =
            move |shop: Commerce, me: Actor| async move { shop.catalog.moderate_review(&me, review, status, None, None).await };
        if let Heard::Answer(Err(Error::Refused(refusal))) = self.client.ask(decide).await {
            let code = refusal.code();
            self.client.must(code == "CONFLICT", || format!("moderating {review} was refused as {code}"));
        }
    }
}
