//! What the shop says once all is over: read over HTTP as staff, and from its mail folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::{StreamExt, TryStreamExt};
use mail_parser::MessageParser;
use serde_json::Value;

use crate::failure::Failure;

use super::history::Record;
use super::person::Caller;
use super::staff::all;

/// Requests that are on their way at once.
const AT_ONCE: usize = 16;

/// All that the checks look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Survey {
    /// By id.
    pub orders: BTreeMap<String, Seen>,
    /// Ids that a list showed twice.
    pub listed_twice: BTreeSet<String>,
    /// By SKU: on hand and reserved.
    pub stock: BTreeMap<String, (i64, i64)>,
    /// Reasons in the ledgers, with what each moved on hand.
    pub ledger: Vec<(String, i64)>,
    /// Mails to the run's people; `None` where the folder cannot be reached.
    pub mails: Option<Vec<Mail>>,
}

/// An order as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub id: String,
    pub number: String,
    pub user: String,
    pub status: String,
    /// The key it was ordered under.
    pub key: String,
    /// SKU, quantity, price of one.
    pub lines: Vec<(String, i64, i64)>,
    pub subtotal: i64,
    pub discount: i64,
    pub shipping: i64,
    pub tax: i64,
    pub total: i64,
    pub method: String,
    pub payment_status: String,
    pub captured: i64,
    pub refunded: i64,
    /// Statuses, oldest first.
    pub timeline: Vec<String>,
}

impl Seen {
    /// Whether it has taken its goods.
    pub(crate) fn is_sold(&self) -> bool {
        !matches!(self.status.as_str(), "PENDING" | "CANCELLED")
    }

    fn of(order: &Value) -> Self {
        let text = |pointer: &str| order.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let minor = |pointer: &str| order.pointer(&format!("{pointer}/amount")).and_then(Value::as_i64).unwrap_or_default();
        let line = |line: &Value| {
            let sku = line["sku"].as_str().unwrap_or_default().to_owned();
            (sku, line["quantity"].as_i64().unwrap_or_default(), line["unitPrice"]["amount"].as_i64().unwrap_or_default())
        };
        Self {
            id: text("/id"),
            number: text("/number"),
            user: text("/userId"),
            status: text("/status"),
            key: text("/metadata/torture"),
            lines: order["lines"].as_array().map(|lines| lines.iter().map(line).collect()).unwrap_or_default(),
            subtotal: minor("/subtotal"),
            discount: minor("/discount"),
            shipping: minor("/shipping"),
            tax: minor("/tax"),
            total: minor("/total"),
            method: text("/payment/method"),
            payment_status: text("/payment/status"),
            captured: minor("/payment/captured"),
            refunded: minor("/payment/refunded"),
            timeline: Vec::new(),
        }
    }
}

/// A mail as it lies there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mail {
    pub to: String,
    pub subject: String,
    pub id: String,
    pub text: String,
}

/// Looks at everything.
///
/// # Errors
/// When the server does not answer.
pub(crate) async fn survey(
    staff: &Caller,
    record: &Record,
    skus: &[(String, i64)],
    mail_folder: Option<&Path>,
) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let people: Vec<&str> = record.people.iter().map(|person| person.id.as_str()).collect();
    let lists: Vec<Vec<Value>> = futures_util::stream::iter(people)
        .map(|user| async move { all(staff, &format!("/api/orders?userId={user}")).await })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for order in lists.iter().flatten().map(Seen::of) {
        if let Some(twice) = survey.orders.insert(order.id.clone(), order) {
            survey.listed_twice.insert(twice.id);
        }
    }
    let ids: Vec<String> = survey.orders.keys().cloned().collect();
    let timelines: Vec<(String, Vec<Value>)> = futures_util::stream::iter(ids)
        .map(|id| async move {
            let lines = all(staff, &format!("/api/orders/{id}/timeline")).await?;
            Ok::<_, Failure>((id, lines))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (id, lines) in timelines {
        if let Some(order) = survey.orders.get_mut(&id) {
            order.timeline = lines.iter().filter_map(|line| line["status"].as_str().map(str::to_owned)).collect();
        }
    }
    for (sku, _) in skus {
        let stock = super::staff::ask(staff, &super::wire::Ask::get(format!("/api/inventory/{sku}"))).await?.body;
        let number = |member: &str| stock[member].as_i64().unwrap_or_default();
        survey.stock.insert(sku.clone(), (number("onHand"), number("reserved")));
        if record.adjustments.iter().any(|adjustment| adjustment.sku == *sku) {
            let moves = all(staff, &format!("/api/inventory/{sku}/ledger")).await?;
            survey.ledger.extend(moves.iter().map(|line| {
                (line["reason"].as_str().unwrap_or_default().to_owned(), line["onHandDelta"].as_i64().unwrap_or_default())
            }));
        }
    }
    survey.mails = mail_folder.map(|folder| mails(folder, record));
    Ok(survey)
}

/// The mails to the run's people below `folder`; files that vanish meanwhile are drafts.
fn mails(folder: &Path, record: &Record) -> Vec<Mail> {
    let ours: BTreeSet<&str> = record.people.iter().map(|person| person.email.as_str()).collect();
    let mut mails = Vec::new();
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for day in entries(folder).filter(|path| path.is_dir()) {
        for file in entries(&day).filter(|path| path.extension().is_some_and(|extension| extension == "eml")) {
            let Some(mail) = std::fs::read(&file).ok().and_then(|bytes| read_mail(&bytes)) else { continue };
            if ours.contains(mail.to.as_str()) {
                mails.push(mail);
            }
        }
    }
    mails
}

fn read_mail(bytes: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    Some(Mail {
        to: message.to()?.first()?.address()?.to_owned(),
        subject: message.subject().unwrap_or_default().trim().to_owned(),
        id: message.message_id().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
    })
}
