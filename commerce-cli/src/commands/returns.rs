//! `return`: what comes back of orders.

use commerce_core::ids::ReturnId;
use commerce_core::orders::{ReturnFilter, ReturnStatus};
use commerce_core::{Actor, Currency, Money, Refusal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{Paging, item, one_of};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{self, Column};
use crate::views;

const COLUMNS: &[Column] = &[
    ("ID", "/id"),
    ("ORDER", "/orderId"),
    ("TYPE", "/type"),
    ("STATUS", "/status"),
    ("REFUND", "/refund"),
    ("REQUESTED", "/requestedAt"),
];

const LINES: &[Column] = &[("SKU", "/sku"), ("QUANTITY", "/quantity"), ("RECEIVED", "/received"), ("RESTOCKED", "/restocked")];

const WHOLE: &[Column] = &[
    ("Id", "/id"),
    ("Order", "/orderId"),
    ("Type", "/type"),
    ("Status", "/status"),
    ("Reason", "/reason"),
    ("Rejected because", "/rejectedBecause"),
    ("Refund", "/refund"),
    ("Exchanged for", "/exchange/orderId"),
    ("Pays that", "/exchange/credit"),
    ("Requested", "/requestedAt"),
    ("Updated", "/updatedAt"),
];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Returns, newest first
    List {
        /// Only as far as this
        #[arg(long, value_parser = one_of(ReturnStatus::ALL, ReturnStatus::as_str), ignore_case = true)]
        status: Option<ReturnStatus>,
        #[command(flatten)]
        paging: Paging,
    },
    /// One return with its lines
    Show {
        /// Its id
        id: ReturnId,
    },
    /// Agree to a return
    Approve {
        /// Its id
        id: ReturnId,
    },
    /// Do not agree to a return
    Reject {
        /// Its id
        id: ReturnId,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Take in what came; everything, to be sold again, unless lines are named
    #[command(after_help = "Example:\n  commerce return receive ID --line TSHIRT-S=2 --line TSHIRT-M=1:write-off")]
    Receive {
        /// Its id
        id: ReturnId,
        /// A SKU and how many came, with `:write-off` if they cannot be sold again; may be repeated
        #[arg(long = "line", value_name = "SKU=QUANTITY[:write-off]", value_parser = came)]
        lines: Vec<(String, i64, bool)>,
    },
    /// Send other things for what came, or the same again; what they cost less goes back
    #[command(after_help = "Example:\n  commerce return exchange ID --item TSHIRT-M=2")]
    Exchange {
        /// Its id
        id: ReturnId,
        /// A SKU and how many are sent; may be repeated
        #[arg(long = "item", value_name = "SKU=QUANTITY", value_parser = item)]
        items: Vec<(String, i64)>,
    },
    /// Pay back what came: its exact share of the price, or less
    Refund {
        /// Its id
        id: ReturnId,
        /// Not more than that, in major units: 99.50
        #[arg(long)]
        amount: Option<String>,
        /// The amount's currency; server.currency unless said
        #[arg(long)]
        currency: Option<Currency>,
    },
}

/// A step of a return.
enum Step {
    Approve,
    Reject(Option<String>),
    Receive(Option<Vec<(String, i64, bool)>>),
    Refund(Option<Money>),
    Exchange(Option<Vec<(String, i64)>>),
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { status, paging } => list(cx, status, &paging).await,
        Command::Show { id } => show(cx, id).await,
        Command::Approve { id } => step(cx, id, Step::Approve).await,
        Command::Reject { id, reason } => {
            cx.confirm(&format!("Reject the return {id}? This is final."))?;
            step(cx, id, Step::Reject(reason)).await
        }
        Command::Receive { id, lines } => step(cx, id, Step::Receive((!lines.is_empty()).then_some(lines))).await,
        Command::Exchange { id, items } => {
            cx.confirm(&format!("Send things for the return {id}? This is final."))?;
            step(cx, id, Step::Exchange((!items.is_empty()).then_some(items))).await
        }
        Command::Refund { id, amount, currency } => {
            let currency = currency.map_or_else(|| cx.settings().map(|config| config.server.currency), Ok)?;
            let refuse = || Refusal::field("amount", "INVALID", format!("must be an amount of {currency} such as 99.50"));
            let amount = amount.map(|text| Money::parse_major(&text, currency).ok_or_else(refuse)).transpose()?;
            cx.confirm(&format!("Pay back what came with the return {id}? This is final."))?;
            step(cx, id, Step::Refund(amount)).await
        }
    }
}

async fn list(cx: &Context, status: Option<ReturnStatus>, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let filter = ReturnFilter { user: None, status };
            let page = shop.orders.returns(&Actor::System, filter, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::returned), COLUMNS)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let mut query = paging.query();
            query.extend(status.map(|status| ("status", status.to_string())));
            cx.out.page(&remote.get("/api/returns", &query).await?, COLUMNS)
        }
    }
}

async fn show(cx: &Context, id: ReturnId) -> Result<(), Failure> {
    let it = match cx.target().await? {
        Target::Local(shop) => {
            let it = views::returned(shop.orders.return_by_id(&Actor::System, id).await?);
            shop.close().await?;
            it
        }
        Target::Remote(remote) => remote.get(&format!("/api/returns/{id}"), &[]).await?,
    };
    cx.out.record(&it, WHOLE)?;
    if cx.out.is_json() {
        return Ok(());
    }
    output::text("")?;
    cx.out.list(it.get("lines").and_then(Value::as_array).map_or(&[], Vec::as_slice), LINES)
}

async fn step(cx: &Context, id: ReturnId, step: Step) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let (orders, staff) = (&shop.orders, &Actor::System);
            let done = match step {
                Step::Approve => orders.approve_return(staff, id, None, None).await?,
                Step::Reject(reason) => orders.reject_return(staff, id, reason, None, None).await?,
                Step::Receive(came) => orders.receive_return(staff, id, came, None, None).await?,
                Step::Refund(amount) => orders.refund_return(staff, id, amount, None, None).await?,
                Step::Exchange(items) => orders.exchange_return(staff, id, items, None, None).await?,
            };
            cx.out.record(&views::returned(done.into_inner()), WHOLE)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let (name, body) = match step {
                Step::Approve => ("approve", json!({})),
                Step::Reject(reason) => ("reject", json!({ "reason": reason })),
                Step::Receive(came) => {
                    let line = |(sku, quantity, restock)| json!({ "sku": sku, "quantity": quantity, "restock": restock });
                    ("receive", json!({ "lines": came.map(|came| came.into_iter().map(line).collect::<Vec<Value>>()) }))
                }
                Step::Refund(amount) => ("refund", json!({ "amount": amount })),
                Step::Exchange(items) => {
                    let item = |(sku, quantity)| json!({ "sku": sku, "quantity": quantity });
                    ("exchange", json!({ "items": items.map(|items| items.into_iter().map(item).collect::<Vec<Value>>()) }))
                }
            };
            cx.out.record(&remote.call(Method::POST, &format!("/api/returns/{id}/{name}"), &body).await?, WHOLE)
        }
    }
}

/// `SKU=QUANTITY`, with `:write-off` for what cannot be sold again.
fn came(text: &str) -> Result<(String, i64, bool), String> {
    let wrong = || "must be SKU=QUANTITY or SKU=QUANTITY:write-off".to_owned();
    let (sku, rest) = text.rsplit_once('=').ok_or_else(wrong)?;
    let (quantity, restock) = rest.strip_suffix(":write-off").map_or((rest, true), |quantity| (quantity, false));
    Ok((sku.to_owned(), quantity.parse().map_err(|_| wrong())?, restock))
}
