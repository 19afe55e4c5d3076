//! Products: read as written, unique names, lists, and what the search index tails.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CatalogStore, CatalogWrite, Product, ProductFilter, ProductStatus, Rating, Variant};
use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::{CategoryId, ProductId, SellerId};
use crate::limits;
use crate::testing::ManualClock;
use crate::text::{Sku, slugify};
use crate::time::Timestamp;

use super::fixture::{Fixture, Opened, got, walk};
use super::samples::{fils, paise, sku};
use super::{cases, samples};

type Catalog = Fixture<dyn CatalogStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    cases! { make;
        a_product_is_read_as_written,
        slugs_and_skus_are_unique,
        a_sku_given_up_is_free,
        versions_grow_by_one,
        of_many_who_change_one_version_one_wins,
        variants_bring_and_take_their_stock,
        no_variant_goes_with_stock_on_its_shelf,
        items_say_what_carts_need,
        products_are_listed_newest_first,
        products_are_found_by_id,
        changed_products_are_tailed,
        coming_into_stock_and_running_out_change_a_product,
    }
}

fn with_options(sku: &Sku, options: &[(&str, &str)]) -> Variant {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>();
    Variant { options, ..samples::variant(sku, paise(1_999)) }
}

fn full(fixture: &Catalog) -> Product {
    let most = Variant {
        compare_at: Some(paise(limits::PRICE_MAX_MINOR)),
        weight_grams: Some(u32::from(u16::MAX)),
        barcode: Some("4006381333931".to_owned()),
        metadata: [("shelf".to_owned(), "B 7".to_owned())].into(),
        ..with_options(&sku("FULL (ü) 日本"), &[("Größe", "M"), ("Farbe", samples::UNICODE)])
    };
    let other = samples::variant(&sku("FULL-2"), paise(0));
    Product {
        name: samples::UNICODE.replace('\n', " "),
        description: format!("<p>{}</p>", samples::UNICODE.repeat(500)),
        status: ProductStatus::Draft,
        category: Some(fixture.ids.mint()),
        variants: vec![most, other],
        images: (0..3).map(|_| samples::image(&fixture.ids)).collect(),
        rating: Rating { count: 7, sum: 31 },
        metadata: samples::notes(),
        created_at: samples::before_the_epoch(),
        updated_at: samples::end_of_time(),
        ..samples::product(&fixture.ids, &[], fixture.now())
    }
}

async fn a_product_is_read_as_written(fixture: &Catalog) {
    let large = Product {
        variants: (0..limits::VARIANTS_MAX)
            .map(|n| samples::variant(&sku(&format!("L-{n:03}")), fils(limits::PRICE_MAX_MINOR)))
            .collect(),
        metadata: samples::many_notes(),
        ..samples::product(&fixture.ids, &[], fixture.now())
    };
    for product in [samples::product(&fixture.ids, &["PLAIN"], fixture.now()), full(fixture), large] {
        fixture.write([CatalogWrite::InsertProduct(product.clone())]).await;
        assert_eq!(got(fixture.store.product(product.id).await).as_ref(), Some(&product));
        assert_eq!(got(fixture.store.product_by_slug(&product.slug).await).as_ref(), Some(&product));
        let mut changed = Product { version: 2, name: "Changed".to_owned(), images: Vec::new(), ..product };
        changed.variants.reverse();
        fixture.write([CatalogWrite::UpdateProduct(changed.clone())]).await;
        assert_eq!(got(fixture.store.product(changed.id).await), Some(changed), "the order of variants included");
    }
    assert_eq!(got(fixture.store.product(fixture.ids.mint()).await), None);
    assert_eq!(got(fixture.store.product_by_slug(&slugify("no such product")).await), None);
}

