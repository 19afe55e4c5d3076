//! Whether every mail was sent, and each once.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::Judged;
use super::history::Violation;
use super::survey::{Mail, Seen, Survey};

/// Mails about an order by the status that causes one: how the subject begins.
const OF_STATUS: &[(&str, &str)] = &[
    ("PENDING", "Order Placed"),
    ("CONFIRMED", "Order Confirmed"),
    ("SHIPPED", "Order Shipped"),
    ("DELIVERED", "Delivered"),
    ("CANCELLED", "Order Cancelled"),
];

/// Holds the mails against the orders.
pub(crate) fn judge(survey: &Survey, judged: &mut Judged) {
    let Some(mails) = &survey.mails else { return };
    let mut ids = BTreeSet::new();
    for mail in mails.iter().filter(|mail| !ids.insert(mail.id.as_str())) {
        judged.violations.push(Violation::new(
            "MAIL_TWICE",
            mail.id.clone(),
            "one file for each Message-ID",
            mail.subject.clone(),
        ));
    }
    let about = by_order(survey, mails);
    let none = Vec::new();
    for order in survey.orders.values() {
        let mails = about.get(order.number.as_str()).unwrap_or(&none);
        for (status, begins) in OF_STATUS {
            let expected = order.timeline.iter().filter(|known| *known == status).count();
            count(order, mails, begins, expected, judged);
        }
        // Every capture is of the whole order.
        let captures = order.captured.checked_div(order.total).and_then(|count| usize::try_from(count).ok());
        count(order, mails, "Payment Received", captures.unwrap_or(0), judged);
    }
}

/// Welcome mails are judged by the people who registered.
pub(crate) fn judge_welcome<'a>(people: impl Iterator<Item = &'a str>, survey: &Survey, judged: &mut Judged) {
    let Some(mails) = &survey.mails else { return };
    for email in people {
        let found = mails.iter().filter(|mail| mail.to == email && mail.subject.starts_with("Welcome")).count();
        if found != 1 {
            let list = if found > 1 { &mut judged.violations } else { &mut judged.unsettled };
            list.push(Violation::new("MAIL_COUNT", email, "one welcome mail", found.to_string()));
        }
    }
}

fn count(order: &Seen, mails: &[&Mail], begins: &str, expected: usize, judged: &mut Judged) {
    let found = mails.iter().filter(|mail| mail.subject.starts_with(begins)).count();
    if found != expected {
        let list = if found > expected { &mut judged.violations } else { &mut judged.unsettled };
        let subject = format!("{} \"{begins}\"", order.number);
        list.push(Violation::new("MAIL_COUNT", subject, expected.to_string(), found.to_string()));
    }
}

/// Mails by the number of the order that they name.
fn by_order<'a>(survey: &'a Survey, mails: &'a [Mail]) -> BTreeMap<&'a str, Vec<&'a Mail>> {
    let numbers: BTreeSet<&str> = survey.orders.values().map(|order| order.number.as_str()).collect();
    let mut about: BTreeMap<&str, Vec<&Mail>> = BTreeMap::new();
    for mail in mails {
        let mut words = mail.text.split(|char: char| !char.is_ascii_alphanumeric() && char != '-');
        if let Some(number) = words.find_map(|word| numbers.get(word)) {
            about.entry(number).or_default().push(mail);
        }
    }
    about
}
