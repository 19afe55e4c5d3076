//! Notifications and the machinery of messages: dead letters, leases, ids and their times.

use uuid::Uuid;

use crate::events::{DeadLetter, Envelope, EventKind};
use crate::limits;
use crate::notifications::{NotificationStatus, Template};
use crate::time::Timestamp;

use super::Invariant::{Event, Lease, Letter, LetterReceives, Notification, Times, Version};
use super::books::{Cell, Pages, Row, Table};
use super::findings::Findings;
use super::money::due;
use super::run::Scene;
use super::said::is_kept;
use super::tables::{CART_CLAIMS, DEAD_LETTERS, INBOX, LEASES, NOTIFICATIONS, OUTBOX, SELLERS, WRITERS};
use super::walks::Entry;

/// A message is the mail of its kind of event, to the one the event is about, and its times are
/// those of its status.
pub(super) fn message(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(NOTIFICATIONS) else { return };
    let name = &entry.name;
    if let (Some(kind), Some(template)) = (row.word::<EventKind>("kind"), row.word::<Template>("template")) {
        findings.hold(Notification, name, Template::of(kind) == Some(template), format_args!("the mail of {kind}"), template);
        let data: serde_json::Value = row.json("data").unwrap_or_default();
        let user = data.get("userId").and_then(serde_json::Value::as_str).unwrap_or_default();
        let recipient = if template == Template::LowStock { "ops" } else { user };
        findings.same(Notification, name, "to", recipient, row.text("recipient").unwrap_or_default());
    }
    let Some(status) = row.word::<NotificationStatus>("status") else { return };
    let open = matches!(status, NotificationStatus::Pending | NotificationStatus::Sending);
    let (timed, held) = (row.at("due_at").is_some(), row.at("held_at").is_some());
    findings.hold(Notification, name, timed == (open && !held), "a time to be sent while it is to be sent", status);
    let waits = !held || status == NotificationStatus::Pending;
    findings.hold(Notification, name, waits, "no wait for a word when it is through", status);
    if let Some(at) = row.at("due_at") {
        due(name, "sent", at, scene, findings);
    }
    let sent = status == NotificationStatus::Sent;
    let shown = row.at("sent_at").is_some() && row.text("address").is_some();
    findings.hold(Notification, name, !sent || shown, "when and where it was sent", "SENT");
    tried(name, row, status, findings);
    if let Some(at) = row.at("due_at") {
        let latest = scene.now.plus(limits::MAIL_BACKOFF_MAX).plus(limits::AUDIT_CLOCKS_APART);
        findings.hold(Times, name, at <= latest, format_args!("a time to be sent before {latest}"), at);
    }
    past(entry, NOTIFICATIONS, "sent_at", scene, findings);
    let times = row.at("sent_at").is_none() || row.at("created_at") <= row.at("sent_at");
    findings.hold(Times, name, times, "sent after it was recorded", "before");
}

/// What is remembered of the tries is what a message of this status had: each is one change or two, and
/// a version counts changes.
fn tried(name: &str, row: &Row, status: NotificationStatus, findings: &mut Findings) {
    let (tries, version) = (row.int("tries").unwrap_or(0), row.int("version").unwrap_or(0));
    let has = |column| *row.cell(column) != Cell::Null;
    let (least, why) = match status {
        NotificationStatus::Pending => (0, Some(tries > 0)),
        NotificationStatus::Sending => (1, None),
        NotificationStatus::Sent => (1, Some(false)),
        NotificationStatus::Failed => (0, Some(true)),
        NotificationStatus::Suppressed => (0, Some(false)),
    };
    findings.hold(Notification, name, tries >= least, format_args!("at least {least} tries while {status}"), tries);
    let expected = if why == Some(true) { "why it was not sent" } else { "no error" };
    findings.hold(Notification, name, why.is_none_or(|why| why == has("error")), expected, row.cell("error"));
    let sent = status == NotificationStatus::Sent;
    let changes = tries.saturating_add(1);
    findings.hold(Version, name, version >= changes, format_args!("a version of at least {changes}"), version);
    // To be sent is a second change, begun or at once; to have been found half-way a third; put up again after it.
    let marks = [("address", 2), ("maybe_twice", if sent { 4 } else { 3 }), ("sent_at", if sent { 2 } else { 3 })];
    for (column, changes) in marks {
        let marked = has(column) && *row.cell(column) != Cell::Int(0);
        let what = format!("no {} before version {changes}", column.replace('_', " "));
        findings.hold(Notification, name, !marked || version >= changes, what, row.cell(column));
    }
}

/// A dead letter is the event it says it is, and was received often enough.
pub(super) fn letter(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(DEAD_LETTERS) else { return };
    let name = &entry.name;
    let (receives, least) = (row.int("receives").unwrap_or(0), i64::from(limits::RECEIVES_MAX));
    findings.hold(LetterReceives, name, receives >= least, format_args!("at least {least} receives"), receives);
    if let Some(event) = row.json::<Envelope>("event") {
        let consumer = row.text("consumer").unwrap_or_default().to_owned();
        let letter = DeadLetter { consumer, event, reason: String::new(), receives: 0, at: Timestamp::EPOCH };
        let id = Cell::from(crate::ids::Id::uuid(letter.event.id));
        findings.same(Letter, name, "event", &id, row.cell("event_id"));
        findings.same(Letter, name, "place", &Cell::from(letter.place()), row.cell("place"));
    }
}

