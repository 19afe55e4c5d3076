//! Where an export comes from: the shop in the data directory, or a running server.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use commerce_core::catalog::{CategoryTree, HOUSE, ImportSeller, Inventory, ListProducts, Product, Variant};
use commerce_core::ids::{CategoryId, Id, ProductId, SellerId};
use commerce_core::page::PageRequest;
use commerce_core::text::{Sku, Slug};
use commerce_core::{Actor, Currency, limits};
use futures_util::StreamExt;
use indicatif::ProgressBar;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::import::jsonl::{Line, LineImage, LineVariant, Price};
use crate::remote::{Remote, part};
use crate::shop::Shop;

use super::super::shown::{Category, Seller, Shown, read};
use super::SIDE_BY_SIDE;

/// The code of what is not there any more.
const GONE: &str = "NOT_FOUND";

/// Whose products, and their sellers as far as they were met.
pub(super) struct Source {
    shop: Whose,
    sellers: Mutex<BTreeMap<SellerId, ImportSeller>>,
}

enum Whose {
    /// Those of a data directory.
    Local(Box<Shop>, Box<CategoryTree>),
    /// Those of a server, with its categories.
    Remote(Remote, BTreeMap<CategoryId, Node>),
}

/// A category as the tree knows it: name, slug and what it lies below.
type Node = (String, Slug, Option<CategoryId>);

impl Source {
    /// Opens it and reads its categories.
    pub(super) async fn open(cx: &Context) -> Result<Self, Failure> {
        let shop = match cx.target().await? {
            Target::Local(shop) => {
                let tree = shop.catalog.category_tree().await?;
                Whose::Local(shop, Box::new(tree))
            }
            Target::Remote(remote) => {
                let categories = categories(&remote).await?;
                Whose::Remote(remote, categories)
            }
        };
        Ok(Self { shop, sellers: Mutex::default() })
    }

    /// The currency of amounts that name none.
    pub(super) fn currency(&self, cx: &Context) -> Result<Currency, Failure> {
        match &self.shop {
            Whose::Local(shop, _) => Ok(shop.currency()),
            Whose::Remote(..) => Ok(cx.settings()?.server.currency),
        }
    }

    /// Every product, by its slug.
    pub(super) async fn slugs(&self) -> Result<BTreeMap<String, ProductId>, Failure> {
        let mut slugs = BTreeMap::new();
        match &self.shop {
            Whose::Local(shop, _) => {
                let mut at = Some(PageRequest::parse(Some(i64::from(limits::PAGE_MAX)), None)?);
                while let Some(page) = at {
                    let found = shop.catalog.products(&Actor::System, ListProducts::default(), &page).await?;
                    slugs.extend(found.items.iter().map(|product| (product.slug.to_string(), product.id)));
                    let next = |cursor: String| PageRequest::parse(Some(i64::from(limits::PAGE_MAX)), Some(&cursor));
                    at = found.next_cursor.map(next).transpose()?;
                }
            }
            Whose::Remote(remote, _) => {
                let cards: Vec<Card> = read(remote.whole("/api/products").await?.into())?;
                slugs.extend(cards.into_iter().map(|card| (card.slug, card.id)));
            }
        }
        Ok(slugs)
    }

    /// A product as a line of an export; none when it is gone.
    pub(super) async fn line(&self, id: ProductId) -> Result<Option<Line>, Failure> {
        match &self.shop {
            Whose::Local(shop, tree) => {
                let product = match shop.catalog.product(&Actor::System, id).await {
                    Err(error) if error.code() == GONE => return Ok(None),
                    product => product?,
                };
                let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
                let stock = shop.catalog.stock_of(&skus).await?;
                let stock = stock.into_iter().map(|Inventory { sku, on_hand, .. }| (sku, on_hand)).collect();
                let seller = self.seller(product.seller).await?;
                let category =
                    path(product.category, |id| tree.node(id).map(|node| (node.name.clone(), node.slug.clone(), node.parent)));
                Ok(Some(line(product, seller, category, &stock)))
            }
            Whose::Remote(remote, categories) => {
                let product = match remote.get_in_turn(&format!("/api/products/{id}"), &[]).await {
                    Err(failure) if failure.code() == GONE => return Ok(None),
                    shown => Product::from(read::<Shown>(shown?)?),
                };
                let mut stock = HashMap::new();
                for variant in &product.variants {
                    let path = format!("/api/inventory/{}", part(variant.sku.as_str()));
                    let OnHand { on_hand } = read(remote.get_in_turn(&path, &[]).await?)?;
                    stock.insert(variant.sku.clone(), on_hand);
                }
                let seller = self.seller(product.seller).await?;
                let category = path(product.category, |id| categories.get(&id).cloned());
                Ok(Some(line(product, seller, category, &stock)))
            }
        }
    }

