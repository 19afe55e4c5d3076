//! Brings a product from elsewhere: created, changed or found as it is, by its slug. Importing the
//! same twice changes nothing.

use std::collections::BTreeSet;

use crate::actor::Actor;
use crate::change::{Round, rounds};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{Id, IdSource, SellerId};
use crate::text::{Sku, Slug};
use crate::time::Timestamp;

use super::Catalog;
use super::access::{require_merchant, require_seller};
use super::change_product::{ProductPatch, patched};
use super::create_product::draft;
use super::model::{Product, Variant};
use super::product_input::{NewImage, NewProduct, NewVariant};
use super::sellers::HOUSE;

/// A product from elsewhere. Its slug is what it is known by and must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportProduct {
    /// What it is known by in both houses.
    pub slug: Slug,
    /// Everything else; its own slug is not looked at. Stock counts for new SKUs only: what was sold
    /// here since must not come back. A status and a seller that it does not have stay as they are,
    /// and so do the notes of variants.
    pub product: NewProduct,
    /// What else it does not speak of.
    pub unsaid: Unsaid,
    /// Whether some of it was left out. Variants and pictures that it does not name stay then: what
    /// could not be read is nothing that was taken away.
    pub partial: bool,
}

impl ImportProduct {
    /// All of a product.
    pub fn whole(slug: Slug, product: NewProduct) -> Self {
        Self { slug, product, unsaid: Unsaid::default(), partial: false }
    }
}

impl ImportProduct {
    /// Passes one that a product can be made of, as far as can be told without the shop.
    ///
    /// # Errors
    /// As for creating.
    pub fn check(&self, ids: &IdSource) -> Result<(), Refusal> {
        draft(&self.product, SellerId::from_uuid(HOUSE), ids, Timestamp::EPOCH).map(|_| ())
    }

    /// What it changes on the product that has its slug, wherever that is kept, and what comes of it.
    ///
    /// # Errors
    /// As for changing.
    pub fn change_of(&self, known: &Product, ids: &IdSource) -> Result<(ProductPatch, Imported), Refusal> {
        let patch = import_patch(known, self);
        let changed = patched(known.clone(), &patch, ids)?.product;
        let imported = if changed == *known { Imported::Unchanged } else { Imported::of(known, &changed) };
        Ok((patch, imported))
    }
}

/// What the source of an import has no place for. It stays as it is on what is there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// Of the product and its variants.
    pub parts: BTreeSet<Part>,
    /// The options that the source can tell of, where it cannot tell of all.
    pub options_but: Option<BTreeSet<String>>,
}

/// A part of a product that a source may have no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The description.
    Description,
    /// Where in the tree it is, unless it says so.
    Category,
    /// Its pictures, unless it has some.
    Images,
    /// Notes other than those it has.
    Metadata,
    /// What variants cost before.
    CompareAt,
    /// What variants weigh.
    Weight,
    /// Whether a variant weighs nothing, or nobody says what: it says neither for both.
    NoWeight,
    /// The barcodes of variants.
    Barcode,
}

/// What came of an import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It is new.
    Created,
    /// It was there and differed.
    Updated {
        /// Variants that it had and that the import did not name.
        removed: Vec<Sku>,
    },
    /// It was there, just so.
    Unchanged,
}

impl Imported {
    fn of(known: &Product, changed: &Product) -> Self {
        let gone = |sku: &&Sku| !changed.variants.iter().any(|kept| kept.sku == **sku);
        Self::Updated { removed: known.variants.iter().map(|variant| &variant.sku).filter(gone).cloned().collect() }
    }
}

