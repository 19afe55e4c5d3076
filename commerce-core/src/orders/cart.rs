//! Carts: what somebody means to buy.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::change::digest;
use crate::error::Refusal;
use crate::ids::{Id, UserId};
use crate::limits;
use crate::money::Money;
use crate::text::{Metadata, Quantity, Sku};
use crate::time::Timestamp;

/// The least that lies between two beginnings of one cart: the clock's own unit.
const TICK: Duration = Duration::from_micros(1);

/// Whose cart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CartOwner {
    /// A user's; she has one.
    User(UserId),
    /// A guest's; known by the hash of the secret in her token.
    Guest(Uuid),
}

impl CartOwner {
    /// The guest who holds `token`.
    #[must_use]
    pub fn guest(token: &str) -> Self {
        let hash = digest(&[b"cart", token.as_bytes()]);
        let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
        Self::Guest(Uuid::from_bytes(bytes))
    }

    /// The cart's key in the store.
    #[must_use]
    pub fn key(self) -> Uuid {
        match self {
            Self::User(user) => user.uuid(),
            Self::Guest(guest) => guest,
        }
    }
}

/// What somebody means to buy. A cart that was never edited has version 0 and is not stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cart {
    /// Whose.
    pub owner: CartOwner,
    /// Each SKU once, in the order they were added.
    pub lines: Vec<CartLine>,
    /// A coupon to be tried.
    pub coupon: Option<String>,
    /// The client's own notes.
    pub metadata: Metadata,
    /// When it was first filled, or when what was ordered last left it. What stands in it since then
    /// is ordered at most once, however it is edited.
    pub begun_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
    /// Grows by one with every edit. A cart begins at one that no earlier cart of its owner had.
    pub version: u64,
}

/// One SKU in a cart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CartLine {
    /// Of what.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
    /// One unit's price when it was added, to show that it changed.
    pub seen_price: Money,
}

impl Cart {
    /// A cart nobody has edited.
    #[must_use]
    pub fn empty(owner: CartOwner, now: Timestamp) -> Self {
        let (lines, metadata) = (Vec::new(), Metadata::new());
        Self { owner, lines, coupon: None, metadata, begun_at: now, updated_at: now, version: 0 }
    }

    /// When it is forgotten unless edited again.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.updated_at.plus(limits::CART_KEEP)
    }

    /// What stands for the cart from its beginning until what was ordered has left it, so that it is
    /// ordered once in between.
    #[must_use]
    pub fn claim(&self) -> Uuid {
        let hash = digest(&[self.owner.key().as_bytes(), &self.begun_at.as_micros().to_be_bytes()]);
        Uuid::from_bytes(hash.first_chunk::<16>().copied().unwrap_or_default())
    }

    /// With `quantity` more of `sku`.
    ///
    /// # Errors
    /// `INVALID` when the line would exceed 999 units or the cart 200 lines.
    pub fn add(&mut self, sku: &Sku, quantity: Quantity, price: Money) -> Result<(), Refusal> {
        let before = self.lines.iter().find(|line| line.sku == *sku).map_or(0, |line| line.quantity.get());
        let after = Quantity::new(before.saturating_add(quantity.get()))
            .ok_or_else(|| Refusal::field("quantity", "OUT_OF_RANGE", format!("the cart would hold more than 999 of {sku}")))?;
        self.set(sku, after, price)
    }

    /// With exactly `quantity` of `sku`.
    ///
    /// # Errors
    /// `INVALID` when the cart would exceed 200 lines.
    pub fn set(&mut self, sku: &Sku, quantity: Quantity, price: Money) -> Result<(), Refusal> {
        if let Some(line) = self.lines.iter_mut().find(|line| line.sku == *sku) {
            line.quantity = quantity;
            line.seen_price = price;
            return Ok(());
        }
        if self.lines.len() >= limits::LINES_MAX {
            return Err(Refusal::field("items", "TOO_MANY", "a cart holds at most 200 lines"));
        }
        self.lines.push(CartLine { sku: sku.clone(), quantity, seen_price: price });
        Ok(())
    }

    /// Without `sku`.
    pub fn remove(&mut self, sku: &Sku) {
        self.lines.retain(|line| line.sku != *sku);
    }

    /// As it is once it was emptied at `now`. It is another one from then on, of which nothing was ordered.
    #[must_use]
    pub fn cleared(self, now: Timestamp) -> Self {
        Self { lines: Vec::new(), coupon: None, metadata: Metadata::new(), begun_at: self.next_beginning(now), ..self }
    }

    /// As it is after what was ordered left it at `now`. What was added meanwhile stays, and may be
    /// ordered.
    #[must_use]
    pub fn without(mut self, ordered: &[(Sku, Quantity)], now: Timestamp) -> Self {
        for (sku, quantity) in ordered {
            if let Some(line) = self.lines.iter_mut().find(|line| line.sku == *sku) {
                match Quantity::new(line.quantity.get().saturating_sub(quantity.get())) {
                    Some(left) => line.quantity = left,
                    None => self.remove(sku),
                }
            }
        }
        let begun_at = self.next_beginning(now);
        // Its coupon was tried with what was ordered.
        Self { begun_at, coupon: None, ..self.edited(begun_at) }
    }

    /// As it is after an edit at `now`.
    #[must_use]
    pub fn edited(mut self, now: Timestamp) -> Self {
        self.updated_at = now;
        // A day lies between an expired cart and the next, and fewer edits than milliseconds.
        self.version = if self.is_stored() { self.version.saturating_add(1) } else { now.as_millis().max(1) };
        self
    }

    /// Whether it was ever edited, and a store has it.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        self.version > 0
    }

    /// Another beginning than it had, also by a clock that is behind.
    fn next_beginning(&self, now: Timestamp) -> Timestamp {
        now.max(self.begun_at.plus(TICK))
    }
}
