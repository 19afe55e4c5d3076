//! A simulated history as moments: what is asked of the stores at one instant.

use std::time::Duration;

use uuid::Uuid;

use crate::commerce::Context;
use crate::events::{DeadLetter, Envelope};
use crate::testing::memory::{Answer, Chore, Deed, Entry};
use crate::testing::sim::{self, Dice};
use crate::time::Timestamp;

use super::Pace;

/// Change sets of one moment at most, besides those that come again.
const TOGETHER_MAX: usize = 40;
/// In a thousand: change sets that are asked twice at once, change sets from long ago beside one,
/// and moments before which somebody asks for a lease or moves a letter.
const TWICE: u32 = 80;
const AGAIN: u32 = 40;
const ASIDE: u32 = 60;

/// What is asked at one instant: change sets, or one chore.
#[derive(Debug)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) deeds: Vec<Deed>,
    /// What the answer was when it happened, where one thing is asked as it was then.
    pub(super) told: Option<Answer>,
}

/// The history of a seed, up to its end or the first violation; that is judged elsewhere.
pub(super) fn of(seed: u64, pace: Pace) -> Vec<Moment> {
    let (_, entries) = sim::record(seed);
    let mut dice = Dice::new(seed ^ 0xd1ce);
    match pace {
        Pace::OneByOne => aside(one_by_one(entries), &mut dice),
        Pace::Together => aside(together(&entries, &mut dice), &mut dice),
    }
}

fn one_by_one(entries: Vec<Entry>) -> Vec<Moment> {
    let moment = |Entry { at, deed, answer }| Moment { at, deeds: vec![deed], told: Some(answer) };
    entries.into_iter().map(moment).collect()
}

/// Cuts the history into moments at the instants of their last entries. A chore has one of its own,
/// because a store may do the chores of a batch after its change sets.
fn together(entries: &[Entry], dice: &mut Dice) -> Vec<Moment> {
    let mut moments = Vec::new();
    let mut deeds: Vec<Deed> = Vec::new();
    let (mut room, mut last) = (1 + dice.below(TOGETHER_MAX), sim::DAWN);
    for (number, entry) in entries.iter().enumerate() {
        let is_chore = matches!(entry.deed, Deed::Chore(..));
        if !deeds.is_empty() && (is_chore || deeds.len() >= room) {
            moments.push(Moment { at: last, deeds: std::mem::take(&mut deeds), told: None });
            room = 1 + dice.below(TOGETHER_MAX);
        }
        last = entry.at;
        if is_chore {
            moments.push(Moment { at: last, deeds: vec![entry.deed.clone()], told: None });
            continue;
        }
        deeds.push(entry.deed.clone());
        if dice.permille(TWICE) {
            deeds.push(entry.deed.clone());
        }
        let before = entries.get(dice.below(number + 1)).map(|entry| &entry.deed);
        if let Some(before) = before.filter(|deed| !matches!(deed, Deed::Chore(..)))
            && dice.permille(AGAIN)
        {
            deeds.push(before.clone());
        }
    }
    moments.push(Moment { at: last, deeds, told: None });
    moments
}

/// Puts chores in between that no simulated process does: leases that several want, letters that are
/// buried, taken out, and looked for in vain.
fn aside(moments: Vec<Moment>, dice: &mut Dice) -> Vec<Moment> {
    let mut all = Vec::with_capacity(moments.len());
    let mut said: Vec<Envelope> = Vec::new();
    for moment in moments {
        said.extend(moment.deeds.iter().flat_map(events).cloned());
        let at = moment.at;
        all.push(moment);
        if dice.permille(ASIDE) {
            let deed = Deed::Chore(*dice.pick(Context::ALL), chore(at, &said, dice));
            all.push(Moment { at, deeds: vec![deed], told: None });
        }
    }
    all
}

fn events(deed: &Deed) -> &[Envelope] {
    match deed {
        Deed::Users(changes) => &changes.events,
        Deed::Catalog(changes) => &changes.events,
        Deed::Orders(changes) => &changes.events,
        Deed::Carts(changes) => &changes.events,
        Deed::Notifications(changes) => &changes.events,
        Deed::Chore(..) => &[],
    }
}

fn chore(now: Timestamp, said: &[Envelope], dice: &mut Dice) -> Chore {
    let name = (*dice.pick(&["relay", "sweeper"])).to_owned();
    let owner = Uuid::from_u128(*dice.pick(&[1, 2, 3]));
    let consumer = (*dice.pick(&["stock-keeper", "cart-reducer"])).to_owned();
    let event = said.get(dice.below(said.len().max(1)));
    match (dice.below(6), event) {
        (0, Some(event)) => {
            let reason = "nobody can understand it".to_owned();
            Chore::Bury(DeadLetter { consumer, event: event.clone(), reason, receives: 3, at: now })
        }
        (1, Some(event)) => Chore::Exhume(consumer, event.id, None),
        (3, Some(event)) => Chore::GiveUp(consumer, event.id, None),
        (2, _) => Chore::GiveBack(name, owner),
        (..) => {
            let until = now.plus(Duration::from_micros(dice.between(0, 60_000_000)));
            Chore::Acquire { name, owner, now, until }
        }
    }
}
