//! Loads and writes what every change set has: keys, inbox entries, events.

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, KeyRecord, KeyResult};
use commerce_core::events::{Envelope, EventData};
use commerce_core::ids::EventId;
use commerce_core::limits;
use sqlx::sqlite::SqliteRow;

use super::script::{Queries, Script};
use crate::sql::bulk::{Bulk, RowText, hashes};
use crate::sql::fields::Fields;
use crate::sql::judge::{Claimed, Head, Loaded};
use commerce_core::error::StoreError;

const OPERATION: &str = "sqlite.commit";

/// Asks for the keys and inbox entries that a batch wants to use.
pub(super) fn ask_head<'a, W, J>(queries: &mut Queries<Loaded<'a, J>>, sets: &[&'a ChangeSet<W>], now: Timestamp) {
    let scopes: Vec<[u8; 32]> = sets.iter().filter_map(|set| set.claim.as_ref()).map(|claim| claim.scope.digest()).collect();
    if !scopes.is_empty() {
        const KEYS: &str = "SELECT scope, body_hash, outcome, result_id, generation FROM idempotency_keys
            WHERE scope IN (SELECT unhex(value) FROM json_each(?)) AND used_at > ?";
        let since = now.minus(limits::IDEMPOTENCY_KEEP).as_micros();
        queries.ask(KEYS, [hashes(scopes).into(), since.into()], |row, loaded| {
            let scope = Fields::of(row, OPERATION).hash("scope")?;
            loaded.head.keys.load([(scope, Claimed::Before(key_record(row, OPERATION)?))]);
            Ok(())
        });
    }
    let deliveries = Bulk::of(sets.iter().filter_map(|set| set.handled.as_ref()), |row: RowText, handled| {
        row.text(handled.consumer).id(handled.event)
    });
    if let Some(deliveries) = deliveries {
        const INBOX: &str = "SELECT consumer, event_id, handled_at FROM inbox WHERE (consumer, event_id) IN
            (SELECT value ->> 0, unhex(value ->> 1) FROM jsonb_each(?))";
        queries.ask(INBOX, [deliveries.into_text().into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let delivery = (fields.text("consumer")?, fields.id::<EventId>("event_id")?);
            loaded.head.inbox.load([(delivery, fields.at("handled_at")?)]);
            Ok(())
        });
    }
}

/// Writes the used keys, inbox entries and events of the accepted change sets.
pub(super) fn write_head(script: &mut Script, head: &Head<'_>) {
    const KEYS: &str = "INSERT INTO idempotency_keys (scope, route, body_hash, outcome, result_id, generation, used_at)
        SELECT unhex(value ->> 0), value ->> 1, unhex(value ->> 2), value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6
        FROM jsonb_each(?) WHERE true
        ON CONFLICT (scope) DO UPDATE SET route = excluded.route, body_hash = excluded.body_hash,
            outcome = excluded.outcome, result_id = excluded.result_id, generation = excluded.generation,
            used_at = excluded.used_at";
    const INBOX: &str = "INSERT INTO inbox (consumer, event_id, handled_at)
        SELECT value ->> 0, unhex(value ->> 1), value ->> 2 FROM jsonb_each(?)";
    const OUTBOX: &str = "INSERT INTO outbox
            (id, topic, type, schema, aggregate_id, version, occurred_at, traceparent, data)
        SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6,
            value ->> 7, value ->> 8
        FROM jsonb_each(?) ORDER BY key";
    let claims = head.keys.written().filter_map(|(scope, claimed)| match claimed {
        Claimed::Now(claim) => Some((scope, *claim)),
        Claimed::Before(_) => None,
    });
    let keys = Bulk::of(claims, |row: RowText, (scope, claim)| {
        let row = row.hash(scope).text(&claim.scope.route).hash(&claim.body_hash);
        let row = match claim.result {
            KeyResult::Done(thing) => row.text("DONE").uuid(thing).int(claim.generation),
            KeyResult::Refused(generation) => row.text("REFUSED").null().int(generation),
        };
        row.at(claim.at)
    });
    script.bulk(KEYS, keys);
    let inbox = Bulk::of(head.inbox.written(), |row: RowText, ((consumer, event), at)| row.text(consumer).id(*event).at(*at));
    script.bulk(INBOX, inbox);
    script.bulk(OUTBOX, Bulk::of(head.events.iter().copied(), event_row));
}

fn event_row(row: RowText, event: &Envelope) -> RowText {
    row.id(event.id)
        .text(event.topic.as_str())
        .text(event.kind.as_str())
        .int(event.schema)
        .uuid(event.aggregate)
        .count(event.version)
        .at(event.at)
        .opt_text(event.traceparent.as_deref())
        .text(event.data.as_str())
}

/// Reads an event of the outbox.
pub(super) fn read_event(row: &SqliteRow, operation: &'static str) -> Result<Envelope, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Envelope {
        id: fields.id("id")?,
        topic: fields.parse("topic")?,
        kind: fields.parse("type")?,
        schema: fields.count("schema")?,
        aggregate: fields.uuid("aggregate_id")?,
        version: fields.count("version")?,
        at: fields.at("occurred_at")?,
        traceparent: fields.opt_text("traceparent")?,
        data: EventData::kept(fields.str("data")?),
    })
}

/// Reads the record of a used key.
pub(super) fn key_record(row: &SqliteRow, operation: &'static str) -> Result<KeyRecord, StoreError> {
    let fields = Fields::of(row, operation);
    let result = match fields.text("outcome")?.as_str() {
        "DONE" => KeyResult::Done(fields.uuid("result_id")?),
        "REFUSED" => KeyResult::Refused(fields.count("generation")?),
        other => return Err(fields.corrupt(format_args!("outcome is {other}"))),
    };
    Ok(KeyRecord { body_hash: fields.hash("body_hash")?, result })
}
