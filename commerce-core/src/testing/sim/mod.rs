//! The whole shop, simulated: one seed is one history of people, machines and money, the same every
//! time.
//!
//! Everything runs on one thread in virtual time over the reference adapters; every port goes wrong
//! as the seed says, nodes die at any await, clocks differ, the provider's messages come late, twice
//! or never. The [books](books::Books) judge every effect when it happens, and `closing` the whole
//! picture after a peaceful end. Start reading at [`simulate`], then [`World`], then `books`.

#![expect(clippy::arithmetic_side_effects, reason = "a world counts in small numbers, and overflow ends it")]

mod afterwards;
mod blows;
pub mod books;
mod buyer;
mod client;
mod closing;
mod dice;
pub mod goods;
mod ground;
mod guest;
mod house;
mod leaver;
mod opinions;
mod options;
mod parcels;
mod provider;
pub mod scheduler;
mod seller;
mod situations;
mod staff;
mod trace;
mod world;

use std::fmt;
use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};

pub use client::{Client, History, Told, key};
pub use closing::close;
pub use dice::Dice;
pub use ground::{DAWN, Ground, Hits, Plan, Rates};
pub use house::{Heard, House, Shifts, Stores};
pub use options::{Options, Workload};
pub use provider::Mood;
pub use scheduler::{Choice, Clockwork, Deaths, Script};
pub use situations::{Situation, Situations};
pub use trace::Trace;
pub use world::{Setup, World};

use buyer::Buyer;
use guest::Guest;
use leaver::Leaver;
use staff::Staff;

use crate::actor::Actor;
use crate::ids::{ProductId, UserId};
use crate::testing::memory::{Entry, Journal};

/// How one simulation went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was played.
    pub options: Options,
    /// The hash of everything that happened.
    pub trace: u64,
    /// Scheduling decisions.
    pub steps: u64,
    /// What it met on the way.
    pub situations: Situations,
    /// What was wrong, if anything.
    pub violation: Option<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIM seed={} options={} trace={:016x}", self.options.seed, self.options, self.trace)
    }
}

/// Plays one seed to its end, or for so many steps.
#[must_use]
pub fn simulate(options: Options, until: Option<u64>, log: Option<fn(&str)>) -> Report {
    simulate_into(None, options, until, log)
}

/// Plays one seed of the whole shop to its end; the stores write down everything that changes them.
#[must_use]
pub fn record(seed: u64) -> (Report, Vec<Entry>) {
    let journal = Journal::default();
    let report = simulate_into(Some(journal.clone()), Options::of(Workload::Shop, seed), None, None);
    (report, journal.entries())
}

fn simulate_into(journal: Option<Journal>, options: Options, until: Option<u64>, log: Option<fn(&str)>) -> Report {
    let setup = Setup {
        seed: options.seed,
        choice: scheduler::Choice::Dice,
        skews: options.skews.clone(),
        shifts: Some(Shifts { pauses: options.pauses, lease: options.lease }),
        capture: options.capture,
        unpaid_max: options.unpaid_max,
        one_mail: options.one_mail,
        yields_after: options.deaths > 0 || options.blows > 0,
        log,
        journal,
    };
    let mut world = World::new(setup);
    world.set_end(until);
    let violation = play(&mut world, &options).err().filter(|_| !world.is_over());
    let (trace, steps) = world.ground.clockwork.trace(|trace| (trace.hash(), trace.steps()));
    let situations = world.ground.situations().clone();
    Report { options, trace, steps, situations, violation }
}

fn play(world: &mut World, options: &Options) -> Result<(), String> {
    let (house, history) = (Arc::clone(&world.house), Arc::new(History::default()));
    let (variants, units, buyers) = (options.variants, options.units, options.buyers);
    let opened = world.run(open(Arc::clone(&house), variants, units, buyers))?;
    let (product, users) = opened.ok_or("the shop did not open")?;

    world.ground.set_plan(Plan::Rates(options.rates.clone()));
    world.ground.set_mood(options.mood.clone());
    world.ground.clockwork.set_deaths(scheduler::Deaths { at: None, per_million: options.deaths });
    let people = people(&house, &history, options, product, &users);
    world.run(join_all(people))?;

    world.calm_down();
    world.run(close(house, history, false))?
}

/// Opens the shop in peace: one product, and everybody's account.
pub async fn open(house: Arc<House>, variants: usize, units: i64, buyers: usize) -> Option<(ProductId, Vec<UserId>)> {
    let shop = house.calm()?;
    shop.catalog.house_seller().await.ok()?;
    let variants = (0..variants).map(|number| goods::variant(number, 50_000, units)).collect();
    let product = shop.catalog.create_product(&Actor::System, goods::product(variants), None).await.ok()?.into_inner();
    shop.orders.create_coupon(&Actor::System, goods::coupon(), None).await.ok()?;
    let mut users = Vec::with_capacity(buyers);
    for number in 0..buyers {
        let user = shop.users.register(&Actor::Anonymous, goods::register(number), None).await.ok()?;
        users.push(user.into_inner().id);
    }
    Some((product.id, users))
}

fn people(
    house: &Arc<House>,
    history: &Arc<History>,
    options: &Options,
    product: ProductId,
    users: &[UserId],
) -> Vec<BoxFuture<'static, ()>> {
    let client = |actor| Client { house: Arc::clone(house), actor, gives_up: options.gives_up };
    let (variants, leisure) = (options.variants, options.leisure);
    let mut people: Vec<BoxFuture<'static, ()>> = Vec::new();
    for user in users {
        let client = client(Actor::Customer(*user));
        let buyer = Buyer { client, user: *user, history: Arc::clone(history), variants, leisure };
        people.push(Box::pin(buyer.live(options.errands)));
    }
    if options.workload == Workload::Checkout {
        return people;
    }
    // One is known by an account, too, which must not be told that she ordered.
    for email in ["guest@example.com", "buyer0@example.com"] {
        people.push(Box::pin(Guest::new(house, email, variants, leisure).live(options.errands)));
    }
    people.push(Box::pin(Leaver { client: client(Actor::Anonymous), variants, leisure }.live(options.errands.min(2))));
    // Whoever runs the shop has an account like everybody.
    let clerk = users.first().map_or(Actor::System, |user| Actor::Admin(*user));
    let staff = Staff { client: client(clerk), history: Arc::clone(history), product, variants, leisure };
    people.push(Box::pin(staff.clone().work(options.chores)));
    people.push(Box::pin(staff.sell(options.changes)));
    people.push(Box::pin(blows::befall(Arc::clone(house), options.blows)));
    for number in 0..options.poison {
        people.push(Box::pin(blows::poison(Arc::clone(house), number)));
    }
    people
}
