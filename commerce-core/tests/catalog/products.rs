//! Products, categories, pictures, searches.

use std::time::Duration;

use commerce_core::catalog::{
    CategoryPatch, HoldKey, ImportProduct, Imported, ListProducts, NewCategory, NewProduct, ProductPatch, ProductStatus,
    SearchRequest, VariantPatch,
};
use commerce_core::change::Answer;
use commerce_core::events::EventKind;
use commerce_core::ids::{Id, UserId};
use commerce_core::page::PageRequest;
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
        let import = ImportProduct { slug: "kurta".parse().unwrap(), product: product("A", &[("A", 5)]) };
        assert_eq!(house.catalog.preview_import(&STAFF, &import).await?, Imported::Created);
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Created);
        let hold = house.reserve(KEY, &[("A", 2)]).await?.hold;
        house.hear(&house.said(EventKind::OrderConfirmed, hold, "A", true)).await;
        assert_eq!(house.catalog.import_product(&STAFF, import.clone()).await?, Imported::Unchanged);
        assert_eq!(house.stock("A").await?, (3, 0));
        let mut more = import;
        more.product.variants.push(variant("B", 4));
        assert_eq!(house.catalog.preview_import(&STAFF, &more).await?, Imported::Updated);
        assert_eq!(house.catalog.import_product(&STAFF, more).await?, Imported::Updated);
        assert_eq!((house.stock("A").await?, house.stock("B").await?), ((3, 0), (4, 0)));
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
        let twin = NewCategory { name: "Tops".to_owned(), slug: None, parent: None };
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
