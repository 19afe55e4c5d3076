//! Money: what a payment says against its attempts and refunds, and against its order.

use serde_json::Value;

use crate::events::EventKind;
use crate::limits;
use crate::money::{Currency, Money};
use crate::orders::{Attempt, AttemptState, OrderStatus, Payment, PaymentMethod, RefundState};
use crate::time::Timestamp;

use super::Invariant::{self, Overdue, Paid, Reference, Times};
use super::books::{Cell, Row};
use super::cancellations::{self, off};
use super::findings::Findings;
use super::run::Scene;
use super::shipments::{Units, nothing_arrived, refused_back};
use super::tables::{ATTEMPTS, HISTORY, ITEMS, ORDERS, OUTBOX, PAYMENTS, REFUNDS, RETURNS};
use super::told::{is_near, made_at};
use super::walks::Entry;

/// What attempts and refunds add up to, in minor units.
struct Sums {
    captured: i64,
    /// To go back because the shop has more than it should.
    owed: i64,
    /// To go back for returns, and because staff gave it.
    given: i64,
    refunded: i64,
}

pub(super) fn minor(row: &Row) -> i64 {
    row.int("amount_minor").unwrap_or(0)
}

pub(super) fn total<'p>(rows: impl Iterator<Item = &'p Row>) -> i64 {
    rows.fold(0, |sum, row| sum.saturating_add(minor(row)))
}

/// What a captured attempt took.
pub(super) fn taken(row: &Row) -> i64 {
    row.int("to_capture_minor").unwrap_or_else(|| minor(row))
}

fn captured<'e>(entry: &'e Entry<'_>) -> impl Iterator<Item = &'e Row> + Clone {
    entry.of(ATTEMPTS).filter(|row| row.word("state") == Some(AttemptState::Captured))
}

/// The attempt that an order stands on: the one that is promised, else the first that was captured and is not owed back.
fn carries<'e>(entry: &'e Entry<'_>) -> Option<&'e Row> {
    let owed = |attempt: &Row| {
        let of_it = entry.of(REFUNDS).filter(|refund| refund.cell("attempt_id") == attempt.cell("id"));
        let mut owed = of_it.filter(|refund| refund.text("cause") == Some("OWED"));
        owed.any(|refund| refund.word("state") != Some(RefundState::Failed))
    };
    let promised = entry.of(ATTEMPTS).find(|row| row.word("state") == Some(AttemptState::Authorized));
    promised.or_else(|| captured(entry).find(|attempt| !owed(attempt)))
}

impl Sums {
    fn of(entry: &Entry<'_>) -> Self {
        let refunds =
            |wanted: fn(RefundState) -> bool| entry.of(REFUNDS).filter(move |row| row.word("state").is_some_and(wanted));
        Self {
            captured: captured(entry).fold(0, |sum, row| sum.saturating_add(taken(row))),
            owed: total(refunds(|state| state != RefundState::Failed).filter(|row| row.text("cause") == Some("OWED"))),
            given: total(refunds(|state| state != RefundState::Failed).filter(|row| row.text("cause") != Some("OWED"))),
            refunded: total(refunds(|state| state == RefundState::Succeeded)),
        }
    }
}

