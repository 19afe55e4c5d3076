//! What providers say was paid, held against what the shop says: a report, which changes nothing.
//!
//! Ours are asked of the provider key by key where it can be asked so. Its own ledger is then read for the rest, and for what it has
//! besides ([`ledger`]). What began within the last minute is on its way and left out. The shop sells on meanwhile: what does not fit is
//! read again, and said where it still does not.

mod ledger;
mod ours;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::actor::Actor;
use crate::error::Outcome;
use crate::events::wire_names;
use crate::ids::Id;
use crate::limits;
use crate::page::{PageRequest, whole};
use crate::time::Timestamp;

use self::ours::Ours;
use super::Orders;
use super::exchange::EXCHANGE;
use super::payment::PaymentFact;
use super::ports::{Entered, OrderFilter, ProviderEvent, ProviderFact};

/// How long something is on its way before anybody wonders.
const MOMENT: Duration = Duration::from_mins(1);

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
    /// Movements at providers that have no key of the shop's form and are of no payment that it knows: whoever else uses the same
    /// account made them, and nobody judges them.
    pub foreign: u64,
    /// Providers whose ledger did not answer or cannot be asked: of theirs only what the shop knows is judged.
    pub unasked: BTreeSet<String>,
    /// From when on.
    pub since: Timestamp,
    /// When it was looked.
    pub at: Timestamp,
}

/// What was read of the shop's own books.
#[derive(Default)]
struct Read {
    /// Whose each key is.
    known: BTreeMap<Uuid, String>,
    /// What a provider's ledger is still to be read for, by provider and key.
    waiting: BTreeMap<String, BTreeMap<Uuid, Ours>>,
}

impl Orders {
    /// Holds what was asked for since `since` against what the providers say. Staff.
    ///
    /// # Errors
    /// `FORBIDDEN`; `OUT_OF_RANGE` when a provider's ledger has more pages since then than anybody reads; and when the store does
    /// not answer.
    pub async fn reconcile(&self, actor: &Actor, since: Timestamp) -> Outcome<Reconciliation> {
        actor.require_staff()?;
        let at = self.clock.now();
        let mut report = Reconciliation { mismatches: Vec::new(), checked: 0, foreign: 0, unasked: BTreeSet::new(), since, at };
        let mut read = Read::default();
        let filter = OrderFilter { from: Some(since), ..OrderFilter::default() };
        let mut page = PageRequest::first();
        loop {
            let orders = self.store.orders(&filter, &page).await?;
            self.compare(orders.items.iter().flat_map(Ours::all_of).collect(), &mut report, &mut read).await?;
            match orders.next_cursor {
                Some(cursor) => page = PageRequest::parse(None, Some(&cursor))?,
                None => break,
            }
        }
        let top_ups = whole(|page| async move { self.store.top_ups(&page).await }).await?;
        let recent = top_ups.iter().filter(|it| it.attempt.created_at >= since);
        self.compare(recent.map(|it| Ours::attempt(None, &it.attempt)).collect(), &mut report, &mut read).await?;
        let mut unmoved = BTreeSet::new();
        for gateway in self.gateways.iter() {
            let waiting = read.waiting.remove(gateway.name()).unwrap_or_default();
            let names = self.read_ledger(&**gateway, waiting, &read.known, &mut report).await?;
            unmoved.extend(names.into_iter().map(|name| (gateway.name().to_owned(), name)));
        }
        for (provider, ours) in read.waiting {
            report.mismatches.extend(ours.values().filter_map(|it| it.stuck(at, "no answer")));
            // What an exchange pays is no money that moves, and nobody's ledger has it.
            if provider != EXCHANGE {
                report.unasked.insert(provider);
            }
        }
        let parked = self.store.parked(limits::WORK_BATCH).await?.into_iter();
        // Stripe calls it a refund, too, when money that was only promised is let go of.
        let let_go = |it: &ProviderEvent| {
            matches!(it.fact, ProviderFact::RefundSucceeded(_)) && unmoved.contains(&(it.provider.clone(), it.reference.clone()))
        };
        let unknown = parked.filter(|it| it.at >= since && it.at.plus(MOMENT) <= at && !let_go(it));
        report.mismatches.extend(unknown.map(unknown_message));
        Ok(report)
    }

    /// Asks each provider about what is ours; what it cannot be asked about waits for its ledger.
    async fn compare(&self, ours: Vec<Ours>, report: &mut Reconciliation, read: &mut Read) -> Outcome<()> {
        let mut by_provider: BTreeMap<String, Vec<Ours>> = BTreeMap::new();
        for it in ours {
            read.known.insert(it.key, it.provider.clone());
            report.checked = report.checked.saturating_add(1);
            by_provider.entry(it.provider.clone()).or_default().push(it);
        }
        for (provider, ours) in by_provider {
            let keys: Vec<Uuid> = ours.iter().map(|it| it.key).collect();
            let said = match self.gateways.iter().find(|gateway| gateway.name() == provider) {
                Some(gateway) => gateway.statement(&keys).await,
                None => None,
            };
            let Some(said) = said else {
                read.waiting.entry(provider).or_default().extend(ours.into_iter().map(|it| (it.key, it)));
                continue;
            };
            for it in &ours {
                let stated = said.get(&it.key);
                let line = stated.map_or(Entered::Nothing, |line| line.entered);
                self.judge(it, stated.and_then(|line| line.reference.as_deref()), line, report).await?;
            }
        }
        Ok(())
    }

    /// Says what does not fit between ours and what the provider has, if it still does not when ours is read again.
    async fn judge(&self, ours: &Ours, theirs: Option<&str>, line: Entered, report: &mut Reconciliation) -> Outcome<()> {
        let before = ours.unfit(theirs, line, report.at);
        if before.is_empty() {
            return Ok(());
        }
        let Some(now) = self.again(ours).await? else {
            report.mismatches.extend(before);
            return Ok(());
        };
        // What was booked since may have moved after the provider was asked.
        let was_booked = before.iter().any(|it| it.kind == MismatchKind::BookedNotPaid);
        let stands = |it: &Mismatch| was_booked || it.kind != MismatchKind::BookedNotPaid;
        report.mismatches.extend(now.unfit(theirs, line, report.at).into_iter().filter(stands));
        Ok(())
    }

    /// The same as it is by now.
    async fn again(&self, ours: &Ours) -> Outcome<Option<Ours>> {
        let Some((id, _)) = &ours.order else {
            let top_up = self.store.top_up(Id::from_uuid(ours.key)).await?;
            return Ok(top_up.map(|it| Ours::attempt(None, &it.attempt)));
        };
        let order = self.store.order(*id).await?;
        Ok(order.and_then(|order| Ours::all_of(&order).into_iter().find(|it| it.key == ours.key)))
    }
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
