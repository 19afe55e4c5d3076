//! Money for an order: attempts, captures and refunds as monotone facts.
//!
//! A provider may tell the same thing many times and in any order (answer, webhook, poll). All of
//! it arrives here as a [`PaymentFact`]; applying one twice changes nothing the second time.

use serde::{Deserialize, Serialize};

use crate::events::wire_names;
use crate::ids::{AttemptId, Id, PaymentId, RefundId, ReturnId};
use crate::money::Money;
use crate::time::Timestamp;

use super::shipments::ShipmentLine;

wire_names! {
    /// How an order is paid.
    PaymentMethod {
        /// Unified Payments Interface.
        Upi = "UPI",
        /// Card.
        Card = "CARD",
        /// Bank transfer started from the shop.
        NetBanking = "NET_BANKING",
        /// Cash on delivery.
        Cod = "COD",
        /// The shop's own wallet.
        Wallet = "WALLET",
    }

    /// How far an order's money is.
    PaymentStatus {
        /// Nothing has come.
        Pending = "PENDING",
        /// The provider did not answer; it will be asked.
        Unknown = "UNKNOWN",
        /// Promised by the provider, not taken.
        Authorized = "AUTHORIZED",
        /// Taken; for COD at delivery.
        Captured = "CAPTURED",
        /// The last attempt was declined.
        Failed = "FAILED",
        /// The promise was given back.
        Voided = "VOIDED",
        /// Some went back.
        PartiallyRefunded = "PARTIALLY_REFUNDED",
        /// All went back.
        Refunded = "REFUNDED",
    }

    /// When money that is promised is taken.
    Capture {
        /// At once.
        Automatic = "automatic",
        /// When staff says so; an order stands on the promise meanwhile.
        Manual = "manual",
    }

    /// How far one try to collect is. DECLINED and VOIDED yield only to CAPTURED, which is final.
    AttemptState {
        /// Written down; the provider may or may not have been asked.
        Created = "CREATED",
        /// The provider waits for the customer or somebody else.
        Pending = "PENDING",
        /// The provider did not answer.
        Unknown = "UNKNOWN",
        /// Promised.
        Authorized = "AUTHORIZED",
        /// Taken.
        Captured = "CAPTURED",
        /// Refused by the provider.
        Declined = "DECLINED",
        /// Given back or given up before anything was taken.
        Voided = "VOIDED",
    }

    /// How far a refund is. SUCCEEDED is final.
    RefundState {
        /// Written down; to be sent.
        Pending = "PENDING",
        /// Sent, and the provider did not answer; it will be asked with the same key.
        Unknown = "UNKNOWN",
        /// The money went back.
        Succeeded = "SUCCEEDED",
        /// The provider refuses it for good; somebody must look.
        Failed = "FAILED",
    }
}

impl AttemptState {
    /// Whether its outcome is still open.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            Self::Created | Self::Pending | Self::Unknown | Self::Authorized => true,
            Self::Captured | Self::Declined | Self::Voided => false,
        }
    }
}

/// What an order asks to be paid, and what came of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// Which.
    pub id: PaymentId,
    /// How it is to be paid; the last attempt's method.
    pub method: PaymentMethod,
    /// The order's total.
    pub amount: Money,
    /// Taken, in minor units of `amount`'s currency.
    pub captured: Money,
    /// Of the captured, what went back for sure.
    pub refunded: Money,
    /// Every try, oldest first. At most one is open or captured.
    pub attempts: Vec<Attempt>,
    /// Every refund, oldest first.
    pub refunds: Vec<Refund>,
}

