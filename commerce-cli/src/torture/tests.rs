//! The checks, tried on histories that never happened: each one finds what it is for, by its name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::checks::{Judged, judge};
use super::history::{Action, Adjustment, Call, Disturbance, DisturbanceKind, Named, Outcome, Person, Placing, Record};
use super::survey::{Mail, Seen, Survey};
use super::{Config, mail_folder};

/// A history and a shop that fit: ten cups put in, one sold, one on order.
fn fitting() -> (Record, Survey, Vec<(String, i64)>) {
    let paid = order("a", "ORD-1", "CONFIRMED", &["PENDING", "CONFIRMED"]);
    let open = Seen { captured: 0, payment_status: "PENDING".into(), ..order("b", "ORD-2", "PENDING", &["PENDING"]) };
    let mut record = Record::default();
    for order in [&paid, &open] {
        let named = Named { id: order.id.clone(), number: order.number.clone(), total_minor: order.total };
        let placing = Placing { named: BTreeSet::from([named]), fresh: 1, ..Placing::default() };
        record.placings.insert((order.user.clone(), order.key.clone()), placing);
    }
    record.people.push(Person { id: "ann".into(), email: "ann@example.com".into() });
    let mails =
        [("Welcome!", ""), ("Order Placed — ORD-1", "ORD-1"), ("Order Confirmed", "ORD-1"), ("Payment Received", "ORD-1")];
    let mails = mails.into_iter().chain([("Order Placed — ORD-2", "ORD-2")]).enumerate().map(|(id, (subject, number))| Mail {
        to: "ann@example.com".into(),
        subject: subject.into(),
        id: id.to_string(),
        text: format!("Hello,\nyour order {number} is here."),
    });
    let survey = Survey {
        orders: [paid, open].into_iter().map(|order| (order.id.clone(), order)).collect(),
        stock: [("CUP".to_owned(), (9, 1))].into(),
        mails: Some(mails.collect()),
        ..Survey::default()
    };
    (record, survey, vec![("CUP".into(), 10)])
}

fn order(id: &str, number: &str, status: &str, timeline: &[&str]) -> Seen {
    Seen {
        id: id.into(),
        number: number.into(),
        user: "ann".into(),
        status: status.into(),
        key: format!("key-{id}"),
        lines: vec![("CUP".into(), 1, 500)],
        subtotal: 500,
        shipping: 50,
        total: 550,
        method: "CARD".into(),
        payment_status: "CAPTURED".into(),
        captured: 550,
        timeline: timeline.iter().map(|status| (*status).to_owned()).collect(),
        ..Seen::default()
    }
}

fn call(outcome: Outcome) -> Call {
    let (sent, heard) = (Duration::from_secs(10), Duration::from_secs(11));
    Call { action: Action::OrderItems, who: "ann".into(), what: "POST /api/orders".into(), sent, heard, outcome }
}

fn names(judged: &Judged) -> Vec<&'static str> {
    judged.violations.iter().chain(&judged.unsettled).map(|violation| violation.name).collect()
}

/// What is found once the fitting history and shop are spoilt.
fn spoilt(spoil: impl FnOnce(&mut Record, &mut Survey)) -> Vec<&'static str> {
    let (mut record, mut survey, put_in) = fitting();
    spoil(&mut record, &mut survey);
    names(&judge(&record, &survey, &put_in))
}

fn placing(record: &mut Record) -> &mut Placing {
    record.placings.get_mut(&("ann".to_owned(), "key-a".to_owned())).unwrap()
}

fn seen(survey: &mut Survey) -> &mut Seen {
    survey.orders.get_mut("a").unwrap()
}

fn mails(survey: &mut Survey) -> &mut Vec<Mail> {
    survey.mails.as_mut().unwrap()
}

#[test]
fn what_fits_is_let_pass() {
    assert_eq!(spoilt(|_, _| {}), [] as [&str; 0]);
    assert_eq!(spoilt(|record, _| placing(record).unknown = 3), [] as [&str; 0]);
}

#[test]
fn a_key_that_made_another_number_of_orders_is_named() {
    assert!(spoilt(|_, survey| drop(survey.orders.remove("a"))).contains(&"ORDER_LOST"));
    assert!(spoilt(|record, _| placing(record).named.clear()).contains(&"REFUSED_YET_THERE"));
    assert_eq!(spoilt(|record, _| placing(record).fresh = 2), ["ACKNOWLEDGED_TWICE_AS_NEW"]);
    assert!(spoilt(|record, _| drop(record.placings.pop_first())).contains(&"ORDER_OF_NOBODY"));
    let twice = spoilt(|_, survey| {
        let twin = Seen { id: "c".into(), number: "ORD-3".into(), ..seen(survey).clone() };
        survey.orders.insert("c".into(), twin);
    });
    assert!(twice.contains(&"ORDERED_TWICE"), "{twice:?}");
    let two = spoilt(|record, _| {
        let other = Named { id: "b".into(), number: "ORD-2".into(), total_minor: 550 };
        placing(record).named.insert(other);
    });
    assert!(two.contains(&"KEY_NAMED_TWO_ORDERS"), "{two:?}");
    let unknown = spoilt(|record, survey| {
        let placing = placing(record);
        (placing.unknown, placing.fresh) = (1, 0);
        placing.named.clear();
        seen(survey).number = "ORD-1".into();
    });
    assert_eq!(unknown, [] as [&str; 0], "an order under a key that was never answered");
}

