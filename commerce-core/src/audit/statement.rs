//! Payments against what their providers' own ledgers say, where those can be asked.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::orders::{AttemptState, Entered, RefundState};

use super::Invariant::Provider;
use super::Violation;
use super::books::{Cell, Pages, Row};
use super::cross::{Eyes, Suspicion};
use super::tables::{ATTEMPTS, ORDERS, REFUNDS};

impl Eyes<'_> {
    /// What we say was taken or given back was, and what we say was not was not. What is open is asked
    /// about by a worker.
    pub(super) async fn statements(&self, pages: &Pages) -> Vec<Suspicion> {
        let numbers: BTreeMap<&Cell, String> =
            pages.of(ORDERS).iter().map(|order| (order.cell("id"), order.cell("number").to_string())).collect();
        let mut suspicions = Vec::new();
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
                let line = lines.get(&key).copied().unwrap_or(Entered::Nothing);
                if let Some(expected) = contradicted(row, line) {
                    let entity = numbers.get(row.cell("order_id")).cloned().unwrap_or_else(|| row.cell("order_id").to_string());
                    let found = format!("{} {}", row.table().name, row.cell("state"));
                    suspicions.push((row.cell("order_id").clone(), Violation::new(Provider, entity, expected, found)));
                }
            }
        }
        suspicions
    }
}

/// What a provider's ledger says instead of an attempt's or refund's row. A customer may have paid what
/// the ledger has as open, and its message came first.
fn contradicted(row: &Row, line: Entered) -> Option<String> {
    let ours = (row.int("amount_minor")?, row.text("currency")?);
    let (moved, settled) = if row.table().name == ATTEMPTS.name {
        let state: AttemptState = row.word("state")?;
        (state == AttemptState::Captured, !state.is_open())
    } else {
        let state: RefundState = row.word("state")?;
        (state == RefundState::Succeeded, matches!(state, RefundState::Succeeded | RefundState::Failed))
    };
    match line {
        Entered::Moved(amount) if settled && !moved => Some(format!("{amount} moved, as the provider says")),
        Entered::Moved(amount) if moved && ours != (amount.minor, amount.currency.code()) => {
            Some(format!("{amount}, as the provider says"))
        }
        Entered::Nothing if moved => Some("no money moved, as the provider says".to_owned()),
        Entered::Moved(_) | Entered::Open | Entered::Nothing => None,
    }
}
