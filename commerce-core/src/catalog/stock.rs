//! Stock: what is on hand, what is reserved, and why each changed.
//!
//! Every change of stock is a [`Movement`]; applying it to the inventory row and writing it to the
//! ledger are one thing, so the ledger sums to the inventory by construction.

use serde::{Deserialize, Serialize};

use crate::change::digest;
use crate::events::wire_names;
use crate::ids::{Id, MovementId, OrderId, ProductId, UserId};
use crate::money::Money;
use crate::text::{IdempotencyKey, Quantity, Sku};
use crate::time::Timestamp;

/// The stock of one SKU. `0 <= reserved <= on_hand` always holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inventory {
    /// Of what.
    pub sku: Sku,
    /// The product it is a variant of.
    pub product: ProductId,
    /// Units in the house.
    pub on_hand: i64,
    /// Units of them promised to holds.
    pub reserved: i64,
    /// At this many available units ops are told.
    pub low_stock_threshold: i64,
    /// Whether ops have nothing to be told: they were since the stock last was above the threshold, or it never was.
    pub low_stock_alerted: bool,
    /// Grows by one with every change but of what ops were told.
    pub version: u64,
}

impl Inventory {
    /// Units that can still be promised.
    #[must_use]
    pub fn available(&self) -> i64 {
        self.on_hand.saturating_sub(self.reserved)
    }

    /// The inventory after `movement`, or `None` when `0 <= reserved <= on_hand` would break.
    #[must_use]
    pub fn after(&self, movement: &Movement) -> Option<Self> {
        let on_hand = self.on_hand.checked_add(movement.on_hand)?;
        let reserved = self.reserved.checked_add(movement.reserved)?;
        let version = self.version.checked_add(1)?;
        (0 <= reserved && reserved <= on_hand && on_hand <= crate::limits::STOCK_MAX).then(|| Self {
            on_hand,
            reserved,
            version,
            ..self.clone()
        })
    }
}

wire_names! {
    /// Why stock changed.
    MovementKind {
        /// Counted in when the variant was made, or by import; and how it came to another seller, which counts nothing.
        Receipt = "RECEIPT",
        /// Corrected by hand.
        Adjustment = "ADJUSTMENT",
        /// Promised to a hold.
        Reservation = "RESERVATION",
        /// A hold was given back.
        Release = "RELEASE",
        /// A hold ran out and no order stood behind it.
        Expiry = "EXPIRY",
        /// A hold became a sale.
        Sale = "SALE",
        /// A sold unit came back because its order was cancelled.
        Restock = "RESTOCK",
    }
}

/// One line of the stock ledger, and at the same time the guarded change itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Movement {
    /// Which; the key that makes a repeated commit visible.
    pub id: MovementId,
    /// Of what.
    pub sku: Sku,
    /// Why.
    pub kind: MovementKind,
    /// By how much `on_hand` changes.
    pub on_hand: i64,
    /// By how much `reserved` changes.
    pub reserved: i64,
    /// The order or hold behind it, in hexadecimal, where there is one.
    pub reference: Option<String>,
    /// In words.
    pub reason: String,
    /// The user who did it; none for the engine.
    pub actor: Option<UserId>,
    /// When.
    pub at: Timestamp,
}

/// What a checkout's hold is known by: one user and one idempotency key, hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HoldKey(pub [u8; 32]);

impl HoldKey {
    /// The hold of this user's request with this key.
    #[must_use]
    pub fn of(user: UserId, key: &IdempotencyKey) -> Self {
        Self(digest(&[user.uuid().as_bytes(), key.as_str().as_bytes()]))
    }

    /// The hold of these lines alone under the same key: of a cart that is another one than when the key was first tried, and may
    /// hold that still. `demand` is sorted.
    #[must_use]
    pub fn of_lines(user: UserId, key: &IdempotencyKey, demand: &[(Sku, Quantity)]) -> Self {
        let lines: Vec<String> = demand.iter().map(|(sku, quantity)| format!("{} {sku}", quantity.get())).collect();
        let user = user.uuid();
        let mut parts: Vec<&[u8]> = vec![user.as_bytes(), key.as_str().as_bytes()];
        parts.extend(lines.iter().map(String::as_bytes));
        Self(digest(&parts))
    }

    /// In hexadecimal, for ledgers and events.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex::encode(self.0)
    }

    /// From hexadecimal.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        hex::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl Serialize for HoldKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for HoldKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not a hold key"))
    }
}

wire_names! {
    /// Where a hold is in its life. It leaves ACTIVE once.
    HoldState {
        /// Its stock is reserved.
        Active = "ACTIVE",
        /// Its order was confirmed: sold.
        Committed = "COMMITTED",
        /// Its order was cancelled or refused.
        Released = "RELEASED",
        /// It ran out, and no order stood behind it.
        Expired = "EXPIRED",
    }
}

/// Stock promised to one checkout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hold {
    /// Whose.
    pub key: HoldKey,
    /// How often this key has held; a dead hold is taken anew with the next.
    pub generation: u32,
    /// What, sorted by SKU, each SKU once.
    pub lines: Vec<HoldLine>,
    /// Where in its life.
    pub state: HoldState,
    /// When it was taken.
    pub created_at: Timestamp,
    /// When the sweeper may ask about it.
    pub expires_at: Timestamp,
}

impl Hold {
    /// The hash of the lines: the same key may hold only the same lines.
    #[must_use]
    pub fn lines_hash(lines: &[(Sku, Quantity)]) -> [u8; 32] {
        let counted: Vec<String> = lines.iter().map(|(sku, quantity)| format!("{}\u{0}{sku}", quantity.get())).collect();
        digest(&counted.iter().map(String::as_bytes).collect::<Vec<_>>())
    }
}

/// One SKU of a hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HoldLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: u32,
    /// The unit price it was held under; the order's price.
    pub unit_price: Money,
}

/// What one line of an order or cart asks for, and what the catalog says about it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Of what.
    pub sku: Sku,
    /// Its product.
    pub product: ProductId,
    /// The product's name, with the variant's options where there are several: `Varsity Top (Small)`.
    pub name: String,
    /// One unit's price now.
    pub unit_price: Money,
    /// Units that can be promised now.
    pub available: i64,
    /// Whether the product is on sale.
    pub on_sale: bool,
    /// Weight of one unit, for shipping.
    pub weight_grams: Option<u32>,
}

/// What orders answers when asked about a hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// A live order stands behind it: keep it.
    Live(OrderId),
    /// No live order does: it may end.
    Nobody,
}
