//! Puts a new product into the catalog, with the first stock of its variants.

use serde_json::json;
use uuid::Uuid;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, rounds, settle};
use crate::error::{Error, Outcome, Refusal};
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{CategoryId, Id, IdSource, ProductId, SellerId};
use crate::limits;
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::text::{Check, Sku, Slug, slugify};
use crate::time::Timestamp;

use super::access::require_merchant;
use super::model::{Product, ProductStatus, Rating};
use super::ports::CatalogWrite;
use super::product_input::{NewProduct, one_currency, parse_images, parse_slug, parse_texts, parse_variants};
use super::stock::{Movement, MovementKind};
use super::{Catalog, StockPolicy};
use crate::keyed::Keyed;

impl Catalog {
    /// Creates a product of the caller's seller; of any seller for staff.
    ///
    /// # Errors
    /// `FORBIDDEN` for customers, `INVALID` with every fault, `SKU_TAKEN`, `SLUG_TAKEN` (where the
    /// slug was chosen), `CURRENCY_MISMATCH`, `IDEMPOTENCY_MISMATCH`.
    pub async fn create_product(&self, actor: &Actor, new: NewProduct, key: Option<RequestKey>) -> Outcome<Answer<Product>> {
        let actor = &self.acting(actor).await?;
        require_merchant(actor)?;
        let keyed = Keyed::of(actor, "POST /api/products", key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.made_product(ProductId::from_uuid(made)).await?));
        }
        let seller = self.seller_for(actor, new.seller).await?;
        let (new, keyed) = (&new, &keyed);
        rounds("product", || async move {
            let (now, placed) = (self.clock.now(), self.placed(new.category).await?);
            let (mut product, stock) = draft(new, seller, &self.ids, now)?;
            if new.slug.is_none() && self.store.product_by_slug(&product.slug).await?.is_some() {
                product.slug = slug_apart(&product.slug, product.id.uuid());
            }
            let counted = first_stock(&stock, self.policy, actor, &self.ids, now);
            let writes = placed.into_iter().chain([CatalogWrite::InsertProduct(product.clone())]);
            let changes = ChangeSet::of(writes.chain(counted))
                .say([product_updated(&product, &self.ids, now)])
                .say(self.told(actor, StaffAction::ProductCreated, goods(product.id), json!({ "status": product.status })))
                .claim(keyed.claim(product.id.uuid(), now));
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    let made = ProductId::from_uuid(keyed.twin(&record)?);
                    Ok(Round::Done(Answer::Replayed(self.made_product(made).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) if new.slug.is_none() => Ok(Round::Again),
                committed => self.settle_product(committed, &product, Answer::Fresh(product.clone())).await,
            }
        })
        .await
    }

    /// Turns a product commit's answer into a round's, naming what is taken.
    pub(super) async fn settle_product<T>(
        &self,
        committed: Result<(), CommitError>,
        product: &Product,
        result: T,
    ) -> Outcome<Round<T>> {
        match committed {
            Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) => Err(Refusal::SlugTaken.into()),
            Err(CommitError::Refused(CommitRefusal::Duplicate("sku"))) => Err(self.sku_taken(product).await?),
            committed => settle(committed, result),
        }
    }

    async fn sku_taken(&self, product: &Product) -> Outcome<Error> {
        let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
        let taken = self.store.inventory(&skus).await?.into_iter().find(|stock| stock.product != product.id);
        Ok(taken.map_or(Refusal::Conflict("SKU"), |stock| Refusal::SkuTaken(stock.sku.to_string())).into())
    }

    async fn made_product(&self, id: ProductId) -> Outcome<Product> {
        Ok(self.store.product(id).await?.ok_or(Refusal::NotFound("product"))?)
    }

    /// The seller a product of this actor is of: the one asked for, if she may.
    pub(super) async fn seller_for(&self, actor: &Actor, wanted: Option<SellerId>) -> Outcome<SellerId> {
        match (actor, wanted) {
            (Actor::Seller(_, own), wanted) if wanted.is_none_or(|wanted| wanted == *own) => Ok(*own),
            (Actor::Admin(_) | Actor::System, None) => Ok(self.house_seller().await?.id),
            (Actor::Admin(_) | Actor::System, Some(wanted)) if self.store.seller(wanted).await?.is_some() => Ok(wanted),
            _ => Err(Refusal::field("sellerId", "NOT_FOUND", "there is no such seller").into()),
        }
    }

    /// What a product that is put into a category stands on: the tree in which there is such a category.
    pub(super) async fn placed(&self, category: Option<CategoryId>) -> Outcome<Option<CatalogWrite>> {
        let Some(category) = category else { return Ok(None) };
        let tree = self.store.categories().await?;
        if tree.node(category).is_none() {
            return Err(Refusal::field("categoryId", "NOT_FOUND", "there is no such category").into());
        }
        Ok(Some(CatalogWrite::ExpectTree(tree.version)))
    }
}

