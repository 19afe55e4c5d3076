//! One pass over everything that matches: filters, facets, the total and the best hits.

use std::cmp::Reverse;
use std::sync::Arc;

use commerce_core::catalog::{SearchQuery, SearchSort};
use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, ColumnValues, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader};

use super::document::option_text;

/// Different values of one facet that a segment reports; the rarest beyond are left out.
const VALUES_MAX: usize = 200;

/// A hit's place: what it is sorted by, then newest first, then where it lies.
type Place = (i64, i64, Reverse<DocAddress>);

/// Collects what [`SearchQuery`] asks for.
pub(super) struct HitCollector {
    sort: SearchSort,
    scored: bool,
    categories: Option<Vec<String>>,
    prices: Option<(i64, i64)>,
    in_stock: bool,
    /// Of each group one, as the index keeps options.
    options: Vec<Vec<String>>,
    top: usize,
}

impl HitCollector {
    /// For `query`; `scored` says whether there are words to rank by.
    pub(super) fn new(query: &SearchQuery, scored: bool) -> Self {
        let bounded = query.min_price.is_some() || query.max_price.is_some();
        let prices = (query.min_price.unwrap_or(i64::MIN), query.max_price.unwrap_or(i64::MAX));
        let categories = query.categories.as_ref().map(|ids| ids.iter().map(ToString::to_string).collect());
        let options = query.options.iter().map(|(name, values)| values.iter().map(|value| option_text(name, value)).collect());
        let top = query.offset.saturating_add(query.limit) as usize;
        Self {
            sort: query.sort,
            scored: scored && query.sort == SearchSort::Relevance,
            categories,
            prices: bounded.then_some(prices),
            in_stock: query.in_stock,
            options: options.collect(),
            top,
        }
    }
}

/// How often one value of a facet occurs in one segment.
#[derive(Clone, Copy)]
pub(super) struct Counted {
    pub(super) segment: SegmentOrdinal,
    /// The value's number in the segment's dictionary.
    pub(super) value: u64,
    pub(super) count: u32,
}

/// What was collected.
#[derive(Default)]
pub(super) struct Collected {
    /// The best, best first.
    pub(super) hits: Vec<DocAddress>,
    pub(super) total: u64,
    pub(super) categories: Vec<Counted>,
    pub(super) options: Vec<Counted>,
    /// Lowest and highest price.
    pub(super) prices: Option<(i64, i64)>,
}

/// What one segment gave.
pub(super) struct SegmentHits {
    places: Vec<Place>,
    collected: Collected,
}

impl Collector for HitCollector {
    type Fruit = Collected;
    type Child = SegmentHitCollector;

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> tantivy::Result<SegmentHitCollector> {
        let fast = segment.fast_fields();
        let category = fast.str("category")?;
        let allowed = self.categories.as_ref().map(|wanted| ordinals(category.as_ref(), wanted)).transpose()?;
        let options = fast.str("options")?;
        let optional = self.options.iter().map(|wanted| ordinals(options.as_ref(), wanted)).collect::<tantivy::Result<_>>()?;
        Ok(SegmentHitCollector {
            ordinal,
            sort: self.sort,
            scored: self.scored,
            bounds: self.prices,
            only_in_stock: self.in_stock,
            top: self.top,
            allowed,
            optional,
            price: fast.i64("price")?,
            created: fast.column_first_or_default("created")?,
            in_stock: fast.column_first_or_default("in_stock")?,
            categories: Counts::over(category),
            options: Counts::over(options),
            prices: None,
            total: 0,
            places: Vec::new(),
        })
    }

    fn requires_scoring(&self) -> bool {
        self.scored
    }

    fn merge_fruits(&self, segments: Vec<SegmentHits>) -> tantivy::Result<Collected> {
        let mut all = Collected::default();
        let mut places: Vec<Place> = Vec::new();
        for segment in segments {
            let SegmentHits { places: some, collected } = segment;
            places.extend(some);
            all.total += collected.total;
            all.categories.extend(collected.categories);
            all.options.extend(collected.options);
            all.prices = match (all.prices, collected.prices) {
                (Some((low, high)), Some((lower, higher))) => Some((low.min(lower), high.max(higher))),
                (known, other) => known.or(other),
            };
        }
        places.sort_unstable_by(|a, b| b.cmp(a));
        places.truncate(self.top);
        all.hits = places.into_iter().map(|(_, _, Reverse(at))| at).collect();
        Ok(all)
    }
}

