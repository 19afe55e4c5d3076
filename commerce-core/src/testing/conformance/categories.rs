//! The category tree and the sellers.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{CatalogStore, CatalogWrite, Category, CategoryTree, Product, Seller};
use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::ProductId;
use crate::testing::ManualClock;
use crate::text::Slug;

use super::fixture::{Fixture, Opened, got, walk};
use super::{cases, samples};

type Catalog = Fixture<dyn CatalogStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    cases! { make;
        a_tree_is_read_as_written,
        the_tree_has_a_version_of_its_own,
        no_product_is_in_a_category_that_is_gone,
        slugs_are_unique,
        sellers_are_kept,
        nobody_runs_two_sellers,
    }
}

async fn tree(fixture: &Catalog) -> CategoryTree {
    let mut tree = got(fixture.store.categories().await);
    tree.nodes.sort_by_key(|node| node.id);
    tree
}

async fn a_tree_is_read_as_written(fixture: &Catalog) {
    assert_eq!(tree(fixture).await, CategoryTree::default());
    let root = Category { name: samples::UNICODE.to_owned(), ..samples::category(fixture.ids.mint(), None, fixture.now()) };
    let leaf = samples::category(fixture.ids.mint(), Some(root.id), fixture.now());
    let inserts = [root.clone(), leaf.clone()].map(CatalogWrite::InsertCategory);
    fixture.commit(ChangeSet::of(inserts).and(CatalogWrite::TouchTree(1))).await;
    assert_eq!(tree(fixture).await, CategoryTree { version: 1, nodes: vec![root.clone(), leaf.clone()] });

    let moved = Category { parent: None, version: 2, ..leaf };
    fixture.write([CatalogWrite::UpdateCategory(moved.clone()), CatalogWrite::TouchTree(2)]).await;
    fixture.write([CatalogWrite::DeleteCategory(root.id), CatalogWrite::TouchTree(3)]).await;
    assert_eq!(tree(fixture).await, CategoryTree { version: 3, nodes: vec![moved.clone()] });
    let stale = CatalogWrite::UpdateCategory(Category { version: 2, ..moved });
    assert!(matches!(fixture.refused([stale]).await, CommitRefusal::Stale(_)));
}

async fn the_tree_has_a_version_of_its_own(fixture: &Catalog) {
    let touch = |version| ChangeSet::of([CatalogWrite::TouchTree(version)]);
    for wrong in [0, 2] {
        assert_eq!(fixture.refusal(touch(wrong)).await, CommitRefusal::Stale("category tree"));
    }
    let insert = || CatalogWrite::InsertCategory(samples::category(fixture.ids.mint(), None, fixture.now()));
    let results = fixture.race((0..10).map(|_| touch(1).and(insert()))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "two changes of the tree cannot meet");
    assert_eq!(tree(fixture).await.nodes.len(), 1);
    assert_eq!(tree(fixture).await.version, 1);
}

async fn no_product_is_in_a_category_that_is_gone(fixture: &Catalog) {
    let [one, other] = [(), ()].map(|()| samples::category(fixture.ids.mint(), None, fixture.now()));
    fixture.write([one.clone(), other.clone()].map(CatalogWrite::InsertCategory)).await;
    let within = |category: &Category| {
        let sku = fixture.ids.mint::<ProductId>().to_string();
        Product { category: Some(category.id), ..samples::product(&fixture.ids, &[&sku], fixture.now()) }
    };
    let stands = |version, product: &Product| {
        ChangeSet::of([CatalogWrite::ExpectTree(version), CatalogWrite::InsertProduct(product.clone())])
    };
    let leaves = |category: &Category, version| {
        ChangeSet::of([CatalogWrite::DeleteCategory(category.id), CatalogWrite::TouchTree(version)])
    };
    let product = within(&one);
    for wrong in [1, 7] {
        assert_eq!(fixture.refusal(stands(wrong, &product)).await, CommitRefusal::Stale("category tree"));
    }
    fixture.commit(stands(0, &product)).await;
    assert_eq!(fixture.refusal(leaves(&one, 1)).await, CommitRefusal::Stale("category"));

    // Whoever is first: never both.
    let results = fixture.race([stands(0, &within(&other)), leaves(&other, 1)]).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");

    let moved = Product { category: None, version: product.version + 1, ..product };
    fixture.write([CatalogWrite::UpdateProduct(moved)]).await;
    let version = tree(fixture).await.version;
    fixture.commit(leaves(&one, version + 1)).await;
    assert!(!tree(fixture).await.nodes.iter().any(|node| node.id == one.id));
}

