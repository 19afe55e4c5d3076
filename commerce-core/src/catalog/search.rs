//! Finds products. The index answers where there is one; otherwise a bounded scan does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::actor::Actor;
use crate::change::ChangeSet;
use crate::error::{Outcome, Refusal};
use crate::ids::{CategoryId, Id};
use crate::limits;
use crate::page::{Cursor, PageRequest};
use crate::staff::{StaffAction, Subject};

use super::Catalog;
use super::model::{Product, ProductCard, ProductStatus};
use super::ports::{ProductFilter, SearchHits, SearchQuery, SearchSort};

/// What a client searches for.
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// The words; empty matches everything.
    pub text: String,
    /// Only of this category and everything below it.
    pub category: Option<CategoryId>,
    /// Only at this price or above, in minor units.
    pub min_price: Option<i64>,
    /// Only at this price or below.
    pub max_price: Option<i64>,
    /// Only what can be had.
    pub in_stock: bool,
    /// Only with these options, name and value. Of one name any of the values will do; of several names one
    /// of each, on whichever variant.
    pub options: Vec<(String, String)>,
    /// In which order.
    pub sort: SearchSort,
    /// Which part of the answer.
    pub page: PageRequest,
}

/// What a client gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchResults {
    /// One page of hits, with facets and total over all of them.
    pub hits: SearchHits,
    /// Where to go on; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl Catalog {
    /// Searches what is on sale. The answer may be seconds behind the catalog.
    ///
    /// # Errors
    /// `INVALID` for a text over [`limits::QUERY_MAX`], a negative price, or more than [`limits::SEARCH_OPTIONS_MAX`] options,
    /// `BAD_CURSOR`.
    pub async fn search(&self, _actor: &Actor, request: SearchRequest) -> Outcome<SearchResults> {
        let mut query = query(&request)?;
        query.categories = self.subtree(request.category).await?;
        let hits = match self.search.search(&query).await {
            Ok(Some(hits)) => hits,
            Ok(None) => self.scan(&query).await?,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the search index failed; scanning instead");
                self.scan(&query).await?
            }
        };
        let next_cursor = next_cursor(&request.page, &query, &hits);
        Ok(SearchResults { hits, next_cursor })
    }

    /// Brings the index up to what the catalog says; answers how many products it took in.
    pub async fn index_catch_up(&self) -> Outcome<u64> {
        Ok(self.search.catch_up(&*self.store).await?)
    }

    /// Builds the index anew; `progress` hears how many products are in. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    pub async fn reindex(&self, actor: &Actor, progress: &(dyn Fn(u64) + Send + Sync)) -> Outcome<u64> {
        actor.require_staff()?;
        let told = self.told(actor, StaffAction::IndexRebuilt, Subject::SHOP, json!({}));
        self.store.commit(ChangeSet::new().say(told)).await?;
        self.fill_index(progress).await
    }

    /// Builds the index of a shop that was put back.
    pub async fn fill_index(&self, progress: &(dyn Fn(u64) + Send + Sync)) -> Outcome<u64> {
        Ok(self.search.rebuild(&*self.store, progress).await?)
    }

    /// The newest products that match, among the newest [`limits::SCAN_MAX`].
    async fn scan(&self, query: &SearchQuery) -> Outcome<SearchHits> {
        let status = Some(ProductStatus::Active);
        let filter = ProductFilter { categories: query.categories.clone(), seller: None, status };
        let words = words(&query.text);
        let mut found = Vec::new();
        let mut seen = 0_usize;
        let mut cursor = None;
        while seen < limits::SCAN_MAX {
            let page = PageRequest::parse(Some(i64::from(limits::PAGE_MAX)), cursor.as_deref())?;
            let page = self.store.products(&filter, &page).await?;
            seen = seen.saturating_add(page.items.len());
            let matches: Vec<_> = page.items.into_iter().filter_map(|product| scored(product, &words)).collect();
            let cards = self.cards(&matches.iter().map(|(_, product)| product.clone()).collect::<Vec<_>>()).await?;
            found.extend(matches.into_iter().filter_map(|(score, product)| {
                let card = cards.iter().find(|card| card.id == product.id)?.clone();
                Some((score, product, card))
            }));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        found.retain(|(_, product, card)| passes(product, card, query));
        Ok(ranked(found, query))
    }
}

fn query(request: &SearchRequest) -> Result<SearchQuery, Refusal> {
    let text = request.text.trim();
    if text.chars().count() > limits::QUERY_MAX {
        return Err(Refusal::field("q", "TOO_LONG", "must have at most 200 characters"));
    }
    for (field, price) in [("minPrice", request.min_price), ("maxPrice", request.max_price)] {
        if price.is_some_and(|price| price < 0) {
            return Err(Refusal::field(field, "OUT_OF_RANGE", "must not be negative"));
        }
    }
    if request.options.len() > limits::SEARCH_OPTIONS_MAX {
        return Err(Refusal::field("option", "TOO_MANY", "must be said at most 50 times"));
    }
    let mut options: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, value) in &request.options {
        options.entry(name.clone()).or_default().insert(value.clone());
    }
    let offset = match request.page.after() {
        None => 0,
        Some(Cursor(place)) => {
            u32::try_from(place.as_u128()).ok().filter(|offset| *offset <= limits::SEARCH_DEPTH_MAX).ok_or(Refusal::BadCursor)?
        }
    };
    Ok(SearchQuery {
        text: text.to_owned(),
        categories: None,
        min_price: request.min_price,
        max_price: request.max_price,
        in_stock: request.in_stock,
        options,
        sort: request.sort,
        limit: request.page.limit(),
        offset,
    })
}

