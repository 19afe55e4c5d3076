//! What the catalog needs of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::change::{ChangeSet, CommitError, Keys};
use crate::error::{Outcome, StoreError};
use crate::ids::{CategoryId, ImageId, MovementId, ProductId, ReviewId, SellerId, UserId};
use crate::money::Money;
use crate::page::{Page, PageRequest};
use crate::text::{Sku, Slug};
use crate::time::Timestamp;

use super::model::{Category, CategoryTree, Product, ProductCard, ProductStatus, Rating, Seller};
use super::review::{Review, ReviewStatus, Wish};
use super::stock::{Hold, HoldKey, HoldState, Inventory, Item, Movement, Standing};

/// Which products a list shows.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    /// Only of these categories (a category and everything below it).
    pub categories: Option<Vec<CategoryId>>,
    /// Only of this seller.
    pub seller: Option<SellerId>,
    /// Only in this status.
    pub status: Option<ProductStatus>,
}

/// Reads products and categories.
#[async_trait]
pub trait ProductReads: Send + Sync {
    /// A product by id.
    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError>;

    /// A product by its slug.
    async fn product_by_slug(&self, slug: &Slug) -> Result<Option<Product>, StoreError>;

    /// Products, newest first.
    async fn products(&self, filter: &ProductFilter, page: &PageRequest) -> Result<Page<Product>, StoreError>;

    /// Products whose id is among these, in no particular order; unknown ids are left out.
    async fn products_by_id(&self, ids: &[ProductId]) -> Result<Vec<Product>, StoreError>;

    /// Products that changed at `since` or later, with the instant of the change, ordered by
    /// (instant, id) and beginning after (`since`, `after`): what the search index tails. A product
    /// changes when it is written, and when one of its SKUs comes into stock or runs out.
    async fn products_changed(
        &self,
        since: Timestamp,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, Product)>, StoreError>;

    /// All categories; a shop has hundreds of them, not millions.
    async fn categories(&self) -> Result<CategoryTree, StoreError>;
}

/// Reads sellers.
#[async_trait]
pub trait SellerReads: Send + Sync {
    /// A seller by id.
    async fn seller(&self, id: SellerId) -> Result<Option<Seller>, StoreError>;

    /// A seller by its slug.
    async fn seller_by_slug(&self, slug: &Slug) -> Result<Option<Seller>, StoreError>;

    /// The seller that a user runs; the newest, should there be several.
    async fn seller_run_by(&self, user: UserId) -> Result<Option<Seller>, StoreError>;

    /// Sellers, newest first.
    async fn sellers(&self, page: &PageRequest) -> Result<Page<Seller>, StoreError>;
}

/// Reads stock.
#[async_trait]
pub trait StockReads: Send + Sync {
    /// What the catalog says about these SKUs, in no particular order; unknown SKUs are left out.
    async fn items(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError>;

    /// The stock of these SKUs, in no particular order; unknown SKUs are left out.
    async fn inventory(&self, skus: &[Sku]) -> Result<Vec<Inventory>, StoreError>;

    /// A SKU's ledger, newest first.
    async fn ledger(&self, sku: &Sku, page: &PageRequest) -> Result<Page<Movement>, StoreError>;

    /// The newest receipt in a SKU's ledger: with it its product came to whoever sells it.
    async fn last_receipt(&self, sku: &Sku) -> Result<Option<MovementId>, StoreError>;

    /// The newest generation of a hold.
    async fn hold(&self, key: HoldKey) -> Result<Option<Hold>, StoreError>;

    /// Active holds past their expiry, oldest expiry first.
    async fn expired_holds(&self, now: Timestamp, limit: u32) -> Result<Vec<Hold>, StoreError>;

    /// SKUs whose alert state is not what their stock says: at or under the threshold and not
    /// alerted, or above it and still alerted.
    async fn low_stock_crossings(&self, limit: u32) -> Result<Vec<Inventory>, StoreError>;
}

/// Which reviews a list shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReviewFilter {
    /// Only of this product.
    pub product: Option<ProductId>,
    /// Only by this user.
    pub author: Option<UserId>,
    /// Only in this status.
    pub status: Option<ReviewStatus>,
    /// Only what this user may see: what is approved, and her own.
    pub seen_by: Option<UserId>,
}

/// Reads reviews and wishlists.
#[async_trait]
pub trait ReviewReads: Send + Sync {
    /// A review by id.
    async fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError>;

