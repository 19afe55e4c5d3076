//! `outbox`: events on their way.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// How many events wait in each database, and since when the oldest does
    Status,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status(cx).await,
    }
}

async fn status(cx: &Context) -> Result<(), Failure> {
    let shop = cx.shop("the outbox").await?;
    let row = |(context, backlog): (commerce_core::commerce::Context, commerce_core::events::Backlog)| json!({ "context": context, "waiting": backlog.waiting, "oldest": backlog.oldest });
    let rows: Vec<Value> = shop.backlogs().await?.into_iter().map(row).collect();
    cx.out.list(&rows, &[("CONTEXT", "/context"), ("WAITING", "/waiting"), ("OLDEST", "/oldest")])?;
    shop.close().await
}
