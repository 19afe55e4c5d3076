//! What a run says, for the person whose shop it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Column};

use super::history::{Action, DisturbanceKind, Outcome, Record, Violation};
use super::survey::Survey;

/// Violations shown for people; programs get all of them.
const SHOWN_MAX: usize = 40;

const DONE: &[Column] =
    &[("What was done", "/what"), ("acknowledged", "/acknowledged"), ("refused", "/refused"), ("no answer", "/unknown")];
const ANSWERS: &[Column] = &[("What it answered", "/answer"), ("times", "/times")];
const STOCK: &[Column] = &[
    ("Stock of", "/sku"),
    ("put in", "/putIn"),
    ("counted since", "/counted"),
    ("sold", "/sold"),
    ("left", "/left"),
    ("held", "/held"),
];
const VIOLATIONS: &[Column] =
    &[("What does not hold", "/name"), ("about", "/subject"), ("expected", "/expected"), ("found", "/found")];

/// What a run did and found.
pub(crate) struct Report {
    /// Where: a directory or an address.
    pub shop: String,
    pub seed: u64,
    pub buyers: u32,
    pub lasted: Duration,
    pub record: Record,
    pub survey: Survey,
    pub put_in: Vec<(String, i64)>,
    /// How long the shop took to come to rest, of how long it may; `None` when it did not.
    pub settled: (Option<Duration>, Duration),
    pub slowest_start: Option<Duration>,
    pub violations: Vec<Violation>,
    /// Whether the audit has looked through the books.
    pub audited: bool,
    /// What was left out, in words.
    pub left_out: Vec<String>,
}

