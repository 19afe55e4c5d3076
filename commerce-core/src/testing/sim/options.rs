//! What one seed plays: every seed switches on another subset of people, sizes and faults.

use std::fmt;

use super::dice::Dice;
use super::ground::Rates;
use super::provider::Mood;
use crate::orders::Capture;
use crate::testing::fault::{Call, Fault};

crate::events::wire_names! {
    /// What is played.
    Workload {
        /// Everything that people do with a shop, and all that befalls it.
        Shop = "shop",
        /// Customers alone: they fill carts, order, pay, click twice, come back and cancel, over ports
        /// that go wrong.
        Checkout = "checkout",
    }
}

/// The options of one simulation, drawn from its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is played.
    pub workload: Workload,
    /// Of everything.
    pub seed: u64,
    /// Processes over the same stores, each with workers of its own.
    pub nodes: usize,
    /// How far each node's clock is ahead, in microseconds.
    pub skews: Vec<i64>,
    /// Customers.
    pub buyers: usize,
    /// What each of them does, one after the other.
    pub errands: usize,
    /// Variants on sale.
    pub variants: usize,
    /// Units of each.
    pub units: i64,
    /// Things that staff do.
    pub chores: usize,
    /// Things that sellers do.
    pub changes: usize,
    /// Poisoned events.
    pub poison: usize,
    /// Least and most pause of a worker, in microseconds.
    pub pauses: (u64, u64),
    /// How long a lease holds under which nodes work, in microseconds; none where all of them work.
    pub lease: Option<u64>,
    /// The longest pause between two errands, in microseconds.
    pub leisure: u64,
    /// How often a client gives up after a try, in a thousand.
    pub gives_up: u32,
    /// Awaits of a node, in a million, at which it dies.
    pub deaths: u32,
    /// Times that a node is killed and that a clock jumps.
    pub blows: usize,
    /// What goes wrong how often.
    pub rates: Rates,
    /// How the provider's messages travel.
    pub mood: Mood,
    /// When promised money is taken.
    pub capture: Capture,
    /// Orders of one buyer that may wait for their money at once; 0 for any number.
    pub unpaid_max: u32,
    /// Whether the mailer makes one mail of a mail that it gets again.
    pub one_mail: bool,
}

impl Options {
    /// Those of `seed`.
    #[must_use]
    pub fn of(workload: Workload, seed: u64) -> Self {
        match workload {
            Workload::Shop => Self::shop(seed),
            Workload::Checkout => Self::checkout(seed),
        }
    }

    /// One process and its customers.
    fn checkout(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0xca5e);
        Self {
            workload: Workload::Checkout,
            nodes: 1,
            skews: vec![0],
            buyers: 1 + dice.below(2),
            errands: 1 + dice.below(2),
            chores: 0,
            changes: 0,
            poison: 0,
            blows: 0,
            lease: None,
            // Who waits for a payment that never comes is looked after seldom.
            pauses: (dice.between(20_000, 2_000_000), dice.between(60_000_000, 300_000_000)),
            ..Self::shop(seed)
        }
    }

    fn shop(seed: u64) -> Self {
        let mut dice = Dice::new(seed ^ 0x5eed);
        let nodes = 1 + dice.below(2);
        let skewed = dice.permille(300);
        let rough = dice.permille(700);
        let size = |dice: &mut Dice, most: usize| if dice.permille(600) { dice.below(most.saturating_add(1)) } else { 0 };
        Self {
            workload: Workload::Shop,
            seed,
            nodes,
            skews: (0..nodes).map(|_| if skewed { skew(&mut dice) } else { 0 }).collect(),
            buyers: 1 + dice.below(4),
            errands: 1 + dice.below(3),
            variants: 1 + dice.below(3),
            units: i64::try_from(1 + dice.below(5)).unwrap_or(1),
            chores: size(&mut dice, 5),
            changes: size(&mut dice, 6),
            poison: usize::from(dice.permille(100)),
            pauses: (dice.between(20_000, 2_000_000), dice.between(20_000_000, 120_000_000)),
            leisure: *dice.pick(&[0, 1_000_000, 60_000_000, 600_000_000]),
            gives_up: if rough { *dice.pick(&[0, 100, 300]) } else { 0 },
            deaths: if rough && dice.permille(500) { *dice.pick(&[500, 3_000, 10_000]) } else { 0 },
            blows: if rough { size(&mut dice, 3) } else { 0 },
            rates: if rough { rates(&mut dice) } else { Rates::default() },
            mood: Mood {
                sends: *dice.pick(&[0, 500, 1_000]),
                early: *dice.pick(&[0, 300, 1_000]),
                repeats: *dice.pick(&[0, 300]),
                lies: *dice.pick(&[0, 0, 200]),
            },
            capture: if dice.permille(300) { Capture::Manual } else { Capture::Automatic },
            unpaid_max: [0, 0, 0, 1, 0, 0, 0, 2].get(usize::try_from(seed % 8).unwrap_or(0)).copied().unwrap_or(0),
            one_mail: seed % 3 == 2,
            lease: if nodes > 1 { *dice.pick(&[None, Some(3_000_000), Some(60_000_000), Some(300_000_000)]) } else { None },
        }
    }
}

/// Within the ten seconds that processes may differ in a well kept house.
fn skew(dice: &mut Dice) -> i64 {
    i64::try_from(dice.between(0, 10_000_000)).unwrap_or(0) - 5_000_000
}

fn rates(dice: &mut Dice) -> Rates {
    let mut calls = Vec::new();
    for call in Call::ALL {
        if dice.permille(600) {
            // A provider may be down altogether, as far as anybody can tell.
            let rates: &[u32] = if *call == Call::Provider { &[5, 20, 60, 200, 700] } else { &[5, 20, 60, 200] };
            calls.push((*call, *dice.pick(rates)));
        }
    }
    Rates { calls, faults: Fault::ALL.iter().copied().filter(|_| dice.permille(600)).collect() }
}

impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workload, nodes, skews, buyers, errands, variants, units, chores, changes, poison, pauses, leisure, .. } =
            self;
        write!(
            f,
            "{workload} nodes:{nodes} skews:{skews:?} buyers:{buyers} errands:{errands} variants:{variants} units:{units} "
        )?;
        write!(f, "chores:{chores} changes:{changes} poison:{poison} pauses:{pauses:?} leisure:{leisure} ")?;
        let Self { lease, gives_up, deaths, blows, rates, mood, capture, unpaid_max, one_mail, .. } = self;
        write!(f, "lease:{lease:?} gives-up:{gives_up} deaths:{deaths} blows:{blows} capture:{capture} unpaid:{unpaid_max} ")?;
        write!(f, "one-mail:{one_mail} ")?;
        let Mood { sends, early, repeats, lies } = mood;
        write!(f, "messages:{sends}/{early}/{repeats}/{lies} rates:")?;
        for (call, rate) in &rates.calls {
            write!(f, "{call}={rate},")?;
        }
        f.write_str(" faults:")?;
        rates.faults.iter().try_for_each(|fault| write!(f, "{fault},"))
    }
}
