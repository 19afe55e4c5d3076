//! The notifications' database: who is told what, and how far each message is.

use std::collections::BTreeSet;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::events::{EventData, EventKind};
use commerce_core::ids::{Id, NotificationId};
use commerce_core::notifications::{
    Notification, NotificationFilter, NotificationStatus, NotificationStore, NotificationWrite, Recipient,
};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Email;
use sqlx::sqlite::SqliteRow;

use super::engine::{Context, Database, below, blob};
use super::migrate::{Migration, migrations};
use super::readers::Question;
use super::script::{Queries, Script};
use crate::sql::bulk::{Bulk, RowText, ids};
use crate::sql::fields::Fields;
use crate::sql::judge::{Loaded, NotificationJudge, NotificationRow};

const MIGRATIONS: &[Migration] =
    migrations!("notifications", [(1, "notifications"), (2, "messages"), (3, "writers"), (4, "trace")]);

impl Context for NotificationWrite {
    type Judge<'a> = NotificationJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "notifications";
    const COMMIT: &'static str = "notifications.commit";

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, NotificationJudge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        const SQL: &str = "SELECT id, event_id, template, recipient, version FROM notification_logs
            WHERE id IN (SELECT unhex(value) FROM json_each(?)) OR event_id IN (SELECT unhex(value) FROM json_each(?))";
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
            }
        }
        if !wanted.is_empty() {
            queries.ask(SQL, [ids(wanted).into(), ids(events).into()], |row, loaded| load(row, &mut loaded.judge));
        }
    }

    fn write(script: &mut Script, judge: &NotificationJudge<'_>, _: Timestamp) {
        const NEW: &str = "INSERT INTO notification_logs (id, event_id, kind, template, recipient, address, data, status,
                tries, due_at, error, created_at, sent_at, maybe_twice, version, traceparent)
            SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14,
                value ->> 15
            FROM jsonb_each(?)";
        // What it is about never changes, only how far it is.
        const CHANGED: &str = "UPDATE notification_logs SET address = value ->> 1, status = value ->> 2, tries = value ->> 3,
                due_at = value ->> 4, error = value ->> 5, sent_at = value ->> 6, maybe_twice = value ->> 7,
                version = value ->> 8
            FROM jsonb_each(?) WHERE notification_logs.id = unhex(value ->> 0)";
        let written = |stored| {
            let rows = judge.notifications.written().filter(move |(id, _)| judge.notifications.is_stored(id) == stored);
            rows.filter_map(|(_, row)| row.write)
        };
        let new = Bulk::of(written(false), |row: RowText, it: &Notification| {
            let row = row.id(it.id).id(it.event).text(it.kind.as_str()).text(it.template.as_str()).text(&it.recipient.key());
            let row = row.opt_text(it.address.as_ref().map(Email::as_str)).text(it.data.as_str());
            let row = row.text(it.status.as_str()).int(it.tries).opt_at(it.due_at).opt_text(it.error.as_deref());
            row.at(it.created_at).opt_at(it.sent_at).flag(it.maybe_twice).count(it.version).opt_text(it.traceparent.as_deref())
        });
        script.bulk(NEW, new);
        let changed = Bulk::of(written(true), |row: RowText, it: &Notification| {
            let row = row.id(it.id).opt_text(it.address.as_ref().map(Email::as_str)).text(it.status.as_str()).int(it.tries);
            let row = row.opt_at(it.due_at).opt_text(it.error.as_deref()).opt_at(it.sent_at);
            row.flag(it.maybe_twice).count(it.version)
        });
        script.bulk(CHANGED, changed);
    }
}

fn load(row: &SqliteRow, judge: &mut NotificationJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, NotificationWrite::COMMIT);
    let id = fields.id("id")?;
    let name = (fields.id("event_id")?, fields.parse("template")?, read_recipient(&fields)?);
    judge.told.load([(name, id)]);
    judge.notifications.load([(id, NotificationRow { version: fields.count("version")?, write: None })]);
    Ok(())
}

fn read_recipient(fields: &Fields<'_>) -> Result<Recipient, StoreError> {
    if fields.text("recipient")? == Recipient::Ops.key() {
        return Ok(Recipient::Ops);
    }
    fields.parse("recipient").map(Recipient::User)
}

fn read_notification(row: &SqliteRow, operation: &'static str) -> Result<Notification, StoreError> {
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
        // One shape for each combination of filters, so that each can use its index.
        let mut sql = "SELECT * FROM notification_logs WHERE id < ?1".to_owned();
        let conditions = [
            (filter.recipient.is_some(), " AND recipient = ?2"),
            (filter.kind.is_some(), " AND kind = ?3"),
            (filter.status.is_some(), " AND status = ?4"),
        ];
        for (asked, condition) in conditions {
            if asked {
                sql.push_str(condition);
            }
        }
        sql.push_str(" ORDER BY id DESC LIMIT ?5");
        let query = Question::of(sql)
            .bind(below(page))
            .bind(filter.recipient.map(|recipient| recipient.key()))
            .bind(filter.kind.map(EventKind::as_str))
            .bind(filter.status.map(NotificationStatus::as_str))
            .bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let entries = rows.iter().map(|row| read_notification(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, |entry: &Notification| entry.id.uuid()))
    }

    async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<Notification>, StoreError> {
        const OPERATION: &str = "notifications.due";
        const SQL: &str = "SELECT * FROM notification_logs INDEXED BY notification_logs_due
            WHERE due_at IS NOT NULL AND due_at <= ?1 AND status IN ('PENDING', 'SENDING')
            ORDER BY due_at, id LIMIT ?2";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| read_notification(row, OPERATION)).collect()
    }

    async fn commit(&self, changes: ChangeSet<NotificationWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
