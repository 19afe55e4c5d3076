//! What the search index promises, over the reference catalog.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use commerce_adapters::search::TantivySearch;
use commerce_core::catalog::{
    CatalogStore, CatalogWrite, Movement, MovementKind, Product, ProductReads, ProductSearch, ProductStatus, Rating, SearchHits,
    SearchQuery, SearchSort, Variant,
};
use commerce_core::change::ChangeSet;
use commerce_core::ids::{CategoryId, Id, IdSource, ProductId, SellerId};
use commerce_core::testing::memory::MemoryCatalog;
use commerce_core::testing::{ManualClock, SeededEntropy};
use commerce_core::text::{Metadata, slugify};
use commerce_core::{Clock, Currency, Money, Timestamp};
use tempfile::TempDir;
use uuid::Uuid;

struct Shop {
    catalog: MemoryCatalog,
    clock: Arc<ManualClock>,
    ids: IdSource,
    directory: TempDir,
    search: TantivySearch,
}

impl Shop {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_000_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(3)));
        let directory = tempfile::tempdir().unwrap();
        let search = TantivySearch::new(&directory.path().join("search"));
        Self { catalog: MemoryCatalog::new(clock.clone()), clock, ids, directory, search }
    }

    /// With these products, each in a size, indexed.
    async fn with(products: &[(&str, &str, i64, i64)]) -> Self {
        let shop = Self::new();
        for (name, description, price, stock) in products {
            shop.add(name, description, *price, *stock).await;
        }
        shop.search.catch_up(&shop.catalog).await.unwrap();
        shop
    }

    async fn add(&self, name: &str, description: &str, price: i64, stock: i64) -> Product {
        self.clock.advance(Duration::from_millis(1));
        let id: ProductId = self.ids.mint();
        let variant = Variant {
            sku: id.to_string().parse().unwrap(),
            price: Money::new(price, Currency::INR),
            compare_at: None,
            options: BTreeMap::from([("Size".to_owned(), "Petite".to_owned())]),
            weight_grams: None,
            barcode: None,
            metadata: Metadata::new(),
        };
        let product = Product {
            id,
            slug: slugify(&format!("{name} {id}")),
            name: name.to_owned(),
            description: description.to_owned(),
            status: ProductStatus::Active,
            category: Some(category(if price < 1_000 { 1 } else { 2 })),
            seller: SellerId::from_uuid(Uuid::nil()),
            variants: vec![variant],
            images: Vec::new(),
            rating: Rating::default(),
            metadata: Metadata::new(),
            created_at: self.clock.now(),
            updated_at: self.clock.now(),
            version: 1,
        };
        let receipt = Movement {
            id: self.ids.mint(),
            sku: product.variants[0].sku.clone(),
            kind: MovementKind::Receipt,
            on_hand: stock,
            reserved: 0,
            reference: None,
            reason: String::new(),
            actor: None,
            at: self.clock.now(),
        };
        let changes = ChangeSet::of([CatalogWrite::InsertProduct(product.clone()), CatalogWrite::Move(receipt)]);
        self.catalog.commit(changes).await.unwrap();
        product
    }

    async fn update(&self, mut product: Product, change: impl FnOnce(&mut Product)) -> Product {
        self.clock.advance(Duration::from_millis(1));
        change(&mut product);
        product.version += 1;
        product.updated_at = self.clock.now();
        self.catalog.commit(ChangeSet::of([CatalogWrite::UpdateProduct(product.clone())])).await.unwrap();
        product
    }

    async fn find(&self, text: &str) -> Vec<String> {
        names(&self.ask(query(text)).await)
    }

    async fn ask(&self, query: SearchQuery) -> SearchHits {
        self.search.search(&query).await.unwrap().expect("there is an index")
    }
}

fn category(number: u128) -> CategoryId {
    CategoryId::from_uuid(Uuid::from_u128(number))
}

fn query(text: &str) -> SearchQuery {
    SearchQuery { text: text.to_owned(), limit: 20, ..SearchQuery::default() }
}

