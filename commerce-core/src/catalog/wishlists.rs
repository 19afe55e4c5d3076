//! What customers would like to have. A wishlist is no larger than the catalog: each product is on it once.

use std::collections::HashMap;

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::events::Envelope;
use crate::ids::{Id, ProductId, UserId};
use crate::keyed::Keyed;
use crate::page::{Page, PageRequest};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};

use super::Catalog;
use super::access::sees;
use super::model::ProductCard;
use super::ports::CatalogWrite;
use super::review::Wish;

/// What came of wishing for something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wished {
    /// The entry.
    pub wish: Wish,
    /// Whether it was not there before.
    pub added: bool,
}

impl Catalog {
    /// A user's wishlist, newest first. With each entry the product's card, as long as she sees it.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers.
    pub async fn wishlist(&self, actor: &Actor, user: UserId, page: &PageRequest) -> Outcome<Page<(Wish, Option<ProductCard>)>> {
        actor.require_owner(user, "wishlist")?;
        let page = self.store.wishes(user, page).await?;
        let ids: Vec<ProductId> = page.items.iter().map(|wish| wish.product).collect();
        let mut products = self.store.products_by_id(&ids).await?;
        let actor = &self.acting(actor).await?;
        products.retain(|product| sees(actor, product));
        let mut cards: HashMap<ProductId, ProductCard> =
            self.cards(&products).await?.into_iter().map(|card| (card.id, card)).collect();
        Ok(page.map(|wish| {
            let card = cards.remove(&wish.product);
            (wish, card)
        }))
    }

    /// One entry of a user's wishlist. With it the product's card, as long as she sees it.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and for a product that is not on the list.
    pub async fn wish(&self, actor: &Actor, user: UserId, product: ProductId) -> Outcome<(Wish, Option<ProductCard>)> {
        actor.require_owner(user, "wishlist")?;
        let wish = self.store.wish(user, product).await?.ok_or(Refusal::NotFound("wish"))?;
        let mut products = self.store.products_by_id(&[product]).await?;
        let actor = &self.acting(actor).await?;
        products.retain(|product| sees(actor, product));
        Ok((wish, self.cards(&products).await?.pop()))
    }

    /// Puts a product on a user's wishlist; one that is there already stays as it is.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers, and for a product the actor does not see, unless it is on the list.
    pub async fn add_wish(
        &self,
        actor: &Actor,
        user: UserId,
        product: ProductId,
        key: Option<RequestKey>,
    ) -> Outcome<Answer<Wished>> {
        actor.require_owner(user, "wishlist")?;
        let keyed = &Keyed::of(actor, format!("POST /api/users/{user}/wishlist"), key);
        if keyed.seen(&*self.store).await?.is_some() {
            return Ok(Answer::Replayed(self.wish_again(user, product).await?));
        }
        rounds("wishlist", || async move {
            let known = self.store.wish(user, product).await?;
            if known.is_none() {
                self.product(actor, product).await?;
            }
            let (now, added) = (self.clock.now(), known.is_none());
            let wish = known.unwrap_or_else(|| Wish { id: self.ids.mint(), user, product, added_at: now });
            let claim = keyed.claim(product.uuid(), now);
            if !added && claim.is_none() {
                return Ok(Round::Done(Answer::Fresh(Wished { wish, added })));
            }
            let changes = ChangeSet::of(added.then(|| CatalogWrite::InsertWish(wish.clone()))).claim(claim);
            let changes = changes.say(added.then(|| self.told_of_wishes(actor, user)).flatten());
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    keyed.twin(&record)?;
                    Ok(Round::Done(Answer::Replayed(self.wish_again(user, product).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Duplicate("wish"))) => Ok(Round::Again),
                committed => settle(committed, Answer::Fresh(Wished { wish, added })),
            }
        })
        .await
    }

    /// Takes a product off a user's wishlist; gone already is fine.
    ///
    /// # Errors
    /// `NOT_FOUND` for strangers.
    pub async fn remove_wish(&self, actor: &Actor, user: UserId, product: ProductId) -> Outcome<()> {
        actor.require_owner(user, "wishlist")?;
        let changes = ChangeSet::of([CatalogWrite::DeleteWish(user, product)]);
        self.store.commit(changes.say(self.told_of_wishes(actor, user))).await?;
        Ok(())
    }

    fn told_of_wishes(&self, actor: &Actor, user: UserId) -> Option<Envelope> {
        let deed = Deed::of(StaffAction::WishlistChanged, Subject::of(SubjectKind::User, user), json!({}));
        deed.said_to(user, actor, &self.ids, self.clock.now())
    }

    /// The entry that a request with a used key made, if it is still there.
    async fn wish_again(&self, user: UserId, product: ProductId) -> Outcome<Wished> {
        let wish = self.store.wish(user, product).await?.ok_or(Refusal::NotFound("wish"))?;
        Ok(Wished { wish, added: false })
    }
}
