//! What the shop says of one payment, refund or top-up, and what does not fit it.

use uuid::Uuid;

use super::{MOMENT, Mismatch, MismatchKind};
use crate::ids::{Id, OrderId};
use crate::limits;
use crate::money::Money;
use crate::orders::model::Order;
use crate::orders::payment::{Attempt, AttemptState, Refund, RefundState};
use crate::orders::ports::Entered;
use crate::time::Timestamp;

/// Something of ours that a provider has a line for.
pub(super) struct Ours {
    /// None of a top-up.
    pub(super) order: Option<(OrderId, String)>,
    pub(super) provider: String,
    pub(super) reference: Option<String>,
    pub(super) key: Uuid,
    /// How far, by name.
    state: &'static str,
    /// What moved, as the shop says.
    moved: Option<Money>,
    /// Since when it waits, if it does.
    open_since: Option<Timestamp>,
    /// The attempt itself, for providers that are asked one by one.
    pub(super) attempt: Option<Attempt>,
}

impl Ours {
    pub(super) fn attempt(order: Option<&Order>, it: &Attempt) -> Self {
        let captured = it.state == AttemptState::Captured;
        Self {
            order: order.map(|order| (order.id, order.number.clone())),
            provider: it.provider.clone(),
            reference: it.reference.clone(),
            key: it.id.uuid(),
            state: it.state.as_str(),
            moved: captured.then(|| Money::new(it.taken(), it.amount.currency)),
            open_since: (it.state.is_open() && !it.is_promise()).then_some(it.created_at),
            attempt: Some(it.clone()),
        }
    }

    /// All that an order has with providers.
    pub(super) fn all_of(order: &Order) -> Vec<Self> {
        let attempts = order.payment.attempts.iter().map(|it| Self::attempt(Some(order), it));
        attempts.chain(order.payment.refunds.iter().filter_map(|it| Self::refund(order, it))).collect()
    }

    /// None of cash, which no provider has.
    fn refund(order: &Order, it: &Refund) -> Option<Self> {
        let attempt = order.payment.attempts.iter().find(|attempt| attempt.id == it.attempt)?;
        let open = matches!(it.state, RefundState::Pending | RefundState::Unknown);
        Some(Self {
            order: Some((order.id, order.number.clone())),
            provider: attempt.provider.clone(),
            reference: it.reference.clone(),
            key: it.id.uuid(),
            state: it.state.as_str(),
            moved: (it.state == RefundState::Succeeded).then_some(it.amount),
            open_since: open.then_some(it.created_at),
            attempt: None,
        })
    }

    fn mismatch(&self, kind: MismatchKind, theirs: impl Into<String>) -> Mismatch {
        let ours = self.moved.map_or_else(|| self.state.to_owned(), |moved| format!("{} {moved}", self.state));
        Mismatch {
            kind,
            order: self.order.as_ref().map(|(_, number)| number.clone()),
            provider: self.provider.clone(),
            reference: self.reference.clone(),
            key: Some(self.key),
            ours,
            theirs: theirs.into(),
        }
    }

    /// All that does not fit between this and what the provider has: its name for it, where one is known, and what became of the money.
    pub(super) fn unfit(&self, theirs: Option<&str>, line: Entered, now: Timestamp) -> Vec<Mismatch> {
        theirs.and_then(|theirs| self.misnamed(theirs)).into_iter().chain(self.against(line, now)).collect()
    }

    /// That the provider calls it otherwise.
    fn misnamed(&self, theirs: &str) -> Option<Mismatch> {
        (self.reference.as_ref()? != theirs).then(|| self.mismatch(MismatchKind::ReferenceDiffers, theirs))
    }

    /// What does not fit between this and the provider's line.
    fn against(&self, line: Entered, now: Timestamp) -> Option<Mismatch> {
        match (self.moved, line) {
            (Some(ours), Entered::Moved(theirs)) if ours != theirs => {
                Some(self.mismatch(MismatchKind::AmountDiffers, theirs.to_string()))
            }
            (Some(_), Entered::Open | Entered::Nothing) => Some(self.mismatch(MismatchKind::BookedNotPaid, words(line))),
            (None, Entered::Moved(_)) if self.open_since.is_none_or(|since| since.plus(MOMENT) <= now) => {
                Some(self.mismatch(MismatchKind::PaidNotBooked, words(line)))
            }
            (Some(_) | None, Entered::Moved(_) | Entered::Open | Entered::Nothing) => self.stuck(now, &words(line)),
        }
    }

    pub(super) fn stuck(&self, now: Timestamp, theirs: &str) -> Option<Mismatch> {
        let longest = limits::PAYMENT_DUE.saturating_add(limits::PAYMENT_GRACE).saturating_add(limits::CHECK_PAUSE_MAX);
        let late = self.open_since.is_some_and(|since| since.plus(longest) <= now);
        late.then(|| self.mismatch(MismatchKind::Stuck, theirs))
    }
}

fn words(line: Entered) -> String {
    match line {
        Entered::Moved(amount) => amount.to_string(),
        Entered::Open => "open".to_owned(),
        Entered::Nothing => "nothing".to_owned(),
    }
}
