//! `aws`: what the shop needs to be there at AWS.

use serde_json::{Value, json};

use crate::context::Context;
use crate::context::set;
use crate::failure::Failure;
use crate::shop::{introduce_sender, make_topology};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make topics, queues, dead-letter queues and subscriptions that are not there
    #[command(after_help = "What is not said here comes from the settings under [aws]. Where mails go through SES\n\
        (mail.transport), the sender is made known there, too. Keys come from the environment, the\n\
        profile or the machine's role.\n\n\
        Examples:\n  commerce aws init --region eu-central-1\n  commerce aws init --endpoint http://127.0.0.1:4566 --fifo")]
    Init(Init),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Init {
    /// The region [default: aws.region, else what the environment says]
    #[arg(long)]
    region: Option<String>,
    /// Another server than AWS itself
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// In front of every name
    #[arg(long)]
    prefix: Option<String>,
    /// Topics and queues that keep the order of one aggregate's events
    #[arg(long)]
    fifo: bool,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    let Command::Init(Init { region, endpoint, prefix, fifo }) = command;
    cx.local_only("aws init")?;
    let mut config = cx.settings()?;
    for (key, value) in [("aws.region", region), ("aws.endpoint", endpoint), ("aws.prefix", prefix)] {
        if let Some(value) = value {
            set(&mut config, key, &value)?;
        }
    }
    if fifo {
        set(&mut config, "aws.fifo", "true")?;
    }
    let mut made = make_topology(&config).await?;
    if config.mail.by_ses {
        made.push(("sender", config.mail.from.to_string(), introduce_sender(&config).await?));
    }
    let rows: Vec<Value> =
        made.into_iter().map(|(kind, name, place)| json!({ "kind": kind, "name": name, "place": place })).collect();
    cx.out.list(&rows, &[("KIND", "/kind"), ("NAME", "/name"), ("PLACE", "/place")])
}
