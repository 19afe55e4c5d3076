//! `openapi`: the HTTP contract.

use crate::context::Context;
use crate::failure::Failure;
use crate::output;
use crate::remote::Remote;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  commerce openapi > openapi.json\n\nWith --url the contract of that server.")]
pub(crate) struct Args {}

pub(crate) async fn run(cx: &Context, _args: Args) -> Result<(), Failure> {
    let spec = match &cx.globals.url {
        Some(url) => Remote::new(url, cx.globals.token.clone())?.get("/openapi.json", &[]).await?,
        None => commerce_server::app::openapi(),
    };
    output::text(&serde_json::to_string_pretty(&spec).expect("a JSON value can be written"))
}
