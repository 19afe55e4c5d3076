//! What can be said to `torture`.

use std::time::Duration;

/// The options of the command.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce torture                                a shop of the run's own, 30 seconds
  commerce torture --kill                         the same, killed, halted and stopped all the time
  commerce torture --data ./commerce-data --kill  your shop, after you said yes
  commerce torture --url http://127.0.0.1:8080    a running server; COMMERCE_TOKEN is a staff login

Buyers order, pay, cancel, click twice, lose connections and try again; staff ships and counts
stock; strangers pry. What was answered is written down and compared with what the shop says
afterwards, and the audit looks through its books. Without --url the run starts a server of its own
on a free port of 127.0.0.1, without rate limits, and ends it. With --data its users, products and
orders stay in the shop, named TORTURE; the products are archived at the end. With --disturbed
whoever runs the services of --url ends and halts them while the load lasts, and leaves them alone
afterwards.

Exit codes: 0 all holds, 1 something does not (each violation is named, and the folder of the run is
kept), 2 bad usage. With --url a token is good for 15 minutes, the limits of the server stay as they
are, and the audit runs only if --data names its directory too.")]
pub(crate) struct Args {
    /// How many buy at once
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub buyers: u32,
    /// How long they do
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Decides what everybody does; the machine decides when
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// SKUs with few units, which sell out
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub hot_skus: u32,
    /// Kill, halt, stop and start the server meanwhile
    #[arg(long)]
    pub kill: bool,
    /// Somebody else kills and halts what the running server consists of: answers may be missing at any time (with --url)
    #[arg(long)]
    pub disturbed: bool,
    /// Leave the folder of the run behind
    #[arg(long)]
    pub keep: bool,
}

impl Args {
    /// How long the load lasts.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Units of the hot SKU of this number: as many as there are buyers of the first, half as many of
    /// the next, so that some are gone at once and others are fought for at the end.
    pub(crate) fn hot_units(&self, number: u32) -> i64 {
        i64::from(self.buyers.checked_shr(number).unwrap_or(0)).max(1)
    }
}
