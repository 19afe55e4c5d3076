//! Simulated histories, asked again of another set of stores: what the reference adapters answer,
//! every store answers, and in the end every row is the same.
//!
//! A history is what the stores of a [simulation](super::sim) were asked: every change set and every
//! chore, at its instant. [`replay`] asks it of fresh stores in memory and of the ones on trial, under
//! one clock, and compares each answer, then every cell of every table, then what an audit says of
//! both. Start reading there.

#![expect(clippy::arithmetic_side_effects, reason = "moments are counted in small numbers")]

mod history;
mod replica;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::audit::Report;
use crate::audit::books::{Cell, Row};
use crate::audit::tables::{OUTBOX, PRODUCTS};
use crate::commerce::Context;
use crate::testing::ManualClock;
use crate::time::Clock;

pub use replica::{Replica, Whole};

use super::memory::{MemoryCatalog, MemoryNotifications, MemoryOrders, MemoryUsers};
use super::sim::DAWN;
use history::Moment;

/// How a history is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// One thing after the other, each at the instant it had.
    OneByOne,
    /// Up to some dozens of change sets at one instant, all before the first answer, so that a store
    /// that commits in batches has them in one; some of them twice, and some from long ago.
    Together,
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Answers.
    pub answers: u64,
    /// Of these, refusals.
    pub refusals: u64,
    /// Rows.
    pub rows: u64,
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { answers: self.answers + other.answers, refusals: self.refusals + other.refusals, rows: self.rows + other.rows }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers ({} refusals) and {} rows are the same", self.answers, self.refusals, self.rows)
    }
}

/// Plays `seed`, then asks what its stores were asked of those that `make` opens empty. Those are
/// asked from one task; a store that works in batches finds all of a moment in its queue if it runs
/// on the same thread.
///
/// # Errors
/// The first difference, with the seed.
pub async fn replay(seed: u64, pace: Pace, make: impl AsyncFn(Arc<ManualClock>) -> Replica) -> Result<Tally, String> {
    let moments = history::of(seed, pace);
    let clock = Arc::new(ManualClock::at(DAWN));
    let reference = in_memory(&clock);
    let subject = make(Arc::clone(&clock)).await;
    let compared = compare(&moments, pace, &clock, (&reference, &subject)).await;
    compared.map_err(|difference| format!("seed {seed}, {pace:?}: {difference}"))
}

fn in_memory(clock: &Arc<ManualClock>) -> Replica {
    Replica::new(
        Arc::new(MemoryUsers::new(clock.clone()).without_turns()),
        Arc::new(MemoryCatalog::new(clock.clone()).without_turns()),
        Arc::new(MemoryOrders::new(clock.clone()).without_turns()),
        Arc::new(MemoryNotifications::new(clock.clone()).without_turns()),
    )
}

async fn compare(
    moments: &[Moment],
    pace: Pace,
    clock: &Arc<ManualClock>,
    (reference, subject): (&Replica, &Replica),
) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for (number, moment) in moments.iter().enumerate() {
        clock.set(moment.at);
        let found = join_all(moment.deeds.iter().map(|deed| subject.ask(deed))).await;
        for ((place, deed), found) in moment.deeds.iter().enumerate().zip(found) {
            let expected = reference.ask(deed).await.map_err(|error| error.to_string())?;
            let told = moment.told.as_ref().unwrap_or(&expected);
            let place = || format!("deed {place} of moment {number} at {}: {deed:?}", moment.at);
            if expected != *told {
                return Err(format!("it was answered {told:?} when it happened, and now {expected:?}, at {}", place()));
            }
            match found {
                Ok(found) if found == expected => {}
                found => return Err(format!("{expected:?} is expected, and not {found:?}, at {}", place())),
            }
            tally.answers += 1;
            tally.refusals += u64::from(matches!(expected, super::memory::Answer::Refused(_)));
        }
    }
    for context in Context::ALL {
        tally.rows += same_rows(*context, pace, reference, subject).await?;
    }
    let time: Arc<dyn Clock> = clock.clone();
    let (expected, found) = (reference.audit(&time).await, subject.audit(&time).await);
    let (expected, found) = (expected.map_err(|error| error.to_string())?, found.map_err(|error| error.to_string())?);
    // A store may have tables of its own beside: marks of its writers.
    if expected != (Report { rows: expected.rows, ..found.clone() }) {
        return Err(format!("the audit should say {expected:#?}\nand says {found:#?}"));
    }
    Ok(tally)
}

/// What must be the same of a row, which is the `place`th of its table. Events stand in their order, but a
/// database may leave numbers out. A SKU that runs out and comes back within one commit has changed
/// nothing that anybody could see, so that a batch need not note when its product changed.
fn comparable(row: Row, place: u64, pace: Pace) -> Row {
    if row.table() == OUTBOX {
        let place = i64::try_from(place).unwrap_or(i64::MAX);
        let moved = row.int("position").map(|position| place.saturating_sub(position));
        let check = row.int("published_check").zip(moved).map(|(check, moved)| check.saturating_add(moved));
        return row.with("position", &Cell::from(place)).with("published_check", &Cell::from(check));
    }
    match pace {
        Pace::Together if row.table() == PRODUCTS => row.with("changed_at", &Cell::Null).with("changed_check", &Cell::Null),
        Pace::Together | Pace::OneByOne => row,
    }
}

/// Compares every cell of every table of a context; answers how many rows there are.
async fn same_rows(context: Context, pace: Pace, reference: &Replica, subject: &Replica) -> Result<u64, String> {
    let rows = async |replica: &Replica| {
        let rows = replica.rows(context).await.map_err(|error| error.to_string())?;
        // The rows of a table come in the order of its keys.
        let mut events = 0..;
        let mut place = |row: &Row| if row.table() == OUTBOX { events.next().unwrap_or(u64::MAX) } else { 0 };
        Ok::<Vec<Row>, String>(
            rows.into_iter()
                .map(|row| {
                    let place = place(&row);
                    comparable(row, place, pace)
                })
                .collect(),
        )
    };
    let (expected, found) = (rows(reference).await?, rows(subject).await?);
    if let Some(row) = expected.iter().find(|row| !found.contains(row)) {
        let key = row.key();
        let near: Vec<_> = found.iter().filter(|other| other.table() == row.table() && other.key() == key).collect();
        return Err(format!("{context}: this row is not there: {row:#?}\nbut {near:#?}"));
    }
    match found.iter().find(|row| !expected.contains(row)) {
        Some(row) => Err(format!("{context}: this row should not be there: {row:#?}")),
        None => Ok(u64::try_from(expected.len()).unwrap_or(u64::MAX)),
    }
}
