//! Razorpay's ledger: its lists of orders with their payments, and of refunds, newest first, as far as they were created in a
//! span.
//!
//! A payment is known by its order, which has our key as its receipt. Payments without an order, as those of payment links and
//! pages, are nobody's of the shop and not listed. A payment that was never captured goes back by itself, which is a refund in the
//! list, too: of money that was never taken, and so it moves nothing.

use async_trait::async_trait;
use commerce_core::orders::{Entered, LedgerLine, LedgerPage, ProviderLedger};
use commerce_core::time::Timestamp;

use super::words::{Collection, Order, Payment, Returned};
use super::{Razorpay, encoded};
use crate::payments::line::{Said, seconds};

/// The list of orders; the list of refunds comes after it.
const ORDERS: &str = "orders";
const REFUNDS: &str = "refunds";
/// Entries of a page: half of what Razorpay gives at most, because an order brings each try to pay it.
const COUNT: usize = 50;
/// The span of Unix seconds that Razorpay takes.
const SECONDS: (i64, i64) = (946_684_800, 4_765_046_400);

impl Razorpay {
    async fn orders_made(&self, span: &str) -> Option<Vec<LedgerLine>> {
        let path = format!("/v1/{ORDERS}?{span}&expand[]=payments");
        let found: Collection<Order> = self.line.page(&path).await.done()?;
        let line = |it: Order| LedgerLine { key: it.key(), entered: it.entered(), reference: it.id, of: None };
        Some(found.items.into_iter().map(line).collect())
    }

    async fn refunds_made(&self, span: &str) -> Option<Vec<LedgerLine>> {
        let found: Collection<Returned> = self.line.page(&format!("/v1/{REFUNDS}?{span}")).await.done()?;
        let mut lines = Vec::with_capacity(found.items.len());
        for it in found.items {
            let (key, mut entered, mut of) = (it.key(), it.entered(), None);
            if let (Entered::Moved(_), Some(payment)) = (entered, &it.payment_id)
                && let Some(payment) = self.payment(payment).await?
            {
                if !payment.is_captured() {
                    entered = Entered::Nothing;
                }
                of = payment.order_id;
            }
            lines.push(LedgerLine { key, reference: it.id, of, entered });
        }
        Some(lines)
    }

    /// The payment that went back: attempts know the name of its order only. None of one that Razorpay does not show.
    async fn payment(&self, id: &str) -> Option<Option<Payment>> {
        match self.line.page(&format!("/v1/payments/{}", encoded(id))).await {
            said @ Said::Done(_) => said.done().map(Some),
            Said::Refused(..) => Some(None),
            Said::Nothing => None,
        }
    }
}

#[async_trait]
impl ProviderLedger for Razorpay {
    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        let (from, until) = seconds(from, until);
        let (from, until) = (from.clamp(SECONDS.0, SECONDS.1), until.clamp(SECONDS.0, SECONDS.1));
        let (mut list, skip) = next.and_then(|next| next.split_once('/')).unwrap_or((ORDERS, "0"));
        let mut skip: usize = skip.parse().ok()?;
        loop {
            let span = format!("from={from}&to={until}&count={COUNT}&skip={skip}");
            let orders = list == ORDERS;
            let lines = if orders { self.orders_made(&span).await? } else { self.refunds_made(&span).await? };
            // Razorpay does not say whether there are more, and may give fewer than asked for: the end is a page of nothing.
            if !lines.is_empty() {
                let next = format!("{list}/{}", skip.saturating_add(lines.len()));
                return Some(LedgerPage { lines, next: Some(next) });
            }
            if !orders {
                return Some(LedgerPage { lines, next: None });
            }
            (list, skip) = (REFUNDS, 0);
        }
    }
}
