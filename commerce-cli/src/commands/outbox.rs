//! `outbox`: what is on its way, and what waits for a word before it leaves the house.

use commerce_core::Actor;
use commerce_core::commerce::Context as Which;
use commerce_core::events::Backlog;
use serde_json::{Value, json};

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;

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
            let shop = cx.shop("the outbox").await?;
            let held = shop.notifications.hold(&Actor::System).await?;
            cx.out.say(&format!("{held} mails and webhooks wait for a word"), &json!({ "held": held }))?;
            shop.close().await
        }
        Command::Release => {
            let shop = cx.shop("the outbox").await?;
            let released = shop.notifications.release_held(&Actor::System).await?;
            cx.out.say(&format!("{released} mails and webhooks are on their way"), &json!({ "released": released }))?;
            shop.finish().await
        }
        Command::Drop => {
            cx.confirm("What is held back will never be sent. Drop it?")?;
            let shop = cx.shop("the outbox").await?;
            let dropped = shop.notifications.drop_held(&Actor::System).await?;
            cx.out.say(&format!("{dropped} mails and webhooks will not be sent"), &json!({ "dropped": dropped }))?;
            shop.close().await
        }
    }
}

async fn status(cx: &Context) -> Result<(), Failure> {
    let shop = cx.shop("the outbox").await?;
    let row = |(context, backlog): (Which, Backlog)| json!({ "context": context, "waiting": backlog.waiting, "oldest": backlog.oldest, "held": 0 });
    let mut rows: Vec<Value> = shop.backlogs().await?.into_iter().map(row).collect();
    let held = shop.notifications.held(&Actor::System).await?;
    rows.push(json!({ "context": Which::Notifications, "waiting": 0, "oldest": null, "held": held }));
    cx.out.list(&rows, COLUMNS)?;
    shop.close().await
}
