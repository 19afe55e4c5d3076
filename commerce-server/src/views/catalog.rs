//! Products, categories, sellers and stock.

use std::collections::{BTreeMap, HashMap};

use commerce_core::catalog::{
    Category, CategoryTree, Image, Inventory, Movement, MovementKind, Product, ProductCard, ProductStatus, Rating, SearchHits,
    Seller,
};
use commerce_core::ids::{CategoryId, ImageId, MovementId, ProductId, SellerId, UserId};
use commerce_core::text::{Metadata, Sku, Slug};
use commerce_core::{Money, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::schema::MoneySchema;

/// A product with its variants.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product)]
pub struct ProductView {
    #[schema(value_type = String, format = Uuid)]
    id: ProductId,
    #[schema(value_type = String)]
    slug: Slug,
    name: String,
    description: String,
    #[schema(value_type = String, example = "ACTIVE")]
    status: ProductStatus,
    #[schema(value_type = Option<String>, format = Uuid)]
    category_id: Option<CategoryId>,
    #[schema(value_type = String, format = Uuid)]
    seller_id: SellerId,
    variants: Vec<VariantView>,
    images: Vec<ImageView>,
    rating: RatingView,
    metadata: Metadata,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: u64,
}

/// What can be put into a cart.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Variant)]
pub struct VariantView {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(value_type = MoneySchema)]
    price: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<MoneySchema>)]
    compare_at_price: Option<Money>,
    options: BTreeMap<String, String>,
    /// Units that can be promised now.
    available: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight_grams: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    barcode: Option<String>,
    metadata: Metadata,
}

/// A picture.
#[derive(Serialize, ToSchema)]
#[schema(as = Image)]
pub struct ImageView {
    #[schema(value_type = String, format = Uuid)]
    id: ImageId,
    url: String,
    alt: String,
}

impl From<Image> for ImageView {
    fn from(Image { id, url, alt }: Image) -> Self {
        Self { id, url, alt }
    }
}

impl ImageView {
    /// Where it is found.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// What approved reviews say: how many, and their mean in stars with two decimals.
#[derive(Serialize, ToSchema)]
#[schema(as = Rating)]
pub struct RatingView {
    count: u32,
    average: Option<f64>,
}

impl From<Rating> for RatingView {
    fn from(Rating { count, sum }: Rating) -> Self {
        let mean = (f64::from(sum) / f64::from(count) * 100.0).round() / 100.0;
        Self { count, average: (count > 0).then_some(mean) }
    }
}

/// Fields of a product that its PUT and PATCH cannot change.
pub const READ_ONLY: &[&str] =
    &["id", "rating", "createdAt", "updatedAt", "version", "variants[sku].available", "images[url].id"];

impl ProductView {
    /// A product with the stock of its SKUs.
    #[must_use]
    pub fn of(product: Product, stock: &[Inventory]) -> Self {
        let available: HashMap<&Sku, i64> = stock.iter().map(|stock| (&stock.sku, stock.available())).collect();
        let variant = |variant: commerce_core::catalog::Variant| VariantView {
            available: available.get(&variant.sku).copied().unwrap_or(0),
            sku: variant.sku,
            price: variant.price,
            compare_at_price: variant.compare_at,
            options: variant.options,
            weight_grams: variant.weight_grams,
            barcode: variant.barcode,
            metadata: variant.metadata,
        };
        Self {
            id: product.id,
            slug: product.slug,
            name: product.name,
            description: product.description,
            status: product.status,
            category_id: product.category,
            seller_id: product.seller,
            variants: product.variants.into_iter().map(variant).collect(),
            images: product.images.into_iter().map(ImageView::from).collect(),
            rating: product.rating.into(),
            metadata: product.metadata,
            created_at: product.created_at,
            updated_at: product.updated_at,
            version: product.version,
        }
    }

