//! A provider's own ledger, read page by page to its end: for what the shop asked it for, and for what it has besides.
//!
//! Whoever else uses the same account has lines in it, too. Ours have a key of ours, or are known to the shop by the provider's name for
//! them; the rest is counted and not judged. A line of ours without its key is found by that name, so that nobody hides
//! money by what he writes beside it.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::ours::Ours;
use super::{MOMENT, Mismatch, MismatchKind, Reconciliation};
use crate::error::{Outcome, Refusal};
use crate::ids::{Id, OrderId};
use crate::limits;
use crate::money::Money;
use crate::orders::Orders;
use crate::orders::payment::PaymentFact;
use crate::orders::ports::{Entered, LedgerLine, PaymentGateway, ProviderAnswer};
use crate::orders::wallet;

/// What a ledger is held against.
struct Against<'a> {
    provider: &'static str,
    /// What waits for this ledger, and is not met in it yet.
    waiting: BTreeMap<Uuid, Ours>,
    /// What was met: more than one line may have its key.
    met: BTreeMap<Uuid, Ours>,
    /// Whose each key is, as the shop says.
    known: &'a BTreeMap<Uuid, String>,
    /// The asked span, as keys carry it.
    span: (Uuid, Uuid),
    /// The names of lines that moved nothing.
    unmoved: BTreeSet<String>,
}

impl Against<'_> {
    /// What waits or waited under this key.
    fn ours(&self, key: Uuid) -> Option<&Ours> {
        self.waiting.get(&key).or_else(|| self.met.get(&key))
    }

    fn meet(&mut self, key: Uuid) {
        if let Some(ours) = self.waiting.remove(&key) {
            self.met.insert(key, ours);
        }
    }

    /// That the provider moved what the shop has not.
    fn strange(&self, kind: MismatchKind, order: Option<String>, line: &LedgerLine, amount: Money) -> Mismatch {
        let with = line.key.and_then(|key| self.known.get(&key));
        Mismatch {
            kind,
            order,
            provider: self.provider.to_owned(),
            reference: Some(line.reference.clone()),
            key: line.key,
            ours: with.map_or_else(|| "nothing".to_owned(), |provider| format!("with {provider}")),
            theirs: amount.to_string(),
        }
    }
}

/// Whose a line without a known key is.
enum Owner {
    /// This is what it is about.
    Ours(Box<Ours>),
    /// It is about a payment of ours that has nothing like it: the number of its order, none of a top-up.
    Of(Option<String>),
    /// No order's and no top-up's.
    Nobody,
}

impl Orders {
    /// Reads a gateway's ledger for `waiting`, and for what is nobody's. Where it does not answer to its end, what was not met in it is
    /// asked about one by one. Answers the provider's names of what moved nothing.
    pub(super) async fn read_ledger(
        &self,
        gateway: &dyn PaymentGateway,
        waiting: BTreeMap<Uuid, Ours>,
        known: &BTreeMap<Uuid, String>,
        report: &mut Reconciliation,
    ) -> Outcome<BTreeSet<String>> {
        let provider = gateway.name();
        let span = (OrderId::lower_bound(report.since).uuid(), OrderId::lower_bound(report.at.minus(MOMENT)).uuid());
        let mut against = Against { provider, waiting, met: BTreeMap::new(), known, span, unmoved: BTreeSet::new() };
        // The wallets' ledger is the shop's own, which the audit holds against the orders.
        let whole = provider != wallet::NAME && self.read_pages(gateway, &mut against, report).await?;
        if !whole && (provider != wallet::NAME || !against.waiting.is_empty()) {
            report.unasked.insert(provider.to_owned());
        }
        for ours in against.waiting.values() {
            let line = if whole { Some((Entered::Nothing, None)) } else { asked(gateway, ours).await };
            match line {
                Some((line, reference)) => self.judge(ours, reference.as_deref(), line, report).await?,
                None => report.mismatches.extend(ours.stuck(report.at, "no answer")),
            }
        }
        Ok(against.unmoved)
    }

