//! One search, from its words to its hits. Runs where it is called: under a millisecond in a shop
//! of ten thousand products.

use std::collections::HashMap;
use std::sync::Arc;

use commerce_core::Money;
use commerce_core::catalog::{ProductCard, SearchHits, SearchQuery};
use tantivy::Searcher;

use super::collect::{Collected, Counted, HitCollector};
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
        self.hits(searcher, query, &collected)
    }

    /// The counts of all segments by the values' names.
    fn named(&self, searcher: &Searcher, facet: &'static str, counted: &[Counted]) -> tantivy::Result<HashMap<Arc<str>, u64>> {
        let mut named: HashMap<Arc<str>, u64> = HashMap::with_capacity(counted.len());
        for Counted { segment, value, count } in counted {
            let name = self.value_name(searcher, facet, *segment, *value)?;
            *named.entry(name).or_default() += u64::from(*count);
        }
        Ok(named)
    }

    fn hits(&self, searcher: &Searcher, query: &SearchQuery, collected: &Collected) -> tantivy::Result<SearchHits> {
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
            categories: most(self.named(searcher, "category", &collected.categories)?, |id| id.parse().ok()),
            options: most(self.named(searcher, "options", &collected.options)?, split)
                .into_iter()
                .map(|((name, value), count)| (name, value, count))
                .collect(),
            price_range,
        })
    }
}

fn split(option: &str) -> Option<(String, String)> {
    option.split_once(OPTION_SEPARATOR).map(|(name, value)| (name.to_owned(), value.to_owned()))
}

/// The most frequent values, most first.
fn most<T>(counts: HashMap<Arc<str>, u64>, read: impl Fn(&str) -> Option<T>) -> Vec<(T, u64)> {
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(value, count), (other, more)| more.cmp(count).then_with(|| value.cmp(other)));
    counts.truncate(FACET_MAX);
    counts.into_iter().filter_map(|(value, count)| Some((read(&value)?, count))).collect()
}
