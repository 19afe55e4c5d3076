//! What the log of staff promises, over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use commerce_core::audit::AuditRequest;
use commerce_core::catalog::{NewCategory, NewProduct, ProductPatch};
use commerce_core::events::desk::Redriven;
use commerce_core::events::{ConsumeError, Consumer, DeadLetter, DeadLetters, Envelope, EventData, EventKind, Outbox, Topic};
use commerce_core::ids::{Id, UserId};
use commerce_core::limits::RECEIVES_MAX;
use commerce_core::notifications::Subscription;
use commerce_core::orders::CartOwner;
use commerce_core::page::PageRequest;
use commerce_core::testing::MemoryShop;
use commerce_core::testing::conformance::{NoWait, trade};
use commerce_core::testing::samples;
use commerce_core::users::{Register, Role, StaffAction, StaffEntry, StaffLogFilter, StaffLogKeeper, SubjectKind, UpdateUser};
use commerce_core::{Actor, Clock, Money};
use futures_executor::block_on;
use futures_util::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

/// The whole log, oldest first.
async fn log(shop: &MemoryShop) -> Vec<StaffEntry> {
    let (mut all, mut page) = (Vec::new(), PageRequest::first());
    loop {
        let some = shop.users.staff_log(&Actor::System, &StaffLogFilter::default(), &page).await.unwrap();
        all.extend(some.items);
        match some.next_cursor {
            Some(next) => page = PageRequest::parse(None, Some(&next)).unwrap(),
            None => break,
        }
    }
    all.reverse();
    all
}

fn actions(log: &[StaffEntry]) -> Vec<StaffAction> {
    log.iter().map(|entry| entry.told.action).collect()
}

async fn user(shop: &MemoryShop, name: &str, role: Role) -> UserId {
    let register = Register { full_name: name.to_owned(), ..samples::register(&format!("{name}@example.com")) };
    shop.users.create_user(&Actor::System, register, role).await.unwrap().id
}

fn cup() -> NewProduct {
    let price = Money::new(500, commerce_core::Currency::INR);
    let product = json!({"name": "Cup", "variants": [{"sku": "CUP", "price": price, "options": {}, "stock": 9}]});
    serde_json::from_value(product).unwrap()
}

fn kitchen(name: &str) -> NewCategory {
    NewCategory { name: name.to_owned(), slug: None, parent: None }
}

async fn is_clean(shop: &MemoryShop) {
    let report = shop.audit(&Actor::System, AuditRequest::new(&NoWait)).await.unwrap();
    assert_eq!((report.violations, report.unsettled), (Vec::new(), 0));
}

#[test]
fn who_goes_has_emptied_her_cart_herself() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let asha = user(&shop, "asha", Role::Customer).await;
        shop.catalog.create_product(&Actor::System, cup(), None).await.unwrap();
        let me = Actor::Customer(asha);
        shop.orders.add_to_cart(&me, CartOwner::User(asha), &[("CUP".to_owned(), 1)], None, None, None).await.unwrap();
        shop.users.delete_user(&me, asha, None).await.unwrap();
        shop.settle().await.unwrap();
        assert!(shop.orders.cart(&Actor::System, CartOwner::User(asha)).await.unwrap().lines.is_empty());
        let done = actions(&log(&shop).await);
        assert!(!done.contains(&StaffAction::CartChanged), "{done:?}");
    });
}

#[test]
fn what_changed_is_named_and_nothing_else() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let made = shop.catalog.create_product(&Actor::System, cup(), None).await.unwrap().into_inner();
        let whole = NewProduct { description: "of clay".to_owned(), ..cup() };
        shop.catalog.update_product(&Actor::System, made.id, ProductPatch::replacing(whole), None).await.unwrap();
        let asha = user(&shop, "asha", Role::Customer).await;
        let (email, full_name) = (Some("asha@example.com".to_owned()), Some("Asha Rao".to_owned()));
        let update = UpdateUser { email, full_name, ..UpdateUser::default() };
        shop.users.update_user(&Actor::System, asha, update, None).await.unwrap();
        shop.settle().await.unwrap();
        let log = log(&shop).await;
        let changed = |action| {
            let told = log.iter().find(|entry| entry.told.action == action).expect("it is told");
            told.told.detail.read::<Value>().unwrap()["changed"].clone()
        };
        assert_eq!(changed(StaffAction::ProductChanged), json!(["description"]));
        assert_eq!(changed(StaffAction::UserChanged), json!(["fullName"]));
    });
}

