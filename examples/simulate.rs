//! Plays seeds of the deterministic simulation: the whole core, its people, its faults.
//!
//! ```sh
//! cargo run --release --example simulate -- --seeds 10000     # seeds 0 to 9999
//! cargo run --release --example simulate -- --seed 42 --log   # one seed, every step told
//! ```
//!
//! The first violation prints the line that plays it again, and the exit code is 1. A run of at least
//! `SITUATIONS_AFTER` seeds fails too when a situation of the list never came.

use std::process::ExitCode;
use std::time::Instant;

use commerce_core::testing::sim::{Report, Situation, Situations, simulate};

/// Seeds after which every situation must have come.
const SITUATIONS_AFTER: u64 = 10_000;
/// Every so many seeds one is played twice, to prove that it is the same.
const TWICE_EVERY: u64 = 100;

const USAGE: &str = "simulate [--seeds N] [--seed S] [--until K] [--log]";

#[derive(Default)]
struct Wish {
    seeds: Option<u64>,
    seed: Option<u64>,
    until: Option<u64>,
    log: bool,
}

impl Wish {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wish = Self::default();
        while let Some(word) = words.next() {
            let mut number = || {
                let text = words.next().ok_or_else(|| format!("{word} needs a number"))?;
                text.parse().map_err(|_| format!("{text} is not a number"))
            };
            match word.as_str() {
                "--seeds" => wish.seeds = Some(number()?),
                "--seed" => wish.seed = Some(number()?),
                "--until" => wish.until = Some(number()?),
                "--log" => wish.log = true,
                other => return Err(format!("{other}? {USAGE}")),
            }
        }
        Ok(wish)
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
    let log: Option<fn(&str)> = wish.log.then_some(|line| println!("{line}"));
    match (wish.seed, wish.seeds) {
        (Some(seed), None) => one(seed, wish.until, log),
        (from, seeds) => many(from.unwrap_or(0), seeds.unwrap_or(1_000), wish.until, log),
    }
}

fn one(seed: u64, until: Option<u64>, log: Option<fn(&str)>) -> ExitCode {
    let report = simulate(seed, until, log);
    println!("options {}", report.options);
    println!("steps {}", report.steps);
    println!("trace {:016x}", report.trace);
    if report.violation.is_some() { failed(&report) } else { ExitCode::SUCCESS }
}

fn many(from: u64, seeds: u64, until: Option<u64>, log: Option<fn(&str)>) -> ExitCode {
    let begun = Instant::now();
    let (mut met, mut steps, mut trace) = (Situations::default(), 0_u64, 0_u64);
    for seed in from..from.saturating_add(seeds) {
        let report = simulate(seed, until, log);
        if report.violation.is_some() {
            return failed(&report);
        }
        if seed % TWICE_EVERY == 0 && simulate(seed, until, None) != report {
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
    eprintln!("{:.1} seconds", begun.elapsed().as_secs_f64());
    if seeds >= SITUATIONS_AFTER && !met.missing().is_empty() {
        println!("never met: {:?}", met.missing());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn failed(report: &Report) -> ExitCode {
    println!("{report}");
    println!("violation: {}", report.violation.as_deref().unwrap_or("none"));
    println!("again: cargo run --release --example simulate -- --seed {} --log", report.options.seed);
    ExitCode::FAILURE
}
