//! `keys`: what access tokens are signed with.

use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::shop::{SigningKey, rotate_keys, signing_keys};

const COLUMNS: &[Column] = &[("KEY", "/use"), ("KID", "/kid"), ("SINCE", "/since")];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The keys that are known: one signs, the next is known already, the one before still is
    List,
    /// Let the next key sign now; a serving shop does so by itself every 60 days
    Rotate {
        /// Forget the other keys as well: every access token given out so far is refused
        #[arg(long)]
        revoke: bool,
    },
}

pub(crate) fn run(cx: &Context, command: &Command) -> Result<(), Failure> {
    cx.local_only("keys")?;
    let config = cx.settings()?;
    let keys = match command {
        Command::List => signing_keys(&config)?,
        Command::Rotate { revoke } => {
            if *revoke {
                cx.confirm("Everybody's access token will be refused until it is refreshed.")?;
            }
            rotate_keys(&config, *revoke)?
        }
    };
    let rows: Vec<_> =
        keys.into_iter().map(|SigningKey { used, kid, since }| json!({ "use": used, "kid": kid, "since": since })).collect();
    cx.out.list(&rows, COLUMNS)
}
