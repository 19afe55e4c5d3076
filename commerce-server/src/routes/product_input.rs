//! Products as clients write them.

use std::collections::BTreeMap;

use commerce_core::Money;
use commerce_core::catalog::{NewImage, NewProduct, NewVariant, ProductPatch, ProductStatus, VariantPatch};
use commerce_core::ids::{CategoryId, SellerId};
use commerce_core::text::Metadata;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::extract::maybe;
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
    metadata: Metadata,
    #[serde(default)]
    images: Vec<ImageBody>,
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
            metadata: body.metadata,
            images: body.images.into_iter().map(NewImage::from).collect(),
        }
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
    #[serde(default)]
    metadata: Metadata,
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
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    slug: Option<String>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<String>, format = Uuid)]
    category_id: Option<Option<CategoryId>>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    seller_id: Option<SellerId>,
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "ACTIVE")]
    status: Option<ProductStatus>,
    #[serde(default)]
    variants: Option<Vec<VariantBody>>,
    /// A pair whose value is null goes; pairs that are not there stay.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    metadata: Option<MetadataPatch>,
    #[serde(default)]
    images: Option<Vec<ImageBody>>,
}

/// A merge patch of metadata.
type MetadataPatch = BTreeMap<String, Option<String>>;

fn merged(mut metadata: Metadata, pairs: MetadataPatch) -> Metadata {
    for (name, value) in pairs {
        match value {
            Some(value) => metadata.insert(name, value),
            None => metadata.remove(&name),
        };
    }
    metadata
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
            images: self.images.map(|images| images.into_iter().map(NewImage::from).collect()),
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
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    price: Option<Money>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<MoneySchema>)]
    compare_at_price: Option<Option<Money>>,
    #[serde(default)]
    options: Option<BTreeMap<String, String>>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<u32>)]
    weight_grams: Option<Option<u32>>,
    #[serde(default, deserialize_with = "maybe")]
    #[schema(value_type = Option<String>)]
    barcode: Option<Option<String>>,
    /// A pair whose value is null goes; pairs that are not there stay.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, Option<String>>>)]
    metadata: Option<MetadataPatch>,
}

impl VariantPatchBody {
    /// The change, its metadata merged into `known`.
    pub(super) fn onto(self, known: Metadata) -> VariantPatch {
        let Self { price, compare_at_price: compare_at, options, weight_grams, barcode, metadata } = self;
        let metadata = metadata.map(|pairs| merged(known, pairs));
        VariantPatch { price, compare_at, options, weight_grams, barcode, metadata }
    }
}
