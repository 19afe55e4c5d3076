//! Products, categories, pictures, searches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use commerce_core::catalog::{
    CategoryPatch, HoldKey, ImportCategory, ImportProduct, Imported, ListProducts, MetCategories, NewCategory, NewImage,
    NewProduct, NewSeller, NewVariant, Part, ProductPatch, ProductStatus, SearchRequest, Unsaid, VariantPatch,
};
use commerce_core::change::Answer;
use commerce_core::events::EventKind;
use commerce_core::ids::{Id, UserId};
use commerce_core::page::PageRequest;
use commerce_core::text::Slug;
use commerce_core::{Actor, Currency, Money, Outcome, Refusal};
use futures_executor::block_on;
use uuid::Uuid;

use crate::house::{House, KEY, STAFF, keyed, product, refused, sku, variant};

#[test]
fn a_product_is_created_once_under_its_key_and_its_names_are_its_own() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let create = |new, key| house.catalog.create_product(&STAFF, new, key);
        let made = create(product("A", &[("A", 1)]), Some(keyed("k", 1))).await?.into_inner();
        assert!(matches!(create(product("A", &[("A", 1)]), Some(keyed("k", 1))).await?, Answer::Replayed(same) if same == made));
        assert_eq!(refused(create(product("B", &[("B", 1), ("A", 1)]), None).await), Refusal::SkuTaken("A".to_owned()));
        let chosen = NewProduct { slug: Some(made.slug.to_string()), ..product("C", &[("C", 1)]) };
        assert_eq!(refused(create(chosen, None).await), Refusal::SlugTaken);
        let namesake = create(product("A", &[("A2", 1)]), None).await?.into_inner();
        assert_ne!(namesake.slug, made.slug);
        let customer = Actor::Customer(UserId::from_uuid(Uuid::nil()));
        assert_eq!(refused(house.catalog.create_product(&customer, product("D", &[("D", 1)]), None).await), Refusal::Forbidden);
        Ok(())
    })
}

#[test]
fn a_product_changes_by_version_and_a_reserved_variant_stays() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 2), ("B", 3)]), None).await?.into_inner();
        let rename = ProductPatch { name: Some("Sari".to_owned()), ..ProductPatch::default() };
        let renamed = house.catalog.update_product(&STAFF, made.id, rename.clone(), Some(1)).await?;
        assert_eq!((renamed.name.as_str(), renamed.version), ("Sari", 2));
        let stale = house.catalog.update_product(&STAFF, made.id, rename.clone(), Some(1)).await;
        assert_eq!(refused(stale), Refusal::VersionMismatch("product"));
        assert_eq!(house.catalog.update_product(&STAFF, made.id, rename, None).await?.version, 2);

        let hold = house.reserve(KEY, &[("B", 1)]).await?.hold;
        assert!(matches!(refused(house.catalog.remove_variant(&STAFF, made.id, &sku("B"), None).await), Refusal::InUse(_)));
        house.catalog.release(hold).await?;
        let price = VariantPatch { price: Some(Money::new(100, Currency::INR)), ..VariantPatch::default() };
        house.catalog.update_variant(&STAFF, made.id, &sku("B"), price, None).await?;
        assert_eq!(house.reserve(KEY, &[("B", 1)]).await?.prices[0].1.minor, 100);
        house.catalog.remove_variant(&STAFF, made.id, &sku("A"), None).await?;
        assert_eq!(refused(house.catalog.inventory(&STAFF, &sku("A")).await), Refusal::NotFound("SKU"));
        assert!(matches!(refused(house.catalog.remove_variant(&STAFF, made.id, &sku("B"), None).await), Refusal::InUse(_)));

        house.catalog.archive_product(&STAFF, made.id, None).await?;
        assert_eq!(refused(house.catalog.product(&Actor::Anonymous, made.id).await), Refusal::NotFound("product"));
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.status, ProductStatus::Archived);
        assert!(
            house.catalog.products(&Actor::Anonymous, ListProducts::default(), &PageRequest::first()).await?.items.is_empty()
        );
        assert!(matches!(refused(house.reserve(HoldKey([9; 32]), &[("B", 1)]).await), Refusal::SoldOut(_)));
        Ok(())
    })
}