fn names(hits: &SearchHits) -> Vec<String> {
    hits.products.iter().map(|card| card.name.clone()).collect()
}

#[tokio::test]
async fn words_rank_and_typos_are_forgiven() {
    let shop = Shop::with(&[
        ("Linen Shirt", "<p>Light &amp; breezy</p>", 1_500, 3),
        ("Canvas Bag", "goes with any shirt or sari", 900, 3),
        ("Red Cap", "wool", 500, 0),
        ("Captain's Mug", "enamel", 300, 2),
    ])
    .await;
    assert_eq!(shop.find("shirt").await, ["Linen Shirt", "Canvas Bag"], "the name counts more");
    for typo in ["shrit", "shirtt", "shir", "zhirt", "SHIRTS", "linen shiirt"] {
        assert_eq!(shop.find(typo).await.first().map(String::as_str), Some("Linen Shirt"), "{typo}");
    }
    assert!(shop.find("caq").await.is_empty(), "short words are taken literally");
    assert!(shop.find("bog").await.is_empty(), "short words are taken literally");
    assert_eq!(shop.find("cap").await, ["Red Cap"], "a known word is no beginning");
    assert_eq!(shop.find("capt").await, ["Captain's Mug"]);
    assert_eq!(shop.find("captains mug").await, ["Captain's Mug"]);
    assert_eq!(shop.find("petite wool").await, ["Red Cap"]);
    assert_eq!(shop.find("canvas shirt").await, ["Canvas Bag"], "all words before some");
    assert_eq!(shop.find("enamel wool").await.len(), 2, "some words when none has all");
    assert!(shop.find("amp").await.is_empty());
    assert!(shop.find("silk").await.is_empty());
    assert_eq!(shop.find("\"%%% (*[ AND").await.len(), 0);
    assert_eq!(shop.find("%%").await.len(), 4);
}

#[tokio::test]
async fn filters_sorts_facets_and_pages() {
    let shop = Shop::with(&[
        ("Kurta One", "cotton", 1_500, 3),
        ("Kurta Two", "cotton", 900, 0),
        ("Kurta Three", "cotton", 500, 1),
        ("Mug", "enamel", 300, 2),
    ])
    .await;
    let all = shop.ask(query("cotton")).await;
    assert_eq!((all.total, all.categories.clone()), (3, vec![(category(1), 2), (category(2), 1)]));
    assert_eq!(all.options, [("Size".to_owned(), "Petite".to_owned(), 3)]);
    assert_eq!(all.price_range.map(|(low, high)| (low.minor, high.minor)), Some((500, 1_500)));

    let sorted = |sort| shop.ask(SearchQuery { sort, ..query("kurta") });
    assert_eq!(names(&sorted(SearchSort::PriceAscending).await), ["Kurta Three", "Kurta Two", "Kurta One"]);
    assert_eq!(names(&sorted(SearchSort::PriceDescending).await), ["Kurta One", "Kurta Two", "Kurta Three"]);
    assert_eq!(names(&sorted(SearchSort::Newest).await), ["Kurta Three", "Kurta Two", "Kurta One"]);

    let in_stock = shop.ask(SearchQuery { in_stock: true, ..query("") }).await;
    assert_eq!(in_stock.total, 3);
    assert!(in_stock.products.iter().all(|card| card.in_stock));
    let dear = shop.ask(SearchQuery { min_price: Some(500), max_price: Some(900), ..query("") }).await;
    assert_eq!(names(&dear), ["Kurta Three", "Kurta Two"]);
    let upper = SearchQuery { categories: Some(vec![category(2), category(9)]), ..query("") };
    assert_eq!(names(&shop.ask(upper).await), ["Kurta One"]);
    assert_eq!(shop.ask(SearchQuery { categories: Some(Vec::new()), ..query("") }).await.total, 0);

    let mut seen = Vec::new();
    for offset in [0, 2] {
        let page = shop.ask(SearchQuery { offset, limit: 2, ..query("") }).await;
        assert_eq!(page.total, 4);
        seen.extend(names(&page));
    }
    assert_eq!(seen, ["Mug", "Kurta Three", "Kurta Two", "Kurta One"]);
}

