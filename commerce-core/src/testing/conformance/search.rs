//! The search index: what holds whatever the ranking.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::catalog::{
    CatalogStore, CatalogWrite, Movement, MovementKind, Product, ProductSearch, ProductStatus, SearchHits, SearchQuery,
    SearchSort,
};
use crate::change::ChangeSet;
use crate::ids::{CategoryId, Id, IdSource};
use crate::money::Money;
use crate::testing::memory::MemoryCatalog;
use crate::testing::{ManualClock, SeededEntropy};
use crate::time::{Clock, Timestamp};

use super::fixture::got;
use super::outside::Made;
use super::samples::{self, paise, sku};

pub(super) async fn all(make: &impl AsyncFn() -> Made<dyn ProductSearch>) {
    words_find_products(&Shop::open(make).await).await;
    filters_hold(&Shop::open(make).await).await;
    sorts_hold(&Shop::open(make).await).await;
    pages_neither_skip_nor_repeat(&Shop::open(make).await).await;
    facets_count_all_hits(&Shop::open(make).await).await;
    the_index_follows_the_catalog(&Shop::open(make).await).await;
    a_rebuild_finds_the_same(&Shop::open(make).await).await;
}

/// A catalog of five products, indexed.
struct Shop {
    catalog: MemoryCatalog,
    clock: Arc<ManualClock>,
    ids: IdSource,
    search: Made<dyn ProductSearch>,
}

fn category(number: u128) -> CategoryId {
    CategoryId::from_uuid(uuid::Uuid::from_u128(number))
}

impl Shop {
    async fn open(make: &impl AsyncFn() -> Made<dyn ProductSearch>) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(7)));
        let shop = Self { catalog: MemoryCatalog::new(clock.clone()), clock, ids, search: make().await };
        let products = [
            ("Cotton Kurta", "for warm days", 1, 49_900, 5),
            ("Silk Kurta", "for weddings", 1, 299_900, 0),
            ("Cotton Shirt", "for the office", 2, 79_900, 9),
            ("Denim Jacket", "stuffed with cotton", 3, 199_900, 1),
            ("Wool Scarf", "warm", 3, 29_900, 0),
        ];
        for (name, description, under, price, stock) in products {
            let mut product = shop.product(name, price);
            description.clone_into(&mut product.description);
            product.category = Some(category(under));
            shop.add(product, stock).await;
        }
        got(shop.search.port.catch_up(&shop.catalog).await);
        shop
    }

    fn product(&self, name: &str, price: i64) -> Product {
        self.clock.advance(Duration::from_secs(1));
        let text = format!("P-{price}");
        let mut product = samples::product(&self.ids, &[&text], self.clock.now());
        name.clone_into(&mut product.name);
        for variant in &mut product.variants {
            variant.price = paise(price);
            variant.options = BTreeMap::from([("Size".to_owned(), if price > 100_000 { "L" } else { "M" }.to_owned())]);
        }
        product
    }

    async fn add(&self, product: Product, stock: i64) {
        let receipts: Vec<Movement> = product
            .variants
            .iter()
            .filter(|_| stock > 0)
            .map(|variant| samples::receipt(&self.ids, &variant.sku, stock, self.clock.now()))
            .collect();
        let writes = std::iter::once(CatalogWrite::InsertProduct(product)).chain(receipts.into_iter().map(CatalogWrite::Move));
        got(self.catalog.commit(ChangeSet::of(writes)).await);
    }

    async fn write(&self, write: CatalogWrite) {
        self.clock.advance(Duration::from_secs(1));
        got(self.catalog.commit(ChangeSet::of([write])).await);
        got(self.search.port.catch_up(&self.catalog).await);
    }

    async fn ask(&self, query: &SearchQuery) -> SearchHits {
        got(self.search.port.search(query).await).expect("the index is usable")
    }

    /// The names of the hits, sorted.
    async fn find(&self, query: SearchQuery) -> Vec<String> {
        let mut names = names(&self.ask(&query).await);
        names.sort();
        names
    }
}

