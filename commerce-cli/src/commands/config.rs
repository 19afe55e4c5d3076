//! `config`: the effective settings.

use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Every key with its effective value and where that comes from; secrets are hidden
    Show,
}

pub(crate) fn run(cx: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show => show(cx),
    }
}

fn show(cx: &Context) -> Result<(), Failure> {
    cx.local_only("config show")?;
    let row = |(key, value, source): (&str, String, String)| json!({ "key": key, "value": value, "source": source });
    let rows: Vec<Value> = cx.settings()?.show().into_iter().map(row).collect();
    cx.out.list(&rows, &[("KEY", "/key"), ("VALUE", "/value"), ("SOURCE", "/source")])
}