/// Whether each value of a segment's facet is among the wanted ones.
fn ordinals(column: Option<&StrColumn>, wanted: &[String]) -> tantivy::Result<Vec<bool>> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let mut allowed = vec![false; column.num_terms()];
    for value in wanted {
        if let Some(ordinal) = column.dictionary().term_ord(value)? {
            allowed[index(ordinal)] = true;
        }
    }
    Ok(allowed)
}

fn index(ordinal: u64) -> usize {
    usize::try_from(ordinal).expect("a segment has fewer values than addresses")
}

/// Collects in one segment.
pub(super) struct SegmentHitCollector {
    ordinal: SegmentOrdinal,
    sort: SearchSort,
    scored: bool,
    bounds: Option<(i64, i64)>,
    only_in_stock: bool,
    top: usize,
    allowed: Option<Vec<bool>>,
    optional: Vec<Vec<bool>>,
    price: Column<i64>,
    created: Arc<dyn ColumnValues<i64>>,
    in_stock: Arc<dyn ColumnValues<bool>>,
    categories: Counts,
    options: Counts,
    prices: Option<(i64, i64)>,
    total: u64,
    places: Vec<Place>,
}

impl SegmentHitCollector {
    fn passes(&self, doc: DocId) -> bool {
        (!self.only_in_stock || self.in_stock.get_val(doc))
            && self.bounds.is_none_or(|(low, high)| self.price.values_for_doc(doc).any(|price| (low..=high).contains(&price)))
            && self.allowed.as_ref().is_none_or(|allowed| self.categories.of(doc).any(|ordinal| allowed[index(ordinal)]))
            && self.optional.iter().all(|allowed| self.options.of(doc).any(|ordinal| allowed[index(ordinal)]))
    }

    fn key(&self, doc: DocId, score: Score, low: i64, high: i64) -> i64 {
        match self.sort {
            // The bits of positive floats sort like the floats.
            SearchSort::Relevance if self.scored => i64::from(score.max(0.0).to_bits()),
            SearchSort::Relevance | SearchSort::Newest => self.created.get_val(doc),
            SearchSort::PriceAscending => low.saturating_neg(),
            SearchSort::PriceDescending => high,
        }
    }

    /// Keeps the best `top` and drops the rest.
    fn prune(&mut self) {
        if self.places.len() > self.top {
            self.places.select_nth_unstable_by(self.top, |a, b| b.cmp(a));
            self.places.truncate(self.top);
        }
    }
}

impl SegmentCollector for SegmentHitCollector {
    type Fruit = SegmentHits;

    fn collect(&mut self, doc: DocId, score: Score) {
        if !self.passes(doc) {
            return;
        }
        self.total += 1;
        self.categories.count(doc);
        self.options.count(doc);
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        for price in self.price.values_for_doc(doc) {
            (low, high) = (low.min(price), high.max(price));
        }
        let (lowest, highest) = self.prices.unwrap_or((low, high));
        self.prices = Some((lowest.min(low), highest.max(high)));
        let address = DocAddress::new(self.ordinal, doc);
        self.places.push((self.key(doc, score, low, high), self.created.get_val(doc), Reverse(address)));
        if self.places.len() > 2 * self.top + 256 {
            self.prune();
        }
    }

    fn harvest(mut self) -> SegmentHits {
        self.prune();
        let collected = Collected {
            hits: Vec::new(),
            total: self.total,
            categories: self.categories.most(self.ordinal),
            options: self.options.most(self.ordinal),
            prices: self.prices,
        };
        SegmentHits { places: self.places, collected }
    }
}

/// How often each value of a facet occurs in one segment.
struct Counts {
    column: Option<StrColumn>,
    counts: Vec<u32>,
}

impl Counts {
    fn over(column: Option<StrColumn>) -> Self {
        let counts = vec![0; column.as_ref().map_or(0, |column| column.num_terms())];
        Self { column, counts }
    }

    fn of(&self, doc: DocId) -> impl Iterator<Item = u64> + '_ {
        self.column.iter().flat_map(move |column| column.term_ords(doc))
    }

    fn count(&mut self, doc: DocId) {
        if let Some(column) = &self.column {
            for ordinal in column.term_ords(doc) {
                self.counts[index(ordinal)] += 1;
            }
        }
    }

    /// The most frequent values.
    fn most(self, segment: SegmentOrdinal) -> Vec<Counted> {
        let numbered = (0_u64..).zip(self.counts).filter(|(_, count)| *count > 0);
        let mut counted: Vec<_> = numbered.map(|(value, count)| Counted { segment, value, count }).collect();
        if counted.len() > VALUES_MAX {
            counted.select_nth_unstable_by_key(VALUES_MAX, |counted| Reverse(counted.count));
            counted.truncate(VALUES_MAX);
        }
        counted
    }
}
