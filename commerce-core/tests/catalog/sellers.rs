//! Sellers whose ids are known before they are there: the house's, and a user's own.

use commerce_core::catalog::{HOUSE, NewSeller};
use commerce_core::ids::{Id, SellerId, UserId};
use commerce_core::users::{Sellers, own_seller};
use commerce_core::{Outcome, Refusal};
use futures_executor::block_on;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::house::{House, STAFF, product, refused};

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