async fn slugs_and_skus_are_unique(fixture: &Catalog) {
    let one = samples::product(&fixture.ids, &["A", "B"], fixture.now());
    let other = samples::product(&fixture.ids, &["C"], fixture.now());
    fixture.write([one.clone(), other.clone()].map(CatalogWrite::InsertProduct)).await;

    let twin = samples::product(&fixture.ids, &["D"], fixture.now());
    let same_slug = Product { slug: one.slug.clone(), ..twin.clone() };
    assert_eq!(fixture.refused([CatalogWrite::InsertProduct(same_slug)]).await, CommitRefusal::Duplicate("slug"));
    let same_sku = samples::product(&fixture.ids, &["E", "B"], fixture.now());
    assert_eq!(fixture.refused([CatalogWrite::InsertProduct(same_sku)]).await, CommitRefusal::Duplicate("sku"));
    let sku_twice = samples::product(&fixture.ids, &["F", "F"], fixture.now());
    assert_eq!(fixture.refused([CatalogWrite::InsertProduct(sku_twice)]).await, CommitRefusal::Duplicate("sku"));
    let same_id = Product { id: one.id, ..twin.clone() };
    assert_eq!(fixture.refused([CatalogWrite::InsertProduct(same_id)]).await, CommitRefusal::Duplicate("id"));

    let moved = Product { slug: one.slug.clone(), version: 2, ..other.clone() };
    assert_eq!(fixture.refused([CatalogWrite::UpdateProduct(moved)]).await, CommitRefusal::Duplicate("slug"));
    let grown = Product { variants: [other.variants.clone(), one.variants.clone()].concat(), version: 2, ..other };
    assert_eq!(fixture.refused([CatalogWrite::UpdateProduct(grown)]).await, CommitRefusal::Duplicate("sku"));
    let lower = samples::product(&fixture.ids, &["a"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(lower)]).await;
    fixture.write([CatalogWrite::InsertProduct(twin)]).await;
}

async fn a_sku_given_up_is_free(fixture: &Catalog) {
    let one = samples::product(&fixture.ids, &["A", "B"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(one.clone())]).await;
    let slug = slugify("the new slug");
    let less = Product { slug, variants: one.variants.iter().take(1).cloned().collect(), version: 2, ..one.clone() };
    let other = Product { slug: one.slug.clone(), ..samples::product(&fixture.ids, &["B"], fixture.now()) };
    fixture.write([CatalogWrite::UpdateProduct(less.clone()), CatalogWrite::InsertProduct(other.clone())]).await;
    assert_eq!(got(fixture.store.product_by_slug(&other.slug).await), Some(other));
    assert_eq!(got(fixture.store.product_by_slug(&less.slug).await), Some(less));
}

async fn versions_grow_by_one(fixture: &Catalog) {
    let product = samples::product(&fixture.ids, &["A"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(product.clone())]).await;
    for wrong in [1, 3] {
        let wrong = Product { version: wrong, ..product.clone() };
        assert!(matches!(fixture.refused([CatalogWrite::UpdateProduct(wrong)]).await, CommitRefusal::Stale(_)));
    }
    let unknown = samples::product(&fixture.ids, &["B"], fixture.now());
    assert!(matches!(fixture.refused([CatalogWrite::UpdateProduct(unknown)]).await, CommitRefusal::Stale(_)));
    let steps = [2, 3].map(|version| Product { version, name: format!("Version {version}"), ..product.clone() });
    fixture.write(steps.clone().map(CatalogWrite::UpdateProduct)).await;
    assert_eq!(got(fixture.store.product(product.id).await).as_ref(), steps.last());
}

async fn of_many_who_change_one_version_one_wins(fixture: &Catalog) {
    let product = samples::product(&fixture.ids, &["A"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(product.clone())]).await;
    let named = |n: usize| Product { name: format!("Name {n}"), version: 2, ..product.clone() };
    let results = fixture.race((0..20).map(|n| ChangeSet::of([CatalogWrite::UpdateProduct(named(n))]))).await;
    let winners: Vec<Product> = (0..20).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| named(n)).collect();
    let stored = got(fixture.store.product(product.id).await).expect("it is there");
    assert_eq!(winners, [stored]);
}

async fn variants_bring_and_take_their_stock(fixture: &Catalog) {
    let product = samples::product(&fixture.ids, &["A", "B"], fixture.now());
    let receipt = samples::receipt(&fixture.ids, &sku("A"), 5, fixture.now());
    fixture.write([CatalogWrite::InsertProduct(product.clone()), CatalogWrite::Move(receipt)]).await;
    let skus = ["A", "B", "C", "nobody's"].map(sku);
    let stock = async || {
        let mut rows = got(fixture.store.inventory(&skus).await);
        rows.sort_by(|one, other| one.sku.cmp(&other.sku));
        rows.into_iter().map(|row| (row.sku, row.on_hand)).collect::<Vec<_>>()
    };
    assert_eq!(stock().await, [(sku("A"), 5), (sku("B"), 0)], "each variant has stock, none of it by itself");
    let row = got(fixture.store.inventory(&[sku("B")]).await).pop().expect("B has stock");
    assert_eq!((row.product, row.reserved, row.low_stock_alerted), (product.id, 0, false));
    assert_eq!(row.low_stock_threshold, limits::LOW_STOCK_THRESHOLD);

    let kept: Vec<Variant> = product.variants.iter().take(1).cloned().collect();
    let added = samples::variant(&sku("C"), paise(1));
    let changed = Product { variants: [kept, vec![added]].concat(), version: 2, ..product };
    let receipt = samples::receipt(&fixture.ids, &sku("C"), 7, fixture.now());
    let last = samples::receipt(&fixture.ids, &sku("B"), 1, fixture.now());
    let write_off = samples::receipt(&fixture.ids, &sku("B"), -1, fixture.now());
    fixture.write([CatalogWrite::Move(last)]).await;
    fixture.write([CatalogWrite::Move(write_off), CatalogWrite::UpdateProduct(changed), CatalogWrite::Move(receipt)]).await;
    assert_eq!(stock().await, [(sku("A"), 5), (sku("C"), 7)], "stock of kept variants stays");
    let ledger = walk(async |page| got(fixture.store.ledger(&sku("B"), &page).await)).await;
    assert_eq!(ledger.len(), 2, "the ledger outlives the variant");
}

