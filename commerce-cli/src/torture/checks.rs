//! Whether what was heard and what is there fit together. Pure: a history and a survey in, what is
//! wrong out.
//!
//! Acknowledged is there, once, as it was acknowledged; refused is not there; where nothing was
//! heard it is there at most once. What only needs time is told apart ([`Judged::unsettled`]).

use std::collections::BTreeMap;

use super::history::{Named, Outcome, Placing, Record, Violation};
use super::mails;
use super::survey::{Seen, Survey};

/// What the checks found.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Wrong, and more so with time.
    pub violations: Vec<Violation>,
    /// Not yet as it has to be once the shop is at rest.
    pub unsettled: Vec<Violation>,
}

/// Where an order may go next, as the contract has it; CANCELLED and DELIVERED are the end.
const STEPS: &[(&str, &[&str])] = &[
    ("PENDING", &["CONFIRMED", "CANCELLED"]),
    ("CONFIRMED", &["PROCESSING", "SHIPPED", "CANCELLED"]),
    ("PROCESSING", &["SHIPPED", "CANCELLED"]),
    ("SHIPPED", &["OUT_FOR_DELIVERY", "DELIVERED"]),
    ("OUT_FOR_DELIVERY", &["DELIVERED"]),
];

/// Holds a history against what the shop says. `put_in` is what was on the shelf at first.
pub(crate) fn judge(record: &Record, survey: &Survey, put_in: &[(String, i64)]) -> Judged {
    let mut judged = Judged { violations: record.seen.clone(), unsettled: Vec::new() };
    answers(record, &mut judged.violations);
    keys(record, survey, &mut judged.violations);
    for order in survey.orders.values() {
        history_of(record, order, &mut judged.violations);
        money(record, order, &mut judged);
    }
    judged.violations.extend(
        survey.listed_twice.iter().map(|id| Violation::new("LISTED_TWICE", id.clone(), "each order once in a list", "twice")),
    );
    stock(record, survey, put_in, &mut judged);
    mails::judge(survey, &mut judged);
    mails::judge_welcome(record.people.iter().map(|person| person.email.as_str()), survey, &mut judged);
    judged.violations.sort();
    judged.violations.dedup();
    judged
}

/// No answer is a defect, and none is missing without a reason.
fn answers(record: &Record, violations: &mut Vec<Violation>) {
    for call in &record.calls {
        let subject = || format!("{} of {}", call.what, call.who);
        match &call.outcome {
            Outcome::Refused(503, _, true) | Outcome::Acknowledged => {}
            Outcome::Refused(status, code, _) if *status >= 500 => violations.push(Violation::new(
                "SERVER_ERROR",
                subject(),
                "no answer of 500 and above but 503 with Retry-After",
                format!("{status} {code}"),
            )),
            Outcome::Refused(..) => {}
            Outcome::Unknown(why) => {
                let excused = record.disturbances.iter().any(|window| call.sent <= window.to && window.from <= call.heard);
                if !excused {
                    violations.push(Violation::new("NO_ANSWER", subject(), "an answer while the server runs", why.clone()));
                }
            }
        }
    }
}

/// One key, one order.
fn keys(record: &Record, survey: &Survey, violations: &mut Vec<Violation>) {
    let mut made: BTreeMap<(&str, &str), Vec<&Seen>> = BTreeMap::new();
    for order in survey.orders.values() {
        made.entry((&order.user, &order.key)).or_default().push(order);
    }
    for ((user, key), placing) in &record.placings {
        let found = made.remove(&(user.as_str(), key.as_str())).unwrap_or_default();
        key_of(key, placing, &found, violations);
    }
    for order in made.into_values().flatten() {
        violations.push(Violation::new(
            "ORDER_OF_NOBODY",
            order.number.clone(),
            "an order that somebody placed",
            order.key.clone(),
        ));
    }
}

