//! The wallet: money that a customer has with the shop, and the provider that pays orders out of it.
//!
//! A wallet is what its entries add up to. Each entry has the key of what caused it, an attempt, a refund or a top-up, so
//! that the same thing is entered once; the store judges with every entry that the wallet has enough. An attempt that is
//! refused or given up is entered with nothing, so that it stays so. Never moves money of the world: that is
//! [`top_up`](super::Orders::top_up).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::{Outcome, Refusal};
use crate::events::wire_names;
use crate::ids::{Id, UserId};
use crate::money::Money;
use crate::time::{Clock, Timestamp};

use super::payment::{Attempt, PaymentFact, PaymentMethod, Refund};
use super::ports::{
    Entered, OrderStore, OrderWrite, PaymentGateway, ProviderAnswer, ProviderEvent, ProviderLedger, RefundAnswer, Stated,
};

/// The wallet's name as a provider.
pub const NAME: &str = "wallet";

/// Why an attempt is declined that the wallet has not enough for.
const SHORT: &str = "insufficient_funds";

wire_names! {
    /// Why something was entered in a wallet.
    WalletKind {
        /// The customer put money in.
        TopUp = "TOP_UP",
        /// An order was paid out of it.
        Spend = "SPEND",
        /// Money of such an order came back.
        Refund = "REFUND",
        /// It had not enough for an attempt; nothing was moved.
        Declined = "DECLINED",
        /// An attempt was given up; nothing was moved.
        Voided = "VOIDED",
    }
}

/// What a user has with the shop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wallet {
    /// Whose.
    pub user: UserId,
    /// What its entries add up to; never negative.
    pub balance: Money,
}

/// Something that went into a wallet or out of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WalletEntry {
    /// The id of the attempt, refund or top-up that it is about.
    pub id: Uuid,
    /// Whose wallet.
    pub user: UserId,
    /// Why.
    pub kind: WalletKind,
    /// How much: positive into it, negative out of it.
    pub amount: Money,
    /// When.
    pub at: Timestamp,
}

impl WalletEntry {
    /// Whether its amount is one that its kind has.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        match self.kind {
            WalletKind::TopUp | WalletKind::Refund => self.amount.minor > 0,
            WalletKind::Spend => self.amount.minor < 0,
            WalletKind::Declined | WalletKind::Voided => self.amount.minor == 0,
        }
    }
}

/// Money on its way into a wallet, through a provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopUp {
    /// Whose wallet.
    pub user: UserId,
    /// The try to collect it. Its id is the provider's idempotency key and the entry's.
    pub attempt: Attempt,
    /// Grows by one with every change.
    pub version: u64,
}

/// Pays orders out of wallets.
pub(crate) struct WalletGateway {
    store: Arc<dyn OrderStore>,
    clock: Arc<dyn Clock>,
}

impl WalletGateway {
    pub(crate) fn new(store: Arc<dyn OrderStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// Enters something unless something was entered under its key. `None` when the store does not answer.
    async fn enter(&self, entry: WalletEntry) -> Option<Entry> {
        match self.store.commit(ChangeSet::of([OrderWrite::Enter(entry)])).await {
            Ok(()) => Some(Entry::Made(entry)),
            Err(CommitError::Refused(CommitRefusal::TooLittle)) => Some(Entry::Short),
            Err(CommitError::Refused(_)) => self.known(entry.id).await.flatten().map(Entry::Made),
            Err(CommitError::Store(error)) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a wallet does not answer");
                None
            }
        }
    }

    /// What was entered under a key, if anything; `None` when the store does not answer.
    async fn known(&self, key: Uuid) -> Option<Option<WalletEntry>> {
        match self.store.entered(&[key]).await {
            Ok(entries) => Some(entries.into_iter().next()),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "a wallet does not answer");
                None
            }
        }
    }

    fn entry(&self, attempt: &Attempt, user: UserId, kind: WalletKind, minor: i64) -> WalletEntry {
        WalletEntry {
            id: attempt.id.uuid(),
            user,
            kind,
            amount: Money::new(minor, attempt.amount.currency),
            at: self.clock.now(),
        }
    }
}

/// What came of entering something.
enum Entry {
    /// This stands under the key, now or since before.
    Made(WalletEntry),
    /// There is not enough.
    Short,
}