async fn no_variant_goes_with_stock_on_its_shelf(fixture: &Catalog) {
    let product = samples::product(&fixture.ids, &["A", "B"], fixture.now());
    let receipt = |count| CatalogWrite::Move(samples::receipt(&fixture.ids, &sku("B"), count, fixture.now()));
    fixture.write([CatalogWrite::InsertProduct(product.clone()), receipt(2)]).await;
    let kept = product.variants.iter().take(1).cloned().collect();
    let without = Product { variants: kept, version: 2, ..product };
    // What was written off is not all there is by now.
    let refused = fixture.refused([receipt(-1), CatalogWrite::UpdateProduct(without.clone())]).await;
    assert!(matches!(refused, CommitRefusal::Stale(_)));
    let stock = got(fixture.store.inventory(&[sku("B")]).await);
    assert_eq!(stock.first().map(|row| row.on_hand), Some(2));
    fixture.write([receipt(-2), CatalogWrite::UpdateProduct(without)]).await;
    assert_eq!(got(fixture.store.inventory(&[sku("B")]).await), []);
}

async fn items_say_what_carts_need(fixture: &Catalog) {
    let small = Variant { weight_grams: Some(180), ..with_options(&sku("TOP-S"), &[("Color", "Blue"), ("Size", "Small")]) };
    let tall = with_options(&sku("TOP-T"), &[]);
    let product = Product { variants: vec![small, tall], ..samples::product(&fixture.ids, &[], fixture.now()) };
    let single = with_options(&sku("CAP"), &[("Title", "Default Title")]);
    let draft = ProductStatus::Draft;
    let other = Product { variants: vec![single], status: draft, ..samples::product(&fixture.ids, &[], fixture.now()) };
    fixture.write([product.clone(), other.clone()].map(CatalogWrite::InsertProduct)).await;
    let moves = [(5, 0), (0, 2)].map(|(on_hand, reserved)| {
        let mut movement = samples::receipt(&fixture.ids, &sku("TOP-S"), on_hand, fixture.now());
        movement.reserved = reserved;
        CatalogWrite::Move(movement)
    });
    fixture.write(moves).await;

    let mut items = got(fixture.store.items(&["TOP-S", "TOP-T", "CAP", "NONE"].map(sku)).await);
    items.sort_by(|one, other| one.sku.cmp(&other.sku));
    let mut expected = Vec::new();
    for (product, available) in [(&other, 0), (&product, 3)] {
        expected.extend(
            product.variants.iter().map(|variant| product.item(variant, if variant.sku == sku("TOP-S") { available } else { 0 })),
        );
    }
    assert_eq!(items, expected);
    let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).collect();
    assert_eq!(names, ["Varsity Top", "Varsity Top (Blue, Small)", "Varsity Top"]);
    assert_eq!(got(fixture.store.items(&[]).await), []);
}