    /// A seller as an export names it.
    async fn seller(&self, id: SellerId) -> Result<ImportSeller, Failure> {
        let mut met = self.sellers.lock().await;
        if let Some(seller) = met.get(&id) {
            return Ok(seller.clone());
        }
        let (slug, name) = match &self.shop {
            Whose::Local(shop, _) => {
                let seller = shop.catalog.seller(id).await?;
                (seller.slug, seller.name)
            }
            Whose::Remote(remote, _) => {
                let Seller { slug, name, .. } = read(remote.get_in_turn(&format!("/api/sellers/{id}"), &[]).await?)?;
                (slug, name)
            }
        };
        let seller = ImportSeller { slug, name, house: id == SellerId::from_uuid(HOUSE) };
        met.insert(id, seller.clone());
        Ok(seller)
    }

    /// The names of all options, for a column each: half of what there is to read then.
    pub(super) async fn option_names(&self, bar: &ProgressBar) -> Result<BTreeSet<String>, Failure> {
        let slugs = self.slugs().await?;
        bar.set_length(2 * slugs.len() as u64);
        let mut lines = futures_util::stream::iter(slugs.values()).map(|id| self.line(*id)).buffered(SIDE_BY_SIDE);
        let mut names = BTreeSet::new();
        while let Some(line) = lines.next().await {
            bar.inc(1);
            let variants = line?.into_iter().flat_map(|line| line.variants);
            names.extend(variants.flat_map(|variant| variant.options.into_keys()));
        }
        Ok(names)
    }

    /// Closes it.
    pub(super) async fn close(self) -> Result<(), Failure> {
        match self.shop {
            Whose::Local(shop, _) => shop.close().await,
            Whose::Remote(..) => Ok(()),
        }
    }
}

fn line(product: Product, seller: ImportSeller, (names, slugs): (Vec<String>, Vec<String>), stock: &HashMap<Sku, i64>) -> Line {
    let variant = |variant: Variant| LineVariant {
        stock: stock.get(&variant.sku).copied().unwrap_or(0),
        price: Price::Minor(variant.price),
        compare_at_price: variant.compare_at.map(Price::Minor),
        options: variant.options,
        weight_grams: variant.weight_grams,
        barcode: variant.barcode,
        metadata: Some(variant.metadata),
        sku: variant.sku,
    };
    Line {
        slug: Some(product.slug.to_string()),
        name: product.name,
        description: Some(product.description),
        status: Some(product.status),
        category: Some(names),
        category_slugs: slugs,
        seller: Some(seller),
        variants: product.variants.into_iter().map(variant).collect(),
        images: Some(product.images.into_iter().map(|image| LineImage { url: image.url, alt: image.alt }).collect()),
        metadata: Some(product.metadata),
    }
}

/// The names and the slugs from the root down.
fn path(category: Option<CategoryId>, node: impl Fn(CategoryId) -> Option<Node>) -> (Vec<String>, Vec<String>) {
    let (mut upwards, mut at) = (Vec::new(), category);
    while let Some((name, slug, parent)) = at.filter(|_| upwards.len() < limits::CATEGORY_DEPTH_MAX).and_then(&node) {
        upwards.push((name, slug.to_string()));
        at = parent;
    }
    upwards.into_iter().rev().unzip()
}

/// A server's categories.
async fn categories(remote: &Remote) -> Result<BTreeMap<CategoryId, Node>, Failure> {
    let all: Vec<Category> = read(remote.whole("/api/categories").await?.into())?;
    Ok(all.into_iter().map(|it| (it.id, (it.name, it.slug, it.parent_id))).collect())
}

/// A product as lists of a server show it.
#[derive(Deserialize)]
struct Card {
    id: ProductId,
    slug: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OnHand {
    on_hand: i64,
}