/// One try to collect.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    /// Which; its text is the provider's idempotency key, stored before the first call and never
    /// replaced.
    pub id: AttemptId,
    /// Through whom: `sandbox`.
    pub provider: String,
    /// How.
    pub method: PaymentMethod,
    /// How much.
    pub amount: Money,
    /// How much of it is to be taken, written down before the provider is asked: all of it, unless staff captures; then
    /// none until staff says, and nothing to give it up. Of what was captured, how much was.
    pub to_capture: Option<Money>,
    /// How far.
    pub state: AttemptState,
    /// What the customer's browser got from the provider; single use, never a card number.
    pub token: Option<String>,
    /// The provider's own name for it, once known.
    pub reference: Option<String>,
    /// Why it was declined.
    pub failure_code: Option<String>,
    /// Where the customer must go on.
    pub next_action: Option<NextAction>,
    /// When it was written down.
    pub created_at: Timestamp,
    /// When the provider is to be asked next; none when nothing is open.
    pub check_at: Option<Timestamp>,
    /// How often it was asked.
    pub checks: u32,
}

/// Where the customer must go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NextAction {
    /// `redirect` or `upi_intent`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where.
    pub url: String,
}

/// Money on its way back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// Which; its text is the provider's idempotency key.
    pub id: RefundId,
    /// Out of which attempt's capture; for what the courier collected, the payment's own id.
    pub attempt: AttemptId,
    /// How much.
    pub amount: Money,
    /// What it is owed for.
    pub cause: RefundCause,
    /// The units it gives back without a return, each SKU once; none where it is an amount. What comes out of several
    /// captures says them once.
    pub lines: Vec<ShipmentLine>,
    /// How far.
    pub state: RefundState,
    /// Why.
    pub reason: String,
    /// The provider's own name for it, once known.
    pub reference: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it is to be sent or asked about next; none when final.
    pub check_at: Option<Timestamp>,
    /// How often it was sent or asked about.
    pub checks: u32,
}

/// What money goes back for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefundCause {
    /// The shop has more than it should: the order was cancelled, paid twice, or is paid otherwise.
    Owed,
    /// A return.
    Return(ReturnId),
    /// Staff gives it, or it is for what was given up of the order.
    Goodwill,
}

impl RefundCause {
    /// The stable name of each cause.
    pub const NAMES: [&'static str; 3] = ["OWED", "RETURN", "GOODWILL"];

    /// Its stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owed => "OWED",
            Self::Return(_) => "RETURN",
            Self::Goodwill => "GOODWILL",
        }
    }

    /// The return it is for.
    #[must_use]
    pub const fn return_id(self) -> Option<ReturnId> {
        match self {
            Self::Return(id) => Some(id),
            Self::Owed | Self::Goodwill => None,
        }
    }

    /// The cause of this name and return, if there is one.
    #[must_use]
    pub fn of(name: &str, id: Option<ReturnId>) -> Option<Self> {
        match (name, id) {
            ("OWED", None) => Some(Self::Owed),
            ("GOODWILL", None) => Some(Self::Goodwill),
            ("RETURN", Some(id)) => Some(Self::Return(id)),
            _ => None,
        }
    }
}

/// Something a provider says about an attempt.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PaymentFact {
    /// It waits for the customer or somebody else.
    Pending {
        /// Where the customer must go on.
        next_action: Option<NextAction>,
    },
    /// It is promised.
    Authorized {
        /// How much.
        amount: Money,
    },
    /// It is taken, and nothing is promised any more.
    Captured {
        /// How much.
        amount: Money,
    },
    /// It is refused.
    Declined {
        /// The provider's reason: `card_declined`.
        code: String,
    },
    /// It was given back or never will be taken.
    Voided,
    /// The provider did not answer.
    NoAnswer,
    /// The provider has never heard of it.
    Unheard,
}

impl Attempt {
    /// What was taken, in minor units.
    #[must_use]
    pub fn taken(&self) -> i64 {
        let captured = self.state == AttemptState::Captured;
        if captured { self.to_capture.map_or(self.amount.minor, |taken| taken.minor) } else { 0 }
    }

    /// Whether it is a promise of which nobody has said yet how much is to be taken.
    #[must_use]
    pub fn is_promise(&self) -> bool {
        self.state == AttemptState::Authorized && self.to_capture.is_none()
    }

    /// Whether it is to be given up.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.to_capture.is_some_and(|amount| amount.minor == 0) && self.amount.minor > 0
    }

    /// Whether a provider may say that it took this much: all of it, or what it was asked to take. What was taken
    /// once stays so.
    pub(crate) fn may_take(&self, amount: Money) -> bool {
        let asked = self.to_capture == Some(amount);
        if self.state == AttemptState::Captured { asked } else { amount == self.amount || (asked && amount.minor > 0) }
    }
}

