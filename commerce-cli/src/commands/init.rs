//! `init`: a commented configuration file to begin with.

use std::path::PathBuf;

use commerce_server::Config;
use serde_json::json;

use crate::context::{CONFIG_FILE, Context};
use crate::failure::Failure;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  commerce init                         writes ./commerce.toml\n  commerce init --config /etc/commerce.toml\n\nEvery key stands in it, commented, at its default. Commands read ./commerce.toml when it is\nthere; any other place is named with --config."
)]
pub(crate) struct Args {}

pub(crate) fn run(cx: &Context, _args: &Args) -> Result<(), Failure> {
    let path = cx.globals.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    if path.exists() {
        cx.confirm(&format!("{} is there already. Overwrite it?", path.display()))?;
    }
    let failed = |error| Failure::io(&format!("write {}", path.display()), &error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(&path, Config::commented_default()).map_err(failed)?;
    cx.out.say(&format!("wrote {}", path.display()), &json!({ "path": path }))
}
