//! `payments`: what the shop says was paid, held against what the providers say.

use std::time::Duration;

use commerce_core::Actor;
use serde_json::{Value, json};

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;

const COLUMNS: &[Column] = &[
    ("MISMATCH", "/kind"),
    ("ORDER", "/order"),
    ("PROVIDER", "/provider"),
    ("REFERENCE", "/reference"),
    ("KEY", "/key"),
    ("OURS", "/ours"),
    ("THEIRS", "/theirs"),
];

const WHOLE: &[Column] = &[
    ("Mismatches", "/mismatchCount"),
    ("Checked", "/checked"),
    ("Of others", "/foreign"),
    ("Not asked", "/unasked"),
    ("Since", "/since"),
    ("At", "/at"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Hold payments, refunds and top-ups against what the providers say
    #[command(after_help = "\
Asks each provider about everything the shop has asked it for, reads its ledger for what the shop
has not, and changes nothing. Ends with code 0 when everything fits, and with code 1
(NOT_RECONCILED) and a row for each mismatch when not.

PAID_WITHOUT_ORDER  the provider has money that no order, refund or top-up asked it for
BOOKED_NOT_PAID     the shop says that money moved, the provider that it did not
PAID_NOT_BOOKED     the other way round
AMOUNT_DIFFERS      both say so, each another amount
REFERENCE_DIFFERS   the provider has another name for it than the shop
STUCK               open for longer than it may
UNKNOWN_MESSAGE     a provider has since told of something that nobody knows

OF OTHERS counts what somebody else moved through the same account at a provider: it has no key
of a shop and is of no payment that the shop knows. NOT ASKED names providers whose ledger was
not read to its end; of theirs only what the shop knows is judged, attempt by attempt. Where
there are such and nothing else does not fit, the code is NOT_ASKED.")]
    Reconcile {
        /// How many days to look back, 1 to 366
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=366))]
        days: u64,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    let Command::Reconcile { days } = command;
    let mut report = match cx.target().await? {
        Target::Local(shop) => {
            let since = shop.now().minus(Duration::from_hours(days * 24));
            let report = json!(shop.orders.reconcile(&Actor::System, since).await?);
            shop.close().await?;
            report
        }
        Target::Remote(remote) => remote.get("/api/payments/reconciliation", &[("days", days.to_string())]).await?,
    };
    let mismatches = report["mismatches"].as_array().cloned().unwrap_or_default();
    let unasked: Vec<&str> = report["unasked"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let unasked = unasked.join(", ");
    report["mismatchCount"] = json!(mismatches.len());
    if !cx.out.is_json() {
        report["unasked"] = json!(unasked);
        if !mismatches.is_empty() {
            cx.out.list(&mismatches, COLUMNS)?;
        }
    }
    cx.out.record(&report, WHOLE)?;
    match mismatches.len() {
        0 if unasked.is_empty() => Ok(()),
        0 => Err(Failure::new("NOT_ASKED", format!("nothing is known to be wrong, but the ledger was not read of {unasked}"))),
        count => Err(Failure::new("NOT_RECONCILED", format!("{count} mismatches"))),
    }
}
