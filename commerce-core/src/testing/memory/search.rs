//! Search by looking at everything.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::catalog::{
    CatalogStore, Inventory, Product, ProductCard, ProductSearch, ProductStatus, SearchHits, SearchQuery, SearchSort,
};
use crate::error::StoreError;
use crate::ids::ProductId;
use crate::limits;
use crate::money::Money;
use crate::text::Sku;
use crate::time::Timestamp;

/// Finds the products on sale that contain every word asked for; no ranking beyond "in the name".
#[derive(Default)]
pub struct MemorySearch {
    entries: Mutex<BTreeMap<ProductId, Entry>>,
}

#[derive(Clone, PartialEq)]
struct Entry {
    product: Product,
    in_stock: bool,
}

impl MemorySearch {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<ProductId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn prices(&self) -> impl Iterator<Item = Money> {
        self.product.variants.iter().map(|variant| variant.price)
    }

    fn cheapest(&self) -> Option<Money> {
        self.prices().min_by_key(|price| price.minor)
    }

    fn dearest(&self) -> Option<Money> {
        self.prices().max_by_key(|price| price.minor)
    }

    fn contains(&self, word: &str) -> bool {
        let options = self.product.variants.iter().flat_map(|variant| variant.options.values());
        let mut texts = [&self.product.name, &self.product.description].into_iter().chain(options);
        texts.any(|text| text.to_lowercase().contains(word))
    }

    fn matches(&self, query: &SearchQuery) -> bool {
        let category = self.product.category;
        let priced = |price: Money| {
            query.min_price.is_none_or(|min| price.minor >= min) && query.max_price.is_none_or(|max| price.minor <= max)
        };
        self.product.status == ProductStatus::Active
            && query.text.to_lowercase().split_whitespace().all(|word| self.contains(word))
            && query.categories.as_ref().is_none_or(|wanted| category.is_some_and(|category| wanted.contains(&category)))
            && self.prices().any(priced)
            && (self.in_stock || !query.in_stock)
            && query
                .options
                .iter()
                .all(|(name, values)| options_of(self).any(|(known, value)| known == *name && values.contains(&value)))
    }

    fn in_name(&self, query: &SearchQuery) -> bool {
        let name = self.product.name.to_lowercase();
        query.text.to_lowercase().split_whitespace().all(|word| name.contains(word))
    }

    fn card(&self) -> Option<ProductCard> {
        let product = &self.product;
        Some(ProductCard {
            id: product.id,
            slug: product.slug.clone(),
            name: product.name.clone(),
            status: product.status,
            category: product.category,
            seller: product.seller,
            min_price: self.cheapest()?,
            max_price: self.dearest()?,
            in_stock: self.in_stock,
            image: product.images.first().cloned(),
            rating: product.rating,
            version: product.version,
        })
    }
}

/// Sorts hits that come newest first.
fn sort(hits: &mut [Entry], query: &SearchQuery) {
    let price = |price: Option<Money>| price.map_or(0, |price| price.minor);
    match query.sort {
        SearchSort::Newest => {}
        SearchSort::Relevance => hits.sort_by_key(|hit| !hit.in_name(query)),
        SearchSort::PriceAscending => hits.sort_by_key(|hit| price(hit.cheapest())),
        SearchSort::PriceDescending => hits.sort_by_key(|hit| std::cmp::Reverse(price(hit.dearest()))),
    }
}

/// How often each key comes, most first.
fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> Vec<(K, u64)> {
    let mut counts: BTreeMap<K, u64> = BTreeMap::new();
    for key in keys {
        let count = counts.entry(key).or_default();
        *count = count.saturating_add(1);
    }
    let mut counts: Vec<(K, u64)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

fn options_of(entry: &Entry) -> impl Iterator<Item = (String, String)> {
    let pairs = entry.product.variants.iter().flat_map(|variant| variant.options.clone());
    pairs.collect::<std::collections::BTreeSet<_>>().into_iter()
}

fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

async fn read_all(catalog: &dyn CatalogStore) -> Result<BTreeMap<ProductId, Entry>, StoreError> {
    let mut entries = BTreeMap::new();
    let (mut since, mut after) = (Timestamp::EPOCH, None);
    loop {
        let changed = catalog.products_changed(since, after, limits::WORK_BATCH).await?;
        let Some((last, id)) = changed.last().map(|(at, product)| (*at, product.id)) else { return Ok(entries) };
        (since, after) = (last, Some(id));
        for (_, product) in changed {
            let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
            let in_stock = catalog.inventory(&skus).await?.iter().any(|row: &Inventory| row.available() > 0);
            entries.insert(product.id, Entry { product, in_stock });
        }
    }
}

#[async_trait]
impl ProductSearch for MemorySearch {
    async fn search(&self, query: &SearchQuery) -> Result<Option<SearchHits>, StoreError> {
        let mut hits: Vec<Entry> = self.entries().values().rev().filter(|entry| entry.matches(query)).cloned().collect();
        sort(&mut hits, query);
        let cheapest = hits.iter().filter_map(Entry::cheapest).min_by_key(|price| price.minor);
        let dearest = hits.iter().filter_map(Entry::dearest).max_by_key(|price| price.minor);
        let options = counted(hits.iter().flat_map(options_of));
        let skipped = usize::try_from(query.offset).unwrap_or(usize::MAX);
        Ok(Some(SearchHits {
            total: size(hits.len()),
            categories: counted(hits.iter().filter_map(|hit| hit.product.category)),
            options: options.into_iter().map(|((name, value), count)| (name, value, count)).collect(),
            price_range: cheapest.zip(dearest),
            products: super::at_most(hits.iter().skip(skipped).filter_map(Entry::card), query.limit),
        }))
    }

    async fn catch_up(&self, catalog: &dyn CatalogStore) -> Result<u64, StoreError> {
        let fresh = read_all(catalog).await?;
        let mut entries = self.entries();
        let changed = fresh.iter().filter(|(id, entry)| entries.get(id) != Some(entry)).count();
        *entries = fresh;
        Ok(size(changed))
    }

    async fn rebuild(&self, catalog: &dyn CatalogStore, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError> {
        let fresh = read_all(catalog).await?;
        let count = size(fresh.len());
        *self.entries() = fresh;
        progress(count);
        Ok(count)
    }
}