/// The payment's sums and status are what its attempts and refunds say.
pub(super) fn payment(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let (Some(order), Some(payment)) = (entry.one(ORDERS), entry.one(PAYMENTS)) else { return };
    let (Some(status), Some(method)) = (order.word::<OrderStatus>("status"), payment.word::<PaymentMethod>("method")) else {
        return;
    };
    let (number, sums, amount) = (&entry.name, Sums::of(entry), minor(payment));
    let collected = method == PaymentMethod::Cod && status == OrderStatus::Delivered;
    let cash = if collected { collected_at_the_door(entry, amount) } else { 0 };
    let captured = payment.int("captured_minor").unwrap_or(0);
    findings.same(Invariant::Money, number, "captured", sums.captured.saturating_add(cash), captured);
    findings.same(Invariant::Money, number, "refunded", sums.refunded, payment.int("refunded_minor").unwrap_or(0));
    if let Some(whole) = read_payment(entry, payment, method) {
        findings.same(Invariant::Money, number, "payment", whole.status().to_string(), payment.cell("status").to_string());
    }
    let last = entry.of(ATTEMPTS).last().map(|row| row.cell("method").to_string());
    let free = amount == 0 && last.is_none();
    let fits = method == PaymentMethod::Cod || free || last.as_deref() == Some(method.as_str());
    findings.hold(Invariant::Money, number, fits, "the last attempt's method", method);

    let live = !matches!(status, OrderStatus::Pending | OrderStatus::Cancelled);
    let carries = carries(entry);
    let paid = method == PaymentMethod::Cod || free || carries.is_some();
    findings.hold(Paid, number, !live || paid, format_args!("{amount} captured or promised for {status}"), captured);
    let kept = carries.filter(|row| row.word("state") == Some(AttemptState::Captured)).map_or(0, taken);
    let due_back = match (status, method) {
        (OrderStatus::Cancelled, _) => sums.captured.saturating_sub(sums.given),
        (_, PaymentMethod::Cod) => sums.captured,
        (OrderStatus::Pending, _) => 0,
        _ => sums.captured.saturating_sub(kept),
    };
    findings.same(Paid, number, "to go back", due_back, sums.owed);
    // What pays a new order is kept for it.
    let credits = entry.of(RETURNS).filter_map(|row| row.int("credit_minor")).fold(0_i64, i64::saturating_add);
    let kept = captured.saturating_sub(sums.owed).saturating_sub(credits);
    findings.hold(Invariant::Money, number, sums.given <= kept, format_args!("at most {kept} given back"), sums.given);
    let waits = status == OrderStatus::Pending;
    findings.hold(
        Paid,
        number,
        waits == (*order.cell("payment_due_at") != Cell::Null),
        if waits { "a time to be paid" } else { "no time to be paid" },
        order.cell("payment_due_at"),
    );
    findings.hold(Paid, number, !(waits && method == PaymentMethod::Cod), "confirmed at once", "PENDING and paid on delivery");
}

/// What a courier collects: the amount less what was given up and the shares of what could not be handed over, which follow
/// those; nothing where nothing was handed over.
fn collected_at_the_door(entry: &Entry<'_>, amount: i64) -> i64 {
    if nothing_arrived(entry) {
        return 0;
    }
    let (given_up, back) = (cancellations::of(entry), refused_back(entry));
    entry.of(ITEMS).fold(amount.saturating_sub(off(entry)), |due, item| {
        let units = |of: &Units| item.text("sku").and_then(|sku| of.get(&sku.parse().ok()?)).copied().unwrap_or(0);
        let before = units(&given_up);
        let after = before.saturating_add(units(&back));
        due.saturating_sub(share(item, after)).saturating_add(share(item, before))
    })
}

/// What the first so many units of a line cost, with a half rounded up.
fn share(item: &Row, units: i64) -> i64 {
    let of = |column| item.int(column).map_or(0, i128::from);
    let (total, ordered) = (of("total_minor"), of("quantity").max(1));
    let twice = total.saturating_mul(units.into()).saturating_mul(2).saturating_add(ordered);
    i64::try_from(twice.div_euclid(ordered.saturating_mul(2))).unwrap_or(i64::MAX)
}

/// The payment of an order as its rows say, and the status that stands there.
pub(super) fn derived(entry: &Entry<'_>) -> Option<(Payment, String)> {
    let payment = entry.one(PAYMENTS)?;
    let whole = read_payment(entry, payment, payment.word("method")?)?;
    Some((whole, payment.cell("status").to_string()))
}

