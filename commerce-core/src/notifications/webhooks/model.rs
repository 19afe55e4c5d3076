//! Endpoints and deliveries, and how each goes from one state to the next. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::change::digest;
use crate::events::{EventData, EventKind, wire_names};
use crate::ids::{EventId, Id, WebhookDeliveryId, WebhookEndpointId};
use crate::limits;
use crate::time::Timestamp;

wire_names! {
    /// Whether an endpoint is told.
    EndpointStatus {
        /// It is.
        Active = "ACTIVE",
        /// Not any more: nothing reached it for long, or it said that it is gone.
        Disabled = "DISABLED",
        /// Staff removed it; it is kept as long as its deliveries are.
        Removed = "REMOVED",
    }

    /// How far a delivery is.
    DeliveryStatus {
        /// To be made at its time.
        Pending = "PENDING",
        /// Its endpoint took it.
        Delivered = "DELIVERED",
        /// Given up.
        Failed = "FAILED",
    }
}

/// What deliveries are signed with: `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks 1.0).
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    const PREFIX: &'static str = "whsec_";

    /// From 32 random bytes.
    #[must_use]
    pub fn of(bytes: [u8; 32]) -> Self {
        Self(format!("{}{}", Self::PREFIX, STANDARD.encode(bytes)))
    }

    /// As it is shown once, and stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The key of the HMAC.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        self.0.strip_prefix(Self::PREFIX).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
    }
}

impl FromStr for WebhookSecret {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let key = text.strip_prefix(Self::PREFIX).and_then(|text| STANDARD.decode(text).ok());
        let fits = key.is_some_and(|key| (24..=64).contains(&key.len()));
        if fits { Ok(Self(text.to_owned())) } else { Err("must be whsec_ and 24 to 64 bytes in base64") }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// Which events an endpoint wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subscription {
    /// Every one that others are told of, also those that there will be.
    Everything,
    /// These, at least one, each once, in the order in which they were named.
    Only(Vec<EventKind>),
}

impl Subscription {
    /// The word for everything.
    pub const EVERYTHING: &'static str = "*";

    /// From names of events, or `*`. None when there is none, or one that is no event.
    #[must_use]
    pub fn parse(names: &[impl AsRef<str>]) -> Option<Self> {
        if names.iter().any(|name| name.as_ref() == Self::EVERYTHING) {
            return Some(Self::Everything);
        }
        let mut kinds = Vec::new();
        for name in names {
            let kind = name.as_ref().parse::<EventKind>().ok().filter(|kind| !kind.is_internal())?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        (!kinds.is_empty()).then_some(Self::Only(kinds))
    }

    /// As [`parse`](Self::parse) reads them.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::Everything => vec![Self::EVERYTHING],
            Self::Only(kinds) => kinds.iter().map(|kind| kind.as_str()).collect(),
        }
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        match self {
            Self::Everything => !kind.is_internal(),
            Self::Only(kinds) => kinds.contains(&kind),
        }
    }
}

/// An address of another system that is told of events.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookEndpoint {
    /// Which.
    pub id: WebhookEndpointId,
    /// Where.
    pub url: String,
    /// Of what.
    pub events: Subscription,
    /// What deliveries are signed with.
    pub secret: WebhookSecret,
    /// What they are signed with, too, until then: a changed secret reaches both sides at different times.
    pub former: Option<(WebhookSecret, Timestamp)>,
    /// Whether it is told.
    pub status: EndpointStatus,
    /// Why it is not.
    pub reason: Option<String>,
    /// Since when nothing reached it, though something was tried.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub updated_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

impl WebhookEndpoint {
    /// Whether it is told of such an event.
    #[must_use]
    pub fn wants(&self, kind: EventKind) -> bool {
        self.status == EndpointStatus::Active && self.events.wants(kind)
    }

    /// What to sign with at `now`, newest first.
    #[must_use]
    pub fn secrets(&self, now: Timestamp) -> Vec<WebhookSecret> {
        let former = self.former.iter().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.secret).chain(former).cloned().collect()
    }

    /// With this secret; the present one stays good for a while.
    #[must_use]
    pub(super) fn with_secret(self, secret: WebhookSecret, now: Timestamp) -> Self {
        if secret == self.secret {
            return self;
        }
        let former = Some((self.secret, now.plus(limits::WEBHOOK_SECRET_OVERLAP)));
        Self { secret, former, ..self }
    }

    /// As it is after some deliveries were tried, or none where nothing is to be noted.
    #[must_use]
    pub(super) fn after(self, heard: Tried, now: Timestamp) -> Option<Self> {
        let disabled = |reason: String| Self { status: EndpointStatus::Disabled, reason: Some(reason), ..self.clone() };
        if self.status != EndpointStatus::Active {
            return None;
        }
        if heard.gone {
            return Some(disabled("it answered 410: it is gone".to_owned()));
        }
        match (heard.reached, heard.missed, self.failing_since) {
            (false, true, Some(since)) if now.since(since) >= limits::WEBHOOK_DISABLE_AFTER => {
                Some(disabled(format!("nothing has reached it since {since}")))
            }
            (true, _, Some(_)) => Some(Self { failing_since: None, ..self }),
            (false, true, None) => Some(Self { failing_since: Some(now), ..self }),
            (true, _, None) | (false, false, _) | (false, true, Some(_)) => None,
        }
    }

    /// One version further, as a change set writes it.
    #[must_use]
    pub(super) fn next_version(self, now: Timestamp) -> Self {
        Self { version: self.version.saturating_add(1), updated_at: now.max(self.updated_at), ..self }
    }
}

