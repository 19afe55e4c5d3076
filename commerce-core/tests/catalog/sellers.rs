//! Sellers whose ids are known before they are there: the house's, and a user's own.

use std::time::Duration;

use commerce_core::catalog::{
    HOUSE, ImportProduct, ImportSeller, Imported, ListProducts, MetSellers, NewProduct, NewSeller, ProductPatch, ProductStatus,
    SellerPatch,
};
use commerce_core::error::Error;
use commerce_core::ids::{Id, SellerId, UserId};
use commerce_core::page::PageRequest;
use commerce_core::text::Sku;
use commerce_core::users::{Sellers, own_seller};
use commerce_core::{Actor, Outcome, Refusal};
use futures_executor::block_on;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::house::{House, STAFF, product, refused, variant};

fn named(name: &str, slug: Option<&str>) -> NewSeller {
    NewSeller { name: name.to_owned(), slug: slug.map(str::to_owned), user: None }
}

#[test]
fn the_house_has_its_seller_where_another_has_its_slug() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let squatter = house.catalog.create_seller(&STAFF, named("House", None), None).await?.into_inner();
        assert_eq!(squatter.slug.as_str(), "house");
        let ours = join_all((0..5).map(|_| house.catalog.house_seller())).await;
        let ours = ours.into_iter().collect::<Outcome<Vec<_>>>()?;
        assert_eq!(ours[0].id, SellerId::from_uuid(HOUSE));
        assert!(ours.iter().all(|seller| *seller == ours[0]), "it is made once");
        assert!(ours[0].slug.as_str().starts_with("house-"), "{}", ours[0].slug);
        let made = house.catalog.create_product(&STAFF, product("A", &[("A", 1)]), None).await?.into_inner();
        assert_eq!(made.seller, ours[0].id);
        assert_eq!(house.catalog.seller(squatter.id).await?, squatter, "and the other stays as it is");
        let again = house.catalog.create_seller(&STAFF, named("House", Some("house")), None).await;
        assert_eq!(refused(again), Refusal::SlugTaken);
        Ok(())
    })
}

#[test]
fn a_user_has_her_seller_where_another_has_its_slug() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let user: UserId = house.ids.mint();
        let slug = format!("seller-{}", user.uuid().simple());
        house.catalog.create_seller(&STAFF, named("Potter", Some(&slug)), None).await?;
        let hers = house.catalog.of_her_own(user).await?;
        assert_eq!(hers, own_seller(user));
        assert_ne!(hers.uuid(), Uuid::nil());
        assert_eq!(house.catalog.seller(hers).await?.user, Some(user));
        assert_eq!(house.catalog.of_her_own(user).await?, hers);
        Ok(())
    })
}

/// Users hear of it afterwards, perhaps never: what the catalog says holds at once.
#[test]
fn whoever_no_longer_runs_a_seller_manages_nothing_of_it() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let (asha, bina): (UserId, UserId) = (house.ids.mint(), house.ids.mint());
        let new = NewSeller { user: Some(asha), ..named("Potter", None) };
        let potter = house.catalog.create_seller(&STAFF, new, None).await?.into_inner().id;
        let (former, next) = (Actor::Seller(asha, potter), Actor::Seller(bina, potter));
        let draft = NewProduct { status: Some(ProductStatus::Draft), ..product("A", &[("A", 1)]) };
        let cup = house.catalog.create_product(&former, draft, None).await?.into_inner().id;
        assert_eq!(refused(house.catalog.product(&next, cup).await), Refusal::NotFound("product"), "she runs nothing yet");

        for user in [Some(bina), None] {
            let given = SellerPatch { user: Some(user), ..SellerPatch::default() };
            house.catalog.update_seller(&STAFF, potter, given, None).await?;
            let (sku, page, own) = ("A".parse().unwrap(), PageRequest::first(), Some(potter));
            let renamed = || ProductPatch { name: Some("Mine".to_owned()), ..ProductPatch::default() };
            let all = ListProducts { seller: own, ..ListProducts::default() };
            let catalog = &house.catalog;
            assert_eq!(refused(catalog.update_product(&former, cup, renamed(), None).await), Refusal::Forbidden);
            assert_eq!(refused(catalog.create_product(&former, product("B", &[("B", 1)]), None).await), Refusal::Forbidden);
            assert_eq!(refused(catalog.adjust_stock(&former, &sku, 1, "found".to_owned(), None, None).await), Refusal::Forbidden);
            assert_eq!(refused(catalog.stock_ledger(&former, &sku, &page).await), Refusal::Forbidden);
            let import = ImportProduct::whole("a".parse().unwrap(), product("A", &[("A", 1)]));
            assert_eq!(refused(catalog.preview_import(&former, &import).await), Refusal::Forbidden);
            let mine = SellerPatch { name: Some("Mine".to_owned()), ..SellerPatch::default() };
            assert_eq!(refused(catalog.update_seller(&former, potter, mine, None).await), Refusal::Forbidden);
            assert_eq!(refused(catalog.product(&former, cup).await), Refusal::NotFound("product"), "a draft is its seller's");
            assert_eq!(refused(catalog.shown(&former, cup).await), Refusal::NotFound("product"));
            assert_eq!(catalog.products(&former, all, &page).await?.items, []);
            if user.is_some() {
                assert_eq!(catalog.update_product(&next, cup, renamed(), None).await?.name, "Mine");
            }
        }
        assert_ne!(house.catalog.of_her_own(bina).await?, potter, "what was taken from her does not come back with her role");
        Ok(())
    })
}

