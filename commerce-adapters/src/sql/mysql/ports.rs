//! The ports that every database serves: used keys, outbox, dead letters, leases.

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{KeyRecord, KeyScope, Keys};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::{Backlog, DeadLetter, DeadLetters, Envelope, Leases, Outbox, given_up};
use commerce_core::ids::{EventId, Id};
use commerce_core::limits;
use commerce_core::page::{Page, PageRequest};
use uuid::Uuid;

use super::engine::{Context, Database, Row};
use super::fields::Fields;
use super::head::{event_rows, handled_seal, key_record, letter_seal, read_event};
use super::leases::{lease_seal, next_epoch};
use super::script::query;
use super::statements::head as sql;
use crate::sql::bulk::ids;
use crate::sql::question::{Param, Question, below, blob};

#[async_trait]
impl<W: Context> Keys for Database<W> {
    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyRecord>, StoreError> {
        const OPERATION: &str = "keys.key";
        const SQL: &str = "SELECT body_hash, outcome, result_id, generation FROM idempotency_keys
            WHERE scope = ? AND used_at > ?";
        let since = self.now().minus(limits::IDEMPOTENCY_KEEP).as_micros();
        let query = Question::frequent(SQL).bind(scope.digest().to_vec()).bind(since);
        self.row(OPERATION, query).await?.map(|row| key_record(&row, OPERATION)).transpose()
    }
}

#[async_trait]
impl<W: Context> Outbox for Database<W> {
    async fn unpublished(&self, limit: u32) -> Result<Vec<Envelope>, StoreError> {
        const OPERATION: &str = "outbox.unpublished";
        const SQL: &str = "SELECT id, topic, type, `schema`, aggregate_id, version, occurred_at, traceparent, data
            FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT ?";
        self.relayed().reads();
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_event(row, OPERATION)).collect()
    }

    /// Where another server has become the primary since they were read, they are delivered again.
    async fn published(&self, events: &[EventId]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE JSON_TABLE(?, '$[*]' COLUMNS (v CHAR(32) PATH '$')) AS it
            STRAIGHT_JOIN outbox ON outbox.id = UNHEX(it.v)
            SET outbox.published_at = ?, outbox.published_check = ? + outbox.position
            WHERE outbox.published_at IS NULL AND ? IN (0, @@server_id + 1)";
        if events.is_empty() {
            return Ok(());
        }
        let (events, now, server) = (ids(events.iter().copied()), self.now().as_micros(), self.relayed().server());
        self.write("outbox.published", move |connection| {
            let query = sqlx::query(SQL).bind(events.clone()).bind(now).bind(now).bind(server);
            Box::pin(async move { query.execute(connection).await.map(|_| ()) })
        })
        .await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        const OPERATION: &str = "outbox.backlog";
        const SQL: &str = "SELECT COUNT(*) AS waiting, MIN(occurred_at) AS oldest FROM outbox WHERE published_at IS NULL";
        let row = self.row(OPERATION, Question::of(SQL)).await?;
        let Some(row) = row else { return Ok(Backlog::default()) };
        let fields = Fields::of(&row, OPERATION);
        Ok(Backlog { waiting: fields.count("waiting")?, oldest: fields.opt_at("oldest")? })
    }

    async fn takes_writes(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "mysql.takes_writes";
        let row = self.row(OPERATION, Question::of("SELECT @@global.read_only AS read_only")).await?;
        let read_only: Option<i64> = row.as_ref().map(|row| Fields::of(row, OPERATION).count("read_only")).transpose()?;
        match read_only {
            Some(0) => Ok(()),
            _ => Err(StoreError::new(StoreErrorKind::ReadOnly, OPERATION, "the server takes no writes")),
        }
    }
}

/// The columns of a dead letter.
macro_rules! select_letters {
    ($tail:literal) => {
        concat!("SELECT consumer, event, reason, receives, buried_at FROM dead_letters ", $tail)
    };
}

fn read_letter(row: &Row, operation: &'static str) -> Result<DeadLetter, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(DeadLetter {
        consumer: fields.text("consumer")?,
        event: fields.json("event")?,
        reason: fields.text("reason")?,
        receives: fields.count("receives")?,
        at: fields.at("buried_at")?,
    })
}

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Takes a letter out; what it leaves is an inbox entry of `instead`, if that is somebody, and what is `told` of it.
    async fn take_letter(
        &self,
        operation: &'static str,
        (consumer, event): (&str, EventId),
        instead: Option<String>,
        told: Option<&Envelope>,
    ) -> Result<Option<DeadLetter>, StoreError> {
        const FIND: &str = select_letters!("WHERE consumer = ? AND event_id = ? FOR UPDATE");
        const TAKE: &str = "DELETE FROM dead_letters WHERE consumer = ? AND event_id = ?";
        const NOTE: &str = "INSERT INTO inbox (consumer, event_id, handled_at, seal) VALUES (?, ?, ?, ?)
            ON DUPLICATE KEY UPDATE handled_at = handled_at";
        let (consumer, id, now) = (consumer.to_owned(), blob(event.uuid()), self.now());
        let told = said(told);
        let row = self
            .write(operation, move |connection| {
                let say = told.clone();
                let find = sqlx::query(FIND).bind(consumer.clone()).bind(id.clone());
                let take = sqlx::query(TAKE).bind(consumer.clone()).bind(id.clone());
                let note = instead.clone().map(|nobody| {
                    let seal = handled_seal(&nobody, event, now);
                    sqlx::query(NOTE).bind(nobody).bind(id.clone()).bind(now.as_micros()).bind(seal)
                });
                Box::pin(async move {
                    let row = find.fetch_optional(&mut *connection).await?;
                    if row.is_some() {
                        take.execute(&mut *connection).await?;
                        if let Some(note) = note {
                            note.execute(&mut *connection).await?;
                        }
                        for (sql, params) in say {
                            query(sql.into(), params).execute(&mut *connection).await?;
                        }
                    }
                    Ok(row)
                })
            })
            .await?;
        row.map(|row| read_letter(&row, operation)).transpose()
    }
}

