//! Writes reviews, reads them, and decides which are shown.
//!
//! What a product's approved reviews say in numbers is kept on the product and changed in the change
//! set that approves or rejects, so that the two cannot differ at any instant.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal, StoreError};
use crate::events::Envelope;
use crate::ids::{Id, ProductId, ReviewId, UserId};
use crate::keyed::Keyed;
use crate::limits;
use crate::page::{Page, PageRequest};
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::text::Check;
use crate::time::Timestamp;

use super::Catalog;
use super::access::manages;
use super::create_product::product_updated;
use super::model::{Product, Rating};
use super::ports::{CatalogWrite, ReviewFilter};
use super::review::{NewReview, Review, ReviewStatus};

impl Catalog {
    /// Writes a review, which staff reads before others do. It says whether the author has bought the
    /// product, as orders know it now.
    ///
    /// # Errors
    /// `REVIEW_EXISTS` when she has reviewed the product; `NOT_FOUND` for a product she does not see;
    /// `FORBIDDEN` for its seller; `INVALID`.
    pub async fn write_review(
        &self,
        actor: &Actor,
        product: ProductId,
        new: NewReview,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<Review>> {
        let user = actor.require_user()?;
        let keyed = &Keyed::of(actor, format!("POST /api/products/{product}/reviews"), key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.review(actor, ReviewId::from_uuid(made)).await?));
        }
        let about = self.product(actor, product).await?;
        if !actor.is_staff() && manages(&self.acting(actor).await?, about.seller) {
            return Err(Refusal::Forbidden.into());
        }
        let said = &new.parse()?;
        let verified_purchase = self.purchases.bought(user, product).await?;
        rounds("review", || async move {
            let now = self.clock.now();
            let review = Review {
                id: self.ids.mint(),
                product,
                user,
                rating: said.rating,
                title: said.title.clone(),
                text: said.text.clone(),
                verified_purchase,
                status: ReviewStatus::Pending,
                reason: None,
                created_at: now,
                moderated_at: None,
                moderated_by: None,
                version: 1,
            };
            let claim = keyed.claim(review.id.uuid(), now);
            let changes = ChangeSet::of([CatalogWrite::InsertReview(review.clone())]).claim(claim);
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    let made = ReviewId::from_uuid(keyed.twin(&record)?);
                    Ok(Round::Done(Answer::Replayed(self.review(actor, made).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Duplicate("review"))) => Err(Refusal::ReviewExists.into()),
                committed => settle(committed, Answer::Fresh(review)),
            }
        })
        .await
    }

    /// A review.
    ///
    /// # Errors
    /// `NOT_FOUND`, also for one that is not approved and somebody else's.
    pub async fn review(&self, actor: &Actor, id: ReviewId) -> Outcome<Review> {
        let found = self.store.review(id).await?.filter(|review| review.is_seen_by(actor));
        Ok(found.ok_or(Refusal::NotFound("review"))?)
    }

    /// The reviews of a product, newest first: what is approved, to an author her own too, to staff all.
    ///
    /// # Errors
    /// `NOT_FOUND` for a product the actor does not see.
    pub async fn reviews(
        &self,
        actor: &Actor,
        product: ProductId,
        status: Option<ReviewStatus>,
        page: &PageRequest,
    ) -> Outcome<Page<Review>> {
        self.product(actor, product).await?;
        let filter = ReviewFilter { product: Some(product), status, ..ReviewFilter::default() };
        match seen(actor, filter) {
            Some(filter) => Ok(self.store.reviews(&filter, page).await?),
            None => Ok(Page { items: Vec::new(), next_cursor: None }),
        }
    }

    /// The reviews of all products, newest first: what staff has to read.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn all_reviews(&self, actor: &Actor, status: Option<ReviewStatus>, page: &PageRequest) -> Outcome<Page<Review>> {
        actor.require_staff()?;
        Ok(self.store.reviews(&ReviewFilter { status, ..ReviewFilter::default() }, page).await?)
    }

    /// Shows a review to everybody, or to nobody but its author. What was decided may be decided anew; the
    /// same again changes nothing. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `INVALID` for PENDING or a reason that is too long, `VERSION_MISMATCH`
    /// when it is not `expected`.
    pub async fn moderate_review(
        &self,
        actor: &Actor,
        id: ReviewId,
        status: ReviewStatus,
        reason: Option<String>,
        expected: Option<u64>,
    ) -> Outcome<Review> {
        if let Err(refusal) = actor.require_staff() {
            // To who does not see it, it is not there.
            if refusal == Refusal::Forbidden {
                self.review(actor, id).await?;
            }
            return Err(refusal.into());
        }
        let reason = &parse_decision(status, reason.as_deref())?;
        rounds("review", || async move {
            let before = self.review(actor, id).await?;
            expect_version("review", expected, before.version)?;
            if before.status == status {
                return Ok(Round::Done(before));
            }
            let now = self.clock.now().max(before.moderated_at.unwrap_or(before.created_at));
            let review = moderated(&before, status, reason.clone(), actor, now);
            let told =
                self.told(actor, StaffAction::ReviewModerated, Subject::of(SubjectKind::Review, id), json!({ "status": status }));
            let changes = ChangeSet::of([CatalogWrite::UpdateReview(review.clone())]).say(told);
            let changes = match self.rated(&before, &review).await? {
                Some((product, event)) => changes.and(CatalogWrite::UpdateProduct(product)).say([event]),
                None => changes,
            };
            settle(self.store.commit(changes).await, review)
        })
        .await
    }

    /// The product as the moderated review leaves it, and what is said about it; none where nothing that
    /// counts changes.
    async fn rated(&self, before: &Review, after: &Review) -> Outcome<Option<(Product, Envelope)>> {
        const OPERATION: &str = "catalog.moderate_review";
        if shows(before) == shows(after) {
            return Ok(None);
        }
        let corrupt = |what: &str| StoreError::corrupt(OPERATION, format!("{what} of review {}", after.id));
        let product = self.store.product(after.product).await?.ok_or_else(|| corrupt("no product"))?;
        let stars = after.rating;
        let rating = if shows(after) { product.rating.with(stars) } else { product.rating.without(stars) };
        let rating = rating.ok_or_else(|| corrupt("the rating was never counted"))?;
        Ok(Some(self.with_rating(product, rating)))
    }

    /// The product one version further, with this rating, and what is said about it.
    pub(crate) fn with_rating(&self, product: Product, rating: Rating) -> (Product, Envelope) {
        let updated_at = self.clock.now().max(product.updated_at);
        let product = Product { rating, updated_at, version: product.version.saturating_add(1), ..product };
        let event = product_updated(&product, &self.ids, updated_at);
        (product, event)
    }
}

