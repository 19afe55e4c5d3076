//! `restore`: a backup in the place of the shop, or looked at whether it is good.

use std::path::PathBuf;

use indicatif::ProgressBar;
use serde_json::json;

use super::audit;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Column, note};
use crate::shop::{Shop, alone_in, backup, has_books};

const DONE: &[Column] = &[
    ("Restored", "/restored"),
    ("As of", "/takenAt"),
    ("Products in the index", "/indexed"),
    ("Mails and webhooks held", "/held"),
];

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce restore /mnt/backups/monday --verify
  commerce restore /mnt/backups/monday
  commerce outbox status

Nobody may use the data directory meanwhile. Every file is held against the manifest first; a
death half way leaves the old shop or the new one. The shop that was in the directory is gone
afterwards, but for mail/; files that are of no shop stay.

The shop that the backup is of may have sent mails and called webhooks since. So all that was
still to be sent when it was taken waits for a word: `commerce outbox release` sends it,
`commerce outbox drop` never does. What happens in the shop from now on does not wait.")]
pub(crate) struct Args {
    /// The folder of the backup
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// Open a copy of it and audit that; replace nothing
    #[arg(long)]
    verify: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    cx.local_only("a restore")?;
    let config = cx.settings()?;
    let backup = backup::Backup::open(&args.from)?;
    if args.verify {
        return verify(cx, &backup).await;
    }
    backup::on_files(&config, "its own tools, and then `commerce outbox hold` before it is served again")?;
    let taken_at = backup.manifest().taken_at;
    let place = config.data_dir.display();
    if has_books(&config) {
        cx.confirm(&format!("{place} has a shop. Replace it with that of {taken_at}?"))?;
    }
    let bar = ProgressBar::new_spinner();
    let tell = |what: &str| {
        bar.set_message(what.to_owned());
        bar.tick();
    };
    let restored = backup::put_back(&backup, &config, &tell).await?;
    bar.finish_and_clear();
    let done = json!({
        "restored": config.data_dir, "takenAt": taken_at, "indexed": restored.indexed, "held": restored.held,
    });
    cx.out.record(&done, DONE)?;
    if restored.held > 0 && !cx.out.is_json() {
        note("what was still to be sent waits: `commerce outbox release` sends it, `commerce outbox drop` never does");
    }
    Ok(())
}

/// Audits a copy of the backup in a folder of its own.
async fn verify(cx: &Context, backup: &backup::Backup) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::io("make a temporary folder", &error))?;
    backup.copy_to(folder.path())?;
    let mut config = cx.settings()?;
    alone_in(&mut config, folder.path())?;
    let shop = Shop::open(&config).await?;
    let violations = audit::look(cx, &shop, false).await?;
    shop.close().await?;
    audit::verdict(violations)
}
