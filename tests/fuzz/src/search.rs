//! Search queries, through the index and through the scan that stands in for it.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use commerce_adapters::search::TantivySearch;
use commerce_core::catalog::{NewProduct, NewVariant, ProductSearch, SearchQuery, SearchRequest};
use commerce_core::testing::MemoryShop;
use commerce_core::text::Metadata;
use commerce_core::{Actor, Currency, Money, limits};
use tokio::runtime::{Builder, Runtime};

/// Hits of one page.
const LIMIT: u32 = 3;

/// A shop with a few products, and an index of them.
struct Shelf {
    shop: MemoryShop,
    index: TantivySearch,
    /// Where the index is asked and written.
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

/// Products with the letters and signs that searches trip over.
const PRODUCTS: &[(&str, &str)] = &[
    ("Linen Shirt", "light & breezy, 100% linen"),
    ("Captain's Mug", "enamel, holds 0.3 l"),
    ("Crème brûlée torch", "gas not included"),
    ("日本 teapot", "cast iron — 1.2 kg"),
    ("T-shirt \"C++\"", "AND OR NOT + - ( )"),
];

fn shelf() -> &'static Shelf {
    static SHELF: OnceLock<Shelf> = OnceLock::new();
    SHELF.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let runtime = Builder::new_multi_thread().worker_threads(1).build().expect("a runtime can be started");
        let (shop, index) = (MemoryShop::new(7), TantivySearch::new(&folder.path().join("search")));
        for (number, (name, description)) in PRODUCTS.iter().enumerate() {
            let variant = NewVariant {
                sku: format!("SKU-{number}"),
                price: Money::new(1_000, Currency::INR),
                compare_at: None,
                options: BTreeMap::from([("Size".to_owned(), "M".to_owned())]),
                stock: 1,
                weight_grams: None,
                barcode: None,
                metadata: None,
            };
            let product = NewProduct {
                name: (*name).to_owned(),
                description: (*description).to_owned(),
                slug: None,
                category: None,
                seller: None,
                status: None,
                variants: vec![variant],
                metadata: Metadata::new(),
                images: Vec::new(),
            };
            runtime.block_on(shop.catalog.create_product(&Actor::System, product, None)).expect("the product is taken");
        }
        runtime.block_on(index.catch_up(&*shop.catalog_db)).expect("the index is written");
        Shelf { shop, index, runtime, _folder: folder }
    })
}

/// Every text is answered or refused for its length; a page is never longer than asked for, counts
/// are those of the hits, and asking again answers the same.
pub fn search(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let request = SearchRequest { text: text.clone(), ..SearchRequest::default() };
    match shelf().runtime.block_on(shelf().shop.catalog.search(&Actor::Anonymous, request)) {
        Ok(results) => assert!(results.hits.total >= results.hits.products.len() as u64),
        Err(error) => {
            assert_eq!(error.code(), "INVALID", "{text:?}");
            assert!(text.trim().chars().count() > limits::QUERY_MAX, "{text:?}");
            return;
        }
    }
    let query = SearchQuery { text, limit: LIMIT, ..SearchQuery::default() };
    let ask = |query: &SearchQuery| {
        shelf().runtime.block_on(shelf().index.search(query)).expect("the index answers").expect("there is one")
    };
    let hits = ask(&query);
    assert!(hits.products.len() as u64 == hits.total.min(u64::from(LIMIT)), "{:?}", query.text);
    assert!(hits.total <= PRODUCTS.len() as u64, "{:?}", query.text);
    assert_eq!(ask(&query), hits, "{:?}", query.text);
    let rest = ask(&SearchQuery { offset: LIMIT, ..query.clone() });
    assert_eq!(rest.total, hits.total, "{:?}", query.text);
    assert!(rest.products.iter().all(|card| hits.products.iter().all(|known| known.id != card.id)), "{:?}", query.text);
}
