//! `migrate`: brings the databases up to this version of the program.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::{self, Column};
use crate::shop::{Shop, pending_migrations};

const COLUMNS: &[Column] = &[("DATABASE", "/database"), ("VERSION", "/version"), ("DESCRIPTION", "/description")];

#[derive(Debug, clap::Args)]
#[command(after_help = "Migrations only add. `serve` and every other command apply them, too, when they open a shop.")]
pub(crate) struct Args {
    /// Only say which migrations are missing
    #[arg(long)]
    plan: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    cx.local_only("migrate")?;
    let config = cx.settings()?;
    let rows: Vec<Value> = pending_migrations(&config)
        .await?
        .into_iter()
        .map(|missing| json!({ "database": missing.context, "version": missing.version, "description": missing.description }))
        .collect();
    if !args.plan {
        Shop::open(&config).await?.close().await?;
    }
    if rows.is_empty() && !cx.out.is_json() {
        return output::text("the databases are up to date");
    }
    cx.out.list(&rows, COLUMNS)
}