#[test]
fn a_deed_elsewhere_is_heard_once_with_who_did_it_when_and_to_what() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let clerk = user(&shop, "clerk", Role::Admin).await;
        shop.catalog.house_seller().await.unwrap();
        shop.settle().await.unwrap();
        let at = shop.clock.now();
        let made = shop.catalog.create_product(&Actor::Admin(clerk), cup(), None).await.unwrap().into_inner();
        assert_eq!(actions(&log(&shop).await), [StaffAction::UserCreated], "users have not heard of it");
        shop.wait(std::time::Duration::from_mins(1));
        let unheard = shop.catalog_db.unpublished(10).await.unwrap();
        shop.settle().await.unwrap();
        let known = log(&shop).await;
        let told = &known.last().unwrap().told;
        assert_eq!((told.actor, told.action, told.at), (Some(clerk), StaffAction::ProductCreated, at), "when it was done");
        assert_eq!((told.subject.kind, told.subject.id), (SubjectKind::Product, made.id.uuid()));

        let keeper = StaffLogKeeper::new(shop.users.clone());
        let deed = unheard.iter().find(|event| event.kind == EventKind::StaffActed).unwrap();
        for heard in join_all((0..5).map(|_| keeper.handle(deed))).await {
            heard.unwrap();
        }
        assert_eq!(log(&shop).await, known, "brought again it is known");
        is_clean(&shop).await;
    });
}

#[test]
fn many_deeds_at_once_are_one_chain() {
    block_on(async {
        let shop = MemoryShop::new(2);
        let deeds = (0..40).map(|n| shop.catalog.create_category(&Actor::System, kitchen(&format!("Shelf {n}")), None));
        let done = join_all(deeds).await.into_iter().flatten().count();
        shop.settle().await.unwrap();
        let log = log(&shop).await;
        assert_eq!(log.len(), done, "each that was done, and no other");
        for (entry, next) in log.iter().zip(log.iter().skip(1)) {
            assert_eq!((next.position, next.previous), (entry.position + 1, entry.hash));
        }
        is_clean(&shop).await;
    });
}

#[test]
fn workers_customers_and_sellers_are_no_staff() {
    block_on(async {
        let shop = MemoryShop::new(3);
        let seller = user(&shop, "seller", Role::Customer).await;
        let new = commerce_core::catalog::NewSeller { name: "Potter".to_owned(), slug: None, user: Some(seller) };
        let made = shop.catalog.create_seller(&Actor::System, new, None).await.unwrap().into_inner();
        shop.users.set_seller(&Actor::System, seller, made.id).await.unwrap();
        let product = shop.catalog.create_product(&Actor::Seller(seller, made.id), cup(), None).await.unwrap().into_inner();
        let sku = "CUP".parse().unwrap();
        shop.catalog.adjust_stock(&Actor::Seller(seller, made.id), &sku, 1, "found".to_owned(), None, None).await.unwrap();
        shop.settle().await.unwrap();
        let told = log(&shop).await;
        assert_eq!(actions(&told), [StaffAction::SellerChanged, StaffAction::SellerCreated]);
        shop.catalog.archive_product(&Actor::System, product.id, None).await.unwrap();
        shop.settle().await.unwrap();
        assert_eq!(log(&shop).await.last().unwrap().told.action, StaffAction::ProductArchived);
    });
}