#[test]
fn importing_twice_changes_nothing_and_brings_back_nothing_sold() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let import = ImportProduct::whole("kurta".parse().unwrap(), product("A", &[("A", 5)]));
        assert_eq!(house.catalog.preview_import(&STAFF, &import).await?, Imported::Created);
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Created);
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        house.hear(&house.said(EventKind::OrderConfirmed, hold, "A", true)).await;
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Unchanged);
        assert_eq!(house.stock("A").await?, (3, 0));
        let mut more = import;
        more.product.variants.push(variant("B", 4));
        let updated = Imported::Updated { removed: Vec::new() };
        assert_eq!(house.catalog.preview_import(&STAFF, &more).await?, updated);
        assert_eq!(house.catalog.import_product(&STAFF, more).await?, updated);
        assert_eq!((house.stock("A").await?, house.stock("B").await?), ((3, 0), (4, 0)));
        Ok(())
    })
}

#[test]
fn what_an_import_does_is_told_to_who_keeps_the_product_elsewhere() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 5)]).await?;
        let slug: Slug = "kurta-a".parse().unwrap();
        let known = house.catalog.product_by_slug(&STAFF, &slug).await?;
        let import = ImportProduct::whole(slug.clone(), product("A", &[("A", 9)]));
        import.check(&house.ids).unwrap();
        let (patch, imported) = import.change_of(&known, &house.ids).unwrap();
        assert_eq!(imported, Imported::Unchanged);
        assert_eq!(house.catalog.update_product(&STAFF, known.id, patch, None).await?, known, "and the patch changes nothing");
        let more = ImportProduct::whole(slug.clone(), product("A", &[("B", 2)]));
        let (patch, imported) = more.change_of(&known, &house.ids).unwrap();
        assert_eq!(imported, Imported::Updated { removed: vec![sku("A")] });
        house.catalog.update_product(&STAFF, known.id, patch, Some(known.version)).await?;
        assert_eq!(house.catalog.import_product(&STAFF, more).await?, Imported::Unchanged, "it is as imported here");
        let none = ImportProduct::whole(slug, product("A", &[]));
        assert!(matches!(none.check(&house.ids), Err(Refusal::Invalid(_))));
        assert!(matches!(none.change_of(&known, &house.ids), Err(Refusal::Invalid(_))));
        Ok(())
    })
}

#[test]
fn an_import_removes_what_a_whole_product_does_not_name_and_nothing_of_one_that_lost_rows() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let link = |url: &str| NewImage { url: url.to_owned(), alt: String::new() };
        let all = NewProduct { images: vec![link("/1.png"), link("/2.png")], ..product("A", &[("S", 1), ("M", 2), ("L", 3)]) };
        let whole = ImportProduct::whole("cap".parse().unwrap(), all.clone());
        house.catalog.import_product(&STAFF, whole).await?;
        let named = NewProduct { images: vec![link("/2.png"), link("/3.png")], ..product("A", &[("XL", 4), ("L", 9), ("S", 9)]) };
        let partial = ImportProduct { partial: true, ..ImportProduct::whole("cap".parse().unwrap(), named.clone()) };
        let updated = |removed: &[&str]| Imported::Updated { removed: removed.iter().copied().map(sku).collect() };
        assert_eq!(house.catalog.preview_import(&STAFF, &partial).await?, updated(&[]));
        assert_eq!(house.catalog.import_product(&STAFF, partial.clone()).await?, updated(&[]));
        assert_eq!(house.catalog.import_product(&STAFF, partial).await?, Imported::Unchanged);
        let made = house.catalog.product_by_slug(&STAFF, &"cap".parse().unwrap()).await?;
        assert_eq!(made.variants.iter().map(|variant| variant.sku.as_str()).collect::<Vec<_>>(), ["S", "M", "L", "XL"]);
        assert_eq!(made.images.iter().map(|image| image.url.as_str()).collect::<Vec<_>>(), ["/1.png", "/2.png", "/3.png"]);
        assert_eq!((house.stock("M").await?, house.stock("L").await?, house.stock("XL").await?), ((2, 0), (3, 0), (4, 0)));
        let whole = ImportProduct::whole("cap".parse().unwrap(), named);
        assert_eq!(house.catalog.preview_import(&STAFF, &whole).await?, updated(&["M"]));
        assert_eq!(house.catalog.import_product(&STAFF, whole).await?, updated(&["M"]));
        Ok(())
    })
}

