//! `product`: import, export and look.

mod export;
mod import;
mod shown;

pub(crate) use import::to_product;

use commerce_core::catalog::{ListProducts, Product, ProductStatus};
use commerce_core::error::ErrorClass;
use commerce_core::ids::{CategoryId, ProductId, SellerId};
use commerce_core::text::{Sku, Slug};
use commerce_core::{Actor, Refusal};
use serde_json::Value;

use crate::args::{Paging, one_of};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{self, Column};
use crate::remote::part;
use crate::shop::Shop;
use crate::views;

const CARDS: &[Column] = &[
    ("SLUG", "/slug"),
    ("NAME", "/name"),
    ("STATUS", "/status"),
    ("FROM", "/priceRange/min"),
    ("TO", "/priceRange/max"),
    ("IN STOCK", "/inStock"),
    ("ID", "/id"),
];

const WHOLE: &[Column] = &[
    ("Name", "/name"),
    ("Slug", "/slug"),
    ("Id", "/id"),
    ("Status", "/status"),
    ("Category", "/categoryId"),
    ("Seller", "/sellerId"),
    ("Created", "/createdAt"),
    ("Updated", "/updatedAt"),
    ("Version", "/version"),
];

const VARIANTS: &[Column] = &[
    ("SKU", "/sku"),
    ("PRICE", "/price"),
    ("BEFORE", "/compareAtPrice"),
    ("OPTIONS", "/options"),
    ("AVAILABLE", "/available"),
    ("GRAMS", "/weightGrams"),
    ("BARCODE", "/barcode"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Read products from a file
    Import(import::Args),
    /// Write all products so that `product import` reads them back
    Export(export::Args),
    /// Products, newest first
    List {
        /// Only in this status
        #[arg(long, value_parser = one_of(ProductStatus::ALL, ProductStatus::as_str), ignore_case = true)]
        status: Option<ProductStatus>,
        /// Only of this category and those below it, by id
        #[arg(long)]
        category: Option<CategoryId>,
        /// Only of this seller, by id
        #[arg(long)]
        seller: Option<SellerId>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One product with its variants
    Show {
        /// Slug or id
        product: String,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Import(args) => import::run(cx, args).await,
        Command::Export(args) => export::run(cx, args).await,
        Command::List { status, category, seller, paging } => list(cx, ListProducts { category, seller, status }, &paging).await,
        Command::Show { product } => show(cx, &product).await,
    }
}

async fn list(cx: &Context, list: ListProducts, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let page = shop.catalog.product_cards(&Actor::System, list, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::card), CARDS)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let filters = [
                ("category", list.category.map(|id| id.to_string())),
                ("seller", list.seller.map(|id| id.to_string())),
                ("status", list.status.map(|status| status.to_string())),
            ];
            let mut query = paging.query();
            query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
            cx.out.page(&remote.get("/api/products", &query).await?, CARDS)
        }
    }
}

async fn show(cx: &Context, product: &str) -> Result<(), Failure> {
    let product = match cx.target().await? {
        Target::Local(shop) => {
            let product = find(&shop, product).await?;
            let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
            let shown = views::product(product, &shop.catalog.stock_of(&skus).await?);
            shop.close().await?;
            shown
        }
        Target::Remote(remote) => remote.get(&format!("/api/products/{}", part(product)), &[]).await?,
    };
    cx.out.record(&product, WHOLE)?;
    if cx.out.is_json() {
        return Ok(());
    }
    output::text("")?;
    cx.out.list(product.get("variants").and_then(Value::as_array).map_or(&[], Vec::as_slice), VARIANTS)
}

/// The product with this id or slug.
async fn find(shop: &Shop, text: &str) -> Result<Product, Failure> {
    let nothing = Err(Refusal::NotFound("product").into());
    let by_id = match text.parse::<ProductId>() {
        Ok(id) => shop.catalog.product(&Actor::System, id).await,
        Err(_) => nothing,
    };
    // A slug may look like an id.
    match (by_id, text.parse::<Slug>()) {
        (Err(error), Ok(slug)) if error.class() == ErrorClass::NotFound => {
            Ok(shop.catalog.product_by_slug(&Actor::System, &slug).await?)
        }
        (found, _) => Ok(found?),
    }
}
