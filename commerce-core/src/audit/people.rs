//! Users with their addresses, sessions and refresh tokens, and what staff did to them.

use crate::events::{EventData, EventKind};
use crate::ids::Id;
use crate::limits;
use crate::staff::Subject;
use crate::time::Timestamp;
use crate::users::{Role, StaffEntry, StaffHead, StaffNews};
use crate::users::{register::ROUTE as REGISTER, reset::CONFIRM};

use super::Invariant::{self, DefaultAddress, Event, Key, Reference, Times, Version};
use super::books::{Cell, Pages, Row};
use super::erasures::is_nobody;
use super::findings::Findings;
use super::run::Scene;
use super::said::is_kept;
use super::tables::{ADDRESSES, ERASURES, GUESTS, KEYS, OUTBOX, SESSIONS, STAFF_LOG, TOKENS, USERS};
use super::told::past;
use super::walks::Entry;

/// A user has one default address if she has any, and none once she is erased; a seller only as a
/// seller; and her registration was said once.
pub(super) fn user(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let name = &entry.name;
    let Some(user) = entry.one(USERS) else {
        if entry.one(ADDRESSES).is_some() {
            findings.add(Reference, name, "a user", "addresses of none");
        }
        if entry.one(OUTBOX).is_some() {
            findings.add(Event, name, "a user", "events of none");
        }
        return;
    };
    let addresses = entry.of(ADDRESSES).count();
    let defaults = entry.of(ADDRESSES).filter(|row| row.int("is_default") == Some(1)).count();
    findings.same(DefaultAddress, name, "default addresses", usize::from(addresses > 0), defaults);
    let erased = user.text("password_hash") == Some("");
    if erased {
        findings.same(Reference, name, "addresses of an erased user", 0, addresses);
        findings.hold(Reference, name, is_nobody(user), "no mail address of an erased user", "one");
    }
    findings.same(Invariant::Erased, name, "erasures", usize::from(erased), entry.of(ERASURES).count());
    let seller = *user.cell("seller_id") != Cell::Null;
    let fits = seller == (user.word("role") == Some(Role::Seller));
    findings.hold(Reference, name, fits, "a seller for SELLER alone", user.cell("role"));

    let said = entry.of(OUTBOX).filter(|event| event.word("type") == Some(EventKind::UserRegistered));
    let count = said.clone().count();
    let kept = user.at("created_at").is_some_and(|at| is_kept(at, scene.now));
    findings.hold(Event, name, count == 1 || (count == 0 && !kept), "registered said once", count);
    for event in said {
        let data: serde_json::Value = event.json("data").unwrap_or_default();
        let found = data.get("userId").and_then(serde_json::Value::as_str).unwrap_or_default();
        findings.same(Event, name, "said of", entry.key.to_string(), found.to_owned());
        findings.same(Times, name, "registered when it was said,", event.cell("occurred_at"), user.cell("created_at"));
        findings.same(Version, name, "registered with version", 1, event.int("version").unwrap_or(0));
    }
    keys(entry, user, findings);
}

/// What names a user as its result registered her, once and first, or set her password later.
fn keys(entry: &Entry<'_>, user: &Row, findings: &mut Findings) {
    let name = &entry.name;
    let is = |route: &'static str| move |key: &&Row| key.text("route") == Some(route);
    let registered = entry.of(KEYS).filter(is(REGISTER)).count();
    findings.hold(Key, name, registered <= 1, "at most one key that registered her", registered);
    for key in entry.of(KEYS).filter(|key| !is(REGISTER)(key)) {
        let route = key.text("route").unwrap_or_default();
        findings.hold(Key, name, route == CONFIRM, "a key that registered her or set her password", route);
        let later = user.at("created_at") <= by_other_clocks(key.at("used_at"));
        findings.hold(Times, name, later, "a password set after she registered", "before");
        findings.hold(Version, name, user.int("version") > Some(1), "another version since a key set her password", 1);
    }
}

/// A guest first ordered before now, and was erased if she is nobody.
pub(super) fn guest(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, GUESTS, "created_at", scene, findings);
    if let Some(guest) = entry.one(GUESTS) {
        let erased = usize::from(is_nobody(guest));
        findings.same(Invariant::Erased, &entry.name, "erasures", erased, entry.of(ERASURES).count());
    }
}

