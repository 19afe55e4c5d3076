//! `outbox`: what is on its way, and what waits for a word before it leaves the house.

use commerce_core::Actor;
use commerce_core::commerce::Context as Which;
use serde_json::{Value, json};

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;
use crate::remote::Remote;
use crate::views;

const COLUMNS: &[Column] = &[("CONTEXT", "/context"), ("WAITING", "/waiting"), ("OLDEST", "/oldest"), ("HELD", "/held")];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// How many events wait in each database, since when the oldest does, and how many mails and webhooks are held
    Status,
    /// Hold back every mail and webhook that is not through: after its databases were restored by other tools
    Hold,
    /// Send what is held back, now
    Release,
    /// Never send what is held back
    Drop,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status(cx).await,
        Command::Hold => {
            let done = match cx.target().await? {
                Target::Local(shop) => {
                    let held = shop.notifications.hold(&Actor::System).await?;
                    shop.close().await?;
                    json!({ "held": held })
                }
                Target::Remote(remote) => worded(&remote, "hold").await?,
            };
            cx.out.say(&format!("{} mails and webhooks wait for a word", done["held"]), &done)
        }
        Command::Release => {
            let done = match cx.target().await? {
                Target::Local(shop) => {
                    let released = shop.notifications.release_held(&Actor::System).await?;
                    shop.finish().await?;
                    json!({ "released": released })
                }
                Target::Remote(remote) => worded(&remote, "release").await?,
            };
            cx.out.say(&format!("{} mails and webhooks are on their way", done["released"]), &done)
        }
        Command::Drop => {
            cx.confirm("What is held back will never be sent. Drop it?")?;
            let done = match cx.target().await? {
                Target::Local(shop) => {
                    let dropped = shop.notifications.drop_held(&Actor::System).await?;
                    shop.close().await?;
                    json!({ "dropped": dropped })
                }
                Target::Remote(remote) => worded(&remote, "drop").await?,
            };
            cx.out.say(&format!("{} mails and webhooks will not be sent", done["dropped"]), &done)
        }
    }
}

/// Says a word about everything that is held back; it may be much.
async fn worded(remote: &Remote, word: &str) -> Result<Value, Failure> {
    remote.work(&format!("/api/operations/held-messages/{word}"), &json!({}), |_| {}).await
}

async fn status(cx: &Context) -> Result<(), Failure> {
    let mut rows = Vec::new();
    match cx.target().await? {
        Target::Local(shop) => {
            for (context, backlog) in shop.backlogs().await? {
                let held = match context {
                    Which::Notifications => shop.notifications.held(&Actor::System).await?,
                    Which::Users | Which::Catalog | Which::Orders => 0,
                };
                rows.push(views::backlog(context, backlog, held));
            }
            shop.close().await?;
        }
        Target::Remote(remote) => {
            for context in Which::ALL {
                rows.push(remote.get(&format!("/api/operations/outbox/{context}"), &[]).await?);
            }
        }
    }
    cx.out.list(&rows, COLUMNS)
}
