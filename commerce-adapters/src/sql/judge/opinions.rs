//! Judges what the catalog writes of reviews and wishlists.

use std::collections::BTreeSet;

use commerce_core::catalog::{Review, Wish};
use commerce_core::change::CommitRefusal;
use commerce_core::ids::{ProductId, ReviewId, UserId};

use super::{judge_free, judge_version};
use crate::sql::table::Table;

/// Who says something about what, or wishes for it.
pub(crate) type Whose = (UserId, ProductId);

/// A review as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct ReviewRow<'a> {
    pub(crate) version: u64,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a Review>,
}

/// The reviews and wishes that a batch works on.
#[derive(Default)]
pub(crate) struct OpinionJudge<'a> {
    pub(crate) reviews: Table<ReviewId, ReviewRow<'a>>,
    pub(crate) authors: Table<Whose, ReviewId>,
    /// What to write of each, once a change set wrote it.
    pub(crate) wishes: Table<Whose, Option<&'a Wish>>,
}

impl<'a> OpinionJudge<'a> {
    pub(super) fn write_review(&mut self, review: &'a Review) -> Result<(), CommitRefusal> {
        judge_free("id", self.reviews.get(&review.id).is_some())?;
        let author = (review.user, review.product);
        judge_free("review", self.authors.get(&author).is_some())?;
        self.authors.set(author, review.id);
        self.reviews.set(review.id, ReviewRow { version: review.version, write: Some(review) });
        Ok(())
    }

    pub(super) fn change_review(&mut self, review: &'a Review) -> Result<(), CommitRefusal> {
        judge_version("review", self.reviews.get(&review.id).map(|row| row.version), review.version)?;
        self.reviews.set(review.id, ReviewRow { version: review.version, write: Some(review) });
        Ok(())
    }

    pub(super) fn wish(&mut self, wish: &'a Wish) -> Result<(), CommitRefusal> {
        let whose = (wish.user, wish.product);
        judge_free("wish", self.wishes.get(&whose).is_some())?;
        self.wishes.set(whose, Some(wish));
        Ok(())
    }

    pub(super) fn unwish(&mut self, user: UserId, product: ProductId) {
        self.wishes.remove((user, product));
    }

    pub(super) fn keep(&mut self) {
        self.reviews.keep();
        self.authors.keep();
        self.wishes.keep();
    }

    pub(super) fn undo(&mut self) {
        self.reviews.undo();
        self.authors.undo();
        self.wishes.undo();
    }
}

/// What a batch must know of reviews and wishes before it can be judged.
#[derive(Default)]
pub(crate) struct OpinionWants {
    pub(crate) reviews: BTreeSet<ReviewId>,
    pub(crate) authors: BTreeSet<Whose>,
    pub(crate) wishes: BTreeSet<Whose>,
}

impl OpinionWants {
    pub(super) fn add_review(&mut self, review: &Review) {
        self.reviews.insert(review.id);
        self.authors.insert((review.user, review.product));
    }

    pub(super) fn add_wish(&mut self, user: UserId, product: ProductId) {
        self.wishes.insert((user, product));
    }
}
