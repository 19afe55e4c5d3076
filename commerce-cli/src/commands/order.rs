//! `order`: orders, their history, and the steps staff take.

use commerce_core::ids::{OrderId, UserId};
use commerce_core::orders::{Order, OrderFilter, OrderStatus};
use commerce_core::page::PageRequest;
use commerce_core::text::Email;
use commerce_core::users::Accounts;
use commerce_core::{Actor, Refusal, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{Paging, item, one_of, time};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{self, Column};
use crate::remote::{Remote, part};
use crate::shop::Shop;
use crate::views;

const COLUMNS: &[Column] = &[
    ("NUMBER", "/number"),
    ("STATUS", "/status"),
    ("PAYMENT", "/payment/status"),
    ("METHOD", "/payment/method"),
    ("TOTAL", "/total"),
    ("PLACED", "/placedAt"),
    ("ID", "/id"),
];

const LINES: &[Column] =
    &[("SKU", "/sku"), ("NAME", "/name"), ("QUANTITY", "/quantity"), ("UNIT PRICE", "/unitPrice"), ("TOTAL", "/total")];

const GIVEN_UP: &[Column] = &[("GIVEN UP", "/units"), ("WORTH", "/worth"), ("WHY", "/reason"), ("AT", "/at")];

const SHIPMENTS: &[Column] = &[
    ("SHIPMENT", "/id"),
    ("CARRIER", "/carrier"),
    ("TRACKING", "/trackingNumber"),
    ("STATUS", "/status"),
    ("SHIPPED", "/shippedAt"),
    ("UPDATED", "/updatedAt"),
];

const WHOLE: &[Column] = &[
    ("Number", "/number"),
    ("Id", "/id"),
    ("User", "/userId"),
    ("Status", "/status"),
    ("Placed", "/placedAt"),
    ("Payment", "/payment/status"),
    ("Method", "/payment/method"),
    ("Captured", "/payment/captured"),
    ("Refunded", "/payment/refunded"),
    ("Subtotal", "/subtotal"),
    ("Discount", "/discount"),
    ("Shipping", "/shipping"),
    ("Tax", "/tax"),
    ("Total", "/total"),
    ("Ship to", "/shippingAddress"),
];

const TIMELINE: &[Column] = &[("AT", "/at"), ("STATUS", "/status"), ("BY", "/actor"), ("NOTE", "/note")];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Orders, newest first
    List(List),
    /// One order with its lines and shipments
    Show {
        /// Number (ORD-…) or id
        order: String,
    },
    /// An order's history, oldest first
    Timeline {
        /// Number (ORD-…) or id
        order: String,
        #[command(flatten)]
        paging: Paging,
    },
    /// Take an order one status further
    #[command(after_help = "Example:\n  commerce order status ORD-123456 PROCESSING --note \"picked\"")]
    Status {
        /// Number (ORD-…) or id
        order: String,
        /// What it becomes: SHIPPED ships all that is open, CANCELLED gives the money back
        #[arg(value_parser = one_of(OrderStatus::ALL, OrderStatus::as_str), ignore_case = true)]
        status: OrderStatus,
        /// A remark for the history
        #[arg(long)]
        note: Option<String>,
    },
    /// Cancel an order, or some of its lines; captured money goes back
    #[command(after_help = "Example:\n  commerce order cancel ORD-123456 --line TSHIRT-S=1")]
    Cancel {
        /// Number (ORD-…) or id
        order: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Only so many of a SKU that have not left the house; may be repeated
        #[arg(long = "line", value_name = "SKU=QUANTITY", value_parser = item)]
        lines: Vec<(String, i64)>,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    /// Only in this status
    #[arg(long, value_parser = one_of(OrderStatus::ALL, OrderStatus::as_str), ignore_case = true)]
    status: Option<OrderStatus>,
    /// Only of this user, by id
    #[arg(long)]
    user: Option<UserId>,
    /// Only of the user with this mail address
    #[arg(long)]
    email: Option<String>,
    /// Only the one with this number
    #[arg(long)]
    number: Option<String>,
    /// Only placed at this time (RFC 3339) or later
    #[arg(long, value_parser = time)]
    from: Option<Timestamp>,
    /// Only placed before this time
    #[arg(long, value_parser = time)]
    to: Option<Timestamp>,
    #[command(flatten)]
    paging: Paging,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(args) => list(cx, args).await,
        Command::Show { order } => show(cx, &order).await,
        Command::Timeline { order, paging } => timeline(cx, &order, &paging).await,
        Command::Status { order, status, note } => {
            if status == OrderStatus::Cancelled {
                cx.confirm(&format!("Cancel {order}? This is final."))?;
            }
            step(cx, &order, status, note).await
        }
        Command::Cancel { order, reason, lines } => {
            let what = if lines.is_empty() { "" } else { "some of " };
            cx.confirm(&format!("Cancel {what}{order}? This is final."))?;
            cancel(cx, &order, reason, lines).await
        }
    }
}

