//! What a customer says about a product, what staff makes of it, and what is wished for.

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::events::wire_names;
use crate::ids::{ProductId, ReviewId, UserId, WishId};
use crate::limits;
use crate::text::Check;
use crate::time::Timestamp;
use crate::users::ERASED;

use super::model::Rating;

wire_names! {
    /// Whether a review is shown.
    ReviewStatus {
        /// Nobody of the staff has read it yet.
        Pending = "PENDING",
        /// Everybody sees it, and it counts.
        Approved = "APPROVED",
        /// Its author and staff see it.
        Rejected = "REJECTED",
    }
}

/// One customer's word on one product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// Which.
    pub id: ReviewId,
    /// About what.
    pub product: ProductId,
    /// By whom; nobody else reviews the product under this identity. Of an erased user it is a pseudonym.
    pub user: UserId,
    /// Stars, 1 to 5.
    pub rating: u8,
    /// One line.
    pub title: Option<String>,
    /// Plain text; never markup.
    pub text: String,
    /// Whether the author had bought the product when she wrote.
    pub verified_purchase: bool,
    /// Whether it is shown.
    pub status: ReviewStatus,
    /// Why staff decided so.
    pub reason: Option<String>,
    /// When she wrote.
    pub created_at: Timestamp,
    /// When staff decided last; none while pending.
    pub moderated_at: Option<Timestamp>,
    /// Who decided last; none for the engine's own staff.
    pub moderated_by: Option<UserId>,
    /// Grows by one with every change.
    pub version: u64,
}

impl Review {
    /// Whether the actor may see it: everybody what is approved, its author and staff the rest.
    #[must_use]
    pub fn is_seen_by(&self, actor: &Actor) -> bool {
        self.status == ReviewStatus::Approved || actor.is_staff() || actor.user() == Some(self.user)
    }

    /// It without its author's words, once she was erased; none where it has none any more. What nobody has read is not shown.
    #[must_use]
    pub fn wordless(&self, now: Timestamp) -> Option<Self> {
        if self.title.is_none() && self.text == ERASED {
            return None;
        }
        let (title, text, version) = (None, ERASED.to_owned(), self.version.saturating_add(1));
        let is_read = self.status != ReviewStatus::Pending;
        let status = if is_read { self.status } else { ReviewStatus::Rejected };
        let moderated_at = Some(self.moderated_at.unwrap_or(now.max(self.created_at)));
        Some(Self { title, text, status, moderated_at, version, ..self.clone() })
    }
}

impl Rating {
    /// One approved review more. None where the numbers do not fit.
    #[must_use]
    pub fn with(self, stars: u8) -> Option<Self> {
        Some(Self { count: self.count.checked_add(1)?, sum: self.sum.checked_add(stars.into())? })
    }

    /// One approved review less. None for one that was never counted.
    #[must_use]
    pub fn without(self, stars: u8) -> Option<Self> {
        Some(Self { count: self.count.checked_sub(1)?, sum: self.sum.checked_sub(stars.into())? })
    }
}

/// A review to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReview {
    /// Stars, 1 to 5.
    pub rating: i64,
    /// One line of up to 255 characters; an empty one is none.
    #[serde(default)]
    pub title: Option<String>,
    /// 1 to 5,000 characters.
    pub text: String,
}

/// A review as its author meant it, checked.
pub(super) struct Said {
    pub(super) rating: u8,
    pub(super) title: Option<String>,
    pub(super) text: String,
}

impl NewReview {
    /// # Errors
    /// `INVALID` with every fault.
    pub(super) fn parse(&self) -> Result<Said, crate::error::Refusal> {
        let mut check = Check::new();
        let rating = u8::try_from(self.rating).ok().filter(|stars| (1..=limits::STARS_MAX).contains(stars));
        if rating.is_none() {
            check.fault("rating", "OUT_OF_RANGE", "must be between 1 and 5");
        }
        let title = self.title.as_deref().filter(|title| !title.trim().is_empty());
        let title = title.map(|title| check.line("title", title, 1, limits::SHORT_TEXT_MAX));
        let text = check.prose("text", self.text.trim(), 1, limits::REVIEW_MAX);
        check.finish()?;
        Ok(Said { rating: rating.unwrap_or_default(), title, text })
    }
}

/// A product on somebody's wishlist; each is there once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wish {
    /// Which; grows, so that a wishlist can be paged by it.
    pub id: WishId,
    /// Whose.
    pub user: UserId,
    /// What.
    pub product: ProductId,
    /// When it was added.
    pub added_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(rating: i64, title: Option<&str>, text: &str) -> NewReview {
        NewReview { rating, title: title.map(str::to_owned), text: text.to_owned() }
    }

    #[test]
    fn stars_and_words_have_their_bounds() {
        let said = new(5, Some("  "), " Soft.\nWarm. ").parse().ok().unwrap();
        assert_eq!((said.rating, said.title, said.text.as_str()), (5, None, "Soft.\nWarm."));
        let long = "x".repeat(limits::REVIEW_MAX + 1);
        for bad in [new(0, None, "x"), new(6, None, "x"), new(-1, None, "x"), new(256 + 3, None, "x"), new(3, None, " \n")] {
            assert!(bad.parse().is_err(), "{bad:?}");
        }
        assert!(new(3, None, &long).parse().is_err());
        assert!(new(3, Some("a\u{7}b"), "x").parse().is_err());
    }

    #[test]
    fn a_rating_counts_up_and_down_and_never_below_nothing() {
        let two = Rating::default().with(5).and_then(|rating| rating.with(2)).unwrap();
        assert_eq!(two, Rating { count: 2, sum: 7 });
        assert_eq!(two.without(5), Some(Rating { count: 1, sum: 2 }));
        assert_eq!(Rating::default().without(1), None);
        assert_eq!(Rating { count: 1, sum: 1 }.without(2), None);
    }
}