    /// Whether the ledger was read to its end.
    async fn read_pages(
        &self,
        gateway: &dyn PaymentGateway,
        against: &mut Against<'_>,
        report: &mut Reconciliation,
    ) -> Outcome<bool> {
        // Ours was read before: whatever the provider makes from now on is not missed.
        let (from, until) = (report.since.minus(limits::LEDGER_SKEW), self.clock.now().plus(limits::LEDGER_SKEW));
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut next: Option<String> = None;
        for _ in 0..limits::LEDGER_PAGES_MAX {
            let Some(page) = gateway.ledger(from, until, next.as_deref()).await else { return Ok(false) };
            let before = seen.len();
            for line in page.lines {
                if seen.insert(line.reference.clone()) {
                    if line.entered == Entered::Nothing {
                        against.unmoved.insert(line.reference.clone());
                    }
                    self.hold_line(line, against, report).await?;
                }
            }
            let Some(following) = page.next else { return Ok(true) };
            if seen.len() == before {
                tracing::error!(
                    provider = against.provider,
                    "a page of a provider's ledger has nothing new, and is not the last"
                );
                return Ok(false);
            }
            next = Some(following);
        }
        let lines = u64::from(limits::LEDGER_PAGES_MAX).saturating_mul(u64::from(limits::LEDGER_PAGE_MAX));
        let message = format!("{} has more than {lines} lines since then; look back fewer days", against.provider);
        Err(Refusal::field("days", "OUT_OF_RANGE", message).into())
    }

    /// Holds a line against what it is of.
    async fn hold_line(&self, line: LedgerLine, against: &mut Against<'_>, report: &mut Reconciliation) -> Outcome<()> {
        if let Some(key) = line.key {
            if let Some(ours) = against.ours(key) {
                // Of two that were made at once under one key, one is ours and the other moves nothing.
                let other = ours.reference.as_ref().is_some_and(|reference| *reference != line.reference);
                if !other || matches!(line.entered, Entered::Moved(_)) {
                    self.judge(ours, Some(&line.reference), line.entered, report).await?;
                    against.meet(key);
                }
                return Ok(());
            }
            if against.known.get(&key).is_some_and(|provider| provider == against.provider) {
                return Ok(());
            }
        }
        let Entered::Moved(amount) = line.entered else { return Ok(()) };
        let (first, last) = against.span;
        if line.key.is_some_and(|key| key < first || key >= last) {
            return Ok(());
        }
        match self.owner(against.provider, &line).await? {
            Owner::Ours(ours) => {
                self.judge(&ours, Some(&line.reference), line.entered, report).await?;
                against.meet(ours.key);
            }
            Owner::Of(order) => {
                report.mismatches.push(against.strange(MismatchKind::PaidNotBooked, order, &line, amount));
            }
            Owner::Nobody if line.key.is_some() => {
                report.mismatches.push(against.strange(MismatchKind::PaidWithoutOrder, None, &line, amount));
            }
            Owner::Nobody => report.foreign = report.foreign.saturating_add(1),
        }
        Ok(())
    }

    /// Whose a line is by the names that the provider gave: it may be of an order from before the asked span.
    async fn owner(&self, provider: &str, line: &LedgerLine) -> Outcome<Owner> {
        for name in [Some(&line.reference), line.of.as_ref()].into_iter().flatten() {
            if let Some(id) = self.store.top_up_by_reference(provider, name).await? {
                let Some(top_up) = self.store.top_up(id).await? else { continue };
                let itself = *name == line.reference;
                return Ok(if itself { Owner::Ours(Box::new(Ours::attempt(None, &top_up.attempt))) } else { Owner::Of(None) });
            }
            let Some(id) = self.store.order_by_reference(provider, name).await? else { continue };
            let Some(order) = self.store.order(id).await? else { continue };
            let named = |it: &Ours| it.provider == provider && it.reference.as_ref() == Some(&line.reference);
            let ours = Ours::all_of(&order).into_iter().find(|it| line.key == Some(it.key) || named(it));
            return Ok(ours.map_or(Owner::Of(Some(order.number)), |ours| Owner::Ours(Box::new(ours))));
        }
        Ok(Owner::Nobody)
    }
}

/// What a provider answers about one attempt, and its name for it; nothing of refunds, and of what it never named.
async fn asked(gateway: &dyn PaymentGateway, ours: &Ours) -> Option<(Entered, Option<String>)> {
    let attempt = ours.attempt.as_ref().filter(|attempt| attempt.reference.is_some())?;
    let ProviderAnswer { fact, reference } = gateway.query(attempt).await;
    (fact != PaymentFact::NoAnswer).then(|| (Entered::from(&fact), reference))
}