async fn list(cx: &Context, args: List) -> Result<(), Failure> {
    // What a script left empty is no wish for all of them.
    for (name, said) in [("--email", &args.email), ("--number", &args.number)] {
        if said.as_deref() == Some("") {
            return Err(Failure::usage(format!("{name}: is empty")));
        }
    }
    match cx.target().await? {
        Target::Local(shop) => {
            let (user, paging) = (args.user, args.paging.request()?);
            let filter = OrderFilter {
                user,
                status: args.status,
                from: args.from,
                to: args.to,
                number: args.number,
                ..OrderFilter::default()
            };
            let page = match args.email.as_deref().filter(|_| user.is_none()) {
                Some(email) => {
                    let people = shop.users.find(&Actor::System, &Email::parse("email", email)?).await?;
                    shop.orders.orders_of(&Actor::System, &people, filter, &paging).await?
                }
                None => shop.orders.orders(&Actor::System, filter, &paging).await?,
            };
            cx.out.page(&views::page(page, views::order), COLUMNS)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let filters = [
                ("status", args.status.map(|status| status.to_string())),
                ("userId", args.user.map(|user| user.to_string())),
                ("email", args.email),
                ("number", args.number),
                ("from", args.from.map(|at| at.to_string())),
                ("to", args.to.map(|at| at.to_string())),
            ];
            let mut query = args.paging.query();
            query.extend(filters.into_iter().filter_map(|(name, value)| Some((name, value?))));
            cx.out.page(&remote.get("/api/orders", &query).await?, COLUMNS)
        }
    }
}

async fn show(cx: &Context, order: &str) -> Result<(), Failure> {
    let (mut order, shipments) = match cx.target().await? {
        Target::Local(shop) => {
            let order = find(&shop, order).await?;
            let shipments = shop.orders.shipments_of(&Actor::System, order.id).await?;
            shop.close().await?;
            (views::order(order), shipments.into_iter().map(views::shipment).collect())
        }
        Target::Remote(remote) => {
            let id = remote_id(&remote, order).await?;
            let shipments = remote.get(&format!("/api/orders/{id}/shipments"), &[]).await?;
            let shipments = shipments.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
            (remote.get(&format!("/api/orders/{id}"), &[]).await?, shipments)
        }
    };
    if cx.out.is_json() {
        order["shipments"] = shipments.into();
        return cx.out.record(&order, WHOLE);
    }
    cx.out.record(&order, WHOLE)?;
    output::text("")?;
    cx.out.list(order.get("lines").and_then(Value::as_array).map_or(&[], Vec::as_slice), LINES)?;
    let given_up = given_up(&order);
    if !given_up.is_empty() {
        output::text("")?;
        cx.out.list(&given_up, GIVEN_UP)?;
    }
    if shipments.is_empty() {
        return Ok(());
    }
    output::text("")?;
    cx.out.list(&shipments, SHIPMENTS)
}

