//! The ports that every database serves: used keys, outbox, dead letters, leases.

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{KeyRecord, KeyScope, Keys};
use commerce_core::error::StoreError;
use commerce_core::events::{Backlog, DeadLetter, DeadLetters, Envelope, Leases, Outbox, given_up};
use commerce_core::ids::{EventId, Id};
use commerce_core::limits;
use commerce_core::page::{Page, PageRequest};
use uuid::Uuid;

use super::engine::{Context, Database, Row};
use super::fields::Fields;
use super::head::{event_rows, handled_seal, key_record, letter_seal, read_event};
use super::leases::{lease_seal, next_epoch};
use super::statements::head as sql;
use crate::sql::bulk::{Bulk, ids};
use crate::sql::question::{Question, below, blob};

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
        const SQL: &str = "SELECT id, topic, type, schema, aggregate_id, version, occurred_at, traceparent, data
            FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT ?1";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(limit)).await?;
        rows.iter().map(|row| read_event(row, OPERATION)).collect()
    }

    async fn published(&self, events: &[EventId]) -> Result<(), StoreError> {
        const SQL: &str = "UPDATE OR FAIL outbox SET published_at = ?2, published_check = ?2 + position
            WHERE published_at IS NULL AND id IN (SELECT unhex(value) FROM json_each(?1))";
        if events.is_empty() {
            return Ok(());
        }
        let (events, now) = (ids(events.iter().copied()), self.now().as_micros());
        self.write("outbox.published", move |connection| {
            Box::pin(async move {
                sqlx::query(SQL).bind(events).bind(now).execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn backlog(&self) -> Result<Backlog, StoreError> {
        const OPERATION: &str = "outbox.backlog";
        const SQL: &str = "SELECT count(*) AS waiting, min(occurred_at) AS oldest FROM outbox WHERE published_at IS NULL";
        let row = self.row(OPERATION, Question::of(SQL)).await?;
        let Some(row) = row else { return Ok(Backlog::default()) };
        let fields = Fields::of(&row, OPERATION);
        Ok(Backlog { waiting: fields.count("waiting")?, oldest: fields.opt_at("oldest")? })
    }

    async fn takes_writes(&self) -> Result<(), StoreError> {
        Database::takes_writes(self).await
    }
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

#[async_trait]
impl<W: Context> DeadLetters for Database<W> {
    async fn bury(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        const SQL: &str = "INSERT INTO dead_letters (place, consumer, event_id, event, reason, receives, buried_at, seal)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
        let letter = letter.clone();
        self.write("dead_letters.bury", move |connection| {
            Box::pin(async move {
                let event = serde_json::to_string(&letter.event).map_err(|error| sqlx::Error::Encode(error.into()))?;
                let (place, seal) = (letter.place(), letter_seal(&letter, &event));
                let query = sqlx::query(SQL).bind(blob(place)).bind(letter.consumer).bind(blob(letter.event.id.uuid()));
                let query = query.bind(event).bind(letter.reason).bind(letter.receives).bind(letter.at.as_micros());
                let query = query.bind(seal);
                query.execute(connection).await?;
                Ok(())
            })
        })
        .await
    }

    async fn letters(&self, page: &PageRequest) -> Result<Page<DeadLetter>, StoreError> {
        const OPERATION: &str = "dead_letters.letters";
        const SQL: &str = "SELECT consumer, event, reason, receives, buried_at FROM dead_letters
            WHERE place < ?1 ORDER BY place DESC LIMIT ?2";
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
        let told = event_rows(Some(told)).map(Bulk::into_text);
        self.write("dead_letters.tell", move |connection| {
            Box::pin(async move { sqlx::query(sql::OUTBOX).bind(told).execute(connection).await.map(|_| ()) })
        })
        .await
    }
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
        const TAKE: &str = "DELETE FROM dead_letters WHERE consumer = ?1 AND event_id = ?2
            RETURNING consumer, event, reason, receives, buried_at";
        const NOTE: &str = "INSERT OR IGNORE INTO inbox (consumer, event_id, handled_at, seal) VALUES (?1, ?2, ?3, ?4)";
        let (consumer, told, now) = (consumer.to_owned(), event_rows(told).map(Bulk::into_text), self.now());
        let row = self
            .write(operation, move |connection| {
                Box::pin(async move {
                    let id = blob(event.uuid());
                    let row = sqlx::query(TAKE).bind(consumer).bind(id.clone()).fetch_optional(&mut *connection).await?;
                    if row.is_some() {
                        if let Some(nobody) = instead {
                            let seal = handled_seal(&nobody, event, now);
                            let note = sqlx::query(NOTE).bind(nobody).bind(id).bind(now.as_micros()).bind(seal);
                            note.execute(&mut *connection).await?;
                        }
                        if let Some(told) = told {
                            sqlx::query(sql::OUTBOX).bind(told).execute(connection).await?;
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
impl<W: Context> Leases for Database<W> {
    async fn acquire(&self, name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Result<Option<u64>, StoreError> {
        const FIND: &str = "SELECT owner_id, epoch, until_at FROM leases WHERE name = ?1";
        const TAKE: &str = "INSERT INTO leases (name, owner_id, epoch, until_at, seal) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (name) DO UPDATE SET owner_id = excluded.owner_id, epoch = excluded.epoch,
                until_at = excluded.until_at, seal = excluded.seal";
        let name = name.to_owned();
        self.write("leases.acquire", move |connection| {
            Box::pin(async move {
                let found = sqlx::query_as(FIND).bind(&name).fetch_optional(&mut *connection).await?;
                let Some(epoch) = next_epoch(found, owner, now) else { return Ok(None) };
                let seal = lease_seal(&name, owner, epoch, Some(until));
                let take = sqlx::query(TAKE).bind(name).bind(blob(owner)).bind(epoch).bind(until.as_micros()).bind(seal);
                take.execute(connection).await?;
                Ok(u64::try_from(epoch).ok())
            })
        })
        .await
    }

    async fn give_back(&self, name: &str, owner: Uuid) -> Result<(), StoreError> {
        const FIND: &str = "SELECT epoch FROM leases WHERE name = ?1 AND owner_id = ?2 AND until_at IS NOT NULL";
        const END: &str = "UPDATE leases SET until_at = NULL, seal = ?2 WHERE name = ?1";
        let name = name.to_owned();
        self.write("leases.give_back", move |connection| {
            Box::pin(async move {
                let found = sqlx::query_scalar(FIND).bind(&name).bind(blob(owner)).fetch_optional(&mut *connection).await?;
                if let Some(epoch) = found {
                    let seal = lease_seal(&name, owner, epoch, None);
                    sqlx::query(END).bind(name).bind(seal).execute(connection).await?;
                }
                Ok(())
            })
        })
        .await
    }
}