fn query(text: &str) -> SearchQuery {
    SearchQuery { text: text.to_owned(), limit: 20, ..SearchQuery::default() }
}

fn names(hits: &SearchHits) -> Vec<String> {
    hits.products.iter().map(|card| card.name.clone()).collect()
}

async fn words_find_products(shop: &Shop) {
    assert_eq!(shop.find(query("kurta")).await, ["Cotton Kurta", "Silk Kurta"]);
    assert_eq!(shop.find(query("KURTA")).await, ["Cotton Kurta", "Silk Kurta"]);
    assert_eq!(shop.find(query("cotton")).await, ["Cotton Kurta", "Cotton Shirt", "Denim Jacket"], "descriptions count");
    let best = shop.ask(&query("cotton kurta")).await;
    assert_eq!(names(&best).first().map(String::as_str), Some("Cotton Kurta"), "all words before some words");
    assert_eq!(shop.find(query("xyzzy")).await, Vec::<String>::new());
    assert_eq!(shop.find(query("")).await.len(), 5, "no words find everything");
    for strange in ["\"", "(", "a AND", "*:*", "name:kurta OR", "\\", "'; --", "👩‍🚀", "\u{0}"] {
        shop.ask(&query(strange)).await;
    }
}

async fn filters_hold(shop: &Shop) {
    let only = |edit: fn(&mut SearchQuery)| {
        let mut query = query("");
        edit(&mut query);
        shop.find(query)
    };
    assert_eq!(only(|query| query.categories = Some(vec![category(2), category(9)])).await, ["Cotton Shirt"]);
    assert_eq!(only(|query| query.categories = Some(Vec::new())).await, Vec::<String>::new());
    assert_eq!(only(|query| query.min_price = Some(199_900)).await, ["Denim Jacket", "Silk Kurta"]);
    assert_eq!(only(|query| query.max_price = Some(49_900)).await, ["Cotton Kurta", "Wool Scarf"]);
    assert_eq!(only(|query| query.in_stock = true).await, ["Cotton Kurta", "Cotton Shirt", "Denim Jacket"]);
    let sized = async |sizes: &[&str], colours: &[&str]| {
        let values = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let named = [("Size", values(sizes)), ("Colour", values(colours))].into_iter();
        let options = named.filter(|(_, values): &(_, BTreeSet<_>)| !values.is_empty());
        let options = options.map(|(name, values)| (name.to_owned(), values)).collect();
        shop.find(SearchQuery { options, ..query("") }).await
    };
    assert_eq!(sized(&["L"], &[]).await, ["Denim Jacket", "Silk Kurta"]);
    assert_eq!(sized(&["L", "M"], &[]).await.len(), 5, "any value of one option will do");
    assert_eq!(sized(&["l"], &[]).await, Vec::<String>::new(), "as it is written");
    assert_eq!(sized(&["L"], &["Red"]).await, Vec::<String>::new(), "each option must be there");
    let both = SearchQuery { min_price: Some(50_000), max_price: Some(100_000), ..query("cotton") };
    assert_eq!(shop.find(both).await, ["Cotton Shirt"]);
}

async fn sorts_hold(shop: &Shop) {
    let sorted = async |sort| names(&shop.ask(&SearchQuery { sort, ..query("") }).await);
    let cheapest = ["Wool Scarf", "Cotton Kurta", "Cotton Shirt", "Denim Jacket", "Silk Kurta"];
    assert_eq!(sorted(SearchSort::PriceAscending).await, cheapest);
    let mut dearest = cheapest;
    dearest.reverse();
    assert_eq!(sorted(SearchSort::PriceDescending).await, dearest);
    let newest = ["Wool Scarf", "Denim Jacket", "Cotton Shirt", "Silk Kurta", "Cotton Kurta"];
    assert_eq!(sorted(SearchSort::Newest).await, newest);
}