#[test]
fn what_an_import_has_no_place_for_stays() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let named = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let full = NewVariant {
            compare_at: Some(Money::new(60_000, Currency::INR)),
            options: named(&[("Colour", "Red"), ("Size", "M")]),
            weight_grams: Some(300),
            barcode: Some("0012".to_owned()),
            ..variant("A", 1)
        };
        let status = Some(ProductStatus::Draft);
        let all =
            NewProduct { status, variants: vec![full], metadata: named(&[("shelf", "7"), ("tags", "x")]), ..product("A", &[]) };
        house.catalog.import_product(&STAFF, ImportProduct::whole("a".parse().unwrap(), all)).await?;
        let before = house.catalog.product_by_slug(&STAFF, &"a".parse().unwrap()).await?;
        let little = NewVariant { options: named(&[("Size", "L")]), ..variant("A", 1) };
        let little = NewProduct {
            description: String::new(),
            variants: vec![little],
            metadata: named(&[("tags", "y")]),
            ..product("A", &[])
        };
        let parts = [Part::Description, Part::Metadata, Part::CompareAt, Part::Weight, Part::Barcode].into();
        let unsaid = Unsaid { parts, options_but: Some(["Size".to_owned()].into()) };
        let import = ImportProduct { unsaid, ..ImportProduct::whole("a".parse().unwrap(), little) };
        house.catalog.import_product(&STAFF, import).await?;
        let after = house.catalog.product_by_slug(&STAFF, &"a".parse().unwrap()).await?;
        let mut wanted = before.clone();
        wanted.variants[0].options = named(&[("Colour", "Red"), ("Size", "L")]);
        wanted.metadata = named(&[("shelf", "7"), ("tags", "y")]);
        assert_eq!(
            (after.status, after.description, after.variants, after.metadata),
            (wanted.status, wanted.description, wanted.variants, wanted.metadata)
        );
        Ok(())
    })
}

#[test]
fn imports_side_by_side_make_one_of_each_and_lose_none() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let path = ["Apparel".to_owned(), "Caps".to_owned()];
        let import = || async {
            let category = house.catalog.category_at(&STAFF, &path).await?;
            let product = NewProduct { category, ..product("A", &[("A", 5)]) };
            house.catalog.import_product(&STAFF, ImportProduct::whole("cap".parse().unwrap(), product)).await
        };
        let all = futures_util::future::try_join_all((0..3).map(|_| import())).await?;
        assert_eq!(all.iter().filter(|imported| **imported == Imported::Created).count(), 1, "{all:?}");
        assert_eq!(all.iter().filter(|imported| **imported == Imported::Unchanged).count(), 2, "{all:?}");
        assert_eq!(house.catalog.category_tree().await?.nodes.len(), 2);
        Ok(())
    })
}

#[test]
fn an_import_tells_categories_of_one_name_apart_by_their_slugs() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let step = |name: &str, slug: &str| ImportCategory { name: name.to_owned(), slug: Some(slug.parse().unwrap()) };
        let paths = ["shoes", "shoes-2"].map(|slug| [step("Apparel", "apparel"), step(" Shoes ", slug), step("Boots", "boots")]);
        // Into an empty shop, then again: what is there is found, and both ways of asking agree.
        let mut first = Vec::new();
        for round in 0..2 {
            let (mut met, mut looked) = (MetCategories::new(), MetCategories::new());
            let (mut seen, mut found) = (Vec::new(), Vec::new());
            for path in &paths {
                seen.push(house.catalog.preview_import_category(&STAFF, path, &mut looked).await?);
            }
            for path in &paths {
                found.push(house.catalog.import_category(&STAFF, path, &mut met).await?.unwrap());
            }
            assert_eq!(seen, found.iter().map(|id| Some(*id).filter(|_| round > 0)).collect::<Vec<_>>());
            assert!(first.is_empty() || first == found, "{first:?} {found:?}");
            first = found;
        }
        assert_ne!(first[0], first[1]);
        let tree = house.catalog.category_tree().await?;
        let slugs: BTreeSet<_> = tree.nodes.iter().map(|node| node.slug.as_str()).collect();
        assert!(slugs.is_superset(&["apparel", "shoes", "shoes-2", "boots"].into()) && slugs.len() == 5, "{slugs:?}");
        // A slug that was changed since is no other category, and neither is one without.
        let parent = tree.node(first[0]).and_then(|boots| boots.parent).unwrap();
        let renamed = CategoryPatch { slug: Some("footwear".to_owned()), ..CategoryPatch::default() };
        house.catalog.update_category(&STAFF, parent, renamed, None).await?;
        for path in &paths[..1] {
            assert_eq!(house.catalog.import_category(&STAFF, path, &mut MetCategories::new()).await?, Some(first[0]));
        }
        let names = ["Apparel", "Shoes", "Boots"].map(str::to_owned);
        assert_eq!(house.catalog.category_at(&STAFF, &names).await?, Some(first[0]));
        assert_eq!(house.catalog.category_tree().await?.nodes.len(), 5);
        Ok(())
    })
}