#[test]
fn a_seller_reads_a_ledger_since_it_is_hers() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let (asha, bina): (UserId, UserId) = (house.ids.mint(), house.ids.mint());
        let (hers, others) = (house.catalog.of_her_own(asha).await?, house.catalog.of_her_own(bina).await?);
        let (one, other) = (Actor::Seller(asha, hers), Actor::Seller(bina, others));
        let sku: Sku = "A".parse().unwrap();
        let stocked = async |actor: &Actor, delta, why: &str| {
            house.clock.advance(Duration::from_secs(1));
            house.catalog.adjust_stock(actor, &sku, delta, why.to_owned(), None, None).await
        };
        let read = async |actor: &Actor, limit: i64, cursor: Option<String>| {
            let page = PageRequest::parse(Some(limit), cursor.as_deref()).unwrap();
            let page = house.catalog.stock_ledger(actor, &sku, &page).await?;
            Ok::<_, Error>((page.items.into_iter().map(|line| line.reason).collect::<Vec<_>>(), page.next_cursor))
        };
        let cup = house.catalog.create_product(&one, product("A", &[("A", 5)]), None).await?.into_inner();
        stocked(&one, 1, "secret").await?;
        assert_eq!(read(&one, 9, None).await?.0, ["secret", "first stock"]);

        house.clock.advance(Duration::from_secs(1));
        let given = ProductPatch { seller: Some(others), ..ProductPatch::default() };
        house.catalog.update_product(&STAFF, cup.id, given, None).await?;
        stocked(&other, 2, "hers").await?;
        assert_eq!(house.stock("A").await?, (8, 0), "nothing was counted");
        let (all, past) = read(&STAFF, 2, None).await?;
        assert_eq!(all, ["hers", "came to another seller"]);
        assert_eq!(read(&STAFF, 9, past.clone()).await?.0, ["secret", "first stock"]);
        assert_eq!(read(&other, 9, None).await?, (vec!["hers".to_owned(), "came to another seller".to_owned()], None));
        assert_eq!(read(&other, 9, past).await?, (Vec::new(), None), "whatever cursor she has");
        assert_eq!(read(&other, 3, None).await?.1, None, "and none leads her there");
        let (first, next) = read(&other, 1, None).await?;
        assert_eq!(
            (first, read(&other, 1, next).await?),
            (vec!["hers".to_owned()], (vec!["came to another seller".to_owned()], None))
        );

        // The ledger outlives a variant, and so does what another one's is called.
        house.catalog.add_variant(&other, cup.id, variant("B", 0), None, None).await?;
        house.catalog.remove_variant(&other, cup.id, &sku, None).await?;
        house.clock.advance(Duration::from_secs(1));
        house.catalog.create_product(&one, product("Mine", &[("A", 3)]), None).await?;
        assert_eq!(read(&one, 9, None).await?, (vec!["first stock".to_owned()], None));
        assert_eq!(read(&STAFF, 9, None).await?.0.len(), 6);
        Ok(())
    })
}

#[test]
fn whose_own_seller_went_to_somebody_else_gets_another() -> Outcome<()> {
    block_on(async {
        let house = House::new();
        let (asha, bina): (UserId, UserId) = (house.ids.mint(), house.ids.mint());
        let first = house.catalog.of_her_own(asha).await?;
        let given = SellerPatch { user: Some(Some(bina)), ..SellerPatch::default() };
        house.catalog.update_seller(&STAFF, first, given, None).await?;
        assert_eq!(house.catalog.of_her_own(bina).await?, first, "it is the one she runs");
        let second = house.catalog.of_her_own(asha).await?;
        assert_eq!((second == first, house.catalog.seller(second).await?.user), (false, Some(asha)));
        assert_eq!(house.catalog.of_her_own(asha).await?, second);
        Ok(())
    })
}

fn imported(slug: &str, name: &str, house: bool) -> ImportSeller {
    ImportSeller { slug: slug.parse().unwrap(), name: name.to_owned(), house }
}

