//! `audit`: checks that everything is true that must be true of the shop's data.

use commerce_core::Actor;
use commerce_core::audit::{AuditRequest, Progress};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{Column, shown};
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
unsettled. With --url the server audits itself; one that has only a part of the shop's data refuses
(PART_OF_A_SHOP), because an audit of a part would be none.")]
pub(crate) struct Args {
    /// Repair what can be derived, say what was done, and look again
    #[arg(long)]
    fix: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    let violations = match cx.target().await? {
        Target::Local(shop) => {
            let violations = look(cx, &shop, args.fix).await?;
            shop.close().await?;
            violations
        }
        Target::Remote(remote) => {
            let bar = bar();
            let tell = |progress: &Value| {
                bar.set_message(shown(&progress["what"]));
                bar.set_position(progress["rows"].as_u64().unwrap_or_default());
            };
            let report = remote.work("/api/operations/audit", &json!({ "fix": args.fix }), tell).await?;
            bar.finish_and_clear();
            show(cx, report)?
        }
    };
    verdict(violations)
}

/// Audits a shop, shows what was found, and answers how many violations there are.
///
/// # Errors
/// When the shop does not answer.
pub(super) async fn look(cx: &Context, shop: &Shop, fix: bool) -> Result<u64, Failure> {
    let bar = bar();
    let tell = |progress: Progress| {
        bar.set_message(progress.what);
        bar.set_position(progress.rows);
    };
    let report = shop.audit(&Actor::System, AuditRequest::new(&RealTime).fixing(fix).telling(&tell)).await?;
    bar.finish_and_clear();
    show(cx, json!(report))
}

fn bar() -> ProgressBar {
    let style =
        ProgressStyle::with_template("{elapsed} {human_pos} rows, {per_sec}: {msg}").expect("the template is well formed");
    ProgressBar::no_length().with_style(style)
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

/// Shows a report and answers how many violations there are.
fn show(cx: &Context, mut report: Value) -> Result<u64, Failure> {
    let counts = report.get("counts").and_then(Value::as_object);
    let counts = counts.ok_or_else(|| Failure::new("NOT_A_SHOP", "the answer is no report of an audit"))?;
    let count = counts.values().filter_map(Value::as_u64).sum::<u64>();
    report["violationCount"] = json!(count);
    let rows = |name: &str| report[name].as_array().cloned().unwrap_or_default();
    let (repairs, violations) = (rows("repairs"), rows("violations"));
    if !cx.out.is_json() && !repairs.is_empty() {
        cx.out.list(&repairs, REPAIRS)?;
    }
    if !cx.out.is_json() && count > 0 {
        cx.out.list(&violations, COLUMNS)?;
    }
    cx.out.record(&report, WHOLE)?;
    Ok(count)
}