    /// One of its variants, as its GET shows it.
    #[must_use]
    pub fn variant(&self, sku: &Sku) -> Option<serde_json::Value> {
        self.variants.iter().find(|variant| variant.sku == *sku).map(|variant| serde_json::json!(variant))
    }

    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/products/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Cheapest and dearest.
#[derive(Serialize, ToSchema)]
#[schema(as = PriceRange)]
pub struct PriceRange {
    #[schema(value_type = MoneySchema)]
    min: Money,
    #[schema(value_type = MoneySchema)]
    max: Money,
}

/// What a list or a search shows of a product.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProductCard)]
pub struct CardView {
    #[schema(value_type = String, format = Uuid)]
    id: ProductId,
    #[schema(value_type = String)]
    slug: Slug,
    name: String,
    #[schema(value_type = String, example = "ACTIVE")]
    status: ProductStatus,
    #[schema(value_type = Option<String>, format = Uuid)]
    category_id: Option<CategoryId>,
    #[schema(value_type = String, format = Uuid)]
    seller_id: SellerId,
    price_range: PriceRange,
    in_stock: bool,
    image: Option<ImageView>,
    rating: RatingView,
    version: u64,
}

impl From<ProductCard> for CardView {
    fn from(card: ProductCard) -> Self {
        Self {
            id: card.id,
            slug: card.slug,
            name: card.name,
            status: card.status,
            category_id: card.category,
            seller_id: card.seller,
            price_range: PriceRange { min: card.min_price, max: card.max_price },
            in_stock: card.in_stock,
            image: card.image.map(ImageView::from),
            rating: card.rating.into(),
            version: card.version,
        }
    }
}

/// What a search found.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SearchResults)]
pub struct SearchView {
    items: Vec<CardView>,
    facets: Facets,
    total: u64,
    next_cursor: Option<String>,
}

/// What the hits have in common, with counts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Facets)]
pub struct Facets {
    categories: Vec<CategoryCount>,
    options: Vec<OptionCount>,
    price_range: Option<PriceRange>,
}

/// Hits of one category.
#[derive(Serialize, ToSchema)]
#[schema(as = CategoryCount)]
pub struct CategoryCount {
    #[schema(value_type = String, format = Uuid)]
    id: CategoryId,
    count: u64,
}

/// Hits with one option value.
#[derive(Serialize, ToSchema)]
#[schema(as = OptionCount)]
pub struct OptionCount {
    name: String,
    value: String,
    count: u64,
}

impl SearchView {
    /// A page of hits.
    #[must_use]
    pub fn of(hits: SearchHits, next_cursor: Option<String>) -> Self {
        let facets = Facets {
            categories: hits.categories.into_iter().map(|(id, count)| CategoryCount { id, count }).collect(),
            options: hits.options.into_iter().map(|(name, value, count)| OptionCount { name, value, count }).collect(),
            price_range: hits.price_range.map(|(min, max)| PriceRange { min, max }),
        };
        Self { items: hits.products.into_iter().map(CardView::from).collect(), facets, total: hits.total, next_cursor }
    }
}

/// A node of the category tree.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Category)]
pub struct CategoryView {
    #[schema(value_type = String, format = Uuid)]
    id: CategoryId,
    #[schema(value_type = String)]
    slug: Slug,
    name: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    parent_id: Option<CategoryId>,
    version: u64,
}

impl From<Category> for CategoryView {
    fn from(category: Category) -> Self {
        let Category { id, slug, name, parent: parent_id, created_at: _, version } = category;
        Self { id, slug, name, parent_id, version }
    }
}

impl CategoryView {
    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/categories/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// A category with everything below it.
#[derive(Serialize, ToSchema)]
#[schema(as = CategoryNode)]
pub struct NodeView {
    #[serde(flatten)]
    category: CategoryView,
    #[schema(no_recursion)]
    children: Vec<NodeView>,
}

/// The roots of a tree with everything below them, by name.
#[must_use]
pub fn nodes(tree: &CategoryTree) -> Vec<NodeView> {
    let mut below: HashMap<Option<CategoryId>, Vec<&Category>> = HashMap::new();
    for node in &tree.nodes {
        below.entry(node.parent).or_default().push(node);
    }
    branch(&below, None)
}

fn branch(below: &HashMap<Option<CategoryId>, Vec<&Category>>, parent: Option<CategoryId>) -> Vec<NodeView> {
    let mut nodes: Vec<&Category> = below.get(&parent).cloned().unwrap_or_default();
    nodes.sort_by(|left, right| left.name.cmp(&right.name));
    let node = |category: &Category| NodeView { children: branch(below, Some(category.id)), category: category.clone().into() };
    nodes.into_iter().map(node).collect()
}

/// A merchant.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Seller)]
pub struct SellerView {
    #[schema(value_type = String, format = Uuid)]
    id: SellerId,
    #[schema(value_type = String)]
    slug: Slug,
    name: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    version: u64,
}

impl From<Seller> for SellerView {
    fn from(seller: Seller) -> Self {
        let Seller { id, name, slug, user: user_id, created_at: _, version } = seller;
        Self { id, slug, name, user_id, version }
    }
}

impl SellerView {
    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/sellers/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// The stock of one SKU.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Inventory)]
pub struct InventoryView {
    #[schema(value_type = String)]
    sku: Sku,
    on_hand: i64,
    reserved: i64,
    available: i64,
    low_stock_threshold: i64,
    version: u64,
}

impl From<Inventory> for InventoryView {
    fn from(stock: Inventory) -> Self {
        Self {
            available: stock.available(),
            sku: stock.sku,
            on_hand: stock.on_hand,
            reserved: stock.reserved,
            low_stock_threshold: stock.low_stock_threshold,
            version: stock.version,
        }
    }
}

impl InventoryView {
    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// One line of the stock ledger.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Movement)]
pub struct MovementView {
    #[schema(value_type = String, format = Uuid)]
    id: MovementId,
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(value_type = String, example = "ADJUSTMENT")]
    kind: MovementKind,
    /// By how much `onHand` changed.
    on_hand_delta: i64,
    /// By how much `reserved` changed.
    reserved_delta: i64,
    reference: Option<String>,
    reason: String,
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<Movement> for MovementView {
    fn from(movement: Movement) -> Self {
        Self {
            id: movement.id,
            sku: movement.sku,
            kind: movement.kind,
            on_hand_delta: movement.on_hand,
            reserved_delta: movement.reserved,
            reference: movement.reference,
            reason: movement.reason,
            user_id: movement.actor,
            at: movement.at,
        }
    }
}