/// Where the next page begins: hits are counted, so the place is a number in a cursor's clothes.
fn next_cursor(page: &PageRequest, query: &SearchQuery, hits: &SearchHits) -> Option<String> {
    let next = query.offset.checked_add(query.limit)?;
    let more = u64::from(next) < hits.total && next <= limits::SEARCH_DEPTH_MAX;
    more.then(|| page.cursor_at(uuid::Uuid::from_u128(u128::from(next))))
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase().split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The product with how often its words hit, if each of `words` does; the name counts four times.
fn scored(product: Product, words: &[String]) -> Option<(usize, Product)> {
    let name = product.name.to_lowercase();
    let rest = product.variants.iter().flat_map(|variant| variant.options.values()).fold(
        product.description.to_lowercase(),
        |mut rest, value| {
            rest.push(' ');
            rest.push_str(&value.to_lowercase());
            rest
        },
    );
    let mut score = 0_usize;
    for word in words {
        match (name.contains(word.as_str()), rest.contains(word.as_str())) {
            (true, _) => score = score.saturating_add(4),
            (false, true) => score = score.saturating_add(1),
            (false, false) => return None,
        }
    }
    Some((score, product))
}

fn passes(product: &Product, card: &ProductCard, query: &SearchQuery) -> bool {
    let bounds = query.min_price.unwrap_or(i64::MIN)..=query.max_price.unwrap_or(i64::MAX);
    let has = |(name, values): (&String, &BTreeSet<String>)| {
        product.variants.iter().any(|variant| variant.options.get(name).is_some_and(|value| values.contains(value)))
    };
    (!query.in_stock || card.in_stock)
        && product.variants.iter().any(|variant| bounds.contains(&variant.price.minor))
        && query.options.iter().all(has)
}

fn ranked(mut found: Vec<(usize, Product, ProductCard)>, query: &SearchQuery) -> SearchHits {
    found.sort_by(|(score, _, card), (other_score, _, other)| {
        let newest = other.id.cmp(&card.id);
        match query.sort {
            SearchSort::Relevance => other_score.cmp(score).then(newest),
            SearchSort::PriceAscending => card.min_price.minor.cmp(&other.min_price.minor).then(newest),
            SearchSort::PriceDescending => other.min_price.minor.cmp(&card.min_price.minor).then(newest),
            SearchSort::Newest => newest,
        }
    });
    let mut categories: BTreeMap<CategoryId, u64> = BTreeMap::new();
    let mut options: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    for (_, product, card) in &found {
        if let Some(category) = card.category {
            count(&mut categories, category);
        }
        let mut own: Vec<_> = product.variants.iter().flat_map(|variant| &variant.options).collect();
        own.sort();
        own.dedup();
        for (name, value) in own {
            count(&mut options, (name.as_str(), value.as_str()));
        }
    }
    let mut categories: Vec<_> = categories.into_iter().collect();
    categories.sort_by_key(|(id, count)| (std::cmp::Reverse(*count), id.uuid()));
    let mut options: Vec<_> =
        options.into_iter().map(|((name, value), count)| (name.to_owned(), value.to_owned(), count)).collect();
    options.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| (&a.0, &a.1).cmp(&(&b.0, &b.1))));
    let cheapest = found.iter().map(|(_, _, card)| card.min_price).min_by_key(|price| price.minor);
    let dearest = found.iter().map(|(_, _, card)| card.max_price).max_by_key(|price| price.minor);
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    let (skip, take) = (usize::try_from(query.offset), usize::try_from(query.limit));
    let page = found.into_iter().skip(skip.unwrap_or(usize::MAX)).take(take.unwrap_or(0));
    let products = page.map(|(_, _, card)| card).collect();
    SearchHits { products, total, categories, options, price_range: cheapest.zip(dearest) }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_bounded_and_follow_each_other() {
        let request = SearchRequest { text: "  red shirt ".to_owned(), ..SearchRequest::default() };
        let first = query(&request).unwrap();
        assert_eq!((first.text.as_str(), first.offset, first.limit), ("red shirt", 0, 20));
        let hits = SearchHits { total: 21, ..SearchHits::default() };
        let cursor = next_cursor(&request.page, &first, &hits).unwrap();
        let page = PageRequest::parse(None, Some(&cursor)).unwrap();
        let second = query(&SearchRequest { page: page.clone(), ..SearchRequest::default() }).unwrap();
        assert_eq!(second.offset, 20);
        assert_eq!(next_cursor(&page, &second, &hits), None);
        let rubbish = PageRequest::first().from(Cursor(uuid::Uuid::max()));
        assert_eq!(query(&SearchRequest { page: rubbish, ..SearchRequest::default() }).unwrap_err(), Refusal::BadCursor);
    }

    #[test]
    fn odd_queries_are_only_words() {
        assert!(words("%%%% ** ()").is_empty());
        assert_eq!(words("T-Shirt"), ["t", "shirt"]);
        let long = SearchRequest { text: "x".repeat(201), ..SearchRequest::default() };
        assert!(matches!(query(&long), Err(Refusal::Invalid(_))));
    }
}
