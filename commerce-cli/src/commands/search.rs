//! `search`: the index, and what it finds.

use commerce_core::Actor;
use commerce_core::catalog::SearchRequest;
use indicatif::ProgressBar;
use serde_json::{Value, json};

use crate::args::Paging;
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;
use crate::views;

const HITS: &[Column] =
    &[("SLUG", "/slug"), ("NAME", "/name"), ("FROM", "/priceRange/min"), ("IN STOCK", "/inStock"), ("ID", "/id")];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Build the index anew beside the old one and switch
    Reindex,
    /// Search products, as customers do
    Query {
        /// The words
        text: String,
        /// Only what is in stock
        #[arg(long)]
        in_stock: bool,
        /// Only with this option, as Size:M; of one name any of the values will do
        #[arg(long = "option", value_name = "NAME:VALUE", value_parser = option)]
        options: Vec<(String, String)>,
        #[command(flatten)]
        paging: Paging,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Reindex => reindex(cx).await,
        Command::Query { text, in_stock, options, paging } => query(cx, text, in_stock, options, &paging).await,
    }
}

async fn reindex(cx: &Context) -> Result<(), Failure> {
    let bar = ProgressBar::no_length();
    let done = match cx.target().await? {
        Target::Local(shop) => {
            if !cx.settings()?.search_enabled {
                return Err(Failure::new("NO_INDEX", "search.enabled is false: this shop keeps no index"));
            }
            let count = shop.catalog.reindex(&Actor::System, &|count| bar.set_position(count)).await?;
            shop.close().await?;
            json!({ "products": count })
        }
        Target::Remote(remote) => {
            let tell = |progress: &Value| bar.set_position(progress["products"].as_u64().unwrap_or_default());
            remote.work("/api/operations/search-index/rebuild", &json!({}), tell).await?
        }
    };
    bar.finish_and_clear();
    cx.out.say(&format!("{} products are in the new index", done["products"]), &done)
}

/// An option with its value: `Size:M`.
fn option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("must be a name and a value, as Size:M")?;
    Ok((name.to_owned(), value.to_owned()))
}

async fn query(
    cx: &Context,
    text: String,
    in_stock: bool,
    options: Vec<(String, String)>,
    paging: &Paging,
) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let request = SearchRequest { text, in_stock, options, page: paging.request()?, ..SearchRequest::default() };
            let found = shop.catalog.search(&Actor::System, request).await?;
            cx.out.page(&views::found(found), HITS)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let mut query = paging.query();
            query.push(("q", text));
            if in_stock {
                query.push(("inStock", "true".to_owned()));
            }
            query.extend(options.iter().map(|(name, value)| ("option", format!("{name}:{value}"))));
            cx.out.page(&remote.get("/api/products/search", &query).await?, HITS)
        }
    }
}