/// Whose wallet an open attempt is about.
fn owner(attempt: &Attempt) -> Option<UserId> {
    attempt.token.as_ref()?.parse().ok()
}

/// How orders call what was entered under a key.
pub(crate) fn reference(key: Uuid) -> String {
    format!("wal_{key}")
}

/// What an entry says of its attempt.
fn answer(entry: Option<&Entry>) -> ProviderAnswer {
    let Some(Entry::Made(entry)) = entry else { return super::collect::NO_ANSWER };
    let fact = match entry.kind {
        WalletKind::Spend => {
            PaymentFact::Captured { amount: Money::new(entry.amount.minor.saturating_neg(), entry.amount.currency) }
        }
        WalletKind::Voided => PaymentFact::Voided,
        WalletKind::Declined | WalletKind::TopUp | WalletKind::Refund => PaymentFact::Declined { code: SHORT.to_owned() },
    };
    ProviderAnswer { fact, reference: Some(reference(entry.id)) }
}

impl From<WalletEntry> for Entered {
    fn from(entry: WalletEntry) -> Self {
        let moved = Money::new(entry.amount.minor.saturating_abs(), entry.amount.currency);
        if moved.minor == 0 { Self::Nothing } else { Self::Moved(moved) }
    }
}

#[async_trait]
impl ProviderLedger for WalletGateway {
    async fn statement(&self, keys: &[Uuid]) -> Option<BTreeMap<Uuid, Stated>> {
        let entries = self.store.entered(keys).await.ok()?;
        let line = |entry: WalletEntry| {
            let reference = Some(reference(entry.id));
            (entry.id, Stated { entered: entry.into(), reference })
        };
        Some(entries.into_iter().map(line).collect())
    }
}

#[async_trait]
impl PaymentGateway for WalletGateway {
    fn name(&self) -> &'static str {
        NAME
    }

    fn takes(&self, method: PaymentMethod) -> bool {
        method == PaymentMethod::Wallet
    }

    async fn charge(&self, attempt: &Attempt) -> ProviderAnswer {
        let Some(user) = owner(attempt) else { return self.query(attempt).await };
        let spent = self.entry(attempt, user, WalletKind::Spend, attempt.amount.minor.saturating_neg());
        let mut entered = self.enter(spent).await;
        if matches!(entered, Some(Entry::Short)) {
            entered = self.enter(self.entry(attempt, user, WalletKind::Declined, 0)).await;
        }
        answer(entered.as_ref())
    }

    async fn query(&self, attempt: &Attempt) -> ProviderAnswer {
        match self.known(attempt.id.uuid()).await {
            Some(Some(entry)) => answer(Some(&Entry::Made(entry))),
            Some(None) => ProviderAnswer { fact: PaymentFact::Unheard, reference: None },
            None => super::collect::NO_ANSWER,
        }
    }

    async fn void(&self, attempt: &Attempt) -> ProviderAnswer {
        let Some(user) = owner(attempt) else { return self.query(attempt).await };
        answer(self.enter(self.entry(attempt, user, WalletKind::Voided, 0)).await.as_ref())
    }

    /// Back to the wallet that the order was paid out of.
    async fn refund(&self, refund: &Refund, attempt: &Attempt) -> RefundAnswer {
        let spent = match self.known(attempt.id.uuid()).await {
            Some(Some(spent)) if spent.kind == WalletKind::Spend => spent,
            Some(_) => return RefundAnswer::Failed { code: "not_captured".to_owned() },
            None => return RefundAnswer::NoAnswer,
        };
        let (id, at) = (refund.id.uuid(), self.clock.now());
        let back = WalletEntry { id, user: spent.user, kind: WalletKind::Refund, amount: refund.amount, at };
        match self.enter(back).await {
            Some(Entry::Made(_)) => RefundAnswer::Succeeded { reference: reference(id) },
            Some(Entry::Short) => RefundAnswer::Failed { code: "currency_mismatch".to_owned() },
            None => RefundAnswer::NoAnswer,
        }
    }

    fn webhook(&self, _signature: Option<&str>, _body: &[u8], _now: Timestamp) -> Outcome<ProviderEvent> {
        Err(Refusal::BadSignature.into())
    }
}
