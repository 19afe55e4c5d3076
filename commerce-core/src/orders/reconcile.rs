//! What providers say was paid, held against what the shop says: a report, which changes nothing.
//!
//! Ours are asked of the provider key by key; what the provider has besides is read from its own ledger, where it can be
//! read. What began within the last minute is on its way and left out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::actor::Actor;
use crate::error::Outcome;
use crate::events::wire_names;
use crate::ids::{Id, OrderId};
use crate::limits;
use crate::money::Money;
use crate::page::{PageRequest, whole};
use crate::time::Timestamp;

use super::Orders;
use super::model::Order;
use super::payment::{Attempt, AttemptState, PaymentFact, Refund, RefundState};
use super::ports::{Entered, OrderFilter, PaymentGateway, ProviderAnswer, ProviderEvent, ProviderFact, Stated};

/// How long something is on its way before anybody wonders.
const MOMENT: Duration = Duration::from_mins(1);
/// Lines of a provider's ledger that are read at once.
const LINES: u32 = 500;

wire_names! {
    /// What does not fit.
    MismatchKind {
        /// The provider has money for a key that no order, refund or top-up of the shop has with it.
        PaidWithoutOrder = "PAID_WITHOUT_ORDER",
        /// The shop says that money moved, and the provider says that it did not.
        BookedNotPaid = "BOOKED_NOT_PAID",
        /// The provider says that money moved, and the shop does not.
        PaidNotBooked = "PAID_NOT_BOOKED",
        /// Both say that money moved, each another amount.
        AmountDiffers = "AMOUNT_DIFFERS",
        /// The provider has another name for it than the shop.
        ReferenceDiffers = "REFERENCE_DIFFERS",
        /// An attempt or refund has been open for longer than it may.
        Stuck = "STUCK",
        /// A provider's message is about something that nobody knows.
        UnknownMessage = "UNKNOWN_MESSAGE",
    }
}

/// One thing that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mismatch {
    /// What does not fit.
    pub kind: MismatchKind,
    /// The order's number; none of a top-up, and of what no order has.
    pub order: Option<String>,
    /// Whose.
    pub provider: String,
    /// The provider's name for it, once known.
    pub reference: Option<String>,
    /// The key that the provider has it under: the id of an attempt, a refund or a top-up.
    pub key: Option<Uuid>,
    /// What the shop says.
    pub ours: String,
    /// What the provider says.
    pub theirs: String,
}

/// What was held against each other, and what does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reconciliation {
    /// What does not fit, in the order it was found.
    pub mismatches: Vec<Mismatch>,
    /// Attempts, refunds and top-ups that were looked at.
    pub checked: u64,
    /// Providers whose ledger did not answer or cannot be asked: of theirs only what the shop knows is judged.
    pub unasked: BTreeSet<String>,
    /// From when on.
    pub since: Timestamp,
    /// When it was looked.
    pub at: Timestamp,
}

/// Something of ours that a provider has a line for.
struct Ours {
    order: Option<String>,
    provider: String,
    reference: Option<String>,
    key: Uuid,
    /// How far, by name.
    state: &'static str,
    /// What moved, as the shop says.
    moved: Option<Money>,
    /// Since when it waits, if it does.
    open_since: Option<Timestamp>,
    /// The attempt itself, for providers that are asked one by one.
    attempt: Option<Attempt>,
}

impl Ours {
    fn attempt(order: Option<&Order>, it: &Attempt) -> Self {
        let captured = it.state == AttemptState::Captured;
        Self {
            order: order.map(|order| order.number.clone()),
            provider: it.provider.clone(),
            reference: it.reference.clone(),
            key: it.id.uuid(),
            state: it.state.as_str(),
            moved: captured.then(|| Money::new(it.taken(), it.amount.currency)),
            open_since: (it.state.is_open() && !it.is_promise()).then_some(it.created_at),
            attempt: Some(it.clone()),
        }
    }