/// A lease ends soon unless it is renewed.
pub(super) fn lease(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let until = entry.one(LEASES).and_then(|row| row.at("until_at"));
    let latest = scene.now.plus(limits::LEASE_MAX);
    findings.hold(Lease, &entry.name, until.is_none_or(|until| until <= latest), "a lease that ends", "one that does not");
}

/// An event was said before it was published, and stands where it was when that was noted.
pub(super) fn event(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(event) = entry.one(OUTBOX) else { return };
    for column in ["occurred_at", "published_at"] {
        past(entry, OUTBOX, column, scene, findings);
    }
    if let Some(kind) = event.word::<EventKind>("type") {
        let topic = kind.topic();
        findings.hold(
            Event,
            &entry.name,
            event.word("topic") == Some(topic),
            format_args!("{kind} in {topic}"),
            event.cell("topic"),
        );
    }
    if event.word("type") == Some(EventKind::StaffActed) {
        findings.same(Event, &entry.name, "by itself", event.cell("id"), event.cell("aggregate_id"));
        findings.same(Version, &entry.name, "with version", 1, event.int("version").unwrap_or(0));
    }
    match (event.at("occurred_at"), event.at("published_at")) {
        (Some(at), None) => due(&entry.name, "published", at, scene, findings),
        (Some(at), Some(published)) => {
            let slack = published.plus(limits::AUDIT_CLOCKS_APART);
            findings.hold(Times, &entry.name, at <= slack, "published after it happened", "before");
        }
        (None, _) => {}
    }
    let (place, published) = (event.int("position"), event.int("published_at"));
    let check = place.zip(published).and_then(|(place, published)| place.checked_add(published));
    let (expected, noted) = (Cell::from(check), event.cell("published_check"));
    findings.hold(Event, &entry.name, *noted == expected, format_args!("published as noted: {expected}"), noted);
}

/// Positions of events follow each other, as far back as events are kept; answers the last one. `counted` is
/// that of the stretch before.
pub(super) fn count_events(pages: &Pages, counted: Option<i64>, now: Timestamp, findings: &mut Findings) -> Option<i64> {
    pages.of(OUTBOX).iter().fold(counted, |counted, event| {
        let position = event.int("position")?;
        if let Some(missing) = counted.and_then(|last| last.checked_add(1)).filter(|missing| *missing < position) {
            findings.add(
                Event,
                &format!("{missing}"),
                format_args!("an event at position {missing}"),
                format_args!("{position} is next"),
            );
        }
        let young = event.at("occurred_at").is_some_and(|at| is_kept(at.minus(limits::AUDIT_CLOCKS_APART), now));
        young.then_some(position)
    })
}

/// A mark of a batch is not of the future.
pub(super) fn writer(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, WRITERS, "committed_at", scene, findings);
}

/// A claim of a cart is not of the future.
pub(super) fn claim(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, CART_CLAIMS, "claimed_at", scene, findings);
}

/// A handled delivery is not of the future.
pub(super) fn handled(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, INBOX, "handled_at", scene, findings);
}

/// What happened did not happen in the future.
pub(super) fn past(entry: &Entry<'_>, table: &'static Table, column: &str, scene: Scene, findings: &mut Findings) {
    let latest = scene.now.plus(limits::AUDIT_CLOCKS_APART);
    for at in entry.of(table).filter_map(|row| row.at(column)) {
        findings.hold(Times, &entry.name, at <= latest, format_args!("{} until now", column.replace('_', " ")), at);
    }
}

/// When an id was made.
pub(super) fn made_at(id: Uuid) -> Timestamp {
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
    Timestamp::from_micros(millis.saturating_mul(1_000))
}

/// Whether an id made at `made` can be that of something of `at`. Ids only grow, so that they are ahead
/// while a clock that was set back catches up; nothing makes them fall behind.
pub(super) fn is_near(made: Timestamp, at: Timestamp) -> bool {
    at <= made.plus(limits::AUDIT_MOMENT) && made <= at.plus(limits::AUDIT_CLOCK_SLACK)
}

/// An id carries the time it was made at, which is the row's. A seller's may be that of the user who
/// became one later.
pub(super) fn born(name: &str, row: &Row, findings: &mut Findings) {
    let column = ["created_at", "moved_at", "reached_at", "occurred_at", "added_at"];
    let Some(at) = column.into_iter().find_map(|column| row.at(column)) else { return };
    let Some(id) = row.id("id").filter(|id| id.get_version_num() == 7 && row.table().name != SELLERS.name) else { return };
    let made = made_at(id);
    findings.hold(Times, name, is_near(made, at), format_args!("made at {made} in {}", row.table().name), at);
}
