//! Worlds small enough to walk through every schedule: each choice of which task goes on, depth first,
//! with all invariants judged in each.
//!
//! The number of preemptions in one schedule is bounded, by three where two meet, by two where three
//! do, by one where four do; where a task waits or ends, every successor is tried. Nothing fails and
//! nobody dies here: only the order of effects differs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use commerce_core::orders::{Order, OrderStatus, PaymentMethod};
use commerce_core::testing::sim::{Choice, History, Script, Setup, World, close, goods, key, open};
use commerce_core::{Actor, Commerce, Outcome};
use futures_util::future::BoxFuture;

/// Far more schedules than any of these worlds has; beyond it the walk would not end.
const SCHEDULES_MAX: usize = 50_000;

type Contest = Vec<BoxFuture<'static, String>>;
type Contestants = fn(&mut World) -> Result<Contest, String>;

/// Walks through every schedule of a contest with so many preemptions at most; answers how often each
/// outcome came.
fn every_schedule(preemptions: usize, contest: Contestants) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    let mut choices = Vec::new();
    for _ in 0..SCHEDULES_MAX {
        let script = Script { choices: choices.clone(), taken: Vec::new(), preemptions };
        let (outcome, mut taken) = one(contest, script).unwrap_or_else(|why| panic!("schedule {choices:?}: {why}"));
        *outcomes.entry(outcome).or_default() += 1;
        while taken.last().is_some_and(|(choice, of)| choice + 1 >= *of) {
            taken.pop();
        }
        match taken.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return outcomes,
        }
        choices = taken.into_iter().map(|(choice, _)| choice).collect();
    }
    panic!("more than {SCHEDULES_MAX} schedules");
}

fn one(contest: Contestants, script: Script) -> Result<(String, Vec<(usize, usize)>), String> {
    let mut world = World::new(Setup { yields_after: false, ..Setup::quiet(1) });
    let contestants = contest(&mut world)?;
    let (count, clockwork) = (contestants.len(), Arc::clone(&world.ground.clockwork));
    let results = Arc::new(Mutex::new(vec![String::new(); count]));
    let ended = world.run({
        let results = Arc::clone(&results);
        async move {
            clockwork.set_choice(Choice::Script(script));
            for (place, contestant) in contestants.into_iter().enumerate() {
                let results = Arc::clone(&results);
                clockwork.spawn(Some(0), async move {
                    let result = contestant.await;
                    results.lock().expect("one thread")[place] = result;
                });
            }
            while results.lock().expect("one thread").iter().any(String::is_empty) {
                clockwork.sleep(Duration::from_millis(1)).await;
            }
            clockwork.set_choice(Choice::Dice)
        }
    });
    let Choice::Script(script) = ended? else { return Err("the script is gone".to_owned()) };
    let house = Arc::clone(&world.house);
    world.run(close(house, Arc::new(History::default()), true))??;
    let results = results.lock().expect("one thread").join(" ");
    Ok((results, script.taken))
}

fn told(outcome: &Outcome<Order>) -> String {
    match outcome {
        Ok(order) => order.status.to_string(),
        Err(error) => error.code().to_owned(),
    }
}

fn shop(world: &World) -> Commerce {
    world.house.calm().expect("the node is alive")
}

fn buy(
    shop: Commerce,
    buyer: Actor,
    name: &'static str,
    payment: (PaymentMethod, Option<&'static str>),
) -> BoxFuture<'static, String> {
    Box::pin(async move {
        let wish = goods::order(Some(vec![(goods::sku(0), 1)]), payment, name);
        let placed = shop.orders.place(&buyer, wish, Some(key(name, 1))).await;
        told(&placed.map(commerce_core::change::Answer::into_inner))
    })
}

const CASH: (PaymentMethod, Option<&str>) = (PaymentMethod::Cod, None);

fn two_buyers(world: &mut World) -> Result<Contest, String> {
    let (_, users) = world.run(open(Arc::clone(&world.house), 1, 1, 2))?.ok_or("closed")?;
    let shop = shop(world);
    let [asha, bela] = [users[0], users[1]].map(Actor::Customer);
    Ok(vec![buy(shop.clone(), asha, "asha", CASH), buy(shop, bela, "bela", CASH)])
}

