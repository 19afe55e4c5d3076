//! What the orders context needs of payment providers: their calls, and their own ledgers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use uuid::Uuid;

use crate::error::Outcome;
use crate::money::Money;
use crate::orders::payment::{Attempt, PaymentFact, PaymentMethod, Refund};
use crate::time::Timestamp;

use super::ProviderEvent;

/// A provider's own ledger, for audits and reports.
#[async_trait]
pub trait ProviderLedger: Send + Sync {
    /// What it says about our keys, the ids of attempts and refunds; keys that it never heard of are left out.
    /// None where it cannot be asked so, or does not answer.
    async fn statement(&self, _keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        None
    }

    /// A page of what it made from `from` on and before `until`, as its own clock says, in an order of its own: the first one, or the
    /// one after the page that said `next`. At most [`LEDGER_PAGE_MAX`](crate::limits::LEDGER_PAGE_MAX) lines, and one at least
    /// where there are more. None where it cannot be asked so, or does not answer.
    async fn ledger(&self, _from: Timestamp, _until: Timestamp, _next: Option<&str>) -> Option<LedgerPage> {
        None
    }
}

/// A payment provider. Calls are keyed: the same key never moves money twice.
#[async_trait]
pub trait PaymentGateway: ProviderLedger {
    /// Its stable name: `sandbox`.
    fn name(&self) -> &'static str;

    /// Whether it takes this method.
    fn takes(&self, method: PaymentMethod) -> bool;

    /// Whether it takes less of a promise than was promised. Where it does not, staff is told so and a promise is taken whole.
    fn takes_in_part(&self) -> bool {
        true
    }

    /// Whether it is asked before a message of its that money came in is believed: where nothing in a message proves when it
    /// was written.
    fn is_asked_after_messages(&self) -> bool {
        false
    }

    /// Asks for the money: as much as [`to_capture`](Attempt::to_capture) says, and for the promise alone where it
    /// says nothing. Asked about a promise that stands, it takes of it what is to be taken and lets go of the rest.
    /// Answers within seconds; no answer is a [`NoAnswer`](PaymentFact::NoAnswer), never an error.
    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer;

    /// Asks what became of an attempt; never moves money.
    async fn query(&self, attempt: &Attempt) -> ProviderAnswer;

    /// Gives up an attempt that is not captured. Answers what is then true: `Captured` when it was
    /// too late.
    async fn void(&self, attempt: &Attempt) -> ProviderAnswer;

    /// Sends captured money back, keyed by the refund.
    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer;

    /// Reads a webhook from its raw bytes: signature, age, shape. `now` judges the age.
    ///
    /// # Errors
    /// `BAD_SIGNATURE`; `MALFORMED_JSON` and its like for a body of another shape; `INVALID` for a value out of its range, and for
    /// names that are too long.
    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent>;
}

/// What a provider says about an attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderAnswer {
    /// What it says.
    pub fact: PaymentFact,
    /// Its own name for the attempt.
    pub reference: Option<String>,
}

/// A line of a provider's own ledger.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entered {
    /// The money went, this way or back.
    Moved(Money),
    /// It may go yet.
    Open,
    /// It does not go.
    Nothing,
}

/// A line of a provider's whole ledger, also of what is not the shop's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerLine {
    /// The key that it was asked for under; none of what nobody asked for with a key of this form.
    pub key: Option<Uuid>,
    /// Its own name for it, which no other line has.
    pub reference: String,
    /// Of money that went back: its own name for the payment, as attempts know it, where its ledger says it.
    pub of: Option<String>,
    /// What became of the money.
    pub entered: Entered,
}

/// Lines of a provider's ledger, and what to ask for those after them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LedgerPage {
    /// In its own order.
    pub lines: Vec<LedgerLine>,
    /// What the next page is asked with; none after the last.
    pub next: Option<String>,
}

/// What a provider's own ledger says about one of our keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stated {
    /// What became of the money.
    pub entered: Entered,
    /// Its own name for it, where its ledger has one.
    pub reference: Option<String>,
}

impl From<&PaymentFact> for Entered {
    fn from(fact: &PaymentFact) -> Self {
        match fact {
            PaymentFact::Captured { amount } => Self::Moved(*amount),
            PaymentFact::Pending { .. } | PaymentFact::Authorized { .. } | PaymentFact::NoAnswer => Self::Open,
            PaymentFact::Declined { .. } | PaymentFact::Voided | PaymentFact::Unheard => Self::Nothing,
        }
    }
}

/// What a provider says about a refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefundAnswer {
    /// The money went back.
    Succeeded {
        /// Its own name for the refund.
        reference: String,
    },
    /// It is on its way; ask again.
    Pending,
    /// No answer; ask again with the same key.
    NoAnswer,
    /// Refused for good.
    Failed {
        /// Why.
        code: String,
    },
}