#[test]
fn a_whole_import_empties_what_it_says_is_empty() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let bare = ImportProduct::whole("cup".parse().unwrap(), product("Cup", &[("C", 1)]));
        house.catalog.import_product(&STAFF, bare.clone()).await?;
        let read = || house.catalog.product_by_slug(&STAFF, &bare.slug);
        let before = read().await?;
        let category = house.catalog.category_at(&STAFF, &["Cups".to_owned()]).await?;
        let dressed = ProductPatch {
            category: Some(category),
            metadata: Some([("shelf".to_owned(), "4".to_owned())].into()),
            images: Some(vec![NewImage { url: "/1.png".to_owned(), alt: String::new() }]),
            ..ProductPatch::default()
        };
        let dressed = house.catalog.update_product(&STAFF, before.id, dressed, None).await?;
        let parts = [Part::Category, Part::Images, Part::Metadata].into();
        let silent = ImportProduct { unsaid: Unsaid { parts, options_but: None }, ..bare.clone() };
        assert_eq!(house.catalog.import_product(&STAFF, silent).await?, Imported::Unchanged);
        assert_eq!(read().await?, dressed);
        house.catalog.import_product(&STAFF, bare.clone()).await?;
        let after = read().await?;
        assert_eq!((after.category, after.images, after.metadata), (before.category, before.images, before.metadata));
        Ok(())
    })
}

#[test]
fn names_that_make_the_same_slug_get_slugs_of_their_own_unless_one_was_chosen() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let category = |name: &str, slug: Option<&str>, parent| {
            let new = NewCategory { name: name.to_owned(), slug: slug.map(str::to_owned), parent };
            house.catalog.create_category(&STAFF, new, None)
        };
        let first = category("जूते", None, None).await?.into_inner();
        assert_ne!(category("टोपी", None, None).await?.into_inner().slug, first.slug);
        assert_eq!(refused(category("Shoes", Some(first.slug.as_str()), None).await), Refusal::SlugTaken);
        let below = category("मोज़े", None, Some(first.id)).await?.into_inner();
        assert!(house.catalog.category_at(&STAFF, &[first.name.clone(), "Сумки".to_owned()]).await?.is_some());
        assert!(house.catalog.category_at(&STAFF, &["T Shirts".to_owned()]).await?.is_some());
        assert!(house.catalog.category_at(&STAFF, &["T-Shirts".to_owned()]).await?.is_some());
        let tree = house.catalog.category_tree().await?;
        assert_eq!(tree.nodes.iter().map(|node| &node.slug).collect::<BTreeSet<_>>().len(), 6);
        assert_eq!(house.catalog.category_at(&STAFF, &[first.name, below.name]).await?, Some(below.id));

        let deep: Vec<String> = (0..17).map(|level| level.to_string()).collect();
        let steps: Vec<_> = deep.iter().map(ImportCategory::named).collect();
        let preview = house.catalog.preview_import_category(&STAFF, &steps, &mut MetCategories::new()).await;
        assert_eq!(refused(preview), refused(house.catalog.category_at(&STAFF, &deep).await));

        let seller = |name: &str, slug: Option<&str>| {
            let new = NewSeller { name: name.to_owned(), slug: slug.map(str::to_owned), user: None };
            house.catalog.create_seller(&STAFF, new, None)
        };
        let first = seller("Сумки", None).await?.into_inner();
        assert_ne!(seller("Куртки", None).await?.into_inner().slug, first.slug);
        assert_eq!(refused(seller("Bags", Some(first.slug.as_str())).await), Refusal::SlugTaken);
        Ok(())
    })
}

