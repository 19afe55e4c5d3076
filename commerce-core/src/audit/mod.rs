//! The audit: an executable statement of what must be true of a shop's data.
//!
//! Owns the rules. A rule is a pure fold over rows as they are stored ([`books`]), so that a row
//! that cannot be read is a finding and never the end of the audit. Rules within one database see
//! each stretch of it at one instant. Rules between databases read twice: what does not fit at
//! first is a suspicion, and a violation only if it still stands when events had time to arrive.
//! Never changes anything unless it is asked to repair, and never moves money.
//!
//! Start reading at [`Commerce::audit`](crate::Commerce::audit), then `run`.

pub mod books;
mod cancellations;
mod claims;
mod coupons;
mod cross;
mod deeds;
mod erasures;
mod findings;
mod heard;
mod keys;
mod money;
mod orders;
mod people;
mod products;
mod provider;
mod purchases;
mod refunds;
mod repair;
mod returns;
mod run;
mod said;
mod seals;
mod sessions;
mod shipments;
mod shopping;
mod standing;
mod statement;
mod stock;
pub mod tables;
mod timeline;
mod told;
mod walks;
mod wallets;
mod webhooks;
mod whereto;

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;

use crate::events::wire_names;
use crate::time::Timestamp;

pub use books::{Books, ShopBooks};
pub use repair::Repair;
pub(crate) use run::Auditor;

wire_names! {
    /// What must be true. Numbered as the documentation numbers them.
    Invariant {
        /// Every value can be read as its type.
        Readable = "I0",
        /// On hand is what the ledger adds up to.
        OnHand = "I1",
        /// Reserved is what the active holds add up to.
        Reserved = "I2",
        /// A hold is taken once and ends once, in time.
        HoldEnds = "I3",
        /// A confirmed order's hold is sold, a cancelled one's is not.
        HoldOfOrder = "I4",
        /// Amounts add up, in one currency.
        Amounts = "I5",
        /// A line's price is the one its stock was held at.
        Price = "I6",
        /// Money is what attempts and refunds say.
        Money = "I7",
        /// What providers said is in the books.
        Provider = "I8",
        /// A confirmed order is paid, or promised to be, or to be paid on delivery.
        Paid = "I9",
        /// A wallet is what its entries add up to, and never less than nothing.
        Wallet = "I10",
        /// A key made one thing, and the thing is there.
        Key = "I11",
        /// What names something names something that exists.
        Reference = "I12",
        /// Every change was said once, and everything said had its effect once.
        Event = "I13",
        /// Versions grow without gaps.
        Version = "I14",
        /// A dead letter is one of our events.
        Letter = "I15",
        /// A dead letter was received often enough.
        LetterReceives = "I16",
        /// Everybody is told once, and nobody else.
        Notification = "I17",
        /// Uses of coupons are those of the orders that used them, within their limits.
        Coupon = "I18",
        /// A history is a path of the state graph and ends at the order's status.
        History = "I19",
        /// No more comes back than was delivered, and no more money for it than it is worth.
        Return = "I20",
        /// A cart is ordered at most once and holds 1 to 999 of a SKU.
        Cart = "I21",
        /// Ratings are what the reviews say.
        Rating = "I22",
        /// The categories are a forest.
        Forest = "I23",
        /// Who has addresses has one default address.
        DefaultAddress = "I24",
        /// Each deed of staff has its entry in the log, and each entry is bound to the one before.
        StaffLog = "I30",
        /// Of who was erased nothing personal is left once everybody has forgotten her.
        Erased = "I36",
        /// No more leaves the house than was ordered, and an order is as far as its shipments.
        Shipment = "I43",
        /// A sealed row is as it was written.
        Sealed = "I44",
        /// Only one at a time holds a lease.
        Lease = "I37",
        /// Nothing waits longer than it may.
        Overdue = "I38",
        /// Times of one thing do not fall.
        Times = "I41",
    }
}

/// Something that must be true and is not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    /// What must be true.
    pub invariant: Invariant,
    /// Of what: a SKU, an order's number, a user's id.
    pub entity: String,
    /// What should be found.
    pub expected: String,
    /// What is found.
    pub found: String,
    /// The event whose effect is missing, where that can be had again.
    #[serde(skip)]
    pub(crate) cause: Option<books::Cell>,
}

impl Violation {
    pub(crate) fn new(
        invariant: Invariant,
        entity: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self { invariant, entity: entity.into(), expected: expected.into(), found: found.into(), cause: None }
    }
}

/// What an audit found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The violations, by invariant and entity; at most
    /// [`AUDIT_VIOLATIONS_MAX`](crate::limits::AUDIT_VIOLATIONS_MAX).
    pub violations: Vec<Violation>,
    /// How many there are, by invariant; those that are not listed included.
    pub counts: BTreeMap<Invariant, u64>,
    /// What was put right before; the violations are those that stayed.
    pub repairs: Vec<Repair>,
    /// What is on its way and cannot be judged yet.
    pub unsettled: u64,
    /// Rows that were looked at.
    pub rows: u64,
    /// When the audit began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }
}

/// How far an audit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What it looks at: `orders`.
    pub what: &'static str,
    /// Rows that it has looked at so far, in all.
    pub rows: u64,
}

/// Lets time pass. Core has no timers: the caller waits as it likes, a simulation in virtual time.
#[async_trait]
pub trait Patience: Send + Sync {
    /// Waits for about `span`.
    async fn wait(&self, span: Duration);
}

/// How an audit is to be done.
#[derive(Clone, Copy)]
pub struct AuditRequest<'a> {
    /// Whether to repair what can be derived, and look again.
    pub fix: bool,
    /// How it waits for events to arrive. A settled shop is not waited for.
    pub patience: &'a dyn Patience,
    /// Who hears how far it is.
    pub progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl<'a> AuditRequest<'a> {
    /// An audit that changes nothing and tells nobody how far it is.
    pub fn new(patience: &'a dyn Patience) -> Self {
        Self { fix: false, patience, progress: &|_| {} }
    }

    /// Repairing what can be derived from something else that is kept. What is left is reported.
    #[must_use]
    pub fn fixing(self, fix: bool) -> Self {
        Self { fix, ..self }
    }

    /// Telling `progress` how far it is.
    #[must_use]
    pub fn telling(self, progress: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        Self { progress, ..self }
    }
}
