//! The shop that is measured: opened, filled, looked through.

use std::path::Path;

use commerce_core::Actor;
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;
use futures_util::{StreamExt, TryStreamExt};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::context::Context;
use crate::failure::Failure;
use crate::remote::Remote;
use crate::shop::{Shop, alone_in};

use super::data;

/// Products that are written side by side.
const SIDE_BY_SIDE: usize = 256;

/// Opens a shop of the run's own in `folder`, with its mails written to files or dropped.
///
/// # Errors
/// When the settings are wrong or the folder cannot be written.
pub(crate) async fn open(cx: &Context, folder: &Path, drop_mail: bool) -> Result<Shop, Failure> {
    let mut config = cx.settings()?;
    alone_in(&mut config, folder)?;
    if drop_mail { Shop::serve_without_mail(&config).await } else { Shop::serve(&config).await }
}

/// Fills it with products and what a flash sale sells.
///
/// # Errors
/// When the shop refuses.
pub(crate) async fn fill(shop: &Shop, products: usize, units: i64) -> Result<(), Failure> {
    let mut categories = Vec::new();
    for name in data::CATEGORIES {
        categories.push(shop.catalog.category_at(&Actor::System, &[(*name).to_owned()]).await?);
    }
    let currency = shop.currency();
    let bar = ProgressBar::new(products as u64);
    let imports = (0..products).map(|index| data::product(index, &categories, currency));
    let imports = imports.chain(std::iter::once(data::flash_product(units, currency)));
    futures_util::stream::iter(imports)
        .map(|import| shop.catalog.import_product(&Actor::System, import))
        .buffer_unordered(SIDE_BY_SIDE)
        .try_for_each(|_| {
            bar.inc(1);
            std::future::ready(Ok(()))
        })
        .await?;
    bar.finish_and_clear();
    shop.catalog.index_catch_up().await?;
    Ok(shop.settle().await?)
}

/// Ids and first SKUs of the filled shop.
///
/// # Errors
/// When the shop does not answer.
pub(crate) async fn first_products(shop: &Shop, count: usize) -> Result<Vec<(ProductId, Sku)>, Failure> {
    let mut products = Vec::with_capacity(count);
    let skus = (0..count).map(|index| Sku::parse("sku", &data::first_sku(index))).collect::<Result<Vec<_>, _>>()?;
    for part in skus.chunks(200) {
        products.extend(shop.catalog.items(part).await?.into_iter().map(|item| (item.product, item.sku)));
    }
    Ok(products)
}

/// Ids and first SKUs of a running shop, up to `count`.
///
/// # Errors
/// When it does not answer or sells nothing.
pub(crate) async fn remote_products(remote: &Remote, count: usize) -> Result<Vec<(String, String)>, Failure> {
    let ids = remote_ids(remote, count).await?;
    let products: Vec<Option<(String, String)>> = futures_util::stream::iter(ids)
        .map(|id| async move {
            let product = remote.get(&format!("/api/products/{id}"), &[]).await?;
            let sku = product.pointer("/variants/0/sku").and_then(Value::as_str).map(str::to_owned);
            Ok::<_, Failure>(sku.filter(|sku| sku != data::FLASH_SKU).map(|sku| (id, sku)))
        })
        .buffered(16)
        .try_collect()
        .await?;
    let products: Vec<_> = products.into_iter().flatten().collect();
    if products.is_empty() { Err(Failure::new("NO_PRODUCTS", "the shop sells nothing to measure with")) } else { Ok(products) }
}

async fn remote_ids(remote: &Remote, count: usize) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    while ids.len() < count {
        let page = remote.get("/api/products", &[("limit", "100".to_owned()), ("cursor", cursor.clone())]).await?;
        let items = page["items"].as_array().map_or(&[] as &[Value], Vec::as_slice);
        ids.extend(items.iter().filter_map(|item| item["id"].as_str().map(str::to_owned)));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    Ok(ids)
}