#[test]
fn of_two_buyers_exactly_one_gets_the_last_unit() {
    let outcomes = every_schedule(3, two_buyers);
    let expected = ["CONFIRMED SOLD_OUT", "SOLD_OUT CONFIRMED"];
    assert!(outcomes.keys().eq(expected), "{outcomes:?}");
}

fn a_double_click(world: &mut World) -> Result<Contest, String> {
    let (_, users) = world.run(open(Arc::clone(&world.house), 1, 1, 1))?.ok_or("closed")?;
    let (shop, asha) = (shop(world), Actor::Customer(users[0]));
    let card = (PaymentMethod::Card, Some("tok_ok"));
    Ok(vec![buy(shop.clone(), asha, "click", card), buy(shop, asha, "click", card)])
}

#[test]
fn a_double_click_on_the_last_unit_is_one_order() {
    let outcomes = every_schedule(3, a_double_click);
    let one_order = |outcome: &String| outcome.split(' ').all(|told| matches!(told, "CONFIRMED" | "PENDING"));
    assert!(outcomes.keys().all(one_order), "{outcomes:?}");
}

/// Asha's order waits for its money past its second deadline and its hold past its expiry; then her
/// bank captures, while one worker gives up on her order and another sweeps holds.
fn capture_against_sweeper(world: &mut World) -> Result<Contest, String> {
    capture(world).map(|(contest, _)| contest)
}

/// As [`capture_against_sweeper`], and Bela wants the unit.
fn capture_against_sweeper_and_buyer(world: &mut World) -> Result<Contest, String> {
    let (mut contest, bela) = capture(world)?;
    contest.push(buy(shop(world), bela, "bela", CASH));
    Ok(contest)
}

fn capture(world: &mut World) -> Result<(Contest, Actor), String> {
    let (_, users) = world.run(open(Arc::clone(&world.house), 1, 1, 2))?.ok_or("closed")?;
    let [asha, bela] = [users[0], users[1]].map(Actor::Customer);
    let (house, shop) = (Arc::clone(&world.house), shop(world));
    let (attempt, order) = world.run({
        let shop = shop.clone();
        async move {
            let wish = goods::order(Some(vec![(goods::sku(0), 1)]), (PaymentMethod::Upi, Some("tok_pending")), "asha");
            let order = shop.orders.place(&asha, wish, None).await.expect("nothing fails here").into_inner();
            for minutes in [16, 10] {
                shop.settle().await.expect("nothing fails here");
                house.ground.clockwork.sleep(Duration::from_mins(minutes)).await;
                shop.orders.expire_unpaid(0).await.expect("nothing fails here");
            }
            (order.payment.attempts[0].clone(), order.id)
        }
    })?;
    world.ground.gateway.finish(attempt.id, true);
    let reference = format!("pay_{}", attempt.id);
    let (signature, body) =
        world.ground.gateway.webhook_of("w-1", "payment.succeeded", &reference, attempt.amount, world.ground.now());
    let webhook = shop.clone();
    let capture: BoxFuture<'static, String> = Box::pin(async move {
        webhook.orders.webhook("sandbox", Some(&signature), &body).await.expect("nothing fails here");
        "captured".to_owned()
    });
    let worker = shop.clone();
    let give_up: BoxFuture<'static, String> = Box::pin(async move {
        worker.orders.expire_unpaid(10).await.expect("nothing fails here");
        worker.orders.order(&Actor::System, order).await.expect("nothing fails here").status.to_string()
    });
    let sweeper = shop.clone();
    let sweep: BoxFuture<'static, String> = Box::pin(async move {
        sweeper.catalog.sweep_holds(10).await.expect("nothing fails here");
        "swept".to_owned()
    });
    Ok((vec![capture, give_up, sweep], bela))
}

#[test]
fn a_capture_and_the_sweepers_agree_in_every_schedule() {
    let outcomes = every_schedule(2, capture_against_sweeper);
    assert!(outcomes.keys().any(|outcome| outcome.contains(OrderStatus::Confirmed.as_str())), "{outcomes:?}");
}

#[test]
fn a_buyer_who_comes_in_between_gets_what_is_free() {
    let outcomes = every_schedule(1, capture_against_sweeper_and_buyer);
    let sold_twice = |outcome: &String| outcome.matches(OrderStatus::Confirmed.as_str()).count() > 1;
    assert!(!outcomes.keys().any(sold_twice), "{outcomes:?}");
}
