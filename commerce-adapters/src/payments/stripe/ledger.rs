//! Stripe's ledger: its lists of payment intents and of refunds, newest first, as far as they were created in a span.
//!
//! It cannot be asked key by key: its search knows metadata late, and misses what is new. Movements of other kinds that an account has,
//! as charges without an intent or payouts, are nobody's of the shop and not listed.

use std::collections::BTreeMap;

use async_trait::async_trait;
use commerce_core::limits::LEDGER_PAGE_MAX;
use commerce_core::orders::{Entered, LedgerLine, LedgerPage, ProviderLedger};
use commerce_core::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Intent, Returned, Stripe, answer, money};
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
    /// None of a charge that had no intent.
    payment_intent: Option<String>,
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

impl From<ListedRefund> for LedgerLine {
    fn from(ListedRefund { payment_intent, refund }: ListedRefund) -> Self {
        let entered = match refund.status.as_deref() {
            Some("succeeded") => money(refund.amount, &refund.currency).map_or(Entered::Open, Entered::Moved),
            Some("failed" | "canceled") => Entered::Nothing,
            Some(_) | None => Entered::Open,
        };
        Self { key: refund.metadata.get("refund").and_then(|text| key(text)), reference: refund.id, of: payment_intent, entered }
    }
}

impl Stripe {
    /// A page of one list; the name after which the next begins, where there is a next.
    async fn list<T: DeserializeOwned + Into<LedgerLine>>(&self, path: &str) -> Option<(Vec<LedgerLine>, Option<String>)> {
        let List { data, has_more }: List<T> = self.line.page(path).await.done()?;
        let lines: Vec<LedgerLine> = data.into_iter().map(Into::into).collect();
        let last = lines.last().map(|line| line.reference.clone());
        if has_more && last.is_none() {
            tracing::error!("Stripe says that there is more, and gives nothing");
            return None;
        }
        Some((lines, last.filter(|_| has_more)))
    }
}

#[async_trait]
impl ProviderLedger for Stripe {
    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        let (from, until) = seconds(from, until);
        let (mut list, mut after) = next.and_then(|next| next.split_once('/')).unwrap_or((INTENTS, ""));
        loop {
            let mut path = format!("/v1/{list}?limit={LEDGER_PAGE_MAX}&created[gte]={from}&created[lt]={until}");
            if !after.is_empty() {
                path.push_str("&starting_after=");
                path.push_str(&encoded(after));
            }
            let intents = list == INTENTS;
            let (lines, last) =
                if intents { self.list::<ListedIntent>(&path).await? } else { self.list::<ListedRefund>(&path).await? };
            let next = last.map(|last| format!("{list}/{last}"));
            if !intents || next.is_some() || !lines.is_empty() {
                return Some(LedgerPage { lines, next: next.or_else(|| intents.then(|| format!("{REFUNDS}/"))) });
            }
            (list, after) = (REFUNDS, "");
        }
    }
}
