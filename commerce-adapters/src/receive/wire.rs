//! An event as brokers carry it: one JSON object, with what the event says in it word for word.

use commerce_core::Timestamp;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::events::{Envelope, EventData, EventKind, Topic};
use commerce_core::ids::EventId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// [`Envelope`] in its own member names, with the data as the text it is.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    id: EventId,
    topic: Topic,
    #[serde(rename = "type")]
    kind: EventKind,
    schema: u16,
    aggregate: Uuid,
    version: u64,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The event as text.
///
/// # Errors
/// When its data is no JSON, which no use case writes.
pub(crate) fn write(event: &Envelope) -> Result<String, StoreError> {
    let written = serde_json::from_str::<&RawValue>(event.data.as_str()).and_then(|data| {
        let Envelope { id, topic, kind, schema, aggregate, version, at, ref traceparent, data: _ } = *event;
        serde_json::to_string(&Wire { id, topic, kind, schema, aggregate, version, at, traceparent: traceparent.clone(), data })
    });
    written.map_err(|error| StoreError::new(StoreErrorKind::Internal, "bus.publish", error))
}

/// The event that this text says. Members that are not known are left alone: a newer publisher may
/// say more.
///
/// # Errors
/// When it says no event that this program knows.
pub(crate) fn read(text: &[u8]) -> Result<Envelope, serde_json::Error> {
    let Wire { id, topic, kind, schema, aggregate, version, at, traceparent, data } = serde_json::from_slice(text)?;
    Ok(Envelope { id, topic, kind, schema, aggregate, version, at, traceparent, data: EventData::kept(data.get()) })
}

#[cfg(test)]
mod tests {
    use commerce_core::ids::Id;

    use super::*;

    fn event() -> Envelope {
        Envelope {
            id: EventId::from_uuid(Uuid::from_u128(7)),
            topic: Topic::Orders,
            kind: EventKind::OrderCreated,
            schema: 1,
            aggregate: Uuid::from_u128(8),
            version: 3,
            at: Timestamp::from_micros(1_772_357_400_000_001),
            traceparent: None,
            data: EventData::kept(r#"{"b": 1.50,"a":"ü"}"#),
        }
    }

    #[test]
    fn an_event_comes_back_word_for_word_in_the_members_of_an_envelope() {
        let text = write(&event()).unwrap();
        assert_eq!(read(text.as_bytes()).unwrap(), event());
        let envelope: Envelope = serde_json::from_str(&text).unwrap();
        assert_eq!(envelope.id, event().id);
        let newer = text.replacen('{', r#"{"shape":"of tomorrow","#, 1);
        assert_eq!(read(newer.as_bytes()).unwrap(), event());
    }

    #[test]
    fn what_is_no_event_is_refused() {
        let text = write(&event()).unwrap();
        let unknown = text.replace("ORDER_CREATED", "ORDER_TELEPORTED");
        for bad in ["", "{}", "[]", "nonsense", "\u{feff}{}", &text[..text.len() - 1], &unknown] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(read(b"\xff\xfe").is_err());
        assert!(write(&Envelope { data: EventData::kept("{"), ..event() }).is_err());
    }
}