fn key_of(key: &str, placing: &Placing, found: &[&Seen], violations: &mut Vec<Violation>) {
    let mut wrong = |name, expected: &str, found: String| {
        violations.push(Violation::new(name, format!("key {key}"), expected, found));
    };
    let numbers = |orders: &[&Seen]| orders.iter().map(|order| order.number.as_str()).collect::<Vec<_>>().join(", ");
    if placing.named.len() > 1 {
        let named: Vec<&str> = placing.named.iter().map(|named| named.number.as_str()).collect();
        wrong("KEY_NAMED_TWO_ORDERS", "the same order in every answer", named.join(", "));
    }
    if placing.fresh > 1 {
        wrong("ACKNOWLEDGED_TWICE_AS_NEW", "one 201, else replays", format!("{} times 201", placing.fresh));
    }
    if found.len() > 1 {
        wrong("ORDERED_TWICE", "one order", numbers(found));
    }
    for named in &placing.named {
        let Named { id, number, total_minor } = named;
        match found.iter().find(|order| order.id == *id) {
            None => wrong("ORDER_LOST", &format!("order {number}, which was acknowledged"), "no such order".to_owned()),
            Some(order) if order.total != *total_minor || order.number != *number => {
                wrong("ORDER_CHANGED", &format!("{number}, {total_minor} in all"), format!("{}, {}", order.number, order.total));
            }
            Some(_) => {}
        }
    }
    if placing.named.is_empty() && placing.unknown == 0 && !found.is_empty() {
        wrong("REFUSED_YET_THERE", &format!("no order: refused with {}", placing.refused.join(", ")), numbers(found));
    }
}

/// The timeline is a legal way that ends where the order is; what was promised is on it.
fn history_of(record: &Record, order: &Seen, violations: &mut Vec<Violation>) {
    let mut wrong = |name, expected: &str, found: String| {
        violations.push(Violation::new(name, order.number.clone(), expected, found));
    };
    let way = order.timeline.join(" > ");
    let legal = |pair: &[String]| STEPS.iter().any(|(from, to)| *from == pair[0] && to.contains(&pair[1].as_str()));
    if order.timeline.first().is_none_or(|first| first != "PENDING") || !order.timeline.windows(2).all(legal) {
        wrong("ILLEGAL_TIMELINE", "PENDING and legal steps from there", way.clone());
    }
    if order.timeline.last() != Some(&order.status) {
        wrong("TIMELINE_ENDS_ELSEWHERE", &order.status, way.clone());
    }
    if record.cancelled.contains(&order.id) && order.status != "CANCELLED" {
        wrong("UNCANCELLED", "CANCELLED, as was acknowledged", order.status.clone());
    }
    let promised = record.reached.range((order.id.clone(), String::new())..).take_while(|(id, _)| *id == order.id);
    for (_, status) in promised.filter(|(_, status)| !order.timeline.contains(status)) {
        wrong("STEP_LOST", &format!("{status}, as was acknowledged"), way.clone());
    }
}

fn money(record: &Record, order: &Seen, judged: &mut Judged) {
    let mut wrong = |name, expected: String, found: String| {
        judged.violations.push(Violation::new(name, order.number.clone(), expected, found));
    };
    let lines: i64 = order.lines.iter().map(|(_, quantity, price)| quantity * price).sum();
    let total = order.subtotal - order.discount + order.shipping + order.tax;
    if lines != order.subtotal || total != order.total {
        wrong("TOTAL_WRONG", format!("{lines} in lines, {total} in all"), format!("{}, {}", order.subtotal, order.total));
    }
    if order.refunded > order.captured || order.captured < 0 {
        wrong("REFUNDED_TOO_MUCH", format!("at most {}", order.captured), order.refunded.to_string());
    }
    let kept = order.captured - order.refunded;
    let due = match (order.status.as_str(), order.method.as_str()) {
        ("DELIVERED", "COD") => order.total,
        ("PENDING" | "CANCELLED", _) | (_, "COD") => 0,
        _ => order.total,
    };
    let mut open = |name, expected: String, found: String| {
        judged.unsettled.push(Violation::new(name, order.number.clone(), expected, found));
    };
    if kept != due {
        open("MONEY_KEPT", format!("{due} kept of an order that is {}", order.status), kept.to_string());
    }
    if order.payment_status == "UNKNOWN" {
        open("PAYMENT_UNRESOLVED", "the provider's answer".to_owned(), "UNKNOWN".to_owned());
    }
    if record.paid.contains(&order.id) && order.captured < order.total {
        open("WEBHOOK_LOST", format!("{} captured", order.total), order.captured.to_string());
    }
}

