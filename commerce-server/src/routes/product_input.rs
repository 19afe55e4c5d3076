//! Products as clients write them.

use std::collections::BTreeMap;

use commerce_core::catalog::{NewImage, NewProduct, NewVariant, ProductPatch, ProductStatus, Variant, VariantPatch};
use commerce_core::ids::{CategoryId, SellerId};
use commerce_core::text::Metadata;
use commerce_core::{Currency, Money, Refusal};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::{given, maybe};
use crate::views::schema::MoneySchema;

/// A product to be created, or as it is to be.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewProduct)]
pub(super) struct ProductBody {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    category_id: Option<CategoryId>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    seller_id: Option<SellerId>,
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "ACTIVE")]
    status: Option<ProductStatus>,
    variants: Vec<VariantBody>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    images: Option<Vec<ImageBody>>,
}

impl From<ProductBody> for NewProduct {
    fn from(body: ProductBody) -> Self {
        Self {
            name: body.name,
            description: body.description,
            slug: body.slug,
            category: body.category_id,
            seller: body.seller_id,
            status: body.status,
            variants: body.variants.into_iter().map(NewVariant::from).collect(),
            metadata: body.metadata.unwrap_or_default(),
            images: body.images.into_iter().flatten().map(NewImage::from).collect(),
        }
    }
}

impl ProductBody {
    /// A product as it is to be. What may be left out and is, stays; pictures that are said to be none go.
    pub(super) fn replacing(self) -> ProductPatch {
        let bare = self.images.as_ref().is_some_and(Vec::is_empty);
        let patch = ProductPatch::replacing(NewProduct::from(self));
        if bare { ProductPatch { images: Some(Vec::new()), ..patch } } else { patch }
    }
}

/// A variant to be created.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewVariant)]
pub(super) struct VariantBody {
    sku: String,
    #[schema(value_type = MoneySchema)]
    price: Money,
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    compare_at_price: Option<Money>,
    #[serde(default)]
    options: BTreeMap<String, String>,
    /// Units to begin with, for new SKUs.
    #[serde(default)]
    stock: i64,
    #[serde(default)]
    weight_grams: Option<u32>,
    #[serde(default)]
    barcode: Option<String>,
    /// Not said of a SKU that exists, its own stay.
    #[serde(default, deserialize_with = "given")]
    metadata: Option<Metadata>,
}

impl From<VariantBody> for NewVariant {
    fn from(body: VariantBody) -> Self {
        let VariantBody { sku, price, compare_at_price: compare_at, options, stock, weight_grams, barcode, metadata } = body;
        Self { sku, price, compare_at, options, stock, weight_grams, barcode, metadata }
    }
}

/// A link to a picture.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewImage)]
pub(super) struct ImageBody {
    url: String,
    #[serde(default)]
    alt: String,
}

impl From<ImageBody> for NewImage {
    fn from(ImageBody { url, alt }: ImageBody) -> Self {
        Self { url, alt }
    }
}

/// What of a product is to change.
#[expect(clippy::option_option, reason = "a merge patch has three states for a field")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = ProductChange)]
pub(super) struct ProductPatchBody {
    #[serde(default, deserialize_with = "given")]
    name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    description: Option<String>,
    #[serde(default, deserialize_with = "given")]
    slug: Option<String>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<String>, format = Uuid)]
    category_id: Option<Option<CategoryId>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, format = Uuid)]
    seller_id: Option<SellerId>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, example = "ACTIVE")]
    status: Option<ProductStatus>,
    #[serde(default, deserialize_with = "given")]
    variants: Option<Vec<VariantBody>>,
    /// A pair whose value is null goes, as all do with null in their place; pairs that are not there stay.
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    metadata: Option<Option<PairsPatch>>,
    /// Null takes them all away.
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<Vec<ImageBody>>)]
    images: Option<Option<Vec<ImageBody>>>,
}

/// A merge patch of pairs of texts.
type PairsPatch = BTreeMap<String, Option<String>>;

/// The pairs after the patch (RFC 7396): of null in the place of all none are left.
fn merged(mut pairs: BTreeMap<String, String>, patch: Option<PairsPatch>) -> BTreeMap<String, String> {
    let Some(patch) = patch else { return BTreeMap::new() };
    for (name, value) in patch {
        match value {
            Some(value) => pairs.insert(name, value),
            None => pairs.remove(&name),
        };
    }
    pairs
}

/// A merge patch of an amount: what it does not say stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MoneyPatch {
    #[serde(default, deserialize_with = "given")]
    amount: Option<i64>,
    #[serde(default, deserialize_with = "given")]
    currency: Option<Currency>,
}

impl MoneyPatch {
    /// The amount in `field` after the patch.
    fn onto(self, known: Option<Money>, field: &str) -> Result<Money, Refusal> {
        let missing = |of: &str| Refusal::field(format!("{field}.{of}"), "REQUIRED", "is needed");
        let amount = self.amount.or(known.map(|money| money.minor)).ok_or_else(|| missing("amount"))?;
        let currency = self.currency.or(known.map(|money| money.currency)).ok_or_else(|| missing("currency"))?;
        Ok(Money::new(amount, currency))
    }
}

impl ProductPatchBody {
    /// The change, its metadata merged into `metadata`.
    pub(super) fn onto(self, metadata: Metadata) -> ProductPatch {
        let changed = self.metadata.map(|pairs| merged(metadata, pairs));
        ProductPatch {
            name: self.name,
            description: self.description,
            slug: self.slug,
            category: self.category_id,
            seller: self.seller_id,
            status: self.status,
            variants: self.variants.map(|variants| variants.into_iter().map(NewVariant::from).collect()),
            images: self.images.map(|images| images.into_iter().flatten().map(NewImage::from).collect()),
            metadata: changed,
        }
    }
}

/// What of a variant is to change.
#[expect(clippy::option_option, reason = "a merge patch has three states for a field")]
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = VariantChange)]
pub(super) struct VariantPatchBody {
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<MoneySchema>)]
    price: Option<MoneyPatch>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<MoneySchema>)]
    compare_at_price: Option<Option<MoneyPatch>>,
    /// An option whose value is null goes; options that are not there stay.
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    options: Option<Option<PairsPatch>>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<u32>)]
    weight_grams: Option<Option<u32>>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<String>)]
    barcode: Option<Option<String>>,
    /// A pair whose value is null goes, as all do with null in their place; pairs that are not there stay.
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    metadata: Option<Option<PairsPatch>>,
}

impl VariantPatchBody {
    /// The change of `known`.
    ///
    /// # Errors
    /// `INVALID` for part of an amount that is not there yet.
    pub(super) fn onto(self, known: &Variant) -> Result<VariantPatch, Refusal> {
        let Self { price, compare_at_price, options, weight_grams, barcode, metadata } = self;
        let compare_at =
            compare_at_price.map(|patch| patch.map(|patch| patch.onto(known.compare_at, "compareAtPrice")).transpose());
        Ok(VariantPatch {
            price: price.map(|patch| patch.onto(Some(known.price), "price")).transpose()?,
            compare_at: compare_at.transpose()?,
            options: options.map(|patch| merged(known.options.clone(), patch)),
            weight_grams,
            barcode,
            metadata: metadata.map(|patch| merged(known.metadata.clone(), patch)),
        })
    }
}
