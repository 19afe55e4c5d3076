//! Stripe's ledger: its lists of payment intents and of refunds, newest first, as far as they were created in a span.
//!
//! It cannot be asked key by key: its search knows metadata late, and misses what is new. Movements of other kinds that an account has,
//! as charges without an intent or payouts, are nobody's of the shop and not listed.
//!
//! In this version of the API an authorisation that is let go of, whole or in part, has a refund in the list, of money that
//! was never taken. Those move nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use commerce_core::limits::LEDGER_PAGE_MAX;
use commerce_core::orders::{Entered, LedgerLine, LedgerPage, ProviderLedger};
use commerce_core::time::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::{Intent, Page, Returned, Stripe, answer, money};
use crate::payments::line::{encoded, key, seconds};

/// The list of payments; the list of refunds comes after it.
const INTENTS: &str = "payment_intents";
const REFUNDS: &str = "refunds";

/// A page of a list. Whether there are more is always said.
#[derive(Deserialize)]
struct List<T> {
    data: Vec<T>,
    has_more: bool,
}

#[derive(Deserialize)]
struct ListedIntent {
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(flatten)]
    intent: Intent,
}

#[derive(Deserialize)]
struct ListedRefund {
    /// As it is by now; none of a charge that had no intent.
    payment_intent: Option<Intent>,
    #[serde(flatten)]
    refund: Returned,
}

impl From<ListedIntent> for LedgerLine {
    fn from(ListedIntent { metadata, intent }: ListedIntent) -> Self {
        let moved = (intent.amount_received > 0).then(|| money(intent.amount_received, &intent.currency)).flatten();
        Self {
            key: metadata.get("attempt").and_then(|text| key(text)),
            of: None,
            entered: moved.map_or_else(|| Entered::from(&answer(&intent).fact), Entered::Moved),
            reference: intent.id,
        }
    }
}

impl Returned {
    /// The refund that it was sent for.
    fn key(&self) -> Option<Uuid> {
        self.metadata.get("refund").and_then(|text| key(text))
    }

    fn entered(&self) -> Entered {
        match self.status.as_deref() {
            Some("succeeded") => money(self.amount, &self.currency).map_or(Entered::Open, Entered::Moved),
            Some("failed" | "canceled") => Entered::Nothing,
            Some(_) | None => Entered::Open,
        }
    }
}

impl Stripe {
    /// A page of the payments, and whether there are more.
    async fn intents_made(&self, span: &str) -> Option<(Vec<LedgerLine>, bool)> {
        let List { data, has_more }: List<ListedIntent> = self.line.page(&format!("/v1/{INTENTS}?{span}")).await.done()?;
        Some((data.into_iter().map(Into::into).collect(), has_more))
    }

    /// A page of the refunds, and whether there are more.
    async fn refunds_made(&self, span: &str) -> Option<(Vec<LedgerLine>, bool)> {
        let path = format!("/v1/{REFUNDS}?{span}&expand[]=data.payment_intent");
        let List { data, has_more }: List<ListedRefund> = self.line.page(&path).await.done()?;
        let mut lines = Vec::with_capacity(data.len());
        for ListedRefund { payment_intent, refund } in data {
            let released = match &payment_intent {
                Some(intent) => self.is_released(&refund, intent).await?,
                None => false,
            };
            let entered = if released { Entered::Nothing } else { refund.entered() };
            let of = payment_intent.map(|intent| intent.id);
            lines.push(LedgerLine { key: refund.key(), reference: refund.id, of, entered });
        }
        Some((lines, has_more))
    }

    /// Whether a refund is of what was promised and not taken. Of several of that amount it is the oldest: a promise ends
    /// when it is taken, and nothing can be sent back before.
    async fn is_released(&self, refund: &Returned, intent: &Intent) -> Option<bool> {
        if refund.key().is_some() {
            return Some(false);
        }
        if intent.amount_received == 0 {
            return Some(true);
        }
        let rest = intent.amount.saturating_sub(intent.amount_received);
        if rest <= 0 || refund.amount != rest {
            return Some(false);
        }
        let path = format!("/v1/{REFUNDS}?limit=100&payment_intent={}", encoded(&intent.id));
        let newest_first: Page<Returned> = self.line.page(&path).await.done()?;
        let oldest = newest_first.data.iter().rfind(|it| it.key().is_none() && it.amount == rest);
        Some(oldest.is_some_and(|oldest| oldest.id == refund.id))
    }
}

#[async_trait]
impl ProviderLedger for Stripe {
    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        let (from, until) = seconds(from, until);
        let (mut list, mut after) = next.and_then(|next| next.split_once('/')).unwrap_or((INTENTS, ""));
        loop {
            let mut span = format!("limit={LEDGER_PAGE_MAX}&created[gte]={from}&created[lt]={until}");
            if !after.is_empty() {
                span.push_str("&starting_after=");
                span.push_str(&encoded(after));
            }
            let intents = list == INTENTS;
            let (lines, more) = if intents { self.intents_made(&span).await? } else { self.refunds_made(&span).await? };
            let last = lines.last().map(|line| &line.reference);
            if more && last.is_none() {
                tracing::error!("Stripe says that there is more, and gives nothing");
                return None;
            }
            let next = last.filter(|_| more).map(|last| format!("{list}/{last}"));
            if !intents || next.is_some() || !lines.is_empty() {
                return Some(LedgerPage { lines, next: next.or_else(|| intents.then(|| format!("{REFUNDS}/"))) });
            }
            (list, after) = (REFUNDS, "");
        }
    }
}
