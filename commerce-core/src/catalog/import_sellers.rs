//! Finds the sellers that an import names, and makes those that are not there. From shop to shop a seller is known by its
//! slug, and the house's own as the house's, whatever it is called. Who runs a seller is no part of an import.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{Id, SellerId};
use crate::text::Slug;

use super::Catalog;
use super::categories::parse;
use super::sellers::{HOUSE, NewSeller};

/// Whose an imported product is, as its source calls the seller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportSeller {
    /// What it is known by in both houses.
    pub slug: Slug,
    /// What a new one is called; its slug where this is empty. One that is there keeps its own name.
    #[serde(default)]
    pub name: String,
    /// Whether it is the house's own; then the slug only counts where there is none yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub house: bool,
}

impl ImportSeller {
    /// Who it is among those that were met. The house has its own word, so that nobody becomes the house by her name.
    ///
    /// # Errors
    /// `SLUG_TAKEN` by the house.
    pub fn among(&self, met: &MetSellers) -> Result<Option<SellerId>, Refusal> {
        match met.get(&self.slug) {
            Some(id) if id.uuid() == HOUSE => Err(Refusal::SlugTaken),
            known => Ok(known.copied()),
        }
    }
}

/// The sellers that an import has met; empty to begin with.
pub type MetSellers = BTreeMap<Slug, SellerId>;

impl Catalog {
    /// The seller that an import names, made where it is not there. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `INVALID`, `SLUG_TAKEN` where the house has the name of another one.
    pub async fn import_seller(&self, actor: &Actor, named: &ImportSeller, met: &mut MetSellers) -> Outcome<SellerId> {
        actor.require_staff()?;
        let name = checked_name(named)?;
        if named.house {
            return Ok(self.one_of(SellerId::from_uuid(HOUSE), &name, named.slug.as_str(), None).await?.id);
        }
        if let Some(known) = self.seller_among(named, met).await? {
            return Ok(known);
        }
        let new = NewSeller { name, slug: Some(named.slug.to_string()), user: None };
        let id = match self.create_seller(actor, new, None).await {
            Ok(made) => made.into_inner().id,
            Err(Error::Refused(refusal)) if *refusal == Refusal::SlugTaken => {
                // Another import was faster.
                self.seller_among(named, met).await?.ok_or(Refusal::SlugTaken)?
            }
            Err(error) => return Err(error),
        };
        met.insert(named.slug.clone(), id);
        Ok(id)
    }

    /// What [`import_seller`](Self::import_seller) would answer, without making any: `None` where there is none yet.
    ///
    /// # Errors
    /// As there.
    pub async fn preview_import_seller(
        &self,
        actor: &Actor,
        named: &ImportSeller,
        met: &mut MetSellers,
    ) -> Outcome<Option<SellerId>> {
        actor.require_staff()?;
        checked_name(named)?;
        if named.house {
            return Ok(self.store.seller(SellerId::from_uuid(HOUSE)).await?.map(|house| house.id));
        }
        self.seller_among(named, met).await
    }

    /// Who it is among those that were met, or else in the store.
    async fn seller_among(&self, named: &ImportSeller, met: &mut MetSellers) -> Outcome<Option<SellerId>> {
        if let Some(known) = named.among(met)? {
            return Ok(Some(known));
        }
        if let Some(seller) = self.store.seller_by_slug(&named.slug).await? {
            met.insert(seller.slug, seller.id);
        }
        Ok(named.among(met)?)
    }
}

/// What a new seller is called.
fn checked_name(named: &ImportSeller) -> Outcome<String> {
    let name = if named.name.trim().is_empty() { named.slug.as_str() } else { &named.name };
    Ok(parse(name, None)?.0)
}
