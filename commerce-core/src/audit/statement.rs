//! Payments against what their providers' own ledgers say, where those can be asked.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::error::StoreError;
use crate::limits;
use crate::orders::{AttemptState, Entered, PaymentFact, ProviderFact, RefundState};

use super::Invariant::Provider;
use super::Violation;
use super::books::{Cell, Pages, Row};
use super::cross::{Eyes, Suspicion};
use super::tables::{ATTEMPTS, ORDERS, PROVIDER_EVENTS, REFUNDS};
use super::walks::alone;

impl Eyes<'_> {
    /// What we say was taken or given back was, and what we say was not was not. What is open is asked
    /// about by a worker.
    pub(super) async fn statements(&self, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let numbers: BTreeMap<&Cell, String> =
            pages.of(ORDERS).iter().map(|order| (order.cell("id"), order.cell("number").to_string())).collect();
        let mut contradictions = Vec::new();
        for gateway in self.gateways {
            let name = gateway.name();
            let through: Vec<&Row> = pages.of(ATTEMPTS).iter().filter(|row| row.text("provider") == Some(name)).collect();
            let back = |refund: &&Row| through.iter().any(|attempt| attempt.cell("id") == refund.cell("attempt_id"));
            let refunds: Vec<&Row> = pages.of(REFUNDS).iter().filter(back).collect();
            let asked: Vec<(&Row, Uuid)> = through.iter().chain(&refunds).filter_map(|row| Some((*row, row.id("id")?))).collect();
            let keys: Vec<Uuid> = asked.iter().map(|(_, key)| *key).collect();
            if keys.is_empty() {
                continue;
            }
            let Some(lines) = gateway.statement(&keys).await else { continue };
            for (row, key) in asked {
                // What the provider said of it may be forgotten, which alone explains money that its ledger has not.
                let sure = row.at("created_at").is_none_or(|at| at.plus(limits::PROVIDER_MESSAGE_SURE) > self.now);
                if !sure && !lines.contains_key(&key) {
                    continue;
                }
                let line = lines.get(&key).copied().unwrap_or(Entered::Nothing);
                if let Some(expected) = contradicted(row, line) {
                    let entity = numbers.get(row.cell("order_id")).cloned().unwrap_or_else(|| row.cell("order_id").to_string());
                    let found = format!("{} {}", row.table().name, row.cell("state"));
                    let suspicion = (row.cell("order_id").clone(), Violation::new(Provider, entity, expected, found));
                    let unheard = (line == Entered::Nothing).then(|| row.cell("reference").clone());
                    contradictions.push((unheard, suspicion));
                }
            }
        }
        let unheard = contradictions.iter().filter_map(|(reference, _)| reference.clone()).collect();
        let said = self.said_to_have_moved(unheard).await?;
        let stands = |(reference, _): &(Option<Cell>, Suspicion)| reference.as_ref().is_none_or(|known| !said.contains(known));
        Ok(contradictions.into_iter().filter(stands).map(|(_, suspicion)| suspicion).collect())
    }

    /// Those of `references` whose money has moved by a signed message of the provider, which may be
    /// ahead of its own ledger.
    async fn said_to_have_moved(&self, references: BTreeSet<Cell>) -> Result<BTreeSet<Cell>, StoreError> {
        if references.is_empty() {
            return Ok(references);
        }
        let keys: Vec<Cell> = references.into_iter().collect();
        let messages = self.books.orders.look_up(&alone(PROVIDER_EVENTS, "reference", "reference"), &keys).await?;
        let moved = |message: &&Row| {
            let fact = message.json::<ProviderFact>("fact");
            matches!(fact, Some(ProviderFact::Payment(PaymentFact::Captured { .. }) | ProviderFact::RefundSucceeded(_)))
        };
        Ok(messages.of(PROVIDER_EVENTS).iter().filter(moved).map(|message| message.cell("reference").clone()).collect())
    }
}

/// What a provider's ledger says instead of an attempt's or refund's row. A customer may have paid what
/// the ledger has as open, and its message came first.
pub(super) fn contradicted(row: &Row, line: Entered) -> Option<String> {
    let (moved, settled, column) = if row.table().name == REFUNDS.name {
        let state: RefundState = row.word("state")?;
        (state == RefundState::Succeeded, matches!(state, RefundState::Succeeded | RefundState::Failed), "amount_minor")
    } else {
        let state: AttemptState = row.word("state")?;
        (state == AttemptState::Captured, !state.is_open(), "to_capture_minor")
    };
    let ours = (row.int(column).unwrap_or(0), row.text("currency")?);
    match line {
        Entered::Moved(amount) if settled && !moved => Some(format!("{amount} moved, as the provider says")),
        Entered::Moved(amount) if moved && ours != (amount.minor, amount.currency.code()) => {
            Some(format!("{amount}, as the provider says"))
        }
        Entered::Nothing if moved => Some("no money moved, as the provider says".to_owned()),
        Entered::Moved(_) | Entered::Open | Entered::Nothing => None,
    }
}
