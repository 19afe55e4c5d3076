//! A bounded share of the simulation, and that it is the same every time.

use commerce_core::testing::sim::{Options, Report, Situation, Situations, Workload, simulate};

/// Seeds of the ordinary tests; `examples/simulate.rs` plays as many as one likes.
const SEEDS: u64 = 300;
/// Every so many seeds one is played twice.
const TWICE_EVERY: u64 = 50;

/// Situations that must come within [`SEEDS`]; all of them come within those of a long run.
const COMMON: &[Situation] = &[
    Situation::NodeDied,
    Situation::RequestLost,
    Situation::DoubleClick,
    Situation::KeyMismatch,
    Situation::CartEditedWhileOrdered,
    Situation::CartOrderedAgain,
    Situation::SoldOut,
    Situation::RanLow,
    Situation::LowFromTheStart,
    Situation::PriceChanged,
    Situation::RaceLost,
    Situation::HoldExpired,
    Situation::SweptWhilePaying,
    Situation::Unpaid,
    Situation::LatePayment,
    Situation::CapturedAfterCancel,
    Situation::PaidAfterDecline,
    Situation::SwitchedToCash,
    Situation::WebhookParked,
    Situation::WebhookQuarantined,
    Situation::CapturedInPart,
    Situation::PromiseVoided,
    Situation::WalletSpent,
    Situation::WalletShort,
    Situation::Restocked,
    Situation::Delivered,
    Situation::LeaseTakenOver,
    Situation::BroughtAgain,
    Situation::DeadLetter,
    Situation::MailMaybeTwice,
    Situation::MailAcceptedAgain,
];

fn play(seed: u64) -> Report {
    play_of(Workload::Shop, seed)
}

fn play_of(workload: Workload, seed: u64) -> Report {
    let report = simulate(Options::of(workload, seed), None, None);
    if let Some(violation) = &report.violation {
        let again = format!("cargo run --release --example simulate -- --workload {workload} --seed {seed} --log");
        panic!("{report}\n{violation}\nagain: {again}");
    }
    report
}

fn share(part: u64) -> Situations {
    let mut met = Situations::default();
    for seed in (0..SEEDS).filter(|seed| seed % 2 == part) {
        let report = play(seed);
        met.add(&report.situations);
        if seed / 2 % TWICE_EVERY == 0 {
            assert_eq!(play(seed), report, "seed {seed} played twice");
        }
    }
    met
}

#[test]
fn nothing_goes_wrong_and_everything_else_comes() {
    let other = std::thread::spawn(|| share(1));
    let mut met = share(0);
    met.add(&other.join().unwrap());
    let missing: Vec<_> = COMMON.iter().filter(|situation| met.of(**situation) == 0).collect();
    assert!(missing.is_empty(), "never met: {missing:?}");
}

#[test]
fn seeds_differ() {
    assert_ne!(play(1).trace, play(2).trace);
}

#[test]
fn customers_alone_find_nothing_wrong_either() {
    for seed in 0..SEEDS / 3 {
        play_of(Workload::Checkout, seed);
    }
}