#[test]
fn categories_close_no_circle_and_keep_what_is_in_them() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let path = ["Apparel".to_owned(), "Tops".to_owned()];
        let tops = house.catalog.category_at(&STAFF, &path).await?.unwrap();
        assert_eq!(house.catalog.category_at(&STAFF, &path).await?, Some(tops));
        let apparel = house.catalog.category(tops).await?.parent.unwrap();
        let below = CategoryPatch { parent: Some(Some(tops)), ..CategoryPatch::default() };
        assert_eq!(refused(house.catalog.update_category(&STAFF, apparel, below, None).await), Refusal::CategoryCycle);
        assert!(matches!(refused(house.catalog.delete_category(&STAFF, apparel, None).await), Refusal::InUse(_)));
        let inside = NewProduct { category: Some(tops), ..product("A", &[("A", 1)]) };
        house.catalog.create_product(&STAFF, inside, None).await?;
        assert!(matches!(refused(house.catalog.delete_category(&STAFF, tops, None).await), Refusal::InUse(_)));
        let list = ListProducts { category: Some(apparel), ..ListProducts::default() };
        assert_eq!(house.catalog.products(&Actor::Anonymous, list, &PageRequest::first()).await?.items.len(), 1);
        let twin = NewCategory { name: "Tops".to_owned(), slug: Some("tops".to_owned()), parent: None };
        assert_eq!(refused(house.catalog.create_category(&STAFF, twin, None).await), Refusal::SlugTaken);
        Ok(())
    })
}

#[test]
fn pictures_are_kept_and_removed_with_their_product() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 1)]), None).await?.into_inner();
        let png = b"\x89PNG\r\n\x1a\nrest".to_vec();
        let image = house.catalog.add_image(&STAFF, made.id, png, "front", None, None).await?.into_inner();
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.images, std::slice::from_ref(&image));
        house.catalog.remove_image(&STAFF, made.id, image.id, None).await?;
        assert_eq!(refused(house.catalog.remove_image(&STAFF, made.id, image.id, None).await), Refusal::NotFound("image"));
        assert!(house.catalog.add_image(&STAFF, made.id, b"<svg>".to_vec(), "", None, None).await.is_err());
        Ok(())
    })
}

#[test]
fn a_picture_sent_twice_under_one_key_is_one_picture() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 1)]), None).await?.into_inner();
        let png = |end: &[u8]| [b"\x89PNG\r\n\x1a\n", end].concat();
        let send =
            |end: &'static [u8], body| house.catalog.add_image(&STAFF, made.id, png(end), "front", Some(keyed("k", body)), None);
        assert!(house.catalog.add_image(&STAFF, made.id, b"<svg>".to_vec(), "", Some(keyed("k", 0)), None).await.is_err());
        let (first, twin) = futures_util::future::join(send(b"one", 1), send(b"one", 1)).await;
        let image = match (first?, twin?) {
            (Answer::Fresh(image), Answer::Replayed(twin)) | (Answer::Replayed(twin), Answer::Fresh(image)) => {
                assert_eq!(image, twin);
                image
            }
            other => panic!("one is the replay of the other: {other:?}"),
        };
        assert_eq!(send(b"one", 1).await?, Answer::Replayed(image.clone()));
        assert_eq!(refused(send(b"two", 2).await), Refusal::IdempotencyMismatch);
        assert_eq!(house.catalog.product(&STAFF, made.id).await?.images, std::slice::from_ref(&image));
        house.catalog.remove_image(&STAFF, made.id, image.id, None).await?;
        assert_eq!(refused(send(b"one", 1).await), Refusal::NotFound("image"));
        Ok(())
    })
}

#[test]
fn a_search_without_an_index_scans() -> Outcome<()> {
    block_on(async {
        let house = House::selling(&[("A", 1), ("B", 0)]).await?;
        house.clock.advance(Duration::from_secs(1));
        let search = |text: &str, in_stock| {
            let request = SearchRequest { text: text.to_owned(), in_stock, ..SearchRequest::default() };
            async { house.catalog.search(&Actor::Anonymous, request).await.map(|found| found.hits.total) }
        };
        assert_eq!(search("cotton kurta", false).await?, 2);
        assert_eq!(search("cotton kurta", true).await?, 1);
        assert_eq!(search("", false).await?, 2);
        assert_eq!(search("silk", false).await?, 0);
        Ok(())
    })
}
