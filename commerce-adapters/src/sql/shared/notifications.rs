//! The notifications' database: who is told what, and how far each message is.

use std::collections::BTreeSet;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::audit::tables::NOTIFICATIONS;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::events::{EventData, EventKind};
use commerce_core::ids::{Id, NotificationId};
use commerce_core::notifications::{
    ERASED, Notification, NotificationFilter, NotificationStatus, NotificationStore, NotificationWrite, Recipient, told_to,
};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Email;

use super::engine::{Context, Database, Row};
use super::fields::Fields;
use super::migrate::Migration;
use super::script::{Queries, Script};
use super::statements::notifications as sql;
use super::webhooks;
use crate::sql::Old;
use crate::sql::bulk::{Bulk, RowText, ids, seal_of};
use crate::sql::judge::{Loaded, NotificationJudge, NotificationRow};
use crate::sql::question::{Question, below, blob};

impl Context for NotificationWrite {
    type Judge<'a> = NotificationJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "notifications";
    const COMMIT: &'static str = "notifications.commit";
    const OLD: &'static [Old] = sql::OLD;

    fn migrations() -> &'static [Migration] {
        sql::MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, NotificationJudge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        let (mut wanted, mut events) = (BTreeSet::new(), BTreeSet::new());
        for write in sets.iter().flat_map(|set| &set.writes) {
            match write {
                NotificationWrite::Insert(new) => {
                    wanted.insert(new.id);
                    events.insert(new.event);
                }
                NotificationWrite::Update(new) => {
                    wanted.insert(new.id);
                }
                NotificationWrite::InsertEndpoint(_)
                | NotificationWrite::UpdateEndpoint(_)
                | NotificationWrite::InsertDelivery(_)
                | NotificationWrite::UpdateDelivery(_) => {}
            }
        }
        webhooks::ask(queries, sets);
        if !wanted.is_empty() {
            queries.ask(sql::BY_ID, [ids(wanted).into()], |row, loaded| load(row, &mut loaded.judge));
        }
        if !events.is_empty() {
            queries.ask(sql::BY_EVENT, [ids(events).into()], |row, loaded| load(row, &mut loaded.judge));
        }
    }

    fn write(script: &mut Script, judge: &NotificationJudge<'_>, _: Timestamp) {
        let written = |stored| {
            let rows = judge.notifications.written().filter(move |(id, _)| judge.notifications.is_stored(id) == stored);
            rows.filter_map(|(_, row)| row.write.map(|it| (row.has_error, it)))
        };
        script.bulk(sql::NEW, Bulk::of(written(false), |row, (_, it)| new_row(row, it)));
        let ill = |(had_error, it): &(bool, &Notification)| *had_error || it.error.is_some() || it.is_forgotten();
        let (ill, well): (Vec<_>, Vec<_>) = written(true).partition(ill);
        script.bulk(sql::CHANGED, Bulk::of(ill, |row, (_, it)| changed_row(row, it).text(it.data.as_str())));
        script.bulk(sql::CHANGED_WELL, Bulk::of(well, |row, (_, it)| changed_row(row, it)));
        webhooks::write(script, judge);
    }
}

fn new_row(row: RowText, it: &Notification) -> RowText {
    whole_row(row, it).seal(NOTIFICATIONS)
}

fn whole_row(row: RowText, it: &Notification) -> RowText {
    let row = row.id(it.id).id(it.event).text(it.kind.as_str()).text(it.template.as_str()).text(&it.recipient.key());
    let row = row.opt_text(it.address.as_ref().map(Email::as_str)).text(it.data.as_str());
    let row = row.text(it.status.as_str()).int(it.tries).opt_at(it.due_at).opt_text(it.error.as_deref());
    row.at(it.created_at)
        .opt_at(it.sent_at)
        .flag(it.maybe_twice)
        .count(it.version)
        .opt_text(it.traceparent.as_deref())
        .opt_at(it.held_at)
}