    /// None of cash, which no provider has.
    fn refund(order: &Order, it: &Refund) -> Option<Self> {
        let attempt = order.payment.attempts.iter().find(|attempt| attempt.id == it.attempt)?;
        let open = matches!(it.state, RefundState::Pending | RefundState::Unknown);
        Some(Self {
            order: Some(order.number.clone()),
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
            order: self.order.clone(),
            provider: self.provider.clone(),
            reference: self.reference.clone(),
            key: Some(self.key),
            ours,
            theirs: theirs.into(),
        }
    }

    /// That the provider calls it otherwise.
    fn misnamed(&self, line: Option<&Stated>) -> Option<Mismatch> {
        let (ours, theirs) = (self.reference.as_ref()?, line?.reference.as_ref()?);
        (ours != theirs).then(|| self.mismatch(MismatchKind::ReferenceDiffers, theirs))
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

    fn stuck(&self, now: Timestamp, theirs: &str) -> Option<Mismatch> {
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

impl Orders {
    /// Holds what was asked for since `since` against what the providers say. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, and when the store does not answer.
    pub async fn reconcile(&self, actor: &Actor, since: Timestamp) -> Outcome<Reconciliation> {
        actor.require_staff()?;
        let at = self.clock.now();
        let mut report = Reconciliation { mismatches: Vec::new(), checked: 0, unasked: BTreeSet::new(), since, at };
        let mut known: BTreeMap<Uuid, String> = BTreeMap::new();
        let filter = OrderFilter { from: Some(since), ..OrderFilter::default() };
        let mut page = PageRequest::first();
        loop {
            let orders = self.store.orders(&filter, &page).await?;
            let attempts = |order: &Order| -> Vec<Ours> {
                let attempts = order.payment.attempts.iter().map(|it| Ours::attempt(Some(order), it));
                attempts.chain(order.payment.refunds.iter().filter_map(|it| Ours::refund(order, it))).collect()
            };
            self.compare(orders.items.iter().flat_map(attempts).collect(), &mut report, &mut known).await;
            match orders.next_cursor {
                Some(cursor) => page = PageRequest::parse(None, Some(&cursor))?,
                None => break,
            }
        }
        let top_ups = whole(|page| async move { self.store.top_ups(&page).await }).await?;
        let recent = top_ups.iter().filter(|it| it.attempt.created_at >= since);
        self.compare(recent.map(|it| Ours::attempt(None, &it.attempt)).collect(), &mut report, &mut known).await;
        self.unordered(&mut report, &known).await;
        let parked = self.store.parked(limits::WORK_BATCH).await?;
        report.mismatches.extend(parked.into_iter().filter(|it| it.at.plus(MOMENT) <= at).map(unknown_message));
        Ok(report)
    }

    /// Asks each provider about what is ours.
    async fn compare(&self, ours: Vec<Ours>, report: &mut Reconciliation, known: &mut BTreeMap<Uuid, String>) {
        let mut by_provider: BTreeMap<String, Vec<Ours>> = BTreeMap::new();
        for it in ours {
            known.insert(it.key, it.provider.clone());
            report.checked = report.checked.saturating_add(1);
            by_provider.entry(it.provider.clone()).or_default().push(it);
        }
        for (provider, ours) in by_provider {
            let gateway = self.gateways.iter().find(|gateway| gateway.name() == provider);
            let (said, whole) = match gateway {
                Some(gateway) => asked(&**gateway, &ours).await,
                None => (BTreeMap::new(), false),
            };
            for it in &ours {
                let stated = said.get(&it.key);
                report.mismatches.extend(it.misnamed(stated));
                let line = stated.map(|line| line.entered).or(whole.then_some(Entered::Nothing));
                report.mismatches.extend(match line {
                    Some(line) => it.against(line, report.at),
                    None => it.stuck(report.at, "no answer"),
                });
            }
            if !whole {
                report.unasked.insert(provider);
            }
        }
    }

    /// What providers have under keys that are nobody's, or another provider's. Keys carry when they were made.
    async fn unordered(&self, report: &mut Reconciliation, known: &BTreeMap<Uuid, String>) {
        let first = OrderId::lower_bound(report.since).uuid();
        let last = OrderId::lower_bound(report.at.minus(MOMENT)).uuid();
        for gateway in &self.gateways {
            let (name, mut after) = (gateway.name(), Some(first));
            if name == super::wallet::NAME {
                // Its ledger is the shop's own, which the audit holds against the orders.
                continue;
            }
            while let Some(lines) = gateway.ledger(after, LINES).await {
                let ours = |key: &Uuid| known.get(key).is_some_and(|provider| provider == name);
                let strange = lines.iter().filter(|(key, _)| !ours(key) && *key < last);
                report.mismatches.extend(strange.filter_map(|(key, line)| {
                    let Entered::Moved(amount) = line else { return None };
                    Some(Mismatch {
                        kind: MismatchKind::PaidWithoutOrder,
                        order: None,
                        provider: name.to_owned(),
                        reference: None,
                        key: Some(*key),
                        ours: known.get(key).map_or_else(|| "nothing".to_owned(), |provider| format!("with {provider}")),
                        theirs: amount.to_string(),
                    })
                }));
                after = lines.last().map(|(key, _)| *key);
                if after.is_none() {
                    break;
                }
            }
            if after.is_some() {
                report.unasked.insert(name.to_owned());
            }
        }
    }
}

/// What a provider says about these, and whether it said all it knows: by its ledger, else attempt by attempt.
async fn asked(gateway: &dyn PaymentGateway, ours: &[Ours]) -> (BTreeMap<Uuid, Stated>, bool) {
    let keys: Vec<Uuid> = ours.iter().map(|it| it.key).collect();
    if let Some(lines) = gateway.statement(&keys).await {
        return (lines, true);
    }
    let mut lines = BTreeMap::new();
    for attempt in ours.iter().filter_map(|it| it.attempt.as_ref()).filter(|attempt| attempt.reference.is_some()) {
        let ProviderAnswer { fact, reference } = gateway.query(attempt).await;
        if fact != PaymentFact::NoAnswer {
            lines.insert(attempt.id.uuid(), Stated { entered: Entered::from(&fact), reference });
        }
    }
    (lines, false)
}

fn unknown_message(event: ProviderEvent) -> Mismatch {
    let theirs = match &event.fact {
        ProviderFact::Payment(PaymentFact::Captured { amount }) => format!("paid {amount}"),
        ProviderFact::RefundSucceeded(amount) => format!("refunded {amount}"),
        ProviderFact::Payment(_) | ProviderFact::Other => "something else".to_owned(),
    };
    Mismatch {
        kind: MismatchKind::UnknownMessage,
        order: None,
        provider: event.provider,
        reference: Some(event.reference),
        key: None,
        ours: "nothing".to_owned(),
        theirs,
    }
}
