//! Reviews and wishlists.

use commerce_core::catalog::{ProductCard, Review, ReviewStatus, Wish};
use commerce_core::ids::{ProductId, ReviewId, UserId};
use commerce_core::{Actor, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::catalog::CardView;

/// A review. Its author and staff also see whose it is and what became of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Review)]
pub struct ReviewView {
    #[schema(value_type = String, format = Uuid)]
    id: ReviewId,
    #[schema(value_type = String, format = Uuid)]
    product_id: ProductId,
    /// 1 to 5.
    rating: u8,
    title: Option<String>,
    /// Plain text.
    text: String,
    /// Whether the author had bought the product when she wrote.
    verified_purchase: bool,
    #[schema(value_type = String, example = "PENDING")]
    status: ReviewStatus,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: u64,
    #[serde(flatten)]
    own: Option<OwnView>,
}

/// What only the author of a review and staff see.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OwnReview)]
pub struct OwnView {
    // Flattened into a review that others see without it.
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: UserId,
    /// Why staff decided so.
    reason: Option<String>,
    #[schema(value_type = Option<String>, format = DateTime)]
    moderated_at: Option<Timestamp>,
}

impl ReviewView {
    /// As `actor` sees it.
    #[must_use]
    pub fn of(review: Review, actor: &Actor) -> Self {
        let is_own = actor.is_staff() || actor.user() == Some(review.user);
        let Review { id, product: product_id, user: user_id, rating, title, text, verified_purchase, status, .. } = review;
        let Review { reason, created_at, moderated_at, version, .. } = review;
        let own = is_own.then_some(OwnView { user_id, reason, moderated_at });
        Self { id, product_id, rating, title, text, verified_purchase, status, created_at, version, own }
    }

    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/reviews/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// An entry of a wishlist.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Wish)]
pub struct WishView {
    #[schema(value_type = String, format = Uuid)]
    product_id: ProductId,
    #[schema(value_type = String, format = DateTime)]
    added_at: Timestamp,
    /// The product, while the user may see it.
    product: Option<CardView>,
}

impl WishView {
    /// An entry with the product's card.
    #[must_use]
    pub fn of(wish: &Wish, product: Option<ProductCard>) -> Self {
        Self { product_id: wish.product, added_at: wish.added_at, product: product.map(CardView::from) }
    }
}