/// As late as it may have been for the process that looked at another clock before.
fn by_other_clocks(at: Option<Timestamp>) -> Option<Timestamp> {
    at.map(|at| at.plus(limits::AUDIT_CLOCKS_APART))
}

/// A session's times are in order, as far as clocks agree.
pub(super) fn session(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(session) = entry.one(SESSIONS) else { return };
    let (created, used, revoked) = (session.at("created_at"), session.at("last_used_at"), session.at("revoked_at"));
    findings.hold(Times, &entry.name, created <= by_other_clocks(used), "used after it began", "before");
    let ended = revoked.is_none() || created <= by_other_clocks(revoked);
    findings.hold(Times, &entry.name, ended, "ended after it began", "before");
    past(entry, SESSIONS, "last_used_at", scene, findings);
    past(entry, SESSIONS, "revoked_at", scene, findings);
    let most = created.map(|at| at.plus(limits::SESSION_MAX));
    findings.hold(Times, &entry.name, used <= most, "used within its longest life", "after it");
}

/// A session began with a token, and each further one took the place of one that was rotated at that
/// very instant. Whose they are they say alike.
pub(super) fn chain(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let began = entry.one(SESSIONS).and_then(|session| session.at("created_at"));
    // Past its longest life a session and its tokens go, some before others.
    let young = began.filter(|at| at.plus(limits::SESSION_MAX) > scene.now.plus(limits::AUDIT_CLOCKS_APART));
    let Some(began) = young else { return };
    let whose = entry.one(SESSIONS).map_or(&Cell::Null, |session| session.cell("user_id"));
    for token in entry.of(TOKENS) {
        findings.same(Reference, &entry.name, "a session of whom its tokens name:", token.cell("user_id"), whose);
    }
    let times = |column| entry.of(TOKENS).filter_map(move |token| token.at(column));
    let mut expected: Vec<Timestamp> = std::iter::once(began).chain(times("rotated_at")).collect();
    let mut found: Vec<Timestamp> = times("created_at").collect();
    expected.sort_unstable();
    found.sort_unstable();
    let list = |times: &[Timestamp]| times.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    findings.hold(Reference, &entry.name, expected == found, format_args!("refresh tokens of {}", list(&expected)), list(&found));
}

/// A token's times are in order.
pub(super) fn token(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(token) = entry.one(TOKENS) else { return };
    for column in ["created_at", "rotated_at"] {
        past(entry, TOKENS, column, scene, findings);
    }
    let (created, rotated) = (token.at("created_at"), token.at("rotated_at"));
    findings.hold(
        Times,
        &entry.name,
        rotated.is_none() || created <= by_other_clocks(rotated),
        "rotated after it was made",
        "before",
    );
}

/// An entry of the log of what staff did was made before now.
pub(super) fn staff_entry(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    past(entry, STAFF_LOG, "happened_at", scene, findings);
}

/// Each entry follows the one before without a gap, names its hash, and has the hash of what it says. Answers
/// the last one.
pub(super) fn chained(pages: &Pages, mut head: StaffHead, findings: &mut Findings) -> StaffHead {
    for row in pages.of(STAFF_LOG) {
        let name = row.cell("position").to_string();
        let Some(entry) = staff_entry_of(row) else { continue };
        let next = head.position.checked_add(1) == Some(entry.position) && entry.previous == head.hash;
        findings.hold(Invariant::StaffLog, &name, next, format_args!("entry {} before it", head.position), "another, or none");
        findings.hold(Invariant::StaffLog, &name, entry.sealed() == entry.hash, "the hash of what it says", "another");
        head = entry.head();
    }
    head
}

/// An entry as its row says; none where it cannot be read, which is a finding of its own.
fn staff_entry_of(row: &Row) -> Option<StaffEntry> {
    let hash = |column: &str| match row.cell(column) {
        Cell::Blob(bytes) => <[u8; 32]>::try_from(bytes.as_slice()).ok(),
        Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
    };
    let told = StaffNews {
        at: row.at("happened_at")?,
        actor: row.id("actor_id").map(Id::from_uuid),
        action: row.word("action")?,
        subject: Subject { kind: row.word("subject_kind")?, id: row.id("subject_id")? },
        detail: EventData::kept(row.text("detail")?),
        event: row.id("event_id").map(Id::from_uuid),
    };
    Some(StaffEntry {
        position: u64::try_from(row.int("position")?).ok()?,
        told,
        previous: hash("previous")?,
        hash: hash("hash")?,
    })
}
