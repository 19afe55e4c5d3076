//! A provider over the wire, told in the sandbox's tokens what is to come of a charge, for the conformance suite.

use async_trait::async_trait;
use commerce_core::orders::{
    Attempt, LedgerPage, PaymentGateway, PaymentMethod, ProviderAnswer, ProviderEvent, ProviderLedger, Refund, RefundAnswer,
};
use commerce_core::{Outcome, Timestamp};

/// What a token has the customer and the line do.
#[async_trait]
pub(crate) trait Acted: Send + Sync {
    /// The provider itself.
    fn gateway(&self) -> &dyn PaymentGateway;

    /// A charge, with what its token says.
    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer;
}

pub(crate) struct InTokens<T>(pub(crate) T);

/// Whether the answer of this attempt's first call is lost.
pub(crate) fn is_lost(attempt: &Attempt) -> bool {
    attempt.token.as_deref().is_some_and(|token| token.starts_with("tok_timeout_"))
}

#[async_trait]
impl<T: Acted> ProviderLedger for InTokens<T> {
    async fn ledger(&self, from: Timestamp, until: Timestamp, next: Option<&str>) -> Option<LedgerPage> {
        self.0.gateway().ledger(from, until, next).await
    }
}

#[async_trait]
impl<T: Acted> PaymentGateway for InTokens<T> {
    fn name(&self) -> &'static str {
        self.0.gateway().name()
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        self.0.gateway().takes(method)
    }

    fn takes_in_part(&self) -> bool {
        self.0.gateway().takes_in_part()
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        self.0.charge(attempt).await
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        self.0.gateway().query(attempt).await
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        self.0.gateway().void(attempt).await
    }

    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        self.0.gateway().refund(refund, attempt).await
    }

    fn webhook(&self, signature: Option<&str>, body: &[u8], now: Timestamp) -> Outcome<ProviderEvent> {
        self.0.gateway().webhook(signature, body, now)
    }
}