/// The payment as its rows say, for its status.
fn read_payment(entry: &Entry<'_>, row: &Row, method: PaymentMethod) -> Option<Payment> {
    use crate::ids::Id;
    let currency: Currency = row.word("currency")?;
    let money = |column| row.int(column).map(|minor| Money::new(minor, currency));
    let attempt = |row: &Row| {
        Some(Attempt {
            id: Id::from_uuid(row.id("id")?),
            provider: row.text("provider")?.to_owned(),
            method: row.word("method")?,
            amount: Money::new(minor(row), currency),
            to_capture: row.int("to_capture_minor").map(|minor| Money::new(minor, currency)),
            state: row.word("state")?,
            token: None,
            reference: None,
            failure_code: None,
            next_action: None,
            created_at: row.at("created_at")?,
            check_at: None,
            checks: 0,
        })
    };
    Some(Payment {
        id: Id::from_uuid(row.id("id")?),
        method,
        amount: money("amount_minor")?,
        captured: money("captured_minor")?,
        refunded: money("refunded_minor")?,
        attempts: entry.of(ATTEMPTS).map(attempt).collect::<Option<_>>()?,
        refunds: Vec::new(),
    })
}

/// Attempts are numbered through, for the order's amount, and at most one is open. What is open is
/// asked about; what is final is not.
pub(super) fn attempts(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let number = &entry.name;
    let amount = entry.one(PAYMENTS).map_or(0, minor);
    let mut open = 0_u32;
    for (row, position) in entry.of(ATTEMPTS).zip(0_i64..) {
        let what = format!("attempt {position}");
        findings.same(Reference, number, "attempt", position, row.int("position").unwrap_or(-1));
        findings.same(Invariant::Money, number, &what, amount, minor(row));
        let Some(state) = row.word::<AttemptState>("state") else { continue };
        open = open.saturating_add(u32::from(state.is_open()));
        check_at(number, &what, row, state.is_open(), scene, findings);
        let most = row.int("to_capture_minor");
        let fits = if state == AttemptState::Captured { most.is_some_and(|most| most > 0 || amount == 0) } else { true };
        let fits = fits && most.is_none_or(|most| most <= amount);
        let expected = format!("of {what} at most {amount} taken, and what was captured said");
        findings.hold(Invariant::Money, number, fits, expected, row.cell("to_capture_minor"));
        let declined = state == AttemptState::Declined;
        let why = row.text("failure_code").is_some();
        findings.hold(Invariant::Money, number, declined == why, format_args!("a reason only for a declined {what}"), state);
        let named = state != AttemptState::Captured || row.text("reference").is_some();
        findings.hold(Invariant::Money, number, named, format_args!("the provider's name for {what}"), "none");
        let action = row.text("next_action_type").is_some() || row.text("next_action_url").is_some();
        let finished = state.is_open() || !(action || row.text("token").is_some());
        findings.hold(Invariant::Money, number, finished, format_args!("nothing left to do for {what}"), state);
        let both = row.text("next_action_type").is_some() == row.text("next_action_url").is_some();
        findings.hold(Invariant::Money, number, both, format_args!("a next action of {what} with its address"), "half of it");
    }
    findings.hold(Invariant::Money, number, open <= 1, "at most one open attempt", open);
}

/// What is open has a time to be looked at, which has not long passed; what is final has none.
pub(super) fn check_at(number: &str, what: &str, row: &Row, open: bool, scene: Scene, findings: &mut Findings) {
    let at = row.at("check_at");
    findings.hold(
        Invariant::Money,
        number,
        at.is_some() == open,
        format_args!("{what} asked about while it is open"),
        row.cell("state"),
    );
    if let Some(at) = at {
        due(number, &format!("{what} asked about"), at, scene, findings);
    }
}

