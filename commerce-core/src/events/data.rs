//! What an event says: JSON text, written once by whoever says it and carried as it is.
//!
//! Owns no shape. Outbox, bus and notifications hand the text on; only who needs to know what it
//! says reads it.

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// What an event says. Cheap to clone; equal when it says the same: nested in other JSON, as in a dead
/// letter, its members lose their order.
#[derive(Clone)]
pub struct EventData(Arc<str>);

impl EventData {
    /// In the words of `facts`.
    #[must_use]
    pub fn of(facts: &impl Serialize) -> Self {
        Self(serde_json::to_string(facts).expect("events have text keys and finite numbers").into())
    }

    /// As it was kept, word for word.
    #[must_use]
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In the shape of `T`.
    ///
    /// # Errors
    /// When it has another shape.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&self.0)
    }
}

impl PartialEq for EventData {
    fn eq(&self, other: &Self) -> bool {
        let value = |data: &Self| data.read::<Value>().ok();
        self.0 == other.0 || value(self).is_some_and(|said| Some(said) == value(other))
    }
}

impl Eq for EventData {}

impl From<Value> for EventData {
    fn from(value: Value) -> Self {
        Self(value.to_string().into())
    }
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for EventData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read::<Value>().map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EventData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn data_is_carried_word_for_word_and_nests_in_other_json() {
        let data = EventData::kept(r#"{ "b": 1.50, "a": "x" }"#);
        assert_eq!(data.as_str(), r#"{ "b": 1.50, "a": "x" }"#);
        assert_eq!(serde_json::to_value(&data).unwrap(), json!({ "a": "x", "b": 1.5 }));
        assert_eq!(serde_json::from_value::<EventData>(json!({ "a": "x" })).unwrap(), EventData::of(&json!({ "a": "x" })));
        let nested = serde_json::to_string(&data).unwrap();
        assert_eq!(serde_json::from_str::<EventData>(&nested).unwrap(), data);
        assert_ne!(EventData::kept(r#"{ "a": "x" }"#), data);
        assert!(data.read::<Vec<u8>>().is_err());
        assert!(serde_json::to_value(EventData::kept("{")).is_err());
    }
}