async fn pages_neither_skip_nor_repeat(shop: &Shop) {
    for sort in SearchSort::ALL {
        let whole = shop.ask(&SearchQuery { sort: *sort, ..query("") }).await;
        let mut seen = Vec::new();
        for offset in [0, 2, 4] {
            let part = shop.ask(&SearchQuery { sort: *sort, limit: 2, offset, ..query("") }).await;
            assert_eq!(part.total, 5, "the total is of all pages");
            seen.extend(part.products);
        }
        assert_eq!(seen, whole.products, "{sort}");
    }
    let past_the_end = shop.ask(&SearchQuery { offset: 50, ..query("") }).await;
    assert_eq!((past_the_end.products.len(), past_the_end.total), (0, 5));
}

async fn facets_count_all_hits(shop: &Shop) {
    let hits = shop.ask(&SearchQuery { limit: 1, ..query("") }).await;
    let mut categories = hits.categories.clone();
    categories.sort();
    assert_eq!(categories, [(category(1), 2), (category(2), 1), (category(3), 2)]);
    assert!(hits.categories.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)), "most first");
    let size = |value: &str, count| ("Size".to_owned(), value.to_owned(), count);
    assert_eq!(hits.options, [size("M", 3), size("L", 2)]);
    assert_eq!(hits.price_range, Some((paise(29_900), paise(299_900))));
    let none = shop.ask(&query("xyzzy")).await;
    assert_eq!(none, SearchHits::default());
}

async fn the_index_follows_the_catalog(shop: &Shop) {
    assert_eq!(got(shop.search.port.catch_up(&shop.catalog).await), 0, "there is nothing new");
    let new = shop.product("Linen Kurta", 99_900);
    shop.add(new.clone(), 3).await;
    assert_eq!(got(shop.search.port.catch_up(&shop.catalog).await), 1);
    assert_eq!(shop.find(query("linen")).await, ["Linen Kurta"]);

    let mut renamed = Product { name: "Hemp Kurta".to_owned(), version: 2, ..new };
    shop.write(CatalogWrite::UpdateProduct(renamed.clone())).await;
    assert_eq!(shop.find(query("linen")).await, Vec::<String>::new(), "the old words are gone");
    let card = shop.ask(&query("hemp")).await.products.pop().expect("it is found by the new ones");
    assert_eq!((card.name.as_str(), card.version, card.in_stock), ("Hemp Kurta", 2, true));
    assert_eq!((card.min_price, card.max_price), (paise(99_900), paise(99_900)));

    let sold = samples::movement(&shop.ids, &sku("P-99900"), MovementKind::Adjustment, -3, 0, shop.clock.now());
    shop.write(CatalogWrite::Move(sold)).await;
    let card = shop.ask(&query("hemp")).await.products.pop().expect("it is still found");
    assert!(!card.in_stock, "it ran out");

    for (status, version) in [(ProductStatus::Draft, 3), (ProductStatus::Active, 4), (ProductStatus::Archived, 5)] {
        renamed = Product { status, version, ..renamed };
        shop.write(CatalogWrite::UpdateProduct(renamed.clone())).await;
        let shown = shop.find(query("hemp")).await.len();
        assert_eq!(shown, usize::from(status == ProductStatus::Active), "{status}");
    }
}

async fn a_rebuild_finds_the_same(shop: &Shop) {
    let before = shop.ask(&SearchQuery { sort: SearchSort::Newest, ..query("") }).await;
    let heard = Mutex::new(Vec::new());
    let progress = |count| heard.lock().expect("nobody panicked").push(count);
    assert_eq!(got(shop.search.port.rebuild(&shop.catalog, &progress).await), 5);
    assert_eq!(heard.into_inner().expect("nobody panicked").last(), Some(&5), "progress ends at all of them");
    assert_eq!(shop.ask(&SearchQuery { sort: SearchSort::Newest, ..query("") }).await, before);
    let dear = Money { minor: 1, ..paise(1) };
    shop.add(shop.product("Late Kurta", dear.minor), 1).await;
    got(shop.search.port.catch_up(&shop.catalog).await);
    assert_eq!(shop.find(query("late")).await, ["Late Kurta"], "and it follows on");
}
