//! Providers' messages against the attempts and refunds that they are about.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::limits;
use crate::orders::{AttemptState, PaymentFact, ProviderEventState, ProviderFact, RefundState};
use crate::time::Timestamp;

use super::Invariant::{Provider, Times};
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::tables::{ATTEMPTS, PROVIDER_EVENTS, REFUNDS, TOP_UPS};
use super::walks::{alone, within};

impl Eyes<'_> {
    /// What a provider said and was applied is about an attempt or refund of ours.
    pub(super) async fn provider(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let mut suspicions = Vec::new();
        let rows: Vec<&Row> = pages.of(PROVIDER_EVENTS).iter().collect();
        let references: BTreeSet<Cell> = rows.iter().map(|row| row.cell("reference").clone()).collect();
        let provider = rows.first().map_or(Cell::Null, |row| row.cell("provider").clone());
        let attempts = within(ATTEMPTS, ("provider", provider.clone()), "reference");
        let top_ups = within(TOP_UPS, ("provider", provider), "reference");
        let mut known = self.rows(&*self.books.orders, &attempts, references.clone()).await?;
        known.extend(self.rows(&*self.books.orders, &top_ups, references.clone()).await?);
        known.extend(self.rows(&*self.books.orders, &alone(REFUNDS, "reference", "reference"), references).await?);
        for row in rows {
            if row.word("state") != Some(ProviderEventState::Applied) {
                self.moving = self.moving.saturating_add(1);
            } else if !known.contains_key(row.cell("reference")) {
                let (expected, found) = ("an attempt or refund of this name".to_owned(), "none".to_owned());
                let entity = row.cell("reference").to_string();
                suspicions.push((row.cell(walk.key).clone(), Violation::new(Provider, entity, expected, found)));
            } else if let Some(known) = known.get(row.cell("reference")) {
                let mut findings = Findings::default();
                agreed(row, known, self.now, &mut findings);
                suspicions.extend(findings.violations.into_iter().map(|violation| (row.cell(walk.key).clone(), violation)));
            }
        }
        Ok(suspicions)
    }
}

/// What a provider said and was applied is what the attempt or refund has come to, for its amount.
fn agreed(said: &Row, known: &Row, now: Timestamp, findings: &mut Findings) {
    let entity = said.cell("reference").to_string();
    let Some(fact) = said.json::<ProviderFact>("fact") else { return };
    let (amount, fits) = match fact {
        ProviderFact::Payment(PaymentFact::Captured { amount }) => {
            (Some(amount), known.word("state") == Some(AttemptState::Captured))
        }
        ProviderFact::RefundSucceeded(amount) => (Some(amount), known.word("state") == Some(RefundState::Succeeded)),
        ProviderFact::Payment(PaymentFact::Declined { .. }) => {
            // What is promised is not declined any more, whatever comes late.
            let declined = |state: AttemptState| !state.is_open() || state == AttemptState::Authorized;
            (None, known.word::<AttemptState>("state").is_some_and(declined))
        }
        ProviderFact::Payment(_) => (None, known.word::<AttemptState>("state").is_some()),
        ProviderFact::Other => (None, false),
    };
    findings.hold(Provider, &entity, fits, format_args!("what was said: {}", said.cell("fact")), known.cell("state"));
    if let Some(amount) = amount {
        let taken = if known.table().name == REFUNDS.name { "amount_minor" } else { "to_capture_minor" };
        let ours = format!("{} {}", known.cell(taken), known.cell("currency"));
        findings.same(Provider, &entity, "about", ours, format!("{} {}", amount.minor, amount.currency));
    }
    let (made, at) = (known.at("created_at"), said.at("received_at"));
    let fits = made <= at.map(|at| at.plus(limits::AUDIT_CLOCKS_APART)) && at <= Some(now.plus(limits::AUDIT_CLOCKS_APART));
    findings.hold(Times, &entity, fits, "said after it was asked, until now", said.cell("received_at"));
}
