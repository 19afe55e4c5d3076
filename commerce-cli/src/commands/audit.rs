//! `audit`: checks that everything is true that must be true of the shop's data.

use commerce_core::Actor;
use commerce_core::audit::{AuditRequest, Progress, Report};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::shop::{RealTime, Shop};

const COLUMNS: &[Column] = &[("INVARIANT", "/invariant"), ("ENTITY", "/entity"), ("EXPECTED", "/expected"), ("FOUND", "/found")];

const REPAIRS: &[Column] = &[("REPAIRED", "/invariant"), ("ENTITY", "/entity"), ("DONE", "/done")];

const WHOLE: &[Column] = &[
    ("Violations", "/violationCount"),
    ("Unsettled", "/unsettled"),
    ("Rows", "/rows"),
    ("Started", "/startedAt"),
    ("Ended", "/endedAt"),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs beside a running server. Ends with code 0 when everything holds, and with code 1
(AUDIT_VIOLATIONS) and a row for each violation when not. What is still on its way is counted as
unsettled.")]
pub(crate) struct Args {
    /// Repair what can be derived, say what was done, and look again
    #[arg(long)]
    fix: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    let shop = cx.shop("the audit").await?;
    let violations = look(cx, &shop, args.fix).await?;
    shop.close().await?;
    verdict(violations)
}

/// Audits a shop, shows what was found, and answers how many violations there are.
///
/// # Errors
/// When the shop does not answer.
pub(super) async fn look(cx: &Context, shop: &Shop, fix: bool) -> Result<u64, Failure> {
    let style =
        ProgressStyle::with_template("{elapsed} {human_pos} rows, {per_sec}: {msg}").expect("the template is well formed");
    let bar = ProgressBar::no_length().with_style(style);
    let tell = |progress: Progress| {
        bar.set_message(progress.what);
        bar.set_position(progress.rows);
    };
    let report = shop.audit(&Actor::System, AuditRequest::new(&RealTime).fixing(fix).telling(&tell)).await?;
    bar.finish_and_clear();
    show(cx, &report)?;
    Ok(report.counts.values().sum::<u64>())
}

/// What the command ends with.
///
/// # Errors
/// `AUDIT_VIOLATIONS`, when there are any.
pub(super) fn verdict(violations: u64) -> Result<(), Failure> {
    match violations {
        0 => Ok(()),
        count => Err(Failure::new("AUDIT_VIOLATIONS", format!("{count} violations"))),
    }
}

fn show(cx: &Context, report: &Report) -> Result<(), Failure> {
    let mut value = json!(report);
    value["violationCount"] = json!(report.counts.values().sum::<u64>());
    if !cx.out.is_json() && !report.repairs.is_empty() {
        let rows: Vec<_> = report.repairs.iter().map(|repair| json!(repair)).collect();
        cx.out.list(&rows, REPAIRS)?;
    }
    if !cx.out.is_json() && !report.is_clean() {
        let rows: Vec<_> = report.violations.iter().map(|violation| json!(violation)).collect();
        cx.out.list(&rows, COLUMNS)?;
    }
    cx.out.record(&value, WHOLE)
}
