//! Who may touch which product: staff all, a seller her own.

use crate::actor::Actor;
use crate::error::{Outcome, Refusal};
use crate::ids::SellerId;

use super::Catalog;
use super::model::{Product, ProductStatus};

impl Catalog {
    /// As whom the actor acts on goods. Who runs a seller is the catalog's to say: users hear of it afterwards, so that
    /// somebody who is known by a seller that is not hers, or is no longer, is a customer here.
    pub(super) async fn acting(&self, actor: &Actor) -> Outcome<Actor> {
        let Actor::Seller(user, seller) = *actor else { return Ok(*actor) };
        let runs = self.store.seller(seller).await?.is_some_and(|seller| seller.user == Some(user));
        Ok(if runs { *actor } else { Actor::Customer(user) })
    }
}

/// Passes sellers and staff.
///
/// # Errors
/// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for customers.
pub(super) fn require_merchant(actor: &Actor) -> Result<(), Refusal> {
    match actor {
        Actor::Admin(_) | Actor::System | Actor::Seller(..) => Ok(()),
        Actor::Anonymous | Actor::Guest(..) => Err(Refusal::Unauthenticated),
        Actor::Customer(_) => Err(Refusal::Forbidden),
    }
}

/// Passes staff and this seller. To another seller the thing does not exist.
///
/// # Errors
/// `UNAUTHENTICATED`, `FORBIDDEN`, `NOT_FOUND` (of `what`).
pub(super) fn require_seller(actor: &Actor, seller: SellerId, what: &'static str) -> Result<(), Refusal> {
    require_merchant(actor)?;
    if manages(actor, seller) { Ok(()) } else { Err(Refusal::NotFound(what)) }
}

/// Whether the actor manages what this seller sells.
pub(super) fn manages(actor: &Actor, seller: SellerId) -> bool {
    match actor {
        Actor::Admin(_) | Actor::System => true,
        Actor::Seller(_, own) => *own == seller,
        Actor::Anonymous | Actor::Guest(..) | Actor::Customer(_) => false,
    }
}

/// Whether the actor may see the product: everybody what is on sale, its managers the rest.
pub(super) fn sees(actor: &Actor, product: &Product) -> bool {
    match product.status {
        ProductStatus::Active => true,
        ProductStatus::Draft | ProductStatus::Archived => manages(actor, product.seller),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::{Id, UserId};

    #[test]
    fn a_stranger_learns_nothing_about_another_sellers_things() {
        let (own, other) = (SellerId::from_uuid(Uuid::from_u128(1)), SellerId::from_uuid(Uuid::from_u128(2)));
        let user = UserId::from_uuid(Uuid::from_u128(3));
        let seller = Actor::Seller(user, own);
        assert_eq!(require_seller(&seller, own, "product"), Ok(()));
        assert_eq!(require_seller(&seller, other, "product"), Err(Refusal::NotFound("product")));
        assert_eq!(require_seller(&Actor::Customer(user), other, "product"), Err(Refusal::Forbidden));
        assert_eq!(require_seller(&Actor::Anonymous, other, "product"), Err(Refusal::Unauthenticated));
        assert_eq!(require_seller(&Actor::System, other, "product"), Ok(()));
    }
}
