//! Brings a product from elsewhere: created, changed or found as it is, by its slug. Importing the
//! same twice changes nothing.

use crate::actor::Actor;
use crate::error::Outcome;
use crate::ids::{Id, SellerId};
use crate::text::Slug;

use super::Catalog;
use super::access::{require_merchant, require_seller};
use super::change_product::{ProductPatch, patched};
use super::create_product::draft;
use super::product_input::NewProduct;
use super::sellers::HOUSE;

/// A product from elsewhere. Its slug is what it is known by and must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProduct {
    /// What it is known by in both houses.
    pub slug: Slug,
    /// Everything else; its own slug is not looked at. Stock counts for new SKUs only: what was sold
    /// here since must not come back.
    pub product: NewProduct,
}

/// What came of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Created,
    /// It was there and differed.
    Updated,
    /// It was there, just so.
    Unchanged,
}

impl Catalog {
    /// Creates or changes the product with this slug.
    ///
    /// # Errors
    /// As for creating and changing; nothing of a refused product is written.
    pub async fn import_product(&self, actor: &Actor, import: ImportProduct) -> Outcome<Imported> {
        require_merchant(actor)?;
        let ImportProduct { slug, mut product } = import;
        match self.store.product_by_slug(&slug).await? {
            None => {
                product.slug = Some(slug.to_string());
                self.create_product(actor, product, None).await?;
                Ok(Imported::Created)
            }
            Some(known) => {
                let changed = self.update_product(actor, known.id, import_patch(product), None).await?;
                Ok(if changed.version == known.version { Imported::Unchanged } else { Imported::Updated })
            }
        }
    }

    /// What [`import_product`](Self::import_product) would do, without doing it. Faults that only
    /// the store can see (a SKU of another product) show at the import.
    ///
    /// # Errors
    /// As for the import.
    pub async fn preview_import(&self, actor: &Actor, import: &ImportProduct) -> Outcome<Imported> {
        require_merchant(actor)?;
        let Some(known) = self.store.product_by_slug(&import.slug).await? else {
            // The house's own seller is made with its first product, not by looking at one.
            let seller = match import.product.seller {
                None if actor.is_staff() => SellerId::from_uuid(HOUSE),
                seller => self.seller_for(actor, seller).await?,
            };
            draft(&import.product, seller, &self.ids, self.clock.now())?;
            return Ok(Imported::Created);
        };
        require_seller(actor, known.seller, "product")?;
        let changed = patched(known.clone(), &import_patch(import.product.clone()), &self.ids)?;
        Ok(if changed.product == known { Imported::Unchanged } else { Imported::Updated })
    }
}

/// An import changes what it says and leaves the house's own notes and slug alone.
fn import_patch(product: NewProduct) -> ProductPatch {
    let metadata = Some(product.metadata.clone()).filter(|metadata| !metadata.is_empty());
    let category = product.category.map(Some);
    ProductPatch { slug: None, category, metadata, ..ProductPatch::replacing(product) }
}
