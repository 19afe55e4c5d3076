//! The log of staff against who acts in it, what was done to, the roles it gives, and the events that told of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::limits;
use crate::staff::{StaffActed, StaffAction, Subject, SubjectKind};
use crate::time::Timestamp;
use crate::users::Role;

use super::Invariant::{StaffLog, Times};
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::keys::dangling;
use super::said::is_kept;
use super::tables::{ORDERS, PRODUCTS, STAFF_LOG, USERS};
use super::walks::{STAFF_LIST, alone};

impl Eyes<'_> {
    /// Who acts is there, and so is what was done to where nobody can delete it; what was told by an event is what the event says,
    /// for as long as that is kept.
    pub(super) async fn deeds(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let mut found = self.named(walk, pages, "actor_id", &*self.books.users, USERS, "a user").await?;
        let of = |kind: SubjectKind| pages.of(STAFF_LOG).iter().filter(move |row| row.word("subject_kind") == Some(kind));
        let people = self.people(of(SubjectKind::User).map(|row| row.cell("subject_id").clone()).collect()).await?;
        let lost = of(SubjectKind::User).filter(|row| !people.contains_key(row.cell("subject_id")));
        found.extend(lost.map(|row| {
            (row.cell(walk.key).clone(), dangling(&row.cell(walk.name).to_string(), "a user", row.cell("subject_id")))
        }));
        let goods = (SubjectKind::Product, &*self.books.catalog, PRODUCTS, "a product");
        for (kind, books, table, what) in [goods, (SubjectKind::Order, &*self.books.orders, ORDERS, "an order")] {
            let mut named = Pages::default();
            named.put(STAFF_LOG, of(kind).cloned().collect());
            found.extend(self.named(walk, &named, "subject_id", books, table, what).await?);
        }
        found.extend(self.ended_sessions(walk, pages).await?);
        found.extend(self.as_said(walk, pages).await?);
        Ok(found)
    }

    async fn as_said(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let told = || pages.of(STAFF_LOG).iter().filter(|row| *row.cell("event_id") != Cell::Null);
        let ids: BTreeSet<Cell> = told().map(|row| row.cell("event_id").clone()).collect();
        let events = if ids.is_empty() { BTreeMap::new() } else { self.events(ids).await? };
        let mut suspicions = Vec::new();
        for row in told() {
            let mut findings = Findings::default();
            let (name, at) = (row.cell(walk.name).to_string(), row.at("happened_at").unwrap_or(Timestamp::EPOCH));
            match events.get(row.cell("event_id")) {
                Some(event) => {
                    findings.hold(
                        StaffLog,
                        &name,
                        event.json::<StaffActed>("data") == tells(row),
                        event.cell("data"),
                        "another deed",
                    );
                    findings.same(Times, &name, "done when it was said,", event.cell("occurred_at"), row.cell("happened_at"));
                }
                None => findings.hold(
                    StaffLog,
                    &name,
                    !is_kept(at.minus(limits::AUDIT_CLOCKS_APART), self.now),
                    "an event that told of it",
                    "none",
                ),
            }
            suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
        }
        Ok(suspicions)
    }
}

impl Eyes<'_> {
    /// Who has a role was given it, as the log tells: by whoever made her account, or later. Whoever erases her account lays
    /// down her role; that is nobody's deed to somebody else, and not in the log.
    pub(super) async fn roles(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let present = || pages.of(USERS).iter().filter(|row| row.text("password_hash") != Some(""));
        let ids: Vec<Cell> = present().map(|row| row.cell("id").clone()).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let log = self.books.users.look_up(&alone(STAFF_LOG, "subject_id", "position"), &ids).await?;
        let mut given: BTreeMap<&Cell, (i64, Role)> = BTreeMap::new();
        for row in log.of(STAFF_LOG).iter().filter(|row| row.word("subject_kind") == Some(SubjectKind::User)) {
            let Some((position, role)) = row.int("position").zip(given_by(row)) else { continue };
            let last = given.entry(row.cell("subject_id")).or_insert((position, role));
            *last = (*last).max((position, role));
        }
        let mut suspicions = Vec::new();
        for row in present() {
            let Some(role) = row.word::<Role>("role") else { continue };
            let told = given.get(row.cell("id")).map(|(_, role)| *role);
            let fits = match told {
                Some(told) => told == role,
                None => role == Role::Customer || !self.log_was_kept(row).await?,
            };
            if !fits {
                let expected = format!("{}, as the log of staff tells", told.unwrap_or(Role::Customer));
                let violation = Violation::new(StaffLog, row.cell(walk.name).to_string(), expected, role.to_string());
                suspicions.push((row.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }

    /// Whether users had a log already when this one was made: one with a deed of their own in it.
    async fn log_was_kept(&self, user: &Row) -> Result<bool, StoreError> {
        let first = self.books.users.stretch(STAFF_LIST, None, limits::AUDIT_STRETCH).await?.pages;
        let own = first.of(STAFF_LOG).iter().find(|row| *row.cell("event_id") == Cell::Null);
        Ok(own.and_then(|row| row.at("happened_at")).is_some_and(|begun| user.at("created_at").is_some_and(|made| made > begun)))
    }
}

/// The role that an entry gives its user, if it gives one.
fn given_by(row: &Row) -> Option<Role> {
    let detail: serde_json::Value = row.json("detail")?;
    let named = |name| detail.get(name)?.as_str()?.parse().ok();
    let action: StaffAction = row.word("action")?;
    if action == StaffAction::SellerChanged {
        // Who sells for nobody any more is a customer again.
        return Some(if detail.get("to")?.is_null() { Role::Customer } else { Role::Seller });
    }
    if action == StaffAction::UserCreated {
        return named("role");
    }
    if action == StaffAction::RoleChanged { named("to") } else { None }
}

/// What an entry tells, as its event said it.
fn tells(row: &Row) -> Option<StaffActed> {
    Some(StaffActed {
        actor: row.id("actor_id").map(crate::ids::Id::from_uuid),
        action: row.word("action")?,
        subject: Subject { kind: row.word("subject_kind")?, id: row.id("subject_id")? },
        detail: row.json("detail")?,
    })
}