    /// Reviews, newest first.
    async fn reviews(&self, filter: &ReviewFilter, page: &PageRequest) -> Result<Page<Review>, StoreError>;

    /// What the approved reviews of a product add up to.
    async fn tally(&self, product: ProductId) -> Result<Rating, StoreError>;

    /// The entry of this product on a user's wishlist.
    async fn wish(&self, user: UserId, product: ProductId) -> Result<Option<Wish>, StoreError>;

    /// A user's wishlist, newest first.
    async fn wishes(&self, user: UserId, page: &PageRequest) -> Result<Page<Wish>, StoreError>;
}

/// A product with the stock of its SKUs, as it is shown to those who browse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The product.
    pub product: Product,
    /// The stock of its SKUs, in no particular order.
    pub stock: Vec<Inventory>,
}

impl Shown {
    /// As a store has it now.
    pub async fn read(store: &(impl ProductReads + StockReads + ?Sized), id: ProductId) -> Result<Option<Self>, StoreError> {
        let Some(product) = store.product(id).await? else { return Ok(None) };
        let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
        let stock = store.inventory(&skus).await?;
        Ok(Some(Self { product, stock }))
    }
}

/// Keeps the catalog.
#[async_trait]
pub trait CatalogStore: ProductReads + SellerReads + StockReads + ReviewReads + Keys {
    /// A product with its stock for those who browse: never behind what was committed through this
    /// store, at most [`limits::BROWSE_BEHIND`](crate::limits::BROWSE_BEHIND) behind what others
    /// wrote. Nobody decides by it.
    async fn shown(&self, id: ProductId) -> Result<Option<Arc<Shown>>, StoreError> {
        Ok(Shown::read(self, id).await?.map(Arc::new))
    }

    /// [`items`](StockReads::items) as carts show them and are filled by, as fresh as [`shown`](Self::shown).
    async fn items_shown(&self, skus: &[Sku]) -> Result<Vec<Item>, StoreError> {
        self.items(skus).await
    }

    /// Commits a change set whole or not at all.
    async fn commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError>;
}

/// What the catalog writes.
#[derive(Clone, Debug)]
pub enum CatalogWrite {
    /// A new product with its variants, and an empty inventory row for each, which later movements
    /// of the same change set find. `Duplicate("sku")`, `Duplicate("slug")`.
    InsertProduct(Product),
    /// A changed product, with the version it will have. Variants that are new get an inventory
    /// row, which later movements of the same change set find; those that are gone lose theirs
    /// (their ledger stays), and earlier movements of the same change set still found it.
    UpdateProduct(Product),
    /// A new category. `Duplicate("slug")`.
    InsertCategory(Category),
    /// A changed category.
    UpdateCategory(Category),
    /// A category leaves the tree: `Stale("category")` while a product is in it.
    DeleteCategory(CategoryId),
    /// The tree as a whole gets this version: `Stale("category tree")` unless it is one less.
    /// Goes with every write of a category, so that two moves cannot close a circle together.
    TouchTree(u64),
    /// Nothing to write, but the tree as a whole must have this version: `Stale("category tree")` otherwise. Goes with a product
    /// that is put into a category, so that the category cannot be gone by then.
    ExpectTree(u64),
    /// A new seller. `Duplicate("slug")`, `Duplicate("user")` when its user runs another one.
    InsertSeller(Seller),
    /// A changed seller; refused alike, but whoever runs it already goes on.
    UpdateSeller(Seller),
    /// Stock changes and the ledger says why. All movements of a change set that do not fit
    /// together refuse it: `Short` names every SKU that lacks, with all lines of it added up.
    /// An unknown SKU is short of everything.
    Move(Movement),
    /// A line of the ledger of a SKU that has no inventory row, so that nothing is counted:
    /// `Stale("inventory")` while it has one. The lines of one SKU in a change set add up to nothing.
    Note(Movement),
    /// A new hold. `Stale("hold")` unless its generation is the next of its key and the one before
    /// is not active.
    InsertHold(Hold),
    /// An active hold ends. `Stale("hold")` when it is not active.
    EndHold(HoldKey, u32, HoldState),
    /// The sweeper may ask about an active hold again at this instant, because a live order stands
    /// behind it. `Stale("hold")` when it is not active.
    PostponeHold(HoldKey, u32, Timestamp),
    /// On hand and reserved are these, as the ledger adds up: for an audit that found a shelf at odds
    /// with it. `Stale("inventory")` unless `version` is the next of the SKU's.
    Recount {
        /// Of what.
        sku: Sku,
        /// The version the shelf will have.
        version: u64,
        /// Units in the house.
        on_hand: i64,
        /// Units of them promised to holds.
        reserved: i64,
    },
    /// Nothing to write, but the SKU's shelf must have this version: `Stale("inventory")` otherwise.
    /// Goes before the writes that a client made depend on it.
    ExpectStock(Sku, u64),
    /// Whether ops have nothing to be told about a SKU's stock. Its version stays, because nobody sees that.
    SetAlerted(Sku, bool),
    /// At this many available units ops are told.
    SetThreshold(Sku, i64),
    /// A new review. `Duplicate("review")` when its author has reviewed the product.
    InsertReview(Review),
    /// A changed review, with the version it will have; its author, product and stars stay.
    UpdateReview(Review),
    /// A new entry of a wishlist. `Duplicate("wish")` when the product is on it.
    InsertWish(Wish),
    /// A product leaves a user's wishlist; gone already is fine.
    DeleteWish(UserId, ProductId),
}

