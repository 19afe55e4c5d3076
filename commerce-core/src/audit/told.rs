//! Notifications and the machinery of messages: dead letters, leases, ids and their times.

use crate::events::{DeadLetter, Envelope, EventKind};
use crate::limits;
use crate::notifications::{NotificationStatus, Template};
use crate::time::Timestamp;

use super::Invariant::{Lease, Letter, LetterReceives, Notification, Times};
use super::books::{Cell, Row};
use super::findings::Findings;
use super::money::due;
use super::run::Scene;
use super::tables::{DEAD_LETTERS, LEASES, NOTIFICATIONS, OUTBOX};
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
    findings.hold(Notification, name, row.at("due_at").is_some() == open, "a time to be sent while it is to be sent", status);
    if let Some(at) = row.at("due_at") {
        due(name, "sent", at, scene.now, findings);
    }
    let sent = status == NotificationStatus::Sent;
    let shown = row.at("sent_at").is_some() && row.text("address").is_some();
    findings.hold(Notification, name, !sent || shown, "when and where it was sent", "SENT");
    let why = row.text("error").is_some();
    findings.hold(Notification, name, status != NotificationStatus::Failed || why, "why it failed", "FAILED");
    let times = row.at("sent_at").is_none() || row.at("created_at") <= row.at("sent_at");
    findings.hold(Times, name, times, "sent after it was recorded", "before");
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
    let latest = scene.now.plus(limits::AUDIT_CLOCK_SLACK);
    findings.hold(Lease, &entry.name, until.is_none_or(|until| until <= latest), "a lease that ends", "one that does not");
}

/// An event was said before it was published.
pub(super) fn event(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(event) = entry.one(OUTBOX) else { return };
    match (event.at("occurred_at"), event.at("published_at")) {
        (Some(at), None) => due(&entry.name, "published", at, scene.now, findings),
        (Some(at), Some(published)) => {
            let slack = published.plus(limits::AUDIT_CLOCK_SLACK);
            findings.hold(Times, &entry.name, at <= slack, "published after it happened", "before");
        }
        (None, _) => {}
    }
}

/// An id carries the time it was made at, which is the row's within what clocks are set by.
pub(super) fn born(name: &str, row: &Row, findings: &mut Findings) {
    let column = ["created_at", "moved_at", "reached_at", "occurred_at"];
    let Some(at) = column.into_iter().find_map(|column| row.at(column)) else { return };
    let Some(id) = row.id("id").filter(|id| id.get_version_num() == 7) else { return };
    let millis = i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX);
    let made = Timestamp::from_micros(millis.saturating_mul(1_000));
    let apart = if made > at { made.since(at) } else { at.since(made) };
    let what = format_args!("made at {made} in {}", row.table().name);
    findings.hold(Times, name, apart <= limits::AUDIT_CLOCK_SLACK, what, at);
}
