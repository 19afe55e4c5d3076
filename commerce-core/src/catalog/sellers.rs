//! Merchants. The house itself is one, with an id that every shop knows.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds};
use crate::error::{Error, Outcome, Refusal};
use crate::events::Envelope;
use crate::ids::{Id, SellerId, UserId};
use crate::page::{Page, PageRequest};
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::text::{Slug, slugify};
use crate::users::own_seller;

use super::Catalog;
use super::categories::{parse, settle_slug};
use super::create_product::slug_apart;
use super::model::Seller;
use super::ports::CatalogWrite;
use crate::keyed::Keyed;

/// The house's own seller: a UUID of version 8 (RFC 9562, section 5.8), the same in every shop.
pub const HOUSE: Uuid = Uuid::from_u128(0x0000_0000_0000_8000_8000_0000_0000_0001);

/// A seller to be created.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSeller {
    /// 1 to 255 characters.
    pub name: String,
    /// Made from the name where none is given.
    #[serde(default)]
    pub slug: Option<String>,
    /// The user who runs it.
    #[serde(default, rename = "userId")]
    pub user: Option<UserId>,
}

/// What is to change on a seller; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SellerPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// The user who runs it; staff only.
    pub user: Option<Option<UserId>>,
}

impl Catalog {
    /// The house's own seller, made when it is first asked for.
    pub async fn house_seller(&self) -> Outcome<Seller> {
        self.one_of(SellerId::from_uuid(HOUSE), "House", "house", None).await
    }

    /// The seller that a user runs; one of her own, made when it is first asked for, where she runs none. It has no name of
    /// hers, which everybody would see; she gives it one.
    pub(super) async fn seller_of(&self, user: UserId) -> Outcome<Seller> {
        rounds("seller", || async move {
            if let Some(known) = self.store.seller_run_by(user).await? {
                return Ok(Round::Done(known));
            }
            let own = own_seller(user);
            let id = match self.store.seller(own).await? {
                None => own,
                Some(made) if made.user == Some(user) => return Ok(Round::Done(made)),
                // The one that was hers has gone to somebody else.
                Some(_) => self.ids.mint(),
            };
            match self.one_of(id, "New seller", &format!("seller {}", user.uuid().simple()), Some(user)).await {
                Ok(made) if made.user == Some(user) => Ok(Round::Done(made)),
                Ok(_) => Ok(Round::Again),
                Err(Error::Refused(refusal)) if *refusal == Refusal::OwnerTaken => Ok(Round::Again),
                Err(error) => Err(error),
            }
        })
        .await
    }

