//! Changes a product, its variants and its status. Deleting archives: orders still name it.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds};
use crate::error::{Outcome, Refusal};
use crate::ids::{CategoryId, Id, IdSource, ProductId, SellerId};
use crate::limits;
use crate::money::Money;
use crate::staff::StaffAction;
use crate::text::{Check, Metadata, Sku};
use crate::time::Timestamp;

use super::Catalog;
use super::access::require_seller;
use super::create_product::{first_stock, goods, product_updated};
use super::model::{Product, ProductStatus, Variant};
use super::ports::CatalogWrite;
use super::product_input::{
    NewImage, NewProduct, NewVariant, check_barcode, check_options, check_price, former, one_currency, parse_images, parse_slug,
    parse_texts, parse_variant, parse_variants,
};
use super::stock::{Inventory, Movement, MovementKind};
use crate::keyed::Keyed;

/// What is to change on a product; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// Its description.
    pub description: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// Where in the tree; `Some(None)` takes it out.
    pub category: Option<Option<CategoryId>>,
    /// Whose; staff only.
    pub seller: Option<SellerId>,
    /// Whether it is on sale.
    pub status: Option<ProductStatus>,
    /// All its variants: new SKUs are added, known ones changed, missing ones removed.
    pub variants: Option<Vec<NewVariant>>,
    /// All its pictures.
    pub images: Option<Vec<NewImage>>,
    /// The client's own notes.
    pub metadata: Option<Metadata>,
}

impl ProductPatch {
    /// Everything as for creation; what may be left out there and is, stays.
    pub fn replacing(new: NewProduct) -> Self {
        Self {
            name: Some(new.name),
            description: Some(new.description),
            slug: new.slug,
            category: Some(new.category),
            seller: new.seller,
            status: new.status,
            variants: Some(new.variants),
            images: Some(new.images).filter(|images| !images.is_empty()),
            metadata: Some(new.metadata),
        }
    }
}

/// What is otherwise on `product` than it was `before`, by name.
fn differing(before: &Product, product: &Product) -> Vec<&'static str> {
    let differs = [
        ("name", before.name != product.name),
        ("description", before.description != product.description),
        ("slug", before.slug != product.slug),
        ("categoryId", before.category != product.category),
        ("sellerId", before.seller != product.seller),
        ("status", before.status != product.status),
        ("variants", before.variants != product.variants),
        ("images", before.images != product.images),
        ("metadata", before.metadata != product.metadata),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

/// What is to change on a variant; what is `None` stays, `Some(None)` clears.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantPatch {
    /// What one unit costs.
    pub price: Option<Money>,
    /// What it cost before.
    pub compare_at: Option<Option<Money>>,
    /// Which of the product's options it is.
    pub options: Option<BTreeMap<String, String>>,
    /// Weight of one unit.
    pub weight_grams: Option<Option<u32>>,
    /// EAN, UPC or ISBN.
    pub barcode: Option<Option<String>>,
    /// The client's own notes, all of them.
    pub metadata: Option<Metadata>,
}

/// A product as it shall be, with the first stock of its new SKUs, and what is told of it where staff does it.
pub(super) struct Changed {
    pub(super) product: Product,
    pub(super) stock: Vec<(Sku, i64)>,
    pub(super) told: (StaffAction, Value),
}

impl Changed {
    /// Without new SKUs.
    pub(super) fn to(product: Product, action: StaffAction, detail: Value) -> Self {
        Self { product, stock: Vec::new(), told: (action, detail) }
    }
}

impl Catalog {
    /// Changes a product. Nothing is written where nothing changes.
    ///
    /// # Errors
    /// `VERSION_MISMATCH` when it has another version than `expected`; `NOT_FOUND` also for another
    /// seller's product; `INVALID`, `SKU_TAKEN`, `SLUG_TAKEN`, `IN_USE` for a removed variant that
    /// is reserved.
    pub async fn update_product(
        &self,
        actor: &Actor,
        id: ProductId,
        patch: ProductPatch,
        expected: Option<u64>,
    ) -> Outcome<Product> {
        if let Some(seller) = patch.seller {
            self.seller_for(actor, Some(seller)).await?;
        }
        self.change_product(actor, id, expected, |product| patched(product, &patch, &self.ids)).await
    }

