//! Plays seeds of the deterministic simulation: the whole core, its people, its faults.
//!
//! ```sh
//! cargo run --release --example simulate -- --seeds 10000     # seeds 0 to 9999
//! cargo run --release --example simulate -- --seed 42 --log   # one seed, every step told
//! cargo run --release --example simulate -- --workload checkout --seeds 10000   # customers alone
//! ```
//!
//! The first violation prints the line that plays it again, and the exit code is 1. A run of at least
//! `SITUATIONS_AFTER` seeds of the whole shop fails too when a situation of the list never came.

use std::process::ExitCode;
use std::time::Instant;

use commerce_core::testing::sim::{Options, Report, Situation, Situations, Workload, simulate};

/// Seeds after which every situation must have come.
const SITUATIONS_AFTER: u64 = 10_000;
/// Every so many seeds one is played twice, to prove that it is the same.
const TWICE_EVERY: u64 = 100;

const USAGE: &str = "simulate [--workload shop|checkout] [--seeds N] [--seed S] [--until K] [--log]";

struct Wish {
    workload: Workload,
    seeds: Option<u64>,
    seed: Option<u64>,
    until: Option<u64>,
    log: bool,
}

impl Wish {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wish = Self { workload: Workload::Shop, seeds: None, seed: None, until: None, log: false };
        while let Some(word) = words.next() {
            let mut next = || words.next().ok_or_else(|| format!("{word} needs a value: {USAGE}"));
            let number = |text: String| text.parse().map_err(|_| format!("{text} is not a number"));
            match word.as_str() {
                "--workload" => wish.workload = next()?.parse().map_err(|_| USAGE.to_owned())?,
                "--seeds" => wish.seeds = Some(number(next()?)?),
                "--seed" => wish.seed = Some(number(next()?)?),
                "--until" => wish.until = Some(number(next()?)?),
                "--log" => wish.log = true,
                other => return Err(format!("{other}? {USAGE}")),
            }
        }
        Ok(wish)
    }

    fn play(&self, seed: u64, log: bool) -> Report {
        let log: Option<fn(&str)> = log.then_some(|line| println!("{line}"));
        simulate(Options::of(self.workload, seed), self.until, log)
    }
}

fn main() -> ExitCode {
    let wish = match Wish::parse(std::env::args().skip(1)) {
        Ok(wish) => wish,
        Err(fault) => {
            eprintln!("{fault}");
            return ExitCode::from(2);
        }
    };
    match (wish.seed, wish.seeds) {
        (Some(seed), None) => one(&wish, seed),
        (from, seeds) => many(&wish, from.unwrap_or(0), seeds.unwrap_or(1_000)),
    }
}

fn one(wish: &Wish, seed: u64) -> ExitCode {
    let report = wish.play(seed, wish.log);
    println!("options {}", report.options);
    println!("steps {}", report.steps);
    println!("trace {:016x}", report.trace);
    if report.violation.is_some() { failed(&report) } else { ExitCode::SUCCESS }
}

fn many(wish: &Wish, from: u64, seeds: u64) -> ExitCode {
    let begun = Instant::now();
    let (mut met, mut steps, mut trace) = (Situations::default(), 0_u64, 0_u64);
    for seed in from..from.saturating_add(seeds) {
        let report = wish.play(seed, wish.log);
        if report.violation.is_some() {
            return failed(&report);
        }
        if seed % TWICE_EVERY == 0 && wish.play(seed, false) != report {
            println!("{report}\nplayed twice, seed {seed} is not the same");
            return ExitCode::FAILURE;
        }
        met.add(&report.situations);
        steps = steps.saturating_add(report.steps);
        trace = trace.rotate_left(1) ^ report.trace;
    }
    println!("{seeds} seeds from {from}, {steps} steps, no violation");
    for situation in Situation::ALL {
        println!("{:>10} {situation}", met.of(*situation));
    }
    println!("trace {trace:016x}");
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!("{seconds:.1} seconds");
    if wish.workload == Workload::Shop && seeds >= SITUATIONS_AFTER && !met.missing().is_empty() {
        println!("never met: {:?}", met.missing());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn failed(report: &Report) -> ExitCode {
    println!("{report}");
    println!("violation: {}", report.violation.as_deref().unwrap_or("none"));
    let Options { workload, seed, .. } = &report.options;
    println!("again: cargo run --release --example simulate -- --workload {workload} --seed {seed} --log");
    ExitCode::FAILURE
}