impl Catalog {
    /// Creates or changes the product with this slug.
    ///
    /// # Errors
    /// As for creating and changing; nothing of a refused product is written.
    pub async fn import_product(&self, actor: &Actor, import: ImportProduct) -> Outcome<Imported> {
        let actor = &self.acting(actor).await?;
        require_merchant(actor)?;
        let import = &import;
        rounds("product", || async move {
            let Some(known) = self.store.product_by_slug(&import.slug).await? else {
                let product = NewProduct { slug: Some(import.slug.to_string()), ..import.product.clone() };
                return match self.create_product(actor, product, None).await {
                    Ok(_) => Ok(Round::Done(Imported::Created)),
                    // Another import of the same was faster.
                    Err(Error::Refused(_)) if self.store.product_by_slug(&import.slug).await?.is_some() => Ok(Round::Again),
                    Err(error) => Err(error),
                };
            };
            if let Some(seller) = import.product.seller {
                self.seller_for(actor, Some(seller)).await?;
            }
            let change = |product: Product| {
                let patch = import_patch(&product, import);
                patched(product, &patch, &self.ids)
            };
            let changed = self.change_product(actor, known.id, None, change).await?;
            let same = changed.version == known.version;
            Ok(Round::Done(if same { Imported::Unchanged } else { Imported::of(&known, &changed) }))
        })
        .await
    }

    /// What [`import_product`](Self::import_product) would do, without doing it. Faults that only
    /// the store can see (a SKU of another product) show at the import.
    ///
    /// # Errors
    /// As for the import.
    pub async fn preview_import(&self, actor: &Actor, import: &ImportProduct) -> Outcome<Imported> {
        let actor = &self.acting(actor).await?;
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
        Ok(import.change_of(&known, &self.ids)?.1)
    }
}

/// An import changes what it says and leaves the house's own notes and slug alone.
fn import_patch(known: &Product, import: &ImportProduct) -> ProductPatch {
    let ImportProduct { product, unsaid, partial, .. } = import;
    let silent = |part| unsaid.parts.contains(&part);
    let mut product = product.clone();
    if silent(Part::Description) {
        product.description.clone_from(&known.description);
    }
    if silent(Part::Metadata) {
        let named = std::mem::replace(&mut product.metadata, known.metadata.clone());
        product.metadata.extend(named);
    }
    for variant in &mut product.variants {
        if let Some(before) = known.variants.iter().find(|before| before.sku.as_str() == variant.sku) {
            keep_unsaid(variant, before, unsaid);
        }
    }
    if *partial {
        keep_unnamed(&mut product, known);
    }
    let category = Some(product.category).filter(|category| category.is_some() || !silent(Part::Category));
    let images = Some(product.images.clone()).filter(|images| !images.is_empty() || !silent(Part::Images));
    ProductPatch { slug: None, category, images, ..ProductPatch::replacing(product) }
}

/// Fills in what the source has no place for.
fn keep_unsaid(variant: &mut NewVariant, before: &Variant, unsaid: &Unsaid) {
    let silent = |part| unsaid.parts.contains(&part);
    if silent(Part::CompareAt) {
        variant.compare_at = before.compare_at;
    }
    let nothing = silent(Part::NoWeight) && variant.weight_grams.is_none() && before.weight_grams == Some(0);
    if silent(Part::Weight) || nothing {
        variant.weight_grams = before.weight_grams;
    }
    if silent(Part::Barcode) {
        variant.barcode.clone_from(&before.barcode);
    }
    if let Some(told) = &unsaid.options_but {
        let others = before.options.iter().filter(|(name, _)| !told.contains(*name));
        variant.options.extend(others.map(|(name, value)| (name.clone(), value.clone())));
    }
}

/// Adds the variants and pictures that are there and not named, where they stood.
fn keep_unnamed(product: &mut NewProduct, known: &Product) {
    let mut named = std::mem::take(&mut product.variants);
    for before in &known.variants {
        let again = named.iter().position(|variant| variant.sku == before.sku.as_str()).map(|at| named.remove(at));
        product.variants.push(again.unwrap_or_else(|| as_new(before)));
    }
    product.variants.append(&mut named);
    let before = known.images.iter().map(|image| NewImage { url: image.url.clone(), alt: image.alt.clone() });
    let named = std::mem::take(&mut product.images);
    product.images = before.collect();
    for image in named {
        match product.images.iter_mut().find(|known| known.url == image.url) {
            Some(known) => known.alt = image.alt,
            None => product.images.push(image),
        }
    }
}

/// A variant as it would be written to be what it is; its stock is not touched.
fn as_new(variant: &Variant) -> NewVariant {
    let Variant { sku, price, compare_at, options, weight_grams, barcode, metadata } = variant.clone();
    NewVariant { sku: sku.to_string(), price, compare_at, options, stock: 0, weight_grams, barcode, metadata: Some(metadata) }
}
