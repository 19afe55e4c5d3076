//! Wallets, what went into them and out of them.

use commerce_core::ids::{AttemptId, UserId};
use commerce_core::orders::{Mismatch, NextAction, PaymentStatus, TopUp, Wallet, WalletEntry, WalletKind};
use commerce_core::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::payment::NextActionSchema;
use super::schema::MoneySchema;

/// What a user has with the shop.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Wallet)]
pub struct WalletView {
    #[schema(value_type = String, format = Uuid)]
    user_id: UserId,
    #[schema(value_type = MoneySchema)]
    balance: Money,
    /// What was just asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    top_up: Option<TopUpView>,
}

impl WalletView {
    /// Beside the top-up that it is answered to.
    #[must_use]
    pub fn of(wallet: Wallet, top_up: Option<TopUp>) -> Self {
        Self { user_id: wallet.user, balance: wallet.balance, top_up: top_up.map(TopUpView::from) }
    }

    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/wallet/{}", self.user_id)
    }
}

/// Money on its way into a wallet.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TopUp)]
pub struct TopUpView {
    #[schema(value_type = String, format = Uuid)]
    id: AttemptId,
    /// In the wallet once CAPTURED.
    #[schema(value_type = String, example = "CAPTURED")]
    status: PaymentStatus,
    #[schema(value_type = MoneySchema)]
    amount: Money,
    provider_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<NextActionSchema>)]
    next_action: Option<NextAction>,
}

impl From<TopUp> for TopUpView {
    fn from(TopUp { attempt, .. }: TopUp) -> Self {
        Self {
            id: attempt.id,
            status: attempt.state.as_payment(),
            amount: attempt.amount,
            provider_reference: attempt.reference,
            failure_code: attempt.failure_code,
            next_action: attempt.next_action,
        }
    }
}

/// Something that went into a wallet or out of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WalletEntry)]
pub struct EntryView {
    /// Of the attempt, refund or top-up that it is about.
    #[schema(value_type = String, format = Uuid)]
    id: Uuid,
    #[schema(value_type = String, example = "TOP_UP")]
    kind: WalletKind,
    /// Negative out of it.
    #[schema(value_type = MoneySchema)]
    amount: Money,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl From<WalletEntry> for EntryView {
    fn from(WalletEntry { id, kind, amount, at, .. }: WalletEntry) -> Self {
        Self { id, kind, amount, at }
    }
}

/// Money to be put into a wallet.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewTopUp)]
pub struct TopUpBody {
    #[schema(value_type = MoneySchema)]
    pub amount: Money,
    /// What the provider gave the customer's browser; empty where it gives her nothing before she pays.
    pub token: String,
}

/// What the shop and a provider say differently.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PaymentMismatch)]
pub struct MismatchSchema {
    /// `PAID_WITHOUT_ORDER`, `BOOKED_NOT_PAID`, `PAID_NOT_BOOKED`, `AMOUNT_DIFFERS`, `REFERENCE_DIFFERS`, STUCK or
    /// `UNKNOWN_MESSAGE`.
    #[schema(example = "PAID_WITHOUT_ORDER")]
    kind: String,
    order: Option<String>,
    provider: String,
    reference: Option<String>,
    #[schema(value_type = Option<String>, format = Uuid)]
    key: Option<Uuid>,
    ours: String,
    theirs: String,
}

/// Payments held against what the providers say.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reconciliation)]
pub struct ReconciliationView {
    #[schema(value_type = Vec<MismatchSchema>)]
    pub mismatches: Vec<Mismatch>,
    /// Attempts, refunds and top-ups that were looked at.
    pub checked: u64,
    /// Movements at providers that are nobody's of the shop: somebody else uses the same account.
    pub foreign: u64,
    /// Providers whose ledger could not be read.
    pub unasked: Vec<String>,
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}
