//! The log of staff against who acts in it, what was done to, and the events that told of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::limits;
use crate::staff::{StaffActed, Subject, SubjectKind};
use crate::time::Timestamp;

use super::Invariant::{StaffLog, Times};
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::keys::dangling;
use super::said::is_kept;
use super::tables::{ORDERS, PRODUCTS, STAFF_LOG, USERS};

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

/// What an entry tells, as its event said it.
fn tells(row: &Row) -> Option<StaffActed> {
    Some(StaffActed {
        actor: row.id("actor_id").map(crate::ids::Id::from_uuid),
        action: row.word("action")?,
        subject: Subject { kind: row.word("subject_kind")?, id: row.id("subject_id")? },
        detail: row.json("detail")?,
    })
}
