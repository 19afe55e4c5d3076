//! `dlq`: the dead letters, what a consumer could not handle or read.

use commerce_core::Actor;
use commerce_core::events::desk::Redriven;
use commerce_core::events::{LetterId, Queue};
use reqwest::Method;
use serde_json::{Value, json};

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{Column, shown};
use crate::remote::{Remote, part};
use crate::shop::Shop;
use crate::views;

/// Where a server has the letters, by their consumers.
const LETTERS: &str = "/api/operations/dead-letters";

const COLUMNS: &[Column] = &[
    ("CONSUMER", "/consumer"),
    ("ID", "/id"),
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
    ("Id", "/id"),
    ("Type", "/event/type"),
    ("Happened", "/event/at"),
    ("Aggregate", "/event/aggregate"),
    ("Data", "/event/data"),
    ("Text", "/text"),
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
    /// The event's id, or the broker's id of what cannot be read
    id: LetterId,
}

/// One letter, or all.
#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The consumer that could not handle it, with the letter's id after it; or --all in place of both
    #[arg(required_unless_present = "all", requires = "id")]
    consumer: Option<String>,
    /// The event's id, or the broker's id of what cannot be read
    id: Option<LetterId>,
    /// Every letter there is
    #[arg(long, conflicts_with_all = ["consumer", "id"])]
    all: bool,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    let desk = match cx.target().await? {
        Target::Local(shop) => Desk::Here(shop),
        Target::Remote(remote) => Desk::There(remote),
    };
    match command {
        Command::List => cx.out.list(&desk.letters().await?, COLUMNS)?,
        Command::Show(Letter { consumer, id }) => cx.out.record(&desk.letter(&consumer, &id).await?, WHOLE)?,
        Command::Redrive(which) => return redrive(cx, desk, &which).await,
        Command::Purge(which) => purge(cx, &desk, &which).await?,
    }
    desk.close().await
}

async fn redrive(cx: &Context, desk: Desk, which: &Which) -> Result<(), Failure> {
    let (mut done, mut failed) = (0_u64, Vec::new());
    for (consumer, id) in desk.chosen(which).await? {
        match desk.redrive(&consumer, &id).await? {
            None => done += 1,
            Some(reason) => failed.push(format!("{consumer} {id}: {reason}")),
        }
    }
    cx.out.say(&format!("{done} redriven, {} stay", failed.len()), &json!({ "redriven": done, "failed": failed }))?;
    desk.finish().await?;
    if failed.is_empty() { Ok(()) } else { Err(Failure::new("REDRIVE_FAILED", failed.join("\n  "))) }
}

async fn purge(cx: &Context, desk: &Desk, which: &Which) -> Result<(), Failure> {
    let chosen = desk.chosen(which).await?;
    let count = format!("{} letter{}", chosen.len(), if chosen.len() == 1 { "" } else { "s" });
    cx.confirm(&format!("Throw {count} away for good? Their effects will be missing."))?;
    for (consumer, id) in &chosen {
        desk.purge(consumer, id).await?;
    }
    cx.out.say(&format!("{count} thrown away"), &json!({ "purged": chosen.len() }))
}

/// Where the letters lie.
enum Desk {
    /// In the data directory.
    Here(Box<Shop>),
    /// At a running server.
    There(Remote),
}

impl Desk {
    /// Every letter, newest event first within its consumer.
    async fn letters(&self) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Here(shop) => Ok(shop.dead_letters.letters(&Actor::System).await?.into_iter().map(views::letter).collect()),
            Self::There(remote) => {
                let mut all = Vec::new();
                for queue in Queue::all() {
                    all.append(&mut remote.whole(&format!("{LETTERS}/{}", queue.name)).await?);
                }
                Ok(all)
            }
        }
    }

    async fn letter(&self, consumer: &str, id: &LetterId) -> Result<Value, Failure> {
        match self {
            Self::Here(shop) => Ok(views::letter(shop.dead_letters.letter(&Actor::System, consumer, id.clone()).await?)),
            Self::There(remote) => remote.get(&at(consumer, id), &[]).await,
        }
    }

    /// The names of those that are meant.
    async fn chosen(&self, which: &Which) -> Result<Vec<(String, LetterId)>, Failure> {
        let letters = match (&which.consumer, &which.id) {
            (Some(consumer), Some(id)) => vec![self.letter(consumer, id).await?],
            _ => self.letters().await?,
        };
        let named = |letter: &Value| Some((letter["consumer"].as_str()?.to_owned(), letter["id"].as_str()?.parse().ok()?));
        let named: Option<Vec<_>> = letters.iter().map(named).collect();
        named.ok_or_else(|| Failure::new("NOT_A_SHOP", "the answer names no dead letter"))
    }

    /// Brings a letter to its consumer again; answers why it stays, if it does.
    async fn redrive(&self, consumer: &str, id: &LetterId) -> Result<Option<String>, Failure> {
        match self {
            Self::Here(shop) => match shop.dead_letters.redrive(&Actor::System, consumer, id.clone()).await? {
                Redriven::Recorded => Ok(None),
                Redriven::StillDead(reason) => Ok(Some(reason)),
            },
            Self::There(remote) => {
                let path = format!("{}/redrive", at(consumer, id));
                let came = remote.call_in_turn(Method::POST, &path, &json!({}), None).await?;
                Ok((came["redriven"] != true).then(|| shown(&came["reason"])))
            }
        }
    }

    async fn purge(&self, consumer: &str, id: &LetterId) -> Result<(), Failure> {
        match self {
            Self::Here(shop) => _ = shop.dead_letters.purge(&Actor::System, consumer, id.clone()).await?,
            Self::There(remote) => _ = remote.call_in_turn(Method::DELETE, &at(consumer, id), &json!({}), None).await?,
        }
        Ok(())
    }

    /// Settles what was caused and closes.
    async fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Here(shop) => shop.finish().await,
            Self::There(_) => Ok(()),
        }
    }

    async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Here(shop) => shop.close().await,
            Self::There(_) => Ok(()),
        }
    }
}

/// Where a server has a letter.
fn at(consumer: &str, id: &LetterId) -> String {
    format!("{LETTERS}/{}/{}", part(consumer), part(&id.to_string()))
}
