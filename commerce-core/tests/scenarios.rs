//! What the simulation found once, each as a plain history that is kept for ever.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::catalog::VariantPatch;
use commerce_core::limits::RECEIVES_MAX;
use commerce_core::money::{Currency, Money};
use commerce_core::notifications::NotificationFilter;
use commerce_core::orders::{OrderStatus, PaymentMethod};
use commerce_core::page::PageRequest;
use commerce_core::testing::fault::Fault;
use commerce_core::testing::sim::{Client, Heard, Hits, Plan, Setup, Situation, World, goods, open};
use commerce_core::users::StaffLogFilter;
use commerce_core::{Actor, Commerce};

/// The history of an order is sorted by ids, and an id carries its process's clock: an order that was
/// moved on by a process whose clock is behind had its history told in another order.
#[test]
fn a_history_goes_forward_over_processes_whose_clocks_differ() {
    let mut world = World::new(Setup { skews: vec![5_000_000, 0], ..Setup::quiet(1) });
    let house = Arc::clone(&world.house);
    let (_, users) = world.run(open(Arc::clone(&house), 1, 1, 1)).unwrap().unwrap();
    let asha = Actor::Customer(users[0]);
    let history = world.run(async move {
        let wish = goods::order(Some(vec![(goods::sku(0), 1)]), (PaymentMethod::Cod, None), "order");
        let placed = house.ask(0, move |shop: Commerce| async move { shop.orders.place(&asha, wish, None).await }).await;
        let Heard::Answer(Ok(placed)) = placed else { panic!("{placed:?}") };
        let id = placed.into_inner().id;
        let moved = house.ask(1, move |shop: Commerce| async move {
            shop.orders.set_status(&Actor::System, id, OrderStatus::Processing, None, None).await
        });
        let moved = moved.await;
        let Heard::Answer(Ok(_)) = moved else { panic!("{moved:?}") };
        let shop = house.calm().unwrap();
        shop.orders.timeline(&Actor::System, id, &PageRequest::first()).await.unwrap().items
    });
    let history = history.unwrap();
    let path: Vec<_> = history.iter().map(|entry| entry.status).collect();
    assert_eq!(path, [OrderStatus::Pending, OrderStatus::Confirmed, OrderStatus::Processing]);
    assert!(history.is_sorted_by_key(|entry| entry.at));
}

/// The same of a product: one that was made by a process whose clock is ahead, and changed by another at once, was
/// changed before it was made.
#[test]
fn a_product_is_never_changed_before_it_was_made() {
    let mut world = World::new(Setup { skews: vec![5_000_000, 0], ..Setup::quiet(1) });
    let house = Arc::clone(&world.house);
    let (id, _) = world.run(open(Arc::clone(&house), 1, 1, 1)).unwrap().unwrap();
    let changed = world.run(async move {
        let patch = VariantPatch { price: Some(Money::new(60_000, Currency::INR)), ..VariantPatch::default() };
        let change =
            |shop: Commerce| async move { shop.catalog.update_variant(&Actor::System, id, &goods::sku(0), patch, None).await };
        house.ask(1, change).await
    });
    let Ok(Heard::Answer(Ok(changed))) = changed else { panic!("{changed:?}") };
    assert!(changed.created_at <= changed.updated_at, "made {}, changed {}", changed.created_at, changed.updated_at);
}

/// One message that could not be marked as begun stopped the others of its batch between the mailer
/// and their own mark, and they were sent again.
#[test]
fn a_message_that_fails_interrupts_no_other() {
    let mut world = World::new(Setup::quiet(1));
    let house = Arc::clone(&world.house);
    world.run(open(Arc::clone(&house), 1, 1, 3)).unwrap().unwrap();
    let staff = Client { house: Arc::clone(&house), actor: Actor::System, gives_up: 0 };
    let calls = world.run({
        let (staff, ground) = (staff.clone(), Arc::clone(&world.ground));
        async move {
            ground.set_plan(Plan::Script(Hits::default()));
            staff.ask(|shop, _| async move { shop.settle().await }).await;
            ground.set_plan(Plan::Calm)
        }
    });
    let Ok(Plan::Script(undisturbed)) = calls else { panic!("no calls were written down") };
    let commits = undisturbed.calls.iter().enumerate().filter(|(_, (_, name))| *name == "notifications.commit");
    let marks: Vec<usize> = commits.map(|(place, _)| place).collect();
    for mark in marks {
        let mut world = World::new(Setup::quiet(1));
        let house = Arc::clone(&world.house);
        world.run(open(Arc::clone(&house), 1, 1, 3)).unwrap().unwrap();
        let staff = Client { house: Arc::clone(&house), actor: Actor::System, gives_up: 0 };
        world.ground.set_plan(Plan::Script(Hits { hits: vec![(mark, Fault::Error)], calls: Vec::new() }));
        let settled = world.run(async move {
            for _ in 0..5 {
                staff.ask(|shop, _| async move { shop.settle().await }).await;
                staff.house.ground.clockwork.sleep(Duration::from_secs(11)).await;
            }
        });
        settled.unwrap();
        let again = world.ground.situations().of(Situation::MailAcceptedAgain);
        assert!(again <= 1, "{again} mails were sent again because one could not be marked");
        let mails = house.stores.mailer.mails();
        assert_eq!(mails.iter().filter(|mail| mail.subject == "welcome").count(), 3, "everybody was welcomed");
    }
}

/// Somebody else was faster each time an event was brought, and the third time it was buried as if it could not be
/// understood: a deed of staff, and what somebody was to be told.
#[test]
fn what_comes_second_is_brought_all_the_same() {
    for commit in ["users.commit", "notifications.commit"] {
        let settle = |hits: &[usize]| {
            let mut world = World::new(Setup::quiet(1));
            let (house, ground) = (Arc::clone(&world.house), Arc::clone(&world.ground));
            world.run(open(Arc::clone(&house), 1, 1, 1)).unwrap().unwrap();
            let staff = Client { house, actor: Actor::System, gives_up: 0 };
            let hits = hits.iter().map(|place| (*place, Fault::Conflict)).collect();
            ground.set_plan(Plan::Script(Hits { hits, calls: Vec::new() }));
            let settled = world.run(async move {
                staff.ask(|shop, _| async move { shop.settle().await }).await;
                let Plan::Script(played) = ground.set_plan(Plan::Calm) else { panic!("no calls were written down") };
                let shop = staff.house.calm().unwrap();
                let log = shop.users.staff_log(&Actor::System, &StaffLogFilter::default(), &PageRequest::first()).await;
                let told = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await;
                (played.calls, (log.unwrap().items.len(), told.unwrap().items.len()))
            });
            settled.unwrap()
        };
        let (mut calls, told) = settle(&[]);
        let mut hits = Vec::new();
        for _ in 0..RECEIVES_MAX {
            let later = hits.last().map_or(0, |last| last + 1);
            let next = calls.iter().skip(later).position(|(_, name)| *name == commit).unwrap();
            hits.push(later + next);
            let played;
            (calls, played) = settle(&hits);
            assert_eq!(played, told, "{} times another was faster at {commit}", hits.len());
        }
        assert!(told.0 > 0 && told.1 > 0, "{told:?}");
    }
}