#[test]
fn an_order_that_is_not_as_it_was_acknowledged_is_named() {
    let dearer =
        |_: &mut Record, survey: &mut Survey| (seen(survey).total, seen(survey).captured, seen(survey).tax) = (560, 560, 10);
    assert_eq!(spoilt(dearer), ["ORDER_CHANGED"]);
    assert!(spoilt(|_, survey| seen(survey).total = 540).contains(&"TOTAL_WRONG"));
    assert_eq!(spoilt(|record, _| record.cancelled.extend(["a".to_owned()])), ["UNCANCELLED"]);
    assert_eq!(spoilt(|record, _| record.reached.extend([("a".to_owned(), "SHIPPED".to_owned())])), ["STEP_LOST"]);
    assert!(spoilt(|_, survey| seen(survey).timeline.reverse()).contains(&"ILLEGAL_TIMELINE"));
    assert!(spoilt(|_, survey| seen(survey).timeline.truncate(1)).contains(&"TIMELINE_ENDS_ELSEWHERE"));
    assert_eq!(spoilt(|_, survey| survey.listed_twice.extend(["a".to_owned()])), ["LISTED_TWICE"]);
}

#[test]
fn money_and_units_that_do_not_add_up_are_named() {
    assert_eq!(spoilt(|_, survey| seen(survey).refunded = 1), ["MONEY_KEPT"]);
    assert!(spoilt(|_, survey| seen(survey).refunded = 551).contains(&"REFUNDED_TOO_MUCH"));
    assert_eq!(spoilt(|_, survey| seen(survey).payment_status = "UNKNOWN".into()), ["PAYMENT_UNRESOLVED"]);
    assert_eq!(spoilt(|record, _| record.paid.extend(["b".to_owned()])), ["WEBHOOK_LOST"]);
    let stock = |on_hand, reserved| {
        move |_: &mut Record, survey: &mut Survey| survey.stock.extend([("CUP".to_owned(), (on_hand, reserved))])
    };
    assert_eq!(spoilt(stock(8, 1)), ["STOCK_DOES_NOT_ADD_UP"]);
    assert_eq!(spoilt(stock(9, 0)), ["RESERVED_FOR_NOBODY"]);
    assert!(spoilt(stock(0, 1)).contains(&"OVERSOLD"));
    let counted = |outcome: Outcome, booked: i64| {
        spoilt(|record, survey| {
            let (sku, reason) = ("CUP".to_owned(), "torture 0-1".to_owned());
            record.adjustments.push(Adjustment { sku, delta: 2, reason: reason.clone(), outcome });
            survey.ledger.extend((booked != 0).then_some((reason, booked)));
            survey.stock.insert("CUP".into(), (9 + booked, 1));
        })
    };
    assert_eq!(counted(Outcome::Acknowledged, 2), [] as [&str; 0]);
    assert_eq!(counted(Outcome::Unknown("gone".into()), 0), [] as [&str; 0]);
    assert_eq!(counted(Outcome::Acknowledged, 0), ["ADJUSTMENT_WRONG"]);
    assert_eq!(counted(Outcome::Refused(409, "BELOW_RESERVED".into(), false), 2), ["ADJUSTMENT_WRONG"]);
}

#[test]
fn answers_that_must_not_be_are_named() {
    let heard = |outcome: Outcome| spoilt(|record, _| record.calls.push(call(outcome)));
    assert_eq!(heard(Outcome::Refused(503, "TIMEOUT".into(), true)), [] as [&str; 0]);
    assert_eq!(heard(Outcome::Refused(503, "TIMEOUT".into(), false)), ["SERVER_ERROR"]);
    assert_eq!(heard(Outcome::Refused(500, "INTERNAL".into(), true)), ["SERVER_ERROR"]);
    assert_eq!(heard(Outcome::Unknown("connection reset".into())), ["NO_ANSWER"]);
    let killed = |from, to| {
        spoilt(|record, _| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
            record.disturbances.push(Disturbance { kind: DisturbanceKind::Killed, from, to });
            record.calls.push(call(Outcome::Unknown("connection reset".into())));
        })
    };
    assert_eq!(killed(9, 12), [] as [&str; 0]);
    assert_eq!(killed(12, 14), ["NO_ANSWER"]);
}

#[test]
fn every_mail_is_missed_and_every_second_one_named() {
    for at in 0..5 {
        assert_eq!(spoilt(|_, survey| drop(mails(survey).remove(at))), ["MAIL_COUNT"]);
        let again = |survey: &mut Survey, id: &str| {
            let copy = Mail { id: id.into(), ..mails(survey)[at].clone() };
            mails(survey).push(copy);
        };
        assert_eq!(spoilt(|_, survey| again(survey, "new")), ["MAIL_COUNT"]);
        assert_eq!(spoilt(|_, survey| again(survey, &at.to_string())), ["MAIL_COUNT", "MAIL_TWICE"]);
    }
    let elsewhere = |_: &mut Record, survey: &mut Survey| survey.mails = None;
    assert_eq!(spoilt(elsewhere), [] as [&str; 0]);
}

#[test]
fn mails_are_counted_where_they_are_files() {
    let data = Path::new("shop");
    assert_eq!(mail_folder(Some(data), &Config::defaults()), Some(PathBuf::from("shop/mail")));
    assert_eq!(mail_folder(None, &Config::defaults()), None);
    let by_ses = [("COMMERCE_MAIL__TRANSPORT".to_owned(), "ses".to_owned())];
    assert_eq!(mail_folder(Some(data), &Config::load(None, by_ses).expect("SES is a way out")), None);
}
