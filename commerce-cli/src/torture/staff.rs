//! Staff: puts things on sale, moves orders on, cancels some, counts stock. Touches nothing that the
//! run did not make.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::Currency;
use serde_json::{Value, json};

use crate::bench::draw::Draw;
use crate::failure::Failure;

use super::Args;
use super::buyer::Goods;
use super::history::{Action, Adjustment, History, Outcome};
use super::person::{Caller, TRIES_FOR, told};
use super::wire::{Answer, Ask, Heard};

/// Units of what does not sell out.
const PLENTY_UNITS: i64 = 1_000_000;
/// SKUs of what does not sell out.
const PLENTY: u32 = 3;
/// Pause between two acts: staff is slower than buyers.
const PAUSE: Duration = Duration::from_millis(40);
/// Pause before a busy server is asked again.
const COME_BACK: Duration = Duration::from_millis(250);
/// What a step may be refused with when customers and colleagues were quicker.
const STEPS: &[&str] = &["ILLEGAL_TRANSITION", "PAYMENT_REQUIRED"];

/// What staff put on sale: goods for the buyers, units by SKU, ids of the products.
pub(crate) struct Shelf {
    pub goods: Arc<Goods>,
    pub units: Vec<(String, i64)>,
    pub products: Vec<String>,
}

/// Puts the run's products on sale.
///
/// # Errors
/// When the shop refuses.
pub(crate) async fn fill_shelf(staff: &Caller, run: &str, args: &Args, currency: Currency) -> Result<Shelf, Failure> {
    let mut shelf =
        Shelf { goods: Arc::new(Goods { hot: Vec::new(), plenty: Vec::new() }), units: Vec::new(), products: Vec::new() };
    let (mut hot_skus, mut plenty_skus) = (Vec::new(), Vec::new());
    for number in 0..args.hot_skus + PLENTY {
        let is_hot = number < args.hot_skus;
        let sku = format!("TORTURE-{run}-{}{number}", if is_hot { "HOT" } else { "CUP" });
        let units = if is_hot { args.hot_units(number) } else { PLENTY_UNITS };
        let price = json!({ "amount": 1_000 + i64::from(number) * 137, "currency": currency });
        let variants = json!([{ "sku": sku, "price": price, "stock": units }]);
        let body = json!({ "name": format!("TORTURE {sku}"), "description": "Made by commerce torture", "variants": variants });
        let answer = ask(staff, &Ask::post("/api/products", &body)).await?;
        shelf.products.push(answer.text_at("/id").to_owned());
        shelf.units.push((sku.clone(), units));
        if is_hot { hot_skus.push(sku) } else { plenty_skus.push(sku) }
    }
    shelf.goods = Arc::new(Goods { hot: hot_skus, plenty: plenty_skus });
    Ok(shelf)
}

/// Takes the run's products off the shelf.
///
/// # Errors
/// When the shop refuses.
pub(crate) async fn clear_shelf(staff: &Caller, shelf: &Shelf) -> Result<(), Failure> {
    for product in &shelf.products {
        let delete = Ask { method: reqwest::Method::DELETE, ..Ask::get(format!("/api/products/{product}")) };
        ask(staff, &delete).await?;
    }
    Ok(())
}

/// Asks as staff for what must be answered; again, while the server says to come back.
///
/// # Errors
/// The problem, or that the server does not answer.
pub(crate) async fn ask(staff: &Caller, ask: &Ask) -> Result<Answer, Failure> {
    let (ask, begun) = (ask.clone().by(&staff.token), staff.history.now());
    loop {
        let in_time = staff.history.since(begun) < TRIES_FOR;
        match staff.wire.send(&ask).await {
            Heard::Answer(answer) if answer.is_done() => return Ok(answer),
            Heard::Answer(answer) if !answer.is_final() && in_time => tokio::time::sleep(COME_BACK).await,
            Heard::Answer(answer) => return Err(Failure::problem(answer.status, &answer.body).about(&ask.path)),
            Heard::Nothing(why) => return Err(Failure::new("UNREACHABLE", format!("{}: {why}", ask.path))),
        }
    }
}