fn shows(review: &Review) -> bool {
    review.status == ReviewStatus::Approved
}

/// What of a list the actor may see; none for nothing at all.
fn seen(actor: &Actor, filter: ReviewFilter) -> Option<ReviewFilter> {
    if actor.is_staff() {
        return Some(filter);
    }
    match (actor.user(), filter.status) {
        (Some(user), _) => Some(ReviewFilter { seen_by: Some(user), ..filter }),
        (None, None | Some(ReviewStatus::Approved)) => Some(ReviewFilter { status: Some(ReviewStatus::Approved), ..filter }),
        (None, Some(ReviewStatus::Pending | ReviewStatus::Rejected)) => None,
    }
}

fn parse_decision(status: ReviewStatus, reason: Option<&str>) -> Result<Option<String>, Refusal> {
    let mut check = Check::new();
    if status == ReviewStatus::Pending {
        check.fault("status", "OUT_OF_RANGE", "must be APPROVED or REJECTED");
    }
    let reason = reason.filter(|reason| !reason.trim().is_empty());
    let reason = reason.map(|reason| check.line("reason", reason, 1, limits::SHORT_TEXT_MAX));
    check.finish()?;
    Ok(reason)
}

fn moderated(before: &Review, status: ReviewStatus, reason: Option<String>, actor: &Actor, now: Timestamp) -> Review {
    let moderated_by: Option<UserId> = actor.user();
    let version = before.version.saturating_add(1);
    Review { status, reason, moderated_at: Some(now), moderated_by, version, ..before.clone() }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn who_is_not_staff_sees_what_is_approved_and_her_own() {
        let pending = ReviewFilter { status: Some(ReviewStatus::Pending), ..ReviewFilter::default() };
        let user = UserId::from_uuid(Uuid::from_u128(1));
        assert_eq!(seen(&Actor::Anonymous, pending), None);
        let all = seen(&Actor::Anonymous, ReviewFilter::default()).unwrap();
        assert_eq!(all.status, Some(ReviewStatus::Approved));
        assert_eq!(seen(&Actor::Customer(user), pending), Some(ReviewFilter { seen_by: Some(user), ..pending }));
        assert_eq!(seen(&Actor::System, pending), Some(pending));
    }
}