impl Payment {
    /// The attempt that is open, if one is.
    #[must_use]
    pub fn open_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.state.is_open())
    }

    /// Whether a provider was asked for money and has not been heard yet.
    #[must_use]
    pub fn is_asked_for(&self) -> bool {
        self.open_attempt().is_some_and(|attempt| attempt.state == AttemptState::Created)
    }

    /// What pays the order now: the last attempt that took or promised something, or the last at all where none did; none of
    /// what is paid to the courier.
    #[must_use]
    pub fn paying(&self) -> Option<&Attempt> {
        let pays = |attempt: &&Attempt| matches!(attempt.state, AttemptState::Authorized | AttemptState::Captured);
        let last = || self.attempts.iter().rev().find(pays).or(self.attempts.last());
        if self.method == PaymentMethod::Cod { None } else { last() }
    }

    /// What refunds of the courier's cash name in the place of an attempt.
    #[must_use]
    pub fn cash_id(&self) -> AttemptId {
        AttemptId::from_uuid(self.id.uuid())
    }

    /// Whether the order may be confirmed: everything captured, or promised to a shop that captures by hand, or cash on
    /// delivery.
    #[must_use]
    pub fn lets_confirm(&self) -> bool {
        let promised = self.attempts.iter().any(Attempt::is_promise);
        self.method == PaymentMethod::Cod || promised || (self.captured.minor >= self.amount.minor && self.refunded.minor == 0)
    }

    /// Captured money that no refund has claimed yet.
    #[must_use]
    pub fn refundable(&self) -> i64 {
        let claimed = self
            .refunds
            .iter()
            .filter(|refund| refund.state != RefundState::Failed)
            .fold(0i64, |sum, refund| sum.saturating_add(refund.amount.minor));
        self.captured.minor.saturating_sub(claimed)
    }

    /// What the courier collected: captured, and by no attempt.
    pub(crate) fn cash(&self) -> i64 {
        self.attempts.iter().fold(self.captured.minor, |left, attempt| left.saturating_sub(attempt.taken()))
    }

    /// What was promised or taken in all, in minor units: what was captured, and what captures left of the promises or
    /// have yet to take.
    #[must_use]
    pub fn authorized(&self) -> i64 {
        let promised = |attempt: &&Attempt| matches!(attempt.state, AttemptState::Authorized | AttemptState::Captured);
        let beyond = |attempt: &Attempt| attempt.amount.minor.saturating_sub(attempt.taken());
        self.attempts.iter().filter(promised).map(beyond).fold(self.captured.minor, i64::saturating_add)
    }

    /// How far the money is: a function of the sums and the last attempt, never stored by hand.
    #[must_use]
    pub fn status(&self) -> PaymentStatus {
        if self.method == PaymentMethod::Cod && self.cash() <= 0 {
            return PaymentStatus::Pending;
        }
        if self.attempts.last().is_some_and(|last| last.state == AttemptState::Authorized) {
            return PaymentStatus::Authorized;
        }
        if self.captured.minor > 0 {
            return match self.refunded.minor {
                0 => PaymentStatus::Captured,
                back if back >= self.captured.minor => PaymentStatus::Refunded,
                _ => PaymentStatus::PartiallyRefunded,
            };
        }
        match self.attempts.last().map(|attempt| attempt.state) {
            // Of an order that costs nothing, and for which nobody was asked.
            None if self.amount.minor == 0 => PaymentStatus::Captured,
            None | Some(AttemptState::Created | AttemptState::Pending) => PaymentStatus::Pending,
            Some(AttemptState::Captured) => PaymentStatus::Captured,
            Some(AttemptState::Unknown) => PaymentStatus::Unknown,
            Some(AttemptState::Authorized) => PaymentStatus::Authorized,
            Some(AttemptState::Declined) => PaymentStatus::Failed,
            Some(AttemptState::Voided) => PaymentStatus::Voided,
        }
    }
}