/// Units sold and units left are what was put in.
fn stock(record: &Record, survey: &Survey, put_in: &[(String, i64)], judged: &mut Judged) {
    let moved: BTreeMap<&str, Vec<i64>> = survey.ledger.iter().fold(BTreeMap::new(), |mut moved, (reason, delta)| {
        moved.entry(reason.as_str()).or_insert_with(Vec::new).push(*delta);
        moved
    });
    let mut corrected: BTreeMap<&str, i64> = BTreeMap::new();
    for adjustment in &record.adjustments {
        let booked = moved.get(adjustment.reason.as_str()).cloned().unwrap_or_default();
        let fits = match &adjustment.outcome {
            Outcome::Acknowledged => booked == [adjustment.delta],
            Outcome::Refused(status, ..) if *status < 500 => booked.is_empty(),
            // A service that was ended may have done it.
            Outcome::Refused(..) | Outcome::Unknown(_) => booked.is_empty() || booked == [adjustment.delta],
        };
        if !fits {
            let expected = format!("{:+} under \"{}\": {:?}", adjustment.delta, adjustment.reason, adjustment.outcome);
            judged.violations.push(Violation::new("ADJUSTMENT_WRONG", adjustment.sku.clone(), expected, format!("{booked:?}")));
        }
        *corrected.entry(&adjustment.sku).or_default() += booked.iter().sum::<i64>();
    }
    for (sku, units) in put_in {
        let of =
            |order: &&Seen| order.lines.iter().filter(|(known, ..)| known == sku).map(|(_, quantity, _)| *quantity).sum::<i64>();
        let sold: i64 = survey.orders.values().filter(|order| order.is_sold()).map(|order| of(&order)).sum();
        let waiting: i64 = survey.orders.values().filter(|order| order.status == "PENDING").map(|order| of(&order)).sum();
        let (on_hand, reserved) = survey.stock.get(sku).copied().unwrap_or_default();
        let there = units + corrected.get(sku.as_str()).copied().unwrap_or_default();
        if on_hand < 0 || reserved < 0 || reserved > on_hand || sold + waiting > there {
            let found = format!("{on_hand} on hand, {reserved} reserved, {sold} sold, {waiting} on order");
            judged.violations.push(Violation::new("OVERSOLD", sku.clone(), format!("no more than {there}"), found));
        }
        if on_hand + sold != there {
            let found = format!("{on_hand} left, {sold} sold");
            judged.unsettled.push(Violation::new("STOCK_DOES_NOT_ADD_UP", sku.clone(), format!("{there} in all"), found));
        }
        let abandoned: i64 = abandoned(record, sku);
        if reserved < waiting || reserved > waiting + abandoned {
            let expected = format!("{waiting} for open orders, and at most {abandoned} for checkouts without an answer");
            judged.unsettled.push(Violation::new("RESERVED_FOR_NOBODY", sku.clone(), expected, reserved.to_string()));
        }
    }
}

/// Units that checkouts may still hold which never came to an order: their holds end by themselves.
fn abandoned(record: &Record, sku: &str) -> i64 {
    let open = record.placings.values().filter(|placing| placing.named.is_empty() && placing.unknown > 0);
    open.filter_map(|placing| placing.units.get(sku)).sum()
}
