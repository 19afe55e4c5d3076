//! Identities: UUIDv7 newtypes, made from the injected clock and entropy.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::time::{Clock, Timestamp};

/// Where random bytes come from. Production asks the operating system, tests a seed.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with randomness.
    fn fill(&self, bytes: &mut [u8]);
}

/// A typed identity over a UUID.
pub trait Id: Copy {
    /// Wraps a UUID.
    fn from_uuid(uuid: Uuid) -> Self;
    /// The UUID inside.
    fn uuid(self) -> Uuid;
}

/// Reads a UUID from text alone. Its own reading takes a list of bytes, too.
struct AsText;

impl Visitor<'_> for AsText {
    type Value = Uuid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a UUID")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Uuid, E> {
        Uuid::try_parse(text).map_err(E::custom)
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl Id for $name {
            fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(AsText).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// A person who may log in.
    UserId,
    /// One entry of a user's address book.
    AddressId,
    /// One login, until logout or expiry.
    SessionId,
    /// A request for a new password; carries the millisecond it was made.
    ResetId,
    /// A merchant whose products the shop sells.
    SellerId,
    /// A node of the category tree.
    CategoryId,
    /// A product with its variants.
    ProductId,
    /// A picture of a product.
    ImageId,
    /// What a customer says about a product.
    ReviewId,
    /// An entry of a wishlist.
    WishId,
    /// One line of the stock ledger.
    MovementId,
    /// An order; carries the millisecond it was placed and a shard hashed from its user.
    OrderId,
    /// What an order asks to be paid; one per order.
    PaymentId,
    /// One try to collect a payment.
    AttemptId,
    /// Money on its way back to the customer.
    RefundId,
    /// What takes something off an order.
    CouponId,
    /// Something of an order on its way back.
    ReturnId,
    /// A parcel of an order.
    ShipmentId,
    /// Some of an order that was given up.
    CancellationId,
    /// One line of an order's history.
    TimelineId,
    /// An event, the same wherever it is delivered.
    EventId,
    /// A message to somebody, sent or to be sent.
    NotificationId,
    /// An address of another system that is told of events.
    WebhookEndpointId,
    /// An event on its way to an endpoint.
    WebhookDeliveryId,
}

impl UserId {
    /// The logical shard, 0 to 1023, of all the user's orders.
    #[must_use]
    pub fn shard(self) -> u16 {
        let digest = Sha256::digest(self.0.as_bytes());
        digest.iter().take(2).fold(0, |value, byte| (value << 8) | u16::from(*byte)) & 0x3ff
    }
}

impl OrderId {
    /// When the order was placed, to the millisecond.
    #[must_use]
    pub fn placed_at(self) -> Timestamp {
        let millis = self.0.as_u128() >> 80;
        Timestamp::from_micros(i64::try_from(millis).unwrap_or(i64::MAX).saturating_mul(1_000))
    }

    /// The logical shard, 0 to 1023, that all orders of one user share.
    #[must_use]
    pub fn shard(self) -> u16 {
        u16::try_from((self.0.as_u128() >> 52) & 0x3ff).unwrap_or(0)
    }

    /// The smallest id an order placed at `at` or later can have; turns date ranges into id ranges.
    #[must_use]
    pub fn lower_bound(at: Timestamp) -> Self {
        Self(Uuid::from_u128(u128::from(at.as_millis()) << 80))
    }
}

/// Makes identities and secrets, and knows the trace in whose course they are made. Cheap to clone.
#[derive(Clone)]
pub struct IdSource {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// The last count; the next one is greater, so that histories and lists keep their order.
    last: Arc<Mutex<u128>>,
    /// W3C `traceparent` of the request that is served.
    traceparent: Option<Arc<str>>,
}

impl IdSource {
    /// From a clock and a source of randomness.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy, last: Arc::default(), traceparent: None }
    }

    /// The same source in the course of this trace: what is said from now on carries it. It goes with
    /// the source of identities because every event takes its own from there.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { traceparent: Some(traceparent.into()), ..self.clone() }
    }

    /// The trace, if there is one.
    #[must_use]
    pub fn traceparent(&self) -> Option<String> {
        self.traceparent.as_deref().map(str::to_owned)
    }

    /// A new identity: UUIDv7 whose `rand_a` is the fraction of the millisecond (RFC 9562, sections
    /// 5.7 and 6.2, method 3). Identities of one source only grow.
    #[must_use]
    pub fn mint<T: Id>(&self) -> T {
        T::from_uuid(self.uuid_v7())
    }

    /// The identity of the `nth` (from 0) thing that happened to something at `at`: UUIDv7 whose
    /// `rand_a` is the fraction of the millisecond, with `nth` before the random part. It grows with
    /// `at`, to the microsecond, and then with `nth`, whoever mints it: unlike [`mint`](Self::mint) it
    /// owes nothing to what this source has minted before, so the history of one thing that several
    /// processes write keeps the order of its times.
    #[must_use]
    pub fn mint_at<T: Id>(&self, at: Timestamp, nth: usize) -> T {
        let nth = u128::try_from(nth).unwrap_or(NTH_MAX).min(NTH_MAX);
        T::from_uuid(Uuid::from_u128(spread(instant(at) | (nth << NTH_SHIFT) | (self.random_count() >> NTH_BITS))))
    }

    /// A new order of `user`: UUIDv7 whose ten bits after the variant are the user's shard.
    #[must_use]
    pub fn order(&self, user: UserId) -> OrderId {
        let shard = u128::from(user.shard());
        let mask = 0x3ff_u128 << 52;
        OrderId(Uuid::from_u128((self.uuid_v7().as_u128() & !mask) | (shard << 52)))
    }

    /// 128 random bits.
    #[must_use]
    pub fn random(&self) -> [u8; 16] {
        let mut bytes = [0u8; 16];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A secret of 256 bits, as 64 hexadecimal digits.
    #[must_use]
    pub fn secret(&self) -> String {
        let mut bytes = [0u8; 32];
        self.entropy.fill(&mut bytes);
        hex::encode(bytes)
    }

    /// Counts in 122 bits: milliseconds (48), their fraction (12), randomness (62). While the clock
    /// stands still or has stepped back, it goes on from the last one by a random step, so that the
    /// random part stays one.
    fn uuid_v7(&self) -> Uuid {
        let random = self.random_count();
        let fresh = instant(self.clock.now()) | random;
        let step = (random & STEP_MASK).saturating_add(1);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last = fresh.max(last.saturating_add(step));
        Uuid::from_u128(spread(*last))
    }

    /// 62 random bits.
    fn random_count(&self) -> u128 {
        u128::from_be_bytes(self.random()) >> 66
    }
}