/// The product that `new` describes, and the first stock of each of its SKUs.
pub(super) fn draft(
    new: &NewProduct,
    seller: SellerId,
    ids: &IdSource,
    now: Timestamp,
) -> Result<(Product, Vec<(Sku, i64)>), Refusal> {
    let mut check = Check::new();
    let (name, description) = parse_texts(&mut check, &new.name, &new.description);
    let slug = parse_slug(&mut check, new.slug.as_deref());
    let variants = parse_variants(&mut check, &new.variants);
    let images = parse_images(&mut check, &new.images, &[], ids);
    check.metadata(&new.metadata);
    check.finish()?;
    let stock = variants.iter().map(|(variant, stock)| (variant.sku.clone(), *stock)).collect();
    let variants: Vec<_> = variants.into_iter().map(|(variant, _)| variant).collect();
    one_currency(&variants)?;
    let product = Product {
        id: ids.mint(),
        slug: slug.unwrap_or_else(|| slugify(&name)),
        name,
        description,
        status: new.status.unwrap_or(ProductStatus::Active),
        category: new.category,
        seller,
        variants,
        images,
        rating: Rating::default(),
        metadata: new.metadata.clone(),
        created_at: now,
        updated_at: now,
        version: 1,
    };
    Ok((product, stock))
}

/// The slug with the random bits of an id at its end, for a name that another one has too.
pub(super) fn slug_apart(slug: &Slug, id: Uuid) -> Slug {
    slugify(&format!("{slug} {:08x}", id.as_u128() & 0xffff_ffff))
}

/// What comes with new SKUs: their first count, when ops are told about them, and what ops need not be told.
pub(super) fn first_stock(
    stock: &[(Sku, i64)],
    policy: StockPolicy,
    actor: &Actor,
    ids: &IdSource,
    now: Timestamp,
) -> impl Iterator<Item = CatalogWrite> {
    receipts(stock, actor, ids, now).into_iter().chain(thresholds(stock, policy)).chain(low_from_the_start(stock, policy))
}

/// The ledger lines that count new SKUs in, sorted by SKU; also those of which there are none, so that the second version of a
/// shelf's stock is always its first count.
fn receipts(stock: &[(Sku, i64)], actor: &Actor, ids: &IdSource, now: Timestamp) -> Vec<CatalogWrite> {
    let mut counted: Vec<_> = stock.iter().collect();
    counted.sort();
    let receipt = |(sku, count): &(Sku, i64)| Movement {
        id: ids.mint(),
        sku: sku.clone(),
        kind: MovementKind::Receipt,
        on_hand: *count,
        reserved: 0,
        reference: None,
        reason: "first stock".to_owned(),
        actor: actor.user(),
        at: now,
    };
    counted.into_iter().map(receipt).map(CatalogWrite::Move).collect()
}

/// When ops are told about new SKUs, where the shop decided for itself.
fn thresholds(stock: &[(Sku, i64)], policy: StockPolicy) -> Vec<CatalogWrite> {
    let StockPolicy { low_stock_threshold, .. } = policy;
    let own = low_stock_threshold != limits::LOW_STOCK_THRESHOLD;
    stock.iter().filter(|_| own).map(|(sku, _)| CatalogWrite::SetThreshold(sku.clone(), low_stock_threshold)).collect()
}

/// What begins at its threshold or below never fell to it: ops are told when it has been above and comes down.
fn low_from_the_start(stock: &[(Sku, i64)], policy: StockPolicy) -> Vec<CatalogWrite> {
    let low = |count: i64| count <= policy.low_stock_threshold;
    stock.iter().filter(|(_, count)| low(*count)).map(|(sku, _)| CatalogWrite::SetAlerted(sku.clone(), true)).collect()
}

/// A product as the log of staff names it.
pub(super) fn goods(product: ProductId) -> Subject {
    Subject::of(SubjectKind::Product, product)
}

/// What is said about a product that was written.
pub(super) fn product_updated(product: &Product, ids: &IdSource, now: Timestamp) -> Envelope {
    Envelope {
        id: ids.mint(),
        topic: Topic::Catalog,
        kind: EventKind::ProductUpdated,
        schema: 1,
        aggregate: product.id.uuid(),
        version: product.version,
        at: now,
        traceparent: ids.traceparent(),
        data: json!({ "productId": product.id, "slug": product.slug, "status": product.status }).into(),
    }
}