#[test]
fn staff_that_runs_a_seller_stays_staff() {
    block_on(async {
        let shop = MemoryShop::new(5);
        let boss = user(&shop, "boss", Role::Admin).await;
        let new = commerce_core::catalog::NewSeller { name: "Potter".to_owned(), slug: None, user: Some(boss) };
        let made = shop.catalog.create_seller(&Actor::System, new, None).await.unwrap().into_inner();
        let after = shop.users.set_seller(&Actor::Admin(boss), boss, made.id).await.unwrap();
        assert_eq!((after.role, after.seller), (Role::Admin, None));
    });
}

#[test]
fn a_shop_that_trades_tells_no_names_and_no_more_than_it_did() {
    block_on(async {
        let shop = MemoryShop::new(4);
        trade(&shop).await.unwrap();
        let log = log(&shop).await;
        let text = format!("{log:?}");
        for word in ["Asha", "Rao", "MG Road", "example.com", "hooks.example", "broken", "trouble", "house rules", "at the door"]
        {
            assert!(!text.contains(word), "{word} is in the log");
        }
        assert!(log.len() > 30, "{} deeds", log.len());
        shop.settle().await.unwrap();
        is_clean(&shop).await;
    });
}

#[test]
fn what_is_done_to_dead_letters_is_told() {
    block_on(async {
        let shop = MemoryShop::new(5);
        shop.catalog.create_category(&Actor::System, kitchen("Kitchen"), None).await.unwrap();
        shop.settle().await.unwrap();
        let event = |number: u128, data: Value| Envelope {
            id: Id::from_uuid(Uuid::from_u128(number)),
            topic: Topic::Staff,
            kind: EventKind::StaffActed,
            schema: 1,
            aggregate: Uuid::from_u128(number),
            version: 1,
            at: shop.clock.now(),
            traceparent: None,
            data: EventData::from(data),
        };
        let (bad, good) = (
            event(1, json!({"actor": null})),
            event(
                2,
                json!({"actor": null, "action": "MESSAGES_HELD", "subject": {"kind": "SHOP", "id": Uuid::nil()}, "detail": {}}),
            ),
        );
        let keeper = StaffLogKeeper::new(shop.users.clone());
        assert!(matches!(keeper.handle(&bad).await, Err(ConsumeError::Permanent(_))), "what nobody can read");
        for event in [&bad, &good] {
            let (consumer, reason) = (StaffLogKeeper::NAME.to_owned(), "it cannot be read".to_owned());
            let letter = DeadLetter { consumer, event: event.clone(), reason, receives: RECEIVES_MAX, at: shop.clock.now() };
            shop.users_db.bury(&letter).await.unwrap();
        }
        let desk = &shop.dead_letters;
        let dead = desk.redrive(&Actor::System, StaffLogKeeper::NAME, bad.id).await.unwrap();
        assert!(matches!(dead, Redriven::StillDead(_)), "{dead:?}");
        assert_eq!(desk.redrive(&Actor::System, StaffLogKeeper::NAME, good.id).await.unwrap(), Redriven::Recorded);
        desk.purge(&Actor::System, StaffLogKeeper::NAME, bad.id).await.unwrap();
        assert!(desk.purge(&Actor::System, StaffLogKeeper::NAME, bad.id).await.is_err(), "it is gone");
        shop.settle().await.unwrap();
        let told: Vec<_> = log(&shop).await.iter().skip(1).map(|it| (it.told.action, it.told.subject.id)).collect();
        assert_eq!(
            told,
            [
                (StaffAction::MessagesHeld, Uuid::nil()),
                (StaffAction::LetterRedriven, good.id.uuid()),
                (StaffAction::LetterPurged, bad.id.uuid()),
            ]
        );
    });
}

#[test]
fn no_other_system_is_told_of_staff() {
    assert_eq!(Subscription::parse(&["STAFF_ACTED"]), None);
    assert_eq!(Subscription::parse(&["ORDER_CREATED", "STAFF_ACTED"]), None);
    assert!(!Subscription::Everything.wants(EventKind::StaffActed) && Subscription::Everything.wants(EventKind::OrderCreated));
}