/// What it is about never changes until it is forgotten, only how far it is.
fn changed_row(row: RowText, it: &Notification) -> RowText {
    let row = row.id(it.id).opt_text(it.address.as_ref().map(Email::as_str)).text(it.status.as_str()).int(it.tries);
    let row = row.opt_at(it.due_at).opt_text(it.error.as_deref()).opt_at(it.sent_at);
    let row = row.flag(it.maybe_twice).count(it.version).opt_at(it.held_at);
    row.hash(&seal_of(NOTIFICATIONS, |row| whole_row(row, it)))
}

fn load(row: &Row, judge: &mut NotificationJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, NotificationWrite::COMMIT);
    let id = fields.id("id")?;
    let name = (fields.id("event_id")?, fields.parse("template")?, read_recipient(&fields)?);
    judge.told.load([(name, id)]);
    judge
        .notifications
        .load([(id, NotificationRow { version: fields.count("version")?, has_error: fields.flag("has_error")?, write: None })]);
    Ok(())
}

fn read_recipient(fields: &Fields<'_>) -> Result<Recipient, StoreError> {
    if fields.text("recipient")? == Recipient::Ops.key() {
        return Ok(Recipient::Ops);
    }
    fields.parse("recipient").map(Recipient::User)
}

fn read_notification(row: &Row, operation: &'static str) -> Result<Notification, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Notification {
        id: fields.id("id")?,
        event: fields.id("event_id")?,
        kind: fields.parse("kind")?,
        template: fields.parse("template")?,
        recipient: read_recipient(&fields)?,
        address: fields.opt_parse("address")?,
        data: EventData::kept(fields.str("data")?),
        status: fields.parse("status")?,
        tries: fields.count("tries")?,
        due_at: fields.opt_at("due_at")?,
        held_at: fields.opt_at("held_at")?,
        error: fields.opt_text("error")?,
        created_at: fields.at("created_at")?,
        sent_at: fields.opt_at("sent_at")?,
        maybe_twice: fields.flag("maybe_twice")?,
        traceparent: fields.opt_text("traceparent")?,
        version: fields.count("version")?,
    })
}

#[async_trait]
impl NotificationStore for Database<NotificationWrite> {
    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>, StoreError> {
        const OPERATION: &str = "notifications.notification";
        let query = Question::frequent("SELECT * FROM notification_logs WHERE id = ?").bind(blob(id.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_notification(&row, OPERATION)).transpose()
    }

    async fn notifications(&self, filter: &NotificationFilter, page: &PageRequest) -> Result<Page<Notification>, StoreError> {
        const OPERATION: &str = "notifications.notifications";
        let query = Question::of("SELECT * FROM notification_logs WHERE id < ?");
        let query = query.shown_if(filter.unforgotten.is_none()).bind(below(page));
        let query = query
            .when(" AND recipient = ?", filter.recipient.map(|recipient| recipient.key()))
            .when(" AND kind = ?", filter.kind.map(EventKind::as_str))
            .when(" AND status = ?", filter.status.map(NotificationStatus::as_str))
            .when(" AND recipient = ?", filter.unforgotten.map(|user| Recipient::User(user).key()))
            .when(
                " AND (status IN ('PENDING', 'SENDING') OR address <> ?",
                filter.unforgotten.map(|user| Email::erased(user).as_str().to_owned()),
            )
            .when(" OR data <> ?", filter.unforgotten.map(|user| told_to(user).as_str().to_owned()))
            .when(" OR error <> ?)", filter.unforgotten.map(|_| ERASED));
        let query = query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let entries = rows.iter().map(|row| read_notification(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, |entry: &Notification| entry.id.uuid()))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError> {
        const OPERATION: &str = "notifications.due";
        let rows = self.rows(OPERATION, Question::of(sql::DUE).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| read_notification(row, OPERATION)).collect()
    }

    async fn held(&self, limit: u32) -> Result<Vec<Notification>, StoreError> {
        const OPERATION: &str = "notifications.held";
        const SQL: &str = "SELECT * FROM notification_logs WHERE held_at IS NOT NULL ORDER BY id LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_notification(row, OPERATION)).collect()
    }

    async fn commit(&self, changes: ChangeSet<NotificationWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