    /// The seller with an id that is known before it is there; where another has its slug, with another one.
    pub(super) async fn one_of(&self, id: SellerId, name: &str, slug: &str, user: Option<UserId>) -> Outcome<Seller> {
        let apart = &AtomicBool::new(false);
        rounds("seller", || async move {
            if let Some(known) = self.store.seller(id).await? {
                return Ok(Round::Done(known));
            }
            let plain = slugify(slug);
            let slug = if apart.load(Ordering::Relaxed) { slug_apart(&plain, self.ids.mint::<SellerId>().uuid()) } else { plain };
            let seller = Seller { id, name: name.to_owned(), slug, user, created_at: self.clock.now(), version: 1 };
            let committed = self.store.commit(ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())])).await;
            if matches!(committed, Err(CommitError::Refused(CommitRefusal::Duplicate("slug")))) {
                apart.store(true, Ordering::Relaxed);
                return Ok(Round::Again);
            }
            settle_seller(committed, seller)
        })
        .await
    }

    /// A seller.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn seller(&self, id: SellerId) -> Outcome<Seller> {
        Ok(self.store.seller(id).await?.ok_or(Refusal::NotFound("seller"))?)
    }

    /// A seller by its slug.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn seller_by_slug(&self, slug: &Slug) -> Outcome<Seller> {
        Ok(self.store.seller_by_slug(slug).await?.ok_or(Refusal::NotFound("seller"))?)
    }

    /// Sellers, newest first.
    pub async fn sellers(&self, page: &PageRequest) -> Outcome<Page<Seller>> {
        Ok(self.store.sellers(page).await?)
    }

    /// Creates a seller. Staff.
    ///
    /// # Errors
    /// `SLUG_TAKEN` (where the slug was chosen), `OWNER_TAKEN`, `INVALID`.
    pub async fn create_seller(&self, actor: &Actor, new: NewSeller, key: Option<RequestKey>) -> Outcome<Answer<Seller>> {
        actor.require_staff()?;
        let keyed = Keyed::of(actor, "POST /api/sellers", key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.seller(SellerId::from_uuid(made)).await?));
        }
        let (name, chosen) = parse(&new.name, new.slug.as_deref())?;
        // No port tells of a seller by her slug: the first round tries the name's own.
        let apart = &AtomicBool::new(false);
        let (keyed, name, chosen, user) = (&keyed, &name, &chosen, new.user);
        rounds("seller", || async move {
            let (now, id) = (self.clock.now(), self.ids.mint::<SellerId>());
            let plain = chosen.clone().unwrap_or_else(|| slugify(name));
            let slug = if apart.load(Ordering::Relaxed) { slug_apart(&plain, id.uuid()) } else { plain };
            let seller = Seller { id, name: name.clone(), slug, user, created_at: now, version: 1 };
            let changes = ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())]).claim(keyed.claim(seller.id.uuid(), now));
            let changes = changes.say(self.told_of(actor, StaffAction::SellerCreated, &seller));
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    let made = SellerId::from_uuid(keyed.twin(&record)?);
                    Ok(Round::Done(Answer::Replayed(self.seller(made).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) if chosen.is_none() => {
                    apart.store(true, Ordering::Relaxed);
                    Ok(Round::Again)
                }
                committed => settle_seller(committed, Answer::Fresh(seller)),
            }
        })
        .await
    }

    /// Changes a seller. Staff, and the seller herself except for who runs it. Nothing is written where nothing changes.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`, `SLUG_TAKEN`, `OWNER_TAKEN`, `VERSION_MISMATCH`, `INVALID`.
    pub async fn update_seller(&self, actor: &Actor, id: SellerId, patch: SellerPatch, expected: Option<u64>) -> Outcome<Seller> {
        let actor = &self.acting(actor).await?;
        if patch.user.is_some() || !super::access::manages(actor, id) {
            actor.require_staff()?;
        }
        let patch = &patch;
        rounds("seller", || async move {
            let before = self.seller(id).await?;
            expect_version("seller", expected, before.version)?;
            let (name, slug) = parse(patch.name.as_deref().unwrap_or(&before.name), patch.slug.as_deref())?;
            let (slug, user) = (slug.unwrap_or_else(|| before.slug.clone()), patch.user.unwrap_or(before.user));
            let seller = Seller { name, slug, user, ..before.clone() };
            if seller == before {
                return Ok(Round::Done(seller));
            }
            let seller = Seller { version: before.version.saturating_add(1), ..seller };
            let changes = ChangeSet::of([CatalogWrite::UpdateSeller(seller.clone())]);
            let changes = changes.say(self.told_of(actor, StaffAction::SellerUpdated, &seller));
            settle_seller(self.store.commit(changes).await, seller)
        })
        .await
    }

    fn told_of(&self, actor: &Actor, action: StaffAction, seller: &Seller) -> Option<Envelope> {
        self.told(actor, action, Subject::of(SubjectKind::Seller, seller.id), json!({ "user": seller.user }))
    }
}

/// Turns a seller commit's answer into a round's, naming what is taken.
fn settle_seller<T>(committed: Result<(), CommitError>, result: T) -> Outcome<Round<T>> {
    match committed {
        Err(CommitError::Refused(CommitRefusal::Duplicate("user"))) => Err(Refusal::OwnerTaken.into()),
        committed => settle_slug(committed, result),
    }
}
