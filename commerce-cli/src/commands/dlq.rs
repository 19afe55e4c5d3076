//! `dlq`: the dead letters, events that a consumer could not handle.

use commerce_core::events::DeadLetter;
use commerce_core::events::desk::Redriven;
use commerce_core::ids::EventId;
use commerce_core::{Actor, Refusal};
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::shop::Shop;

const COLUMNS: &[Column] = &[
    ("CONSUMER", "/consumer"),
    ("EVENT", "/event/id"),
    ("TYPE", "/event/type"),
    ("RECEIVES", "/receives"),
    ("AT", "/at"),
    ("REASON", "/reason"),
];

const WHOLE: &[Column] = &[
    ("Consumer", "/consumer"),
    ("Reason", "/reason"),
    ("Receives", "/receives"),
    ("Given up", "/at"),
    ("Event", "/event/id"),
    ("Type", "/event/type"),
    ("Happened", "/event/at"),
    ("Aggregate", "/event/aggregate"),
    ("Data", "/event/data"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// All dead letters
    List,
    /// One letter with its event
    Show(Letter),
    /// Hand letters to their consumers again; those that fail again stay
    #[command(
        visible_alias = "retry",
        after_help = "Examples:\n  commerce dlq redrive --all\n  commerce dlq redrive catalog-order-queue 018f6b2e-…"
    )]
    Redrive(Which),
    /// Throw letters away for good
    Purge(Which),
}

/// One letter.
#[derive(Debug, clap::Args)]
pub(crate) struct Letter {
    /// The consumer that could not handle it
    consumer: String,
    /// The event's id
    event: EventId,
}

/// One letter, or all.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The consumer that could not handle it, with the event's id after it; or --all in place of both
    #[arg(required_unless_present = "all", requires = "event")]
    consumer: Option<String>,
    /// The event's id
    event: Option<EventId>,
    /// Every letter there is
    #[arg(long, conflicts_with_all = ["consumer", "event"])]
    all: bool,
}

impl Which {
    fn wants(&self, letter: &DeadLetter) -> bool {
        self.all || (Some(&letter.consumer) == self.consumer.as_ref() && Some(letter.event.id) == self.event)
    }
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    let shop = cx.shop("the dead letters").await?;
    match command {
        Command::List => {
            let rows: Vec<Value> = shop.dead_letters.letters(&Actor::System).await?.iter().map(|letter| json!(letter)).collect();
            cx.out.list(&rows, COLUMNS)?;
            shop.close().await
        }
        Command::Show(Letter { consumer, event }) => {
            let which = Which { consumer: Some(consumer), event: Some(event), all: false };
            for letter in chosen(&shop, &which).await? {
                cx.out.record(&json!(letter), WHOLE)?;
            }
            shop.close().await
        }
        Command::Redrive(which) => redrive(cx, shop, &which).await,
        Command::Purge(which) => purge(cx, shop, &which).await,
    }
}

async fn redrive(cx: &Context, shop: Shop, which: &Which) -> Result<(), Failure> {
    let (mut done, mut failed) = (0_u64, Vec::new());
    for letter in chosen(&shop, which).await? {
        match shop.dead_letters.redrive(&Actor::System, &letter.consumer, letter.event.id).await? {
            Redriven::Recorded => done += 1,
            Redriven::StillDead(reason) => failed.push(format!("{} {}: {reason}", letter.consumer, letter.event.id)),
        }
    }
    cx.out.say(&format!("{done} redriven, {} stay", failed.len()), &json!({ "redriven": done, "failed": failed }))?;
    shop.finish().await?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::new("REDRIVE_FAILED", failed.join("\n  "))) }
}

async fn purge(cx: &Context, shop: Shop, which: &Which) -> Result<(), Failure> {
    let chosen = chosen(&shop, which).await?;
    let count = format!("{} letter{}", chosen.len(), if chosen.len() == 1 { "" } else { "s" });
    cx.confirm(&format!("Throw {count} away for good? Their effects will be missing."))?;
    for letter in &chosen {
        shop.dead_letters.purge(&Actor::System, &letter.consumer, letter.event.id).await?;
    }
    cx.out.say(&format!("{count} thrown away"), &json!({ "purged": chosen.len() }))?;
    shop.close().await
}

async fn chosen(shop: &Shop, which: &Which) -> Result<Vec<DeadLetter>, Failure> {
    let mut letters = shop.dead_letters.letters(&Actor::System).await?;
    letters.retain(|letter| which.wants(letter));
    if letters.is_empty() && !which.all { Err(Refusal::NotFound("dead letter").into()) } else { Ok(letters) }
}