/// What was cancelled of an order's lines, with the units in words.
fn given_up(order: &Value) -> Vec<Value> {
    let unit = |line: &Value| format!("{} × {}", output::shown(&line["quantity"]), output::shown(&line["sku"]));
    let told = |it: &Value| {
        let units: Vec<String> = it["lines"].as_array().into_iter().flatten().map(unit).collect();
        json!({ "units": units.join(", "), "worth": it["worth"], "reason": it["reason"], "at": it["at"] })
    };
    order["cancellations"].as_array().into_iter().flatten().map(told).collect()
}

async fn timeline(cx: &Context, order: &str, paging: &Paging) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let id = find(&shop, order).await?.id;
            let page = shop.orders.timeline(&Actor::System, id, &paging.request()?).await?;
            cx.out.page(&views::page(page, views::timeline), TIMELINE)?;
            shop.close().await
        }
        Target::Remote(remote) => {
            let id = remote_id(&remote, order).await?;
            cx.out.page(&remote.get(&format!("/api/orders/{id}/timeline"), &paging.query()).await?, TIMELINE)
        }
    }
}

async fn step(cx: &Context, order: &str, status: OrderStatus, note: Option<String>) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let id = find(&shop, order).await?.id;
            let order = shop.orders.set_status(&Actor::System, id, status, note, None).await?;
            cx.out.record(&views::order(order), COLUMNS)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let id = remote_id(&remote, order).await?;
            let body = with(json!({ "status": status }), "note", note);
            cx.out.record(&remote.call(Method::PATCH, &format!("/api/orders/{id}/status"), &body).await?, COLUMNS)
        }
    }
}

async fn cancel(cx: &Context, order: &str, reason: Option<String>, lines: Vec<(String, i64)>) -> Result<(), Failure> {
    match cx.target().await? {
        Target::Local(shop) => {
            let id = find(&shop, order).await?.id;
            let (orders, staff) = (&shop.orders, &Actor::System);
            let order = if lines.is_empty() {
                orders.cancel(staff, id, reason, None, None).await?
            } else {
                orders.cancel_lines(staff, id, &lines, reason, None, None).await?
            };
            let order = order.into_inner();
            cx.out.record(&views::order(order), COLUMNS)?;
            shop.finish().await
        }
        Target::Remote(remote) => {
            let id = remote_id(&remote, order).await?;
            let mut body = with(json!({}), "reason", reason);
            if !lines.is_empty() {
                let line = |(sku, quantity)| json!({ "sku": sku, "quantity": quantity });
                body["lines"] = lines.into_iter().map(line).collect();
            }
            cx.out.record(&remote.call(Method::POST, &format!("/api/orders/{id}/cancel"), &body).await?, COLUMNS)
        }
    }
}

/// The order with this id or number.
async fn find(shop: &Shop, text: &str) -> Result<Order, Failure> {
    if let Ok(id) = text.parse::<OrderId>() {
        return Ok(shop.orders.order(&Actor::System, id).await?);
    }
    let filter = OrderFilter { number: Some(text.to_owned()), ..OrderFilter::default() };
    let page = shop.orders.orders(&Actor::System, filter, &PageRequest::first()).await?;
    Ok(page.items.into_iter().next().ok_or(Refusal::NotFound("order"))?)
}

/// The id of the order with this id or number.
async fn remote_id(remote: &Remote, text: &str) -> Result<String, Failure> {
    if text.parse::<OrderId>().is_ok() {
        return Ok(part(text));
    }
    if text.is_empty() {
        return Err(Refusal::NotFound("order").into());
    }
    let page = remote.get("/api/orders", &[("number", text.to_owned())]).await?;
    // Whatever the server made of the question: what is acted on is what was named.
    let orders = page.get("items").and_then(Value::as_array).into_iter().flatten();
    let named = orders.filter(|order| order.get("number").and_then(Value::as_str) == Some(text));
    let id = named.filter_map(|order| order.get("id")?.as_str()).map(str::to_owned).next();
    Ok(id.ok_or(Refusal::NotFound("order"))?)
}

fn with(mut body: Value, member: &str, text: Option<String>) -> Value {
    if let Some(text) = text {
        body[member] = text.into();
    }
    body
}