/// What came of the deliveries of one endpoint that were tried together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tried {
    /// Some were taken.
    pub(super) reached: bool,
    /// Some were not.
    pub(super) missed: bool,
    /// It said that it is gone.
    pub(super) gone: bool,
}

/// An event on its way to an endpoint. Unique by both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WebhookDelivery {
    /// Which.
    pub id: WebhookDeliveryId,
    /// To whom.
    pub endpoint: WebhookEndpointId,
    /// Of which event; the receiver knows it by this id, whenever it comes.
    pub event: EventId,
    /// Of which kind.
    pub kind: EventKind,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What it says.
    pub data: EventData,
    /// How far.
    pub status: DeliveryStatus,
    /// How often it was tried.
    pub tries: u32,
    /// When it is to be tried next; none when final, or held.
    pub due_at: Option<Timestamp>,
    /// Since when it waits for a word, after a restore.
    pub held_at: Option<Timestamp>,
    /// The status that the endpoint answered last.
    pub answered: Option<u16>,
    /// Why the last try failed.
    pub error: Option<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it was taken.
    pub delivered_at: Option<Timestamp>,
    /// W3C `traceparent` of the request that caused the event.
    pub traceparent: Option<String>,
    /// Grows by one with every change.
    pub version: u64,
}

impl WebhookDelivery {
    /// What is sent: `{"type", "timestamp", "data"}` (Standard Webhooks 1.0), the same at every try.
    #[must_use]
    pub fn body(&self) -> String {
        let (kind, at) = (Value::from(self.kind.as_str()), Value::from(self.occurred_at.to_string()));
        format!(r#"{{"type":{kind},"timestamp":{at},"data":{}}}"#, self.data.as_str())
    }

    /// Taken by its endpoint.
    pub(super) fn delivered(self, status: u16, now: Timestamp) -> Self {
        Self {
            status: DeliveryStatus::Delivered,
            tries: self.tries.saturating_add(1),
            due_at: None,
            answered: Some(status),
            error: None,
            delivered_at: Some(now.max(self.created_at)),
            ..self
        }
    }

    /// Tried in vain: to be tried again, or given up when the pauses are used up.
    pub(super) fn missed(self, answered: Option<u16>, why: String, now: Timestamp) -> Self {
        let tried = Self { tries: self.tries.saturating_add(1), answered, error: Some(why), ..self };
        match tried.pause() {
            Some(pause) => Self { due_at: Some(now.plus(pause)), ..tried },
            None => Self { status: DeliveryStatus::Failed, due_at: None, ..tried },
        }
    }

    /// To be tried a little later, without having been tried.
    pub(super) fn put_off(self, now: Timestamp) -> Self {
        Self { due_at: Some(now.plus(limits::WEBHOOK_PUT_OFF)), ..self }
    }

    /// Not to be tried again.
    pub(super) fn given_up(self, why: impl Into<String>) -> Self {
        Self { status: DeliveryStatus::Failed, due_at: None, held_at: None, error: Some(why.into()), ..self }
    }

    /// To be made now, as if it were new.
    pub(super) fn again(self, now: Timestamp) -> Self {
        let due_at = Some(now);
        Self { status: DeliveryStatus::Pending, tries: 0, due_at, held_at: None, error: None, delivered_at: None, ..self }
    }

    /// To wait for a word.
    pub(super) fn held(self, now: Timestamp) -> Self {
        Self { due_at: None, held_at: Some(now), ..self }
    }

    /// To be made now, after the word.
    pub(super) fn released(self, now: Timestamp) -> Self {
        Self { due_at: Some(now), held_at: None, ..self }
    }

    /// One version further, as a change set writes it.
    pub(super) fn next_version(self) -> Self {
        Self { version: self.version.saturating_add(1), ..self }
    }

    /// The pause after this many tries, a fifth more or less, so that deliveries that failed together are not
    /// tried together; none when there is no further try.
    fn pause(&self) -> Option<Duration> {
        const FROM_PERMILLE: u64 = 800;
        const STEPS: u64 = 401;
        let tried = usize::try_from(self.tries).ok()?.checked_sub(1)?;
        let pause = limits::WEBHOOK_PAUSES.get(tried)?;
        let [first, second, ..] = digest(&[self.id.uuid().as_bytes(), &self.tries.to_be_bytes()]);
        let permille = FROM_PERMILLE.saturating_add(u64::from(u16::from_be_bytes([first, second])) % STEPS);
        let millis = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        Some(Duration::from_millis(millis.saturating_mul(permille) / 1_000))
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(1_772_366_400_000_000);

    fn endpoint() -> WebhookEndpoint {
        WebhookEndpoint {
            id: WebhookEndpointId::from_uuid(Uuid::from_u128(1)),
            url: "https://hooks.example/in".to_owned(),
            events: Subscription::Everything,
            secret: WebhookSecret::of([1; 32]),
            former: None,
            status: EndpointStatus::Active,
            reason: None,
            failing_since: None,
            created_at: NOON,
            updated_at: NOON,
            version: 1,
        }
    }

    fn delivery() -> WebhookDelivery {
        WebhookDelivery {
            id: WebhookDeliveryId::from_uuid(Uuid::from_u128(7)),
            endpoint: endpoint().id,
            event: EventId::from_uuid(Uuid::from_u128(2)),
            kind: EventKind::OrderCreated,
            occurred_at: NOON,
            data: EventData::of(&serde_json::json!({ "number": "ORD-1" })),
            status: DeliveryStatus::Pending,
            tries: 0,
            due_at: Some(NOON),
            held_at: None,
            answered: None,
            error: None,
            created_at: NOON,
            delivered_at: None,
            traceparent: None,
            version: 1,
        }
    }

    #[test]
    fn a_delivery_is_tried_for_three_days_and_given_up() {
        let (mut it, mut now) = (delivery(), NOON);
        while it.status == DeliveryStatus::Pending {
            it = it.missed(Some(500), "it answered 500".to_owned(), now);
            now = it.due_at.unwrap_or(now);
        }
        assert_eq!(it.tries, 10);
        let days = now.since(NOON).as_secs_f64() / 86_400.0;
        assert!((2.5..3.8).contains(&days), "{days}");
        let first = delivery().missed(None, String::new(), NOON).due_at.unwrap().since(NOON);
        assert!((Duration::from_secs(4)..=Duration::from_secs(6)).contains(&first), "{first:?}");
    }

    #[test]
    fn the_body_is_an_event_in_the_shape_of_the_standard() {
        let body: Value = serde_json::from_str(&delivery().body()).unwrap();
        assert_eq!(body["type"], "ORDER_CREATED");
        assert_eq!(body["timestamp"], NOON.to_string());
        assert_eq!(body["data"]["number"], "ORD-1");
    }

    #[test]
    fn an_endpoint_is_disabled_after_long_failure_or_when_it_is_gone() {
        let missed = Tried { missed: true, ..Tried::default() };
        let failing = endpoint().after(missed, NOON).unwrap();
        assert_eq!((failing.status, failing.failing_since), (EndpointStatus::Active, Some(NOON)));
        assert_eq!(failing.clone().after(missed, NOON.plus(Duration::from_hours(1))), None);
        let late = NOON.plus(limits::WEBHOOK_DISABLE_AFTER);
        assert_eq!(failing.clone().after(missed, late).unwrap().status, EndpointStatus::Disabled);
        let reached = Tried { reached: true, missed: true, gone: false };
        assert_eq!(failing.after(reached, late).unwrap().failing_since, None);
        assert_eq!(endpoint().after(reached, late), None);
        assert_eq!(endpoint().after(Tried { gone: true, ..missed }, NOON).unwrap().status, EndpointStatus::Disabled);
    }

    #[test]
    fn a_changed_secret_and_the_one_before_it_are_good_for_a_day() {
        let changed = endpoint().with_secret(WebhookSecret::of([2; 32]), NOON);
        assert_eq!(changed.secrets(NOON), [WebhookSecret::of([2; 32]), WebhookSecret::of([1; 32])]);
        assert_eq!(changed.secrets(NOON.plus(limits::WEBHOOK_SECRET_OVERLAP)).len(), 1);
        assert_eq!(endpoint().with_secret(WebhookSecret::of([1; 32]), NOON), endpoint(), "the same is no change");
    }

    #[test]
    fn secrets_and_subscriptions_are_read() {
        assert!("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse::<WebhookSecret>().is_ok());
        for bad in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64 at all, really"] {
            assert!(bad.parse::<WebhookSecret>().is_err(), "{bad}");
        }
        assert!(!format!("{:?}", WebhookSecret::of([1; 32])).contains("AQEB"));
        assert_eq!(Subscription::parse(&["*", "ORDER_CREATED"]), Some(Subscription::Everything));
        assert_eq!(Subscription::parse(&["ORDER_CREATED", "ORDER_CREATED"]).unwrap().names(), ["ORDER_CREATED"]);
        assert_eq!(Subscription::parse(&["ORDER_EATEN"]), None);
        assert_eq!(Subscription::parse(&[] as &[&str]), None);
    }
}