/// Orders, as the sweeper of holds sees it.
#[async_trait]
pub trait HoldOwners: Send + Sync {
    /// Whether a live order stands behind this generation of a hold.
    async fn standing(&self, key: HoldKey, generation: u32) -> Result<Standing, StoreError>;
}

/// Orders, as reviews see them.
#[async_trait]
pub trait Purchases: Send + Sync {
    /// Whether an order of this user that is neither pending nor cancelled has this product.
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError>;
}

/// What a search asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SearchQuery {
    /// The words; empty matches everything.
    pub text: String,
    /// Only of these categories.
    pub categories: Option<Vec<CategoryId>>,
    /// Only with a variant at this price or above, in the shop's currency's minor units.
    pub min_price: Option<i64>,
    /// Only with a variant at this price or below.
    pub max_price: Option<i64>,
    /// Only with stock.
    pub in_stock: bool,
    /// Of each of these options only with one of these values, on whichever variant.
    pub options: BTreeMap<String, BTreeSet<String>>,
    /// In which order.
    pub sort: SearchSort,
    /// How many hits at most.
    pub limit: u32,
    /// How many hits to skip; comes from a cursor of this search.
    pub offset: u32,
}

crate::events::wire_names! {
    /// In which order hits come.
    SearchSort {
        /// Best first.
        Relevance = "relevance",
        /// Cheapest first.
        PriceAscending = "price_asc",
        /// Dearest first.
        PriceDescending = "price_desc",
        /// Newest first.
        Newest = "newest",
    }
}

#[expect(clippy::derivable_impls, reason = "the enum is made by a macro that does not mark a default")]
impl Default for SearchSort {
    fn default() -> Self {
        Self::Relevance
    }
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchHits {
    /// The products, in order, as the index last saw them.
    pub products: Vec<ProductCard>,
    /// How many in all.
    pub total: u64,
    /// How many hits in each category, most first.
    pub categories: Vec<(CategoryId, u64)>,
    /// How many hits for each option value: (`Size`, `M`, 12), most first.
    pub options: Vec<(String, String, u64)>,
    /// Cheapest and dearest hit.
    pub price_range: Option<(Money, Money)>,
}

/// The search index: a projection that may lag or be gone, and never decides anything.
#[async_trait]
pub trait ProductSearch: Send + Sync {
    /// Searches. `Ok(None)` while there is no usable index: the caller falls back.
    async fn search(&self, query: &SearchQuery) -> Result<Option<SearchHits>, StoreError>;

    /// Brings the index up to what the catalog says now; answers how many products it took in.
    async fn catch_up(&self, catalog: &dyn CatalogStore) -> Result<u64, StoreError>;

    /// Builds a new index beside the old one and switches; `progress` hears how many are in.
    async fn rebuild(&self, catalog: &dyn CatalogStore, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError>;
}

/// Keeps pictures.
#[async_trait]
pub trait ImageStore: Send + Sync {
    /// Keeps a picture of ours under a name made from its id; answers where clients find it. What stands before a store may
    /// keep the same picture in other bytes, and refuse (`INVALID` of `file`) what is none.
    async fn put(&self, id: ImageId, extension: &'static str, bytes: Vec<u8>) -> Outcome<String>;

    /// The bytes behind a name, or `None`.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Removes a picture; gone already is fine.
    async fn delete(&self, url: &str) -> Result<(), StoreError>;
}