async fn products_are_listed_newest_first(fixture: &Catalog) {
    let (seller, category): (SellerId, CategoryId) = (fixture.ids.mint(), fixture.ids.mint());
    let mut products = Vec::new();
    for n in 0..12_u32 {
        let text = format!("SKU-{n}");
        let plain = samples::product(&fixture.ids, &[&text], fixture.now());
        products.push(Product {
            seller: if n % 2 == 0 { seller } else { plain.seller },
            category: (n % 3 == 0).then_some(category),
            status: if n % 4 == 0 { ProductStatus::Draft } else { ProductStatus::Active },
            ..plain
        });
        fixture.clock.advance(Duration::from_millis(1));
    }
    fixture.write(products.iter().cloned().map(CatalogWrite::InsertProduct)).await;
    products.reverse();

    let filters: [ProductFilter; 5] = [
        ProductFilter::default(),
        ProductFilter { seller: Some(seller), ..ProductFilter::default() },
        ProductFilter { categories: Some(vec![fixture.ids.mint(), category]), ..ProductFilter::default() },
        ProductFilter { categories: Some(Vec::new()), ..ProductFilter::default() },
        ProductFilter { seller: Some(seller), categories: Some(vec![category]), status: Some(ProductStatus::Active) },
    ];
    for filter in filters {
        let shown = |product: &&Product| {
            filter.seller.is_none_or(|seller| product.seller == seller)
                && filter.status.is_none_or(|status| product.status == status)
                && filter.categories.as_ref().is_none_or(|wanted| product.category.is_some_and(|is| wanted.contains(&is)))
        };
        let expected: Vec<Product> = products.iter().filter(shown).cloned().collect();
        let listed = walk(async |page| got(fixture.store.products(&filter, &page).await)).await;
        assert_eq!(listed, expected, "{filter:?}");
    }
}

async fn products_are_found_by_id(fixture: &Catalog) {
    let products = ["A", "B", "C"].map(|text| samples::product(&fixture.ids, &[text], fixture.now()));
    fixture.write(products.clone().map(CatalogWrite::InsertProduct)).await;
    let [one, _, other] = products;
    let mut found = got(fixture.store.products_by_id(&[other.id, fixture.ids.mint(), one.id]).await);
    found.sort_by_key(|product| product.id);
    assert_eq!(found, [one, other]);
    assert_eq!(got(fixture.store.products_by_id(&[]).await), []);
}

/// Tails from `since` to the end, two products at a time.
async fn tail(fixture: &Catalog, since: Timestamp) -> Vec<(Timestamp, ProductId)> {
    let mut seen: Vec<(Timestamp, ProductId)> = Vec::new();
    let (mut since, mut after) = (since, None);
    loop {
        let changed = got(fixture.store.products_changed(since, after, 2).await);
        assert!(changed.len() <= 2, "no more than was asked for");
        seen.extend(changed.iter().map(|(at, product)| (*at, product.id)));
        match seen.last() {
            Some((at, id)) if !changed.is_empty() => (since, after) = (*at, Some(*id)),
            _ => return seen,
        }
    }
}

async fn changed_products_are_tailed(fixture: &Catalog) {
    let start = fixture.now();
    let products: Vec<Product> = (0..5).map(|n| samples::product(&fixture.ids, &[&format!("SKU-{n}")], fixture.now())).collect();
    fixture.write(products.iter().cloned().map(CatalogWrite::InsertProduct)).await;
    let all: Vec<(Timestamp, ProductId)> = products.iter().map(|product| (start, product.id)).collect();
    assert_eq!(tail(fixture, Timestamp::EPOCH).await, all, "by instant, then by id");
    assert_eq!(tail(fixture, start).await, all, "the instant itself included");

    fixture.clock.advance(Duration::from_secs(1));
    let later = fixture.now();
    let (first, rest) = products.split_first().expect("there are five");
    let archived = Product { status: ProductStatus::Archived, version: 2, updated_at: later, ..first.clone() };
    fixture.write([CatalogWrite::UpdateProduct(archived.clone())]).await;
    assert_eq!(got(fixture.store.products_changed(later, None, 9).await), [(later, archived)], "archived ones too");
    let mut moved: Vec<(Timestamp, ProductId)> = rest.iter().map(|product| (start, product.id)).collect();
    moved.push((later, first.id));
    assert_eq!(tail(fixture, Timestamp::EPOCH).await, moved, "each product once, at its last change");
}

async fn coming_into_stock_and_running_out_change_a_product(fixture: &Catalog) {
    let product = samples::product(&fixture.ids, &["A"], fixture.now());
    fixture.write([CatalogWrite::InsertProduct(product.clone())]).await;
    let steps = [(5, 0, true), (0, 3, false), (0, 2, true), (0, -1, true), (2, 0, false), (-3, 0, true)];
    for (on_hand, reserved, turns) in steps {
        fixture.clock.advance(Duration::from_secs(1));
        let mut movement = samples::receipt(&fixture.ids, &sku("A"), on_hand, fixture.now());
        movement.reserved = reserved;
        fixture.write([CatalogWrite::Move(movement)]).await;
        let changed = tail(fixture, fixture.now()).await;
        let expected = if turns { vec![(fixture.now(), product.id)] } else { Vec::new() };
        assert_eq!(changed, expected, "after on hand {on_hand:+}, reserved {reserved:+}");
    }
}
