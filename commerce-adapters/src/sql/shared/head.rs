//! Loads and writes what every change set has: keys, inbox entries, events.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::audit::tables::{DEAD_LETTERS, INBOX, KEYS, OUTBOX};
use commerce_core::change::{ChangeSet, KeyClaim, KeyRecord, KeyResult};
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetter, Envelope, EventData};
use commerce_core::ids::EventId;
use commerce_core::limits;

use super::engine::Row;
use super::fields::Fields;
use super::script::{Queries, Script};
use super::statements::head as sql;
use crate::sql::bulk::{Bulk, RowText, hashes, seal_of};
use crate::sql::judge::{Claimed, Head, Loaded};

const OPERATION: &str = "sql.commit";

/// Asks for the keys and inbox entries that a batch wants to use.
pub(super) fn ask_head<'a, W, J>(queries: &mut Queries<Loaded<'a, J>>, sets: &[&'a ChangeSet<W>]) {
    let scopes: BTreeSet<[u8; 32]> = sets.iter().filter_map(|set| set.claim.as_ref()).map(|claim| claim.scope.digest()).collect();
    if !scopes.is_empty() {
        queries.ask(sql::USED_KEYS, [hashes(scopes).into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let (scope, since) = (fields.hash("scope")?, loaded.head.now.minus(limits::IDEMPOTENCY_KEEP));
            if fields.at("used_at")? > since {
                loaded.head.keys.load([(scope, Claimed::Before(key_record(row, OPERATION)?))]);
            } else {
                // It can be used anew, in the place that it has.
                loaded.head.keys.load_void([scope]);
            }
            Ok(())
        });
    }
    let deliveries: BTreeSet<_> =
        sets.iter().filter_map(|set| set.handled.as_ref()).map(|handled| (handled.consumer, handled.event)).collect();
    let deliveries = Bulk::of(deliveries, |row: RowText, (consumer, event)| row.text(consumer).id(event));
    if let Some(deliveries) = deliveries {
        queries.ask(sql::HANDLED, [deliveries.into_text().into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let delivery = (fields.text("consumer")?, fields.id::<EventId>("event_id")?);
            loaded.head.inbox.load([(delivery, fields.at("handled_at")?)]);
            Ok(())
        });
    }
}

/// Writes the used keys, inbox entries and events of the accepted change sets.
pub(super) fn write_head(script: &mut Script, head: &Head<'_>) {
    let claims = head.keys.written().filter_map(|(scope, claimed)| match claimed {
        Claimed::Now(claim) => Some((head.keys.is_stored(scope), (scope, *claim))),
        Claimed::Before(_) => None,
    });
    script.put(sql::KEYS, claims, key_row);
    let inbox =
        Bulk::of(head.inbox.written(), |row: RowText, ((consumer, event), at)| row.text(consumer).id(*event).at(*at).seal(INBOX));
    script.bulk(sql::INBOX, inbox);
    script.bulk(sql::OUTBOX, Bulk::of(head.events.iter().copied(), event_row));
}

fn key_row(row: RowText, (scope, claim): (&[u8; 32], &KeyClaim)) -> RowText {
    let row = row.hash(scope).text(&claim.scope.route).hash(&claim.body_hash);
    let row = match claim.result {
        KeyResult::Done(thing) => row.text("DONE").uuid(thing).int(claim.generation),
        KeyResult::Refused(generation) => row.text("REFUSED").null().int(generation),
    };
    row.at(claim.at).seal(KEYS)
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
        .seal(OUTBOX)
}

/// This event as the statement that writes the outbox takes it; none where there is none to write.
pub(super) fn event_rows(event: Option<&Envelope>) -> Option<Bulk> {
    Bulk::of(event, event_row)
}

/// The seal of a dead letter whose event is spelt like this.
pub(super) fn letter_seal(it: &DeadLetter, event: &str) -> Vec<u8> {
    let seal = seal_of(DEAD_LETTERS, |row| {
        let row = row.uuid(it.place()).text(&it.consumer).id(it.event.id).text(event);
        row.text(&it.reason).int(it.receives).at(it.at)
    });
    seal.to_vec()
}

/// The seal of an entry of the inbox.
pub(super) fn handled_seal(consumer: &str, event: EventId, at: Timestamp) -> Vec<u8> {
    seal_of(INBOX, |row| row.text(consumer).id(event).at(at)).to_vec()
}

/// Reads an event of the outbox.
pub(super) fn read_event(row: &Row, operation: &'static str) -> Result<Envelope, StoreError> {
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
pub(super) fn key_record(row: &Row, operation: &'static str) -> Result<KeyRecord, StoreError> {
    let fields = Fields::of(row, operation);
    let result = match fields.text("outcome")?.as_str() {
        "DONE" => KeyResult::Done(fields.uuid("result_id")?),
        "REFUSED" => KeyResult::Refused(fields.count("generation")?),
        other => return Err(fields.corrupt(format_args!("outcome is {other}"))),
    };
    Ok(KeyRecord { body_hash: fields.hash("body_hash")?, result })
}