/// Counts what waits since `at`. Long past it is a violation, if somebody had that time to do it:
/// a shop that was switched off over night is not late when it is switched on.
pub(super) fn due(entity: &str, what: &str, at: Timestamp, scene: Scene, findings: &mut Findings) {
    let since = scene.working_since.map(|since| since.max(at));
    if since.is_some_and(|since| since.plus(limits::AUDIT_OVERDUE) < scene.now) {
        findings.add(Overdue, entity, format_args!("{what} soon after {at}"), "it still waits");
    } else if at < scene.now {
        findings.unsettled();
    }
}

/// A pending order is paid or given up in time: a quarter of an hour after it was placed, or once
/// somewhat later.
pub(super) fn deadline(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(order) = entry.one(ORDERS) else { return };
    let (number, extended) = (&entry.name, order.int("payment_extended") == Some(1));
    if let (Some(at), Some(placed)) = (order.at("payment_due_at"), placed_at(entry)) {
        let first = placed.plus(limits::PAYMENT_DUE);
        let last = order.at("updated_at").map_or(first, |at| at.plus(limits::PAYMENT_GRACE).plus(limits::AUDIT_MOMENT));
        let fits = if extended { first <= at && at <= last.max(first) } else { at == first };
        findings.hold(Times, number, fits, format_args!("to be paid until {first}, or extended"), at);
        due(number, "paid or given up", at, scene, findings);
    }
    let prepaid = entry.of(ATTEMPTS).next().is_some();
    findings.hold(Invariant::Paid, number, prepaid || !extended, "more time only to be paid by a provider", "extended");
}

/// When the history of an order begins.
pub(super) fn placed_at(entry: &Entry<'_>) -> Option<Timestamp> {
    let first = entry.of(HISTORY).next().filter(|row| row.word("status") == Some(OrderStatus::Pending));
    first.and_then(|row| row.at("reached_at"))
}

/// What belongs to an order was made in its life: the payment and the first attempt with it, and
/// nothing after its last change. What is asked about is asked again within minutes of a change.
pub(super) fn lifetime(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let (Some(order), Some(placed)) = (entry.one(ORDERS), placed_at(entry)) else { return };
    let number = &entry.name;
    let Some(updated) = order.at("updated_at") else { return };
    for (what, id) in [("order", order.id("id")), ("payment", entry.one(PAYMENTS).and_then(|row| row.id("id")))] {
        let made = id.filter(|id| id.get_version_num() == 7).map(made_at);
        let fits = made.is_none_or(|made| is_near(made, placed));
        findings.hold(Times, number, fits, format_args!("{what} made when it was placed, {placed}"), made.unwrap_or(placed));
    }
    for (row, position) in entry.of(ATTEMPTS).chain(entry.of(REFUNDS)).zip(0_usize..) {
        let (Some(created), table) = (row.at("created_at"), row.table().name) else { continue };
        let first = position == 0 && table == ATTEMPTS.name && row.int("position") == Some(0);
        let tender = entry.of(OUTBOX).find(|event| event.word("type") == Some(EventKind::OrderCreated));
        let prepaid = tender.and_then(|event| event.json::<Value>("data")).and_then(|data| data.get("paymentMethod").cloned());
        if first && prepaid.is_some_and(|method| method != PaymentMethod::Cod.as_str()) {
            findings.same(Times, number, "first attempt when it was placed,", placed, created);
        }
        let fits = placed <= created.plus(limits::AUDIT_CLOCKS_APART) && created <= updated.plus(limits::AUDIT_MOMENT);
        findings.hold(Times, number, fits, format_args!("{table} from {placed} to {updated}"), created);
        let promise = row.word("state") == Some(AttemptState::Authorized) && table == ATTEMPTS.name;
        let rests = promise && *row.cell("to_capture_minor") == Cell::Null;
        let pause = if rests { limits::PROMISE_KEEP } else { limits::CHECK_PAUSE_MAX };
        let latest = updated.plus(pause).plus(limits::AUDIT_MOMENT);
        let at = row.at("check_at");
        findings.hold(Times, number, at <= Some(latest), format_args!("asked about before {latest}"), at.unwrap_or(latest));
    }
}
