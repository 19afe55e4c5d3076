//! `init`: a commented configuration file to begin with, and a filled shop where one is wanted.

use std::path::{Path, PathBuf};

use commerce_server::Config;
use serde_json::json;

use crate::context::{CONFIG_FILE, Context, set};
use crate::demo;
use crate::failure::Failure;
use crate::shop::Shop;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  commerce init                         writes ./commerce.toml\n  commerce init --config /etc/commerce.toml\n  commerce init --demo                  and fills the shop of these settings, if it is empty\n\nEvery key stands in it, commented, at its default. Commands read ./commerce.toml when it is\nthere; any other place is named with --config."
)]
pub(crate) struct Args {
    /// Fill an empty shop with products and logins, too; a configuration file that is there stays as it is
    #[arg(long)]
    demo: bool,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    cx.local_only("init")?;
    let path = cx.globals.config.clone().unwrap_or_else(|| PathBuf::from(CONFIG_FILE));
    let writes = !args.demo || !path.exists();
    if writes {
        write(cx, &path)?;
    }
    if writes && !(args.demo && cx.out.is_json()) {
        cx.out.say(&format!("wrote {}", path.display()), &json!({ "path": path }))?;
    }
    if args.demo { fill(cx, &path).await } else { Ok(()) }
}

/// Fills the shop as `serve --demo` does, without serving it. Programs hear of it and of the settings at once.
async fn fill(cx: &Context, path: &Path) -> Result<(), Failure> {
    let mut config = cx.settings()?;
    set(&mut config, "auth.password_min_length", "6")?;
    let shop = Shop::open(&config).await?;
    demo::fill(&shop, config.server.currency).await?;
    if cx.out.is_json() {
        let logins = demo::logins(&shop).await?;
        cx.out.say("", &json!({ "path": path, "url": config.server.public_url, "logins": logins }))?;
    } else {
        demo::print_logins(&shop, &config.server.public_url).await?;
    }
    shop.finish().await
}

fn write(cx: &Context, path: &Path) -> Result<(), Failure> {
    if path.exists() {
        cx.confirm(&format!("{} is there already. Overwrite it?", path.display()))?;
    }
    let failed = |error| Failure::io(&format!("write {}", path.display()), &error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    std::fs::write(path, Config::commented_default()).map_err(failed)
}
