//! `backup`: the whole shop as it is at one instant.

use std::path::PathBuf;

use indicatif::ProgressBar;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::Column;
use crate::shop::{SystemClock, backup, require_books};

const DONE: &[Column] = &[("Backup", "/backup"), ("Taken at", "/takenAt"), ("Files", "/files"), ("Bytes", "/bytes")];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce backup /mnt/backups/monday
  commerce restore /mnt/backups/monday --verify

The shop may be served meanwhile. The four databases are of one instant; pictures, signing keys
and the sandbox's books are with them, and a manifest with the size and SHA-256 of every file. DIR
is made, or must be empty, and is there whole or not at all. Mails and the search index are not
copied: the first have left the house, the second is built again by `commerce restore`. Keep a
backup as you keep the shop: it has everybody's data and the keys. A shop on MySQL or MariaDB is
backed up by the tools of its server.")]
pub(crate) struct Args {
    /// The folder that the backup becomes
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    cx.local_only("a backup")?;
    let config = cx.settings()?;
    backup::on_files(&config, "mariadb-backup, or mysqldump --single-transaction over all its databases at once")?;
    require_books(&config)?;
    let bar = ProgressBar::new_spinner();
    let tell = |what: &str| {
        bar.set_message(what.to_owned());
        bar.tick();
    };
    let manifest = backup::take(&config.data_dir, &args.to, &SystemClock, &tell).await?;
    bar.finish_and_clear();
    let done = json!({
        "backup": args.to, "takenAt": manifest.taken_at, "files": manifest.files.len(), "bytes": manifest.bytes(),
    });
    cx.out.record(&done, DONE)
}