impl Report {
    /// Shows it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn show(&self, cx: &Context) -> Result<(), Failure> {
        if cx.out.is_json() {
            return cx.out.say("", &self.json());
        }
        output::text(&self.opening())?;
        output::text("")?;
        cx.out.list(&self.done(), DONE)?;
        output::text("")?;
        cx.out.list(&self.answers(), ANSWERS)?;
        output::text("")?;
        cx.out.list(&self.stock(), STOCK)?;
        output::text(&self.afterwards())?;
        if !self.violations.is_empty() {
            output::text("")?;
            let rows: Vec<Value> = self.violations.iter().take(SHOWN_MAX).map(row).collect();
            cx.out.list(&rows, VIOLATIONS)?;
            if self.violations.len() > SHOWN_MAX {
                output::text(&format!("and {} more: --output json has all of them", self.violations.len() - SHOWN_MAX))?;
            }
        }
        output::text(&format!("\n{}", self.verdict()))
    }

    fn opening(&self) -> String {
        let mut text = format!(
            "The shop {} was tried for {:.0} s by {} buyers and staff (seed {}).\n",
            self.shop,
            self.lasted.as_secs_f64(),
            self.buyers,
            self.seed
        );
        let times = |kind| self.record.disturbances.iter().filter(|disturbance| disturbance.kind == kind).count();
        let slowest = self.slowest_start.map_or(0.0, |slowest| slowest.as_secs_f64());
        if self.slowest_start.is_some() {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "Its server was killed {} times, stopped {} times and halted {} times; it was ready again within {slowest:.2} s.",
                times(DisturbanceKind::Killed),
                times(DisturbanceKind::Stopped),
                times(DisturbanceKind::Halted),
            );
        }
        if times(DisturbanceKind::Elsewhere) > 0 {
            text.push_str("What it consists of was ended and halted by somebody else meanwhile.\n");
        }
        text
    }

    fn done(&self) -> Vec<Value> {
        let mut rows: BTreeMap<Action, [u64; 3]> = BTreeMap::new();
        for call in &self.record.calls {
            let place = match call.outcome {
                Outcome::Acknowledged => 0,
                Outcome::Refused(..) => 1,
                Outcome::Unknown(_) => 2,
            };
            rows.entry(call.action).or_default()[place] += 1;
        }
        let row = |(action, [done, refused, unknown]): (Action, [u64; 3])| json!({ "what": action.words(), "acknowledged": done, "refused": refused, "unknown": unknown });
        rows.into_iter().map(row).collect()
    }

    fn answers(&self) -> Vec<Value> {
        let mut times: BTreeMap<String, u64> = BTreeMap::new();
        for call in &self.record.calls {
            let answer = match &call.outcome {
                Outcome::Acknowledged => "done".to_owned(),
                Outcome::Refused(status, code, _) => format!("{status} {code}"),
                Outcome::Unknown(_) => "nothing".to_owned(),
            };
            *times.entry(answer).or_default() += 1;
        }
        let mut times: Vec<_> = times.into_iter().collect();
        times.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        times.into_iter().map(|(answer, times)| json!({ "answer": answer, "times": times })).collect()
    }

    fn stock(&self) -> Vec<Value> {
        let row = |(sku, put_in): &(String, i64)| {
            let sold: i64 = self
                .survey
                .orders
                .values()
                .filter(|order| order.is_sold())
                .flat_map(|order| &order.lines)
                .fold(0, |sum, (known, quantity, _)| if known == sku { sum + quantity } else { sum });
            let counted: i64 = self
                .record
                .adjustments
                .iter()
                .filter(|adjustment| adjustment.sku == *sku)
                .map(|adjustment| {
                    let booked = self.survey.ledger.iter().filter(|(reason, _)| *reason == adjustment.reason);
                    booked.map(|(_, delta)| *delta).sum::<i64>()
                })
                .sum();
            let (left, held) = self.survey.stock.get(sku).copied().unwrap_or_default();
            json!({ "sku": sku, "putIn": put_in, "counted": counted, "sold": sold, "left": left, "held": held })
        };
        self.put_in.iter().map(row).collect()
    }

    fn afterwards(&self) -> String {
        let with = |status: &str| self.survey.orders.values().filter(|order| order.status == status).count();
        let mut text = format!(
            "\n{} orders under {} keys; {} wait for money, {} are cancelled.\n",
            self.survey.orders.len(),
            self.record.placings.len(),
            with("PENDING"),
            with("CANCELLED")
        );
        let settled = match self.settled {
            (Some(took), within) => {
                format!("The shop came to rest after {:.1} s (at most {} s).", took.as_secs_f64(), within.as_secs())
            }
            (None, within) => format!("The shop did not come to rest within {} s.", within.as_secs()),
        };
        text.push_str(&settled);
        if let Some(mails) = &self.survey.mails {
            let _ = write!(text, "\n{} mails lie there for them.", mails.len());
        }
        if self.audited {
            text.push_str(" The audit has looked through the books.");
        }
        for what in &self.left_out {
            let _ = write!(text, "\nNot looked at: {what}.");
        }
        text
    }

    fn verdict(&self) -> String {
        match self.violations.len() {
            0 => "All holds.".to_owned(),
            1 => "1 thing does not hold.".to_owned(),
            count => format!("{count} things do not hold."),
        }
    }

    fn json(&self) -> Value {
        let times = |kind| self.record.disturbances.iter().filter(|disturbance| disturbance.kind == kind).count();
        json!({
            "shop": self.shop, "seed": self.seed, "buyers": self.buyers, "seconds": self.lasted.as_secs(),
            "killed": times(DisturbanceKind::Killed), "stopped": times(DisturbanceKind::Stopped),
            "halted": times(DisturbanceKind::Halted),
            "slowestStartMs": self.slowest_start.map(|slowest| slowest.as_millis()),
            "requests": self.record.calls.len(), "keys": self.record.placings.len(), "orders": self.survey.orders.len(),
            "mails": self.survey.mails.as_ref().map(Vec::len),
            "settledMs": self.settled.0.map(|took| took.as_millis()), "settledWithinMs": self.settled.1.as_millis(),
            "done": self.done(), "answers": self.answers(), "stock": self.stock(),
            "notLookedAt": self.left_out, "violations": self.violations.iter().map(row).collect::<Vec<_>>(),
        })
    }
}

fn row(violation: &Violation) -> Value {
    let short = |text: &str| text.chars().take(160).collect::<String>();
    json!({
        "name": violation.name, "subject": short(&violation.subject),
        "expected": short(&violation.expected), "found": short(&violation.found),
    })
}
