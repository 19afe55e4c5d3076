//! `stock`: what is on hand, and the ledger that says why.

use commerce_core::Actor;
use commerce_core::text::Sku;
use reqwest::Method;
use serde_json::json;

use crate::args::Paging;
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::Column;
use crate::remote::part;
use crate::views;

const COLUMNS: &[Column] = &[
    ("SKU", "/sku"),
    ("ON HAND", "/onHand"),
    ("RESERVED", "/reserved"),
    ("AVAILABLE", "/available"),
    ("LOW AT", "/lowStockThreshold"),
];

const LEDGER: &[Column] = &[
    ("AT", "/at"),
    ("KIND", "/kind"),
    ("ON HAND", "/onHandDelta"),
    ("RESERVED", "/reservedDelta"),
    ("REASON", "/reason"),
    ("REFERENCE", "/reference"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// The stock of SKUs
    Show {
        /// One or more SKUs
        #[arg(required = true)]
        skus: Vec<String>,
    },
    /// Change the units on hand of a SKU
    #[command(
        after_help = "Examples:\n  commerce stock adjust TSHIRT-S +20 --reason \"delivery 4711\"\n  commerce stock adjust TSHIRT-S -3 --reason broken"
    )]
    Adjust {
        /// Which SKU
        sku: String,
        /// By how much: +20 or -3
        #[arg(allow_hyphen_values = true)]
        delta: i64,
        /// Why, for the ledger
        #[arg(long)]
        reason: String,
    },
    /// Every change of a SKU's stock, newest first
    Ledger {
        /// Which SKU
        sku: String,
        #[command(flatten)]
        paging: Paging,
    },
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Show { skus } => show(cx, &skus).await,
        Command::Adjust { sku, delta, reason } => adjust(cx, &sku, delta, reason).await,
        Command::Ledger { sku, paging } => ledger(cx, &sku, &paging).await,
    }
}

async fn show(cx: &Context, skus: &[String]) -> Result<(), Failure> {
    let mut rows = Vec::with_capacity(skus.len());
    match cx.target().await? {
        Target::Local(shop) => {
            for text in skus {
                let sku = Sku::parse("sku", text).map_err(|error| Failure::from(error).about(text))?;
                let stock = shop.catalog.inventory(&Actor::System, &sku).await;
                rows.push(views::inventory(stock.map_err(|error| Failure::from(error).about(text))?));
            }
            shop.close().await?;
        }
        Target::Remote(remote) => {
            for sku in skus {
                let stock = remote.get(&format!("/api/inventory/{}", part(sku)), &[]).await;
                rows.push(stock.map_err(|failure| failure.about(sku))?);
            }
        }
    }
    match rows.as_slice() {
        [row] if cx.out.is_json() => cx.out.record(row, COLUMNS),
        rows => cx.out.list(rows, COLUMNS),
    }
}

async fn adjust(cx: &Context, sku: &str, delta: i64, reason: String) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let sku = Sku::parse("sku", sku)?;
            let inventory = shop.catalog.adjust_stock(&Actor::System, &sku, delta, reason, None, None).await?.into_inner();
            cx.out.record(&views::inventory(inventory), COLUMNS)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let path = format!("/api/inventory/{}/adjust", part(sku));
            cx.out.record(&remote.call(Method::POST, &path, &json!({ "delta": delta, "reason": reason })).await?, COLUMNS)
        }
    }
}

async fn ledger(cx: &Context, sku: &str, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let page = shop.catalog.stock_ledger(&Actor::System, &Sku::parse("sku", sku)?, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::movement), LEDGER)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            cx.out.page(&remote.get(&format!("/api/inventory/{}/ledger", part(sku)), &paging.query()).await?, LEDGER)
        }
    }
}