#[tokio::test]
async fn the_index_follows_the_catalog() {
    let shop = Shop::with(&[("Kurta", "cotton", 1_500, 3)]).await;
    let product = shop.add("Sari", "silk", 9_000, 1).await;
    assert!(shop.find("silk").await.is_empty());
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 1);
    assert_eq!(shop.find("silk").await, ["Sari"]);
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 0, "an overlap is no news");

    let product = shop.update(product, |product| product.name = "Banarasi".to_owned()).await;
    shop.search.catch_up(&shop.catalog).await.unwrap();
    assert_eq!(shop.find("silk").await, ["Banarasi"]);
    assert!(shop.find("sari").await.is_empty());

    let product = shop.update(product, |product| product.status = ProductStatus::Archived).await;
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 1);
    assert!(shop.find("silk").await.is_empty());
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 0);

    shop.update(product, |product| product.status = ProductStatus::Active).await;
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 1);
    assert_eq!(shop.find("silk").await, ["Banarasi"]);
}

#[tokio::test]
async fn another_process_sees_what_was_written_within_a_second() {
    let shop = Shop::with(&[("Kurta", "cotton", 1_500, 3)]).await;
    let other = TantivySearch::new(&shop.directory.path().join("search"));
    let total = async |text: &str| other.search(&query(text)).await.unwrap().map(|hits| hits.total);
    assert_eq!(total("cotton").await, Some(1));
    shop.add("Sari", "cotton", 9_000, 1).await;
    shop.search.catch_up(&shop.catalog).await.unwrap();
    let started = Instant::now();
    while total("cotton").await != Some(2) {
        assert!(started.elapsed() < Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    other.rebuild(&shop.catalog, &|_| ()).await.unwrap();
    assert_eq!(total("cotton").await, Some(2));
    assert_eq!(generations(shop.directory.path()), 1);
    shop.add("Shawl", "cotton", 9_000, 1).await;
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 1);
    assert_eq!(shop.find("cotton").await.len(), 3);
}

#[tokio::test]
async fn without_a_usable_index_the_caller_is_told_and_the_upkeep_builds_one() {
    let shop = Shop::new();
    shop.add("Kurta", "cotton", 1_500, 3).await;
    assert_eq!(shop.search.search(&query("cotton")).await.unwrap(), None);
    assert_eq!(shop.search.catch_up(&shop.catalog).await.unwrap(), 1);
    assert_eq!(shop.find("cotton").await.len(), 1);

    let folder = shop.directory.path().join("search");
    let name = std::fs::read_to_string(folder.join("CURRENT")).unwrap();
    std::fs::write(folder.join(name).join("meta.json"), "rubbish").unwrap();
    let reopened = TantivySearch::new(&folder);
    assert_eq!(reopened.search(&query("cotton")).await.unwrap(), None);
    assert_eq!(reopened.catch_up(&shop.catalog).await.unwrap(), 1);
    assert_eq!(reopened.search(&query("cotton")).await.unwrap().unwrap().total, 1);
    assert_eq!(generations(shop.directory.path()), 1);
}

#[tokio::test]
async fn a_rebuild_tells_how_far_it_is() {
    let shop = Shop::with(&[("Kurta", "cotton", 1_500, 3), ("Sari", "silk", 9_000, 1)]).await;
    let heard = std::sync::Mutex::new(Vec::new());
    let built = shop.search.rebuild(&shop.catalog, &|count| heard.lock().unwrap().push(count)).await.unwrap();
    assert_eq!((built, heard.into_inner().unwrap()), (2, vec![2]));
    assert_eq!(shop.catalog.products_changed(Timestamp::EPOCH, None, 10).await.unwrap().len(), 2);
    assert_eq!(shop.find("silk").await, ["Sari"]);
}

fn generations(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory.join("search")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_type().unwrap().is_dir()).count()
}