#[async_trait]
impl<W: Context> DeadLetters for Database<W> {
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO dead_letters (place, consumer, event_id, event, reason, receives, buried_at, seal)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE place = place";
        let event =
            serde_json::to_string(&letter.event).map_err(|error| StoreError::corrupt("dead_letters.bury", error.to_string()))?;
        let letter = letter.clone();
        self.write("dead_letters.bury", move |connection| {
            let query = sqlx::query(SQL).bind(blob(letter.place())).bind(letter.consumer.clone());
            let query = query.bind(blob(letter.event.id.uuid())).bind(event.clone()).bind(letter.reason.clone());
            let query = query.bind(letter.receives).bind(letter.at.as_micros()).bind(letter_seal(&letter, &event));
            Box::pin(async move { query.execute(connection).await.map(|_| ()) })
        })
        .await
    }

    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        const OPERATION: &str = "dead_letters.letters";
        const SQL: &str = select_letters!("WHERE place < ? ORDER BY place DESC LIMIT ?");
        let query = Question::of(SQL).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let letters = rows.iter().map(|row| read_letter(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(letters, page, DeadLetter::place))
    }

    async fn exhume(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        self.take_letter("dead_letters.exhume", (consumer, event), None, told).await
    }

    async fn give_up(&self, consumer: &str, event: EventId, told: Option<&Envelope>) -> Result<Option<DeadLetter>, StoreError> {
        self.take_letter("dead_letters.give_up", (consumer, event), Some(given_up(consumer)), told).await
    }

    async fn tell(&self, told: &Envelope) -> Result<(), StoreError> {
        let told = said(Some(told));
        self.write("dead_letters.tell", move |connection| {
            let say = told.clone();
            Box::pin(async move {
                for (sql, params) in say {
                    query(sql.into(), params).execute(&mut *connection).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

/// What writes this event into the outbox, if it is one.
fn said(told: Option<&Envelope>) -> Vec<(String, Vec<Param>)> {
    event_rows(told).map(|rows| sql::OUTBOX.statements(&rows)).unwrap_or_default()
}

#[async_trait]
impl<W: Context> Leases for Database<W> {
    async fn acquire(&self, name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Result<Option<u64>, StoreError> {
        const FIND: &str = "SELECT owner_id, epoch, until_at FROM leases WHERE name = ? FOR UPDATE";
        const MAKE: &str = "INSERT INTO leases (owner_id, epoch, until_at, seal, name) VALUES (?, ?, ?, ?, ?)";
        const TAKE: &str = "UPDATE leases SET owner_id = ?, epoch = ?, until_at = ?, seal = ? WHERE name = ?";
        let name = name.to_owned();
        self.write("leases.acquire", move |connection| {
            let name = name.clone();
            Box::pin(async move {
                let found = sqlx::query_as(FIND).bind(name.clone()).fetch_optional(&mut *connection).await?;
                let sql = if found.is_some() { TAKE } else { MAKE };
                let Some(epoch) = next_epoch(found, owner, now) else { return Ok(None) };
                let seal = lease_seal(&name, owner, epoch, Some(until));
                let take = sqlx::query(sql).bind(blob(owner)).bind(epoch).bind(until.as_micros()).bind(seal).bind(name);
                take.execute(connection).await?;
                Ok(u64::try_from(epoch).ok())
            })
        })
        .await
    }

    async fn give_back(&self, name: &str, owner: Uuid) -> Result<(), StoreError> {
        const FIND: &str = "SELECT epoch FROM leases WHERE name = ? AND owner_id = ? AND until_at IS NOT NULL FOR UPDATE";
        const END: &str = "UPDATE leases SET until_at = NULL, seal = ? WHERE name = ?";
        let name = name.to_owned();
        self.write("leases.give_back", move |connection| {
            let name = name.clone();
            Box::pin(async move {
                let find = sqlx::query_scalar(FIND).bind(name.clone()).bind(blob(owner));
                if let Some(epoch) = find.fetch_optional(&mut *connection).await? {
                    let seal = lease_seal(&name, owner, epoch, None);
                    sqlx::query(END).bind(seal).bind(name).execute(connection).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