async fn slugs_are_unique(fixture: &Catalog) {
    let one = samples::category(fixture.ids.mint(), None, fixture.now());
    let other = samples::category(fixture.ids.mint(), None, fixture.now());
    fixture.write([one.clone(), other.clone()].map(CatalogWrite::InsertCategory)).await;
    let twin = Category { slug: one.slug.clone(), ..samples::category(fixture.ids.mint(), None, fixture.now()) };
    let taken = CommitRefusal::Duplicate("slug");
    assert_eq!(fixture.refused([CatalogWrite::InsertCategory(twin.clone())]).await, taken);
    let renamed = Category { slug: one.slug.clone(), version: 2, ..other };
    assert_eq!(fixture.refused([CatalogWrite::UpdateCategory(renamed)]).await, taken);
    fixture.write([CatalogWrite::DeleteCategory(one.id), CatalogWrite::InsertCategory(twin)]).await;

    let one = samples::seller(fixture.ids.mint(), fixture.now());
    fixture.write([CatalogWrite::InsertSeller(one.clone())]).await;
    let twin = Seller { slug: one.slug.clone(), ..samples::seller(fixture.ids.mint(), fixture.now()) };
    assert_eq!(fixture.refused([CatalogWrite::InsertSeller(twin.clone())]).await, taken);
    let freed = Seller { slug: samples::seller(fixture.ids.mint(), fixture.now()).slug, version: 2, ..one };
    fixture.write([CatalogWrite::UpdateSeller(freed), CatalogWrite::InsertSeller(twin)]).await;
}

async fn nobody_runs_two_sellers(fixture: &Catalog) {
    let run_by = |user| Seller { user, ..samples::seller(fixture.ids.mint(), fixture.now()) };
    let next = |seller: &Seller, user| Seller { user, version: seller.version + 1, ..seller.clone() };
    let (asha, bina) = (Some(fixture.ids.mint()), Some(fixture.ids.mint()));
    let (one, other, taken) = (run_by(asha), run_by(None), CommitRefusal::Duplicate("user"));
    fixture.write([one.clone(), other.clone(), run_by(None)].map(CatalogWrite::InsertSeller)).await;
    assert_eq!(fixture.refused([CatalogWrite::InsertSeller(run_by(asha))]).await, taken);
    assert_eq!(fixture.refused([CatalogWrite::UpdateSeller(next(&other, asha))]).await, taken);
    let both = [run_by(bina), run_by(bina)].map(CatalogWrite::InsertSeller);
    assert_eq!(fixture.refused(both).await, taken, "nor two of one change set");

    let renamed = Seller { name: "Renamed".to_owned(), ..next(&one, asha) };
    fixture.write([CatalogWrite::UpdateSeller(renamed.clone())]).await;
    // Who gives one up is free for another, in the same change set, too.
    let (given, named) = (next(&renamed, None), next(&other, asha));
    fixture.write([given.clone(), named.clone()].map(CatalogWrite::UpdateSeller)).await;

    // However many want her at once: one gets her.
    let claims = (0..6).map(|_| ChangeSet::of([CatalogWrite::InsertSeller(run_by(bina))]));
    let claims = claims.chain([ChangeSet::of([CatalogWrite::UpdateSeller(next(&given, bina))])]);
    let results = fixture.race(claims.collect::<Vec<_>>()).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert!(
        results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.to_string() == taken.to_string()),
        "{results:?}"
    );
}

async fn sellers_are_kept(fixture: &Catalog) {
    let mut sellers = Vec::new();
    for n in 0..7 {
        let user = (n % 2 == 0).then(|| fixture.ids.mint());
        let name = format!("{n} {}", samples::UNICODE);
        sellers.push(Seller { name, user, ..samples::seller(fixture.ids.mint(), fixture.now()) });
        fixture.clock.advance(Duration::from_secs(1));
    }
    fixture.write(sellers.iter().cloned().map(CatalogWrite::InsertSeller)).await;
    sellers.reverse();
    assert_eq!(walk(async |page| got(fixture.store.sellers(&page).await)).await, sellers, "newest first");

    let seller = sellers.pop().expect("there are seven");
    assert_eq!(got(fixture.store.seller(seller.id).await), Some(seller.clone()));
    assert_eq!(got(fixture.store.seller(fixture.ids.mint()).await), None);
    assert_eq!(got(fixture.store.seller_by_slug(&seller.slug).await), Some(seller.clone()));
    let nobodys = Slug::parse("slug", "nobodys").expect("letters are a slug");
    assert_eq!(got(fixture.store.seller_by_slug(&nobodys).await), None);
    let user = seller.user.expect("every other one has a user, and so has the first");
    assert_eq!(got(fixture.store.seller_run_by(user).await), Some(seller.clone()));
    assert_eq!(got(fixture.store.seller_run_by(fixture.ids.mint()).await), None);
    let stale = CatalogWrite::UpdateSeller(seller.clone());
    assert!(matches!(fixture.refused([stale]).await, CommitRefusal::Stale(_)));
    let renamed = Seller { name: "Renamed".to_owned(), version: 2, ..seller };
    fixture.write([CatalogWrite::UpdateSeller(renamed.clone())]).await;
    assert_eq!(got(fixture.store.seller(renamed.id).await), Some(renamed));
}
