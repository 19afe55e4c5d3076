//! One search, from its words to its hits. Runs where it is called: under a millisecond in a shop
//! of ten thousand products.

use commerce_core::Money;
use commerce_core::catalog::{ProductCard, SearchHits, SearchQuery};
use commerce_core::ids::CategoryId;
use tantivy::Searcher;

use super::collect::{Collected, HitCollector};
use super::document::OPTION_SEPARATOR;
use super::generation::Generation;
use super::words::{Need, expand, query as words_query, typed};

/// Values of one facet that are shown.
const FACET_MAX: usize = 100;

impl Generation {
    /// Searches; a repeated search is remembered until the next commit.
    pub(super) fn ask(&self, query: &SearchQuery) -> tantivy::Result<SearchHits> {
        let searcher = self.searcher();
        self.answer(&searcher, query, || self.ask_anew(&searcher, query))
    }

    fn ask_anew(&self, searcher: &Searcher, query: &SearchQuery) -> tantivy::Result<SearchHits> {
        let typed = typed(&query.text);
        let mut words = Vec::with_capacity(typed.len());
        for (at, word) in typed.iter().enumerate() {
            let last = at + 1 == typed.len();
            words.push(self.spellings(searcher, word, last, || expand(searcher, &self.fields, word, last))?);
        }
        let collector = HitCollector::new(query, !words.is_empty());
        let mut collected = Collected::default();
        for need in [Need::All, Need::Some] {
            if let Some(query) = words_query(&self.fields, &words, need) {
                collected = searcher.search(&*query, &collector)?;
            }
            if collected.total > 0 || words.len() < 2 {
                break;
            }
        }
        self.hits(searcher, query, collected)
    }

    fn hits(&self, searcher: &Searcher, query: &SearchQuery, collected: Collected) -> tantivy::Result<SearchHits> {
        let shown = collected.hits.iter().skip(query.offset as usize).take(query.limit as usize);
        let mut products = Vec::with_capacity(query.limit as usize);
        for at in shown {
            products.push(ProductCard::clone(&*self.card(searcher, *at)?));
        }
        // A shop lists in one currency; any hit knows it.
        let currency = match collected.hits.first() {
            Some(first) => Some(self.card(searcher, *first)?.min_price.currency),
            None => None,
        };
        let price_range =
            collected.prices.zip(currency).map(|((low, high), currency)| (Money::new(low, currency), Money::new(high, currency)));
        Ok(SearchHits {
            products,
            total: collected.total,
            categories: most(collected.categories.into_iter().filter_map(|(id, count)| {
                let id: CategoryId = id.parse().ok()?;
                Some((id, count))
            })),
            options: most(collected.options.into_iter().filter_map(|(option, count)| {
                let (name, value) = option.split_once(OPTION_SEPARATOR)?;
                Some(((name.to_owned(), value.to_owned()), count))
            }))
            .into_iter()
            .map(|((name, value), count)| (name, value, count))
            .collect(),
            price_range,
        })
    }
}

/// The most frequent values, most first.
fn most<T: Ord>(counts: impl Iterator<Item = (T, u64)>) -> Vec<(T, u64)> {
    let mut counts: Vec<_> = counts.collect();
    counts.sort_by(|(value, count), (other, more)| more.cmp(count).then_with(|| value.cmp(other)));
    counts.truncate(FACET_MAX);
    counts
}