#[test]
fn an_import_finds_its_sellers_and_makes_those_that_are_not_there() -> Outcome<()> {
    block_on(async {
        let House { catalog, .. } = House::new();
        for at in 0..101 {
            catalog.create_seller(&STAFF, named(&format!("Other {at}"), None), None).await?;
        }
        let potter = catalog.create_seller(&STAFF, named("Potter", Some("clay")), None).await?.into_inner();
        for at in 101..202 {
            catalog.create_seller(&STAFF, named(&format!("Other {at}"), None), None).await?;
        }
        let (mut met, mut looked) = (MetSellers::new(), MetSellers::new());
        let (clay, weaver) = (imported("clay", "Potter of old", false), imported("weaver", "", false));
        assert_eq!(catalog.preview_import_seller(&STAFF, &clay, &mut looked).await?, Some(potter.id));
        assert_eq!(catalog.preview_import_seller(&STAFF, &weaver, &mut looked).await?, None);
        assert_eq!(catalog.import_seller(&STAFF, &clay, &mut met).await?, potter.id);
        assert_eq!(catalog.seller(potter.id).await?, potter, "who is there stays as she is");
        let made = catalog.import_seller(&STAFF, &weaver, &mut met).await?;
        let seller = catalog.seller(made).await?;
        assert_eq!((seller.name.as_str(), seller.slug.as_str(), seller.user), ("weaver", "weaver", None));
        assert_eq!(catalog.import_seller(&STAFF, &weaver, &mut met).await?, made);
        assert_eq!(catalog.import_seller(&STAFF, &weaver, &mut MetSellers::new()).await?, made, "also by another import");
        let hostile = imported("long", &"x".repeat(256), false);
        assert!(matches!(refused(catalog.preview_import_seller(&STAFF, &hostile, &mut looked).await), Refusal::Invalid(_)));
        assert!(matches!(refused(catalog.import_seller(&STAFF, &hostile, &mut met).await), Refusal::Invalid(_)));
        let customer = commerce_core::Actor::Customer(UserId::from_uuid(Uuid::from_u128(9)));
        assert_eq!(refused(catalog.import_seller(&customer, &clay, &mut met).await), Refusal::Forbidden);
        Ok(())
    })
}

#[test]
fn an_import_knows_the_house_whatever_it_is_called() -> Outcome<()> {
    block_on(async {
        let House { catalog, .. } = House::new();
        let mut met = MetSellers::new();
        let (house, squatter) = (imported("our-shop", "Our shop", true), imported("house", "Not the house", false));
        let ours = SellerId::from_uuid(HOUSE);
        assert_eq!(catalog.preview_import_seller(&STAFF, &house, &mut met).await?, None, "looking makes none");
        assert_ne!(catalog.import_seller(&STAFF, &squatter, &mut met).await?, ours);
        assert_eq!(catalog.import_seller(&STAFF, &house, &mut met).await?, ours);
        let made = catalog.seller(ours).await?;
        assert_eq!((made.name.as_str(), made.slug.as_str()), ("Our shop", "our-shop"));
        let renamed = SellerPatch { name: Some("Ours".to_owned()), ..SellerPatch::default() };
        let renamed = catalog.update_seller(&STAFF, ours, renamed, None).await?;
        assert_eq!(catalog.import_seller(&STAFF, &house, &mut met).await?, ours);
        assert_eq!(catalog.seller(ours).await?, renamed, "the house that is there keeps its name");
        let namesake = imported("our-shop", "Not the house", false);
        assert_eq!(refused(catalog.import_seller(&STAFF, &namesake, &mut met).await), Refusal::SlugTaken);
        let looked = catalog.preview_import_seller(&STAFF, &namesake, &mut MetSellers::new()).await;
        assert_eq!(refused(looked), Refusal::SlugTaken, "nobody becomes the house by her name");
        Ok(())
    })
}

#[test]
fn an_import_gives_a_product_back_to_its_seller() -> Outcome<()> {
    block_on(async {
        let House { catalog, .. } = House::new();
        let potter = catalog.import_seller(&STAFF, &imported("potter", "Potter", false), &mut MetSellers::new()).await?;
        let whose = |seller| ImportProduct::whole("cup".parse().unwrap(), NewProduct { seller, ..product("A", &[("A", 1)]) });
        assert_eq!(catalog.import_product(&STAFF, whose(Some(potter))).await?, Imported::Created);
        assert_eq!(catalog.import_product(&STAFF, whose(None)).await?, Imported::Unchanged, "who is not named stays");
        let house = catalog.house_seller().await?.id;
        assert_eq!(catalog.import_product(&STAFF, whose(Some(house))).await?, Imported::Updated { removed: Vec::new() });
        assert_eq!(catalog.import_product(&STAFF, whose(Some(potter))).await?, Imported::Updated { removed: Vec::new() });
        assert_eq!(catalog.product_by_slug(&STAFF, &"cup".parse().unwrap()).await?.seller, potter);
        Ok(())
    })
}
