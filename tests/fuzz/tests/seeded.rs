//! Every target over its examples and mutations of them: bounded, and the same every time.
//!
//! `COMMERCE_FUZZ_ROUNDS` makes it longer and `COMMERCE_FUZZ_SEED` another; a failure prints the
//! input, which belongs into `corpus/` with the fix.

use std::panic::{AssertUnwindSafe, catch_unwind};

use commerce_fuzz::{Mutator, TARGETS, Target, corpus};

/// Mutations of each target, unless said otherwise: a few seconds in all without optimisation.
const ROUNDS: u64 = 2_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// Runs a target over one input and says which one, should it fail.
fn hold(name: &str, target: Target, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        eprintln!("{name} does not hold for {:?}\nbytes: {input:?}", String::from_utf8_lossy(input));
        std::panic::resume_unwind(panic);
    }
}

fn run(name: &str) {
    let target = TARGETS.iter().find(|(known, _)| *known == name).expect("the target exists").1;
    let examples = corpus(name);
    for example in &examples {
        hold(name, target, example);
    }
    hold(name, target, b"");
    let mut mutator = Mutator::new(number("COMMERCE_FUZZ_SEED", 1), examples);
    for _ in 0..number("COMMERCE_FUZZ_ROUNDS", ROUNDS) {
        hold(name, target, &mutator.next_input());
    }
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test] fn $name() { run(stringify!($name)); })+

        #[test]
        fn every_target_is_run() {
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), [$(stringify!($name)),+]);
        }
    };
}

targets! { authorization bodies cursors framing import_csv import_jsonl money search texts tokens webhook }