/// Works until `until`.
pub(crate) async fn work(mut staff: Caller, mut draw: Draw, goods: Arc<Goods>, number: usize, until: Duration) {
    let mut counted = 0;
    while staff.history.now() < until {
        staff.keep_logged_in().await;
        match draw.below(10) {
            0..6 => move_on(&staff, &mut draw).await,
            6..8 => cancel(&staff, &mut draw).await,
            _ => {
                counted += 1;
                adjust(&staff, &mut draw, &goods, &format!("torture {number}-{counted}")).await;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn move_on(staff: &Caller, draw: &mut Draw) {
    let Some(order) = some_order(&staff.history, draw) else { return };
    for status in ["PROCESSING", "SHIPPED", "OUT_FOR_DELIVERY", "DELIVERED"].iter().take(1 + draw.below(4)) {
        set_status(staff, Action::MoveOn, &order, status).await;
    }
}

async fn cancel(staff: &Caller, draw: &mut Draw) {
    let Some(order) = some_order(&staff.history, draw) else { return };
    if set_status(staff, Action::StaffCancel, &order, "CANCELLED").await {
        staff.history.write().cancelled.insert(order);
    }
}

async fn set_status(staff: &Caller, action: Action, order: &str, status: &str) -> bool {
    let body = json!({ "status": status, "note": "torture" });
    let ask = Ask::patch(format!("/api/orders/{order}/status"), &body).by(&staff.token);
    let answer = staff.until_answered(action, &ask, STEPS).await;
    let done = answer.is_some_and(|answer| answer.is_done());
    if done {
        staff.history.write().reached.insert((order.to_owned(), status.to_owned()));
    }
    done
}

/// Counts stock once: a count whose answer is lost is looked up in the ledger afterwards.
async fn adjust(staff: &Caller, draw: &mut Draw, goods: &Goods, reason: &str) {
    let sku = goods.hot[draw.below(goods.hot.len())].clone();
    let delta = i64::try_from(draw.below(5)).unwrap_or(0) - 2;
    let delta = if delta == 0 { 3 } else { delta };
    let body = json!({ "delta": delta, "reason": reason });
    let ask = Ask::post(format!("/api/inventory/{sku}/adjust"), &body).by(&staff.token);
    let outcome = match staff.send(Action::Adjust, &ask, &["BELOW_RESERVED"]).await {
        Heard::Answer(answer) if answer.is_done() => Outcome::Acknowledged,
        Heard::Answer(answer) if answer.is_final() => Outcome::Refused(answer.status, told(&answer), false),
        Heard::Answer(answer) => Outcome::Unknown(told(&answer)),
        Heard::Nothing(why) => Outcome::Unknown(why),
    };
    staff.history.write().adjustments.push(Adjustment { sku, delta, reason: reason.to_owned(), outcome });
}

/// One of the run's orders, sooner a late one.
fn some_order(history: &History, draw: &mut Draw) -> Option<String> {
    let record = history.write();
    let late = record.orders.len().min(64);
    if late == 0 {
        return None;
    }
    let from = if draw.below(4) == 0 { 0 } else { record.orders.len() - late };
    Some(record.orders[from + draw.below(record.orders.len() - from)].0.clone())
}

/// Reads a list to its end.
///
/// # Errors
/// The problem, or that the server does not answer.
pub(crate) async fn all(staff: &Caller, path: &str) -> Result<Vec<Value>, Failure> {
    let (mut items, mut cursor) = (Vec::new(), String::new());
    let joint = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = ask(staff, &Ask::get(format!("{path}{joint}limit=100&cursor={cursor}"))).await?.body;
        items.extend(page["items"].as_array().cloned().unwrap_or_default());
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => return Ok(items),
        }
    }
}