    /// Takes a product off the shelves for good; what was ordered stays ordered.
    ///
    /// # Errors
    /// `NOT_FOUND` when it is archived already, `VERSION_MISMATCH` when it is not `expected`.
    pub async fn archive_product(&self, actor: &Actor, id: ProductId, expected: Option<u64>) -> Outcome<()> {
        let archive = |mut product: Product| {
            if product.status == ProductStatus::Archived {
                return Err(Refusal::NotFound("product"));
            }
            product.status = ProductStatus::Archived;
            Ok(Changed::to(product, StaffAction::ProductArchived, json!({})))
        };
        self.change_product(actor, id, expected, archive).await.map(|_| ())
    }

    /// One more variant.
    ///
    /// # Errors
    /// `SKU_TAKEN`, `INVALID`, `CURRENCY_MISMATCH`, `VERSION_MISMATCH` when the product is not `expected`.
    pub async fn add_variant(
        &self,
        actor: &Actor,
        id: ProductId,
        new: NewVariant,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Product>> {
        let keyed = Keyed::of(actor, format!("POST /api/products/{id}/variants"), key);
        let add = |product: Product| with_variant(product, &new);
        self.change_keyed(actor, id, expected, &keyed, id.uuid(), add).await
    }

    /// Changes a variant.
    ///
    /// # Errors
    /// `NOT_FOUND`, `INVALID`, `CURRENCY_MISMATCH`, `VERSION_MISMATCH` when the product is not `expected`.
    pub async fn update_variant(
        &self,
        actor: &Actor,
        id: ProductId,
        sku: &Sku,
        patch: VariantPatch,
        expected: Option<u64>,
    ) -> Outcome<Product> {
        self.change_product(actor, id, expected, |product| with_changed_variant(product, sku, &patch)).await
    }

    /// Removes a variant; what is left of its stock is written off.
    ///
    /// # Errors
    /// `NOT_FOUND`, `IN_USE` for the last one, or while units of it are reserved, `VERSION_MISMATCH`
    /// when the product is not `expected`.
    pub async fn remove_variant(&self, actor: &Actor, id: ProductId, sku: &Sku, expected: Option<u64>) -> Outcome<Product> {
        self.change_product(actor, id, expected, |product| without_variant(product, sku)).await
    }

    pub(super) async fn change_product(
        &self,
        actor: &Actor,
        id: ProductId,
        expected: Option<u64>,
        change: impl Fn(Product) -> Result<Changed, Refusal>,
    ) -> Outcome<Product> {
        let keyed = Keyed::of(actor, "", None);
        self.change_keyed(actor, id, expected, &keyed, id.uuid(), change).await.map(Answer::into_inner)
    }

    /// Changes a product by a pure rule; the key, if there is one, stands for `made` from then on.
    pub(super) async fn change_keyed(
        &self,
        actor: &Actor,
        id: ProductId,
        expected: Option<u64>,
        keyed: &Keyed,
        made: Uuid,
        change: impl Fn(Product) -> Result<Changed, Refusal>,
    ) -> Outcome<Answer<Product>> {
        let change = &change;
        rounds("product", || async move {
            let before = self.managed_product(actor, id).await?;
            // In this order: what a twin of this request changed has its key by then. What was read
            // may be older than the key.
            if keyed.seen(&*self.store).await?.is_some() {
                return Ok(Round::Done(Answer::Replayed(self.managed_product(actor, id).await?)));
            }
            expect_version("product", expected, before.version)?;
            let Changed { mut product, stock, told: (action, detail) } = change(before.clone())?;
            if product == before {
                return Ok(Round::Done(Answer::Fresh(product)));
            }
            // Another process whose clock is ahead of ours may have written what we change.
            let now = self.clock.now().max(before.updated_at);
            product.version = before.version.saturating_add(1);
            product.updated_at = now;
            let gone: Vec<Sku> = skus(&before).filter(|sku| !skus(&product).any(|kept| kept == *sku)).cloned().collect();
            let shelves = if gone.is_empty() { Vec::new() } else { self.store.inventory(&gone).await? };
            let moved = product.category.filter(|_| product.category != before.category);
            let placed = self.placed(moved).await?;
            let changes = ChangeSet::of(placed.into_iter().chain(written_off(&shelves, actor, &self.ids, now)))
                .and(CatalogWrite::UpdateProduct(product.clone()))
                .say([product_updated(&product, &self.ids, now)])
                .say(self.told(actor, action, goods(id), detail))
                .claim(keyed.claim(made, now));
            let counted = came_over(&before, &product, actor, &self.ids, now);
            let counted = counted.into_iter().chain(first_stock(&stock, self.policy, actor, &self.ids, now));
            let changes = counted.fold(changes, ChangeSet::and);
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    keyed.twin(&record)?;
                    Ok(Round::Done(Answer::Replayed(self.managed_product(actor, id).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Short(_))) => {
                    Err(Refusal::InUse("units of a removed variant are reserved by orders").into())
                }
                committed => {
                    let round = self.settle_product(committed, &product, Answer::Fresh(product.clone())).await?;
                    if matches!(round, Round::Done(_)) {
                        self.forget_pictures(&before, &product).await;
                    }
                    Ok(round)
                }
            }
        })
        .await
    }

    /// A product that the actor may change. Staff, and its seller.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `FORBIDDEN` for customers, `NOT_FOUND` also for another seller's product.
    pub async fn managed_product(&self, actor: &Actor, id: ProductId) -> Outcome<Product> {
        let actor = &self.acting(actor).await?;
        super::access::require_merchant(actor)?;
        let product = self.store.product(id).await?.ok_or(Refusal::NotFound("product"))?;
        require_seller(actor, product.seller, "product")?;
        Ok(product)
    }
}

fn skus(product: &Product) -> impl Iterator<Item = &Sku> {
    product.variants.iter().map(|variant| &variant.sku)
}

/// What is left of removed variants leaves the books. Refused as short while any is reserved.
fn written_off(shelves: &[Inventory], actor: &Actor, ids: &IdSource, now: Timestamp) -> Vec<CatalogWrite> {
    let mut shelves: Vec<_> = shelves.iter().filter(|shelf| shelf.on_hand > 0).collect();
    shelves.sort_by(|a, b| a.sku.cmp(&b.sku));
    let write_off = |shelf: &Inventory| Movement {
        id: ids.mint(),
        sku: shelf.sku.clone(),
        kind: MovementKind::Adjustment,
        on_hand: shelf.on_hand.saturating_neg(),
        reserved: 0,
        reference: None,
        reason: "variant removed".to_owned(),
        actor: actor.user(),
        at: now,
    };
    shelves.into_iter().map(write_off).map(CatalogWrite::Move).collect()
}

/// The lines from which on the ledgers of a product that came to another seller are hers to read, sorted by SKU.
fn came_over(before: &Product, product: &Product, actor: &Actor, ids: &IdSource, now: Timestamp) -> Vec<CatalogWrite> {
    if product.seller == before.seller {
        return Vec::new();
    }
    let mut kept: Vec<&Sku> = skus(product).filter(|sku| skus(before).any(|known| known == *sku)).collect();
    kept.sort();
    let line = |sku: &Sku| Movement {
        id: ids.mint(),
        sku: sku.clone(),
        kind: MovementKind::Receipt,
        on_hand: 0,
        reserved: 0,
        reference: None,
        reason: "came to another seller".to_owned(),
        actor: actor.user(),
        at: now,
    };
    kept.into_iter().map(line).map(CatalogWrite::Move).collect()
}

/// The product with the patch applied and checked.
pub(super) fn patched(mut product: Product, patch: &ProductPatch, ids: &IdSource) -> Result<Changed, Refusal> {
    let mut check = Check::new();
    let name = patch.name.as_deref().unwrap_or(&product.name);
    let description = patch.description.as_deref().unwrap_or(&product.description);
    let (name, description) = parse_texts(&mut check, name, description);
    let slug = parse_slug(&mut check, patch.slug.as_deref());
    let images = patch.images.as_ref().map(|images| parse_images(&mut check, images, &product.images, ids));
    let variants = patch.variants.as_ref().map(|variants| parse_variants(&mut check, variants));
    if let Some(metadata) = &patch.metadata {
        check.metadata(metadata);
    }
    check.finish()?;

    let (before, mut stock) = (product.clone(), Vec::new());
    if let Some(variants) = variants {
        let known = |sku: &Sku| skus(&product).any(|known| known == sku);
        stock = variants.iter().filter(|(new, _)| !known(&new.sku)).map(|(new, count)| (new.sku.clone(), *count)).collect();
        let noted = patch.variants.iter().flatten().map(|new| new.metadata.is_some());
        let notes = |((variant, _), noted)| if noted { variant } else { with_own_notes(variant, &before.variants) };
        product.variants = variants.into_iter().zip(noted).map(notes).collect();
    }
    product.name = name;
    product.description = description;
    product.slug = slug.unwrap_or(product.slug);
    product.category = patch.category.unwrap_or(product.category);
    product.seller = patch.seller.unwrap_or(product.seller);
    product.status = patch.status.unwrap_or(product.status);
    product.images = images.unwrap_or(product.images);
    product.metadata = patch.metadata.clone().unwrap_or(product.metadata);
    one_currency(&product.variants)?;
    let told = (StaffAction::ProductChanged, json!({ "changed": differing(&before, &product), "status": product.status }));
    Ok(Changed { product, stock, told })
}

/// A variant with the notes that it has, if there is one.
fn with_own_notes(variant: Variant, before: &[Variant]) -> Variant {
    match before.iter().find(|known| known.sku == variant.sku) {
        Some(known) => Variant { metadata: known.metadata.clone(), ..variant },
        None => variant,
    }
}

fn with_variant(mut product: Product, new: &NewVariant) -> Result<Changed, Refusal> {
    let mut check = Check::new();
    let parsed = parse_variant(&mut check, "", new);
    if product.variants.len() >= limits::VARIANTS_MAX {
        check.fault("variants", "TOO_MANY", "must have at most 200 variants");
    }
    check.finish()?;
    let mut stock = Vec::new();
    if let Some((variant, count)) = parsed {
        if skus(&product).any(|known| *known == variant.sku) {
            return Err(Refusal::SkuTaken(variant.sku.to_string()));
        }
        stock.push((variant.sku.clone(), count));
        product.variants.push(variant);
    }
    one_currency(&product.variants)?;
    let told = (StaffAction::VariantAdded, json!({ "sku": new.sku }));
    Ok(Changed { product, stock, told })
}

fn with_changed_variant(mut product: Product, sku: &Sku, patch: &VariantPatch) -> Result<Changed, Refusal> {
    let variant = product.variants.iter_mut().find(|variant| variant.sku == *sku).ok_or(Refusal::NotFound("variant"))?;
    *variant = changed_variant(variant.clone(), patch)?;
    let detail = json!({ "sku": sku, "price": variant.price });
    one_currency(&product.variants)?;
    Ok(Changed::to(product, StaffAction::VariantChanged, detail))
}

fn changed_variant(mut variant: Variant, patch: &VariantPatch) -> Result<Variant, Refusal> {
    let mut check = Check::new();
    variant.price = patch.price.unwrap_or(variant.price);
    variant.compare_at = former(patch.compare_at.unwrap_or(variant.compare_at));
    variant.options = patch.options.clone().unwrap_or(variant.options);
    variant.weight_grams = patch.weight_grams.unwrap_or(variant.weight_grams);
    let barcode = patch.barcode.clone().unwrap_or(variant.barcode);
    variant.barcode = check_barcode(&mut check, "barcode", barcode.as_deref());
    check_price(&mut check, "price", variant.price);
    if let Some(before) = variant.compare_at {
        check_price(&mut check, "compareAtPrice", before);
    }
    check_options(&mut check, "options", &variant.options);
    variant.metadata = patch.metadata.clone().unwrap_or(variant.metadata);
    check.metadata(&variant.metadata);
    check.finish()?;
    Ok(variant)
}

fn without_variant(mut product: Product, sku: &Sku) -> Result<Changed, Refusal> {
    if !skus(&product).any(|known| known == sku) {
        return Err(Refusal::NotFound("variant"));
    }
    product.variants.retain(|variant| variant.sku != *sku);
    if product.variants.is_empty() {
        return Err(Refusal::InUse("a product keeps at least one variant"));
    }
    Ok(Changed::to(product, StaffAction::VariantRemoved, json!({ "sku": sku })))
}