/// Steps of up to 44 bits: they reach the bits that order numbers are made of.
const STEP_MASK: u128 = (1 << 44) - 1;

/// Before the random part, for what happened at one instant: a count of 6 bits.
const NTH_BITS: u32 = 6;
const NTH_SHIFT: u32 = 62 - NTH_BITS;
const NTH_MAX: u128 = (1 << NTH_BITS) - 1;

/// The upper 60 bits of a count: milliseconds (48) and their fraction (12). Microseconds that follow
/// each other have fractions that do.
fn instant(at: Timestamp) -> u128 {
    let fraction = u128::try_from(at.as_micros().rem_euclid(1_000)).unwrap_or(0).saturating_mul(4_096) / 1_000;
    (u128::from(at.as_millis()) << 74) | (fraction << 62)
}

/// Puts version 7 and the variant between the bits of a count.
fn spread(count: u128) -> u128 {
    const VERSION_AND_VARIANT: u128 = (0x7 << 76) | (0b10 << 62);
    let (millis, fraction, random) = (count >> 74, (count >> 62) & 0xfff, count & ((1 << 62) - 1));
    (millis << 80) | (fraction << 64) | VERSION_AND_VARIANT | random
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, SeededEntropy};

    #[test]
    fn an_order_id_carries_its_time_and_its_users_shard() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_123_000)));
        let ids = IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(7)));
        let user: UserId = ids.mint();
        let (first, second) = (ids.order(user), ids.order(user));
        assert_ne!(first, second);
        assert_eq!(first.shard(), second.shard());
        assert_eq!(first.placed_at(), clock.now());
        assert!(first >= OrderId::lower_bound(clock.now()));
        assert_eq!(first.uuid().get_version_num(), 7);
        let many: Vec<EventId> = (0..100).map(|_| ids.mint()).collect();
        assert!(many.is_sorted());
        assert!(many.iter().all(|id| id.uuid().get_version_num() == 7));
    }
    #[test]
    fn a_clock_that_stands_still_leaves_ids_growing_and_random() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_772_357_400_123_000)));
        let ids = IdSource::new(clock, Arc::new(SeededEntropy::new(7)));
        let many: Vec<u128> = (0..10_000).map(|_| ids.mint::<EventId>().uuid().as_u128()).collect();
        assert!(many.is_sorted());
        let mut middle: Vec<u128> = many.iter().map(|id| (id >> 20) & 0xff_ffff).collect();
        middle.sort_unstable();
        middle.dedup();
        assert!(middle.len() > 9_990, "the bits that numbers are made of hardly ever repeat");
    }

    #[test]
    fn what_happened_later_has_the_greater_id_whoever_mints_it_and_whatever_she_minted_before() {
        let at = Timestamp::from_micros(1_772_357_400_123_000);
        let clock = Arc::new(ManualClock::at(at));
        let source = |seed| IdSource::new(clock.clone(), Arc::new(SeededEntropy::new(seed)));
        let (here, there) = (source(7), source(8));
        let ahead: EventId = here.mint_at(at.plus(std::time::Duration::from_mins(1)), 0);
        let busy: Vec<EventId> = (0..100).map(|_| here.mint()).collect();
        let mut history: Vec<EventId> = Vec::new();
        for micros in 0..2_500_u64 {
            let at = at.plus(std::time::Duration::from_micros(micros));
            let ids = if micros % 2 == 0 { &here } else { &there };
            history.extend((0..3).map(|nth| ids.mint_at::<EventId>(at, nth)));
        }
        assert!(history.is_sorted_by(|one, next| one < next), "ids in the order of what happened");
        assert!(history.iter().all(|id| *id < ahead && id.uuid().get_version_num() == 7 && !busy.contains(id)));
    }

    #[test]
    fn a_full_random_part_carries_over() {
        let full = (1u128 << 62) - 1;
        assert!(spread(full) < spread(full + 1));
        assert_eq!(Uuid::from_u128(spread(full + 1)).get_version_num(), 7);
        assert_eq!(Uuid::from_u128(spread(full + 1)).get_variant(), uuid::Variant::RFC4122);
    }
}
