//! Wallets, their entries and top-ups, in the orders database.

use async_trait::async_trait;
use uuid::Uuid;

use crate::audit::books::{Cell, Row};
use crate::audit::tables::{TOP_UPS, WALLET_ENTRIES, WALLETS};
use crate::change::CommitRefusal;
use crate::error::StoreError;
use crate::ids::{AttemptId, Id, UserId};
use crate::orders::{TopUp, Wallet, WalletEntry, WalletReads};
use crate::page::{Page, PageRequest};
use crate::time::Timestamp;

use super::books::row;
use super::database::{judge_free, judge_version};
use super::orders::{MemoryOrders, Rows};

impl Rows {
    pub(super) fn enter(&mut self, entry: WalletEntry) -> Result<(), CommitRefusal> {
        judge_free("entry", self.entries.contains_key(&entry.id))?;
        let after = match self.wallets.get(&entry.user) {
            Some(wallet) => wallet.balance.plus(entry.amount).ok(),
            None => Some(entry.amount),
        };
        let balance = after.filter(|balance| balance.minor >= 0).ok_or(CommitRefusal::TooLittle)?;
        self.wallets.insert(entry.user, Wallet { user: entry.user, balance });
        self.entries.insert(entry.id, entry);
        Ok(())
    }

    pub(super) fn save_top_up(&mut self, top_up: TopUp) -> Result<(), CommitRefusal> {
        let known = self.top_ups.get(&top_up.attempt.id).map(|known| known.version);
        if top_up.version == 1 {
            judge_free("id", known.is_some())?;
        } else {
            judge_version("top-up", known, top_up.version)?;
        }
        self.top_ups.insert(top_up.attempt.id, top_up);
        Ok(())
    }

    pub(super) fn wallet_sheets(&self, rows: &mut Vec<Row>) {
        for it in self.wallets.values() {
            rows.push(row![WALLETS; it.user.uuid(), it.balance.currency.code(), it.balance.minor, Cell::Null].sealed());
        }
        for it in self.entries.values() {
            let entry = row![WALLET_ENTRIES; it.id, it.user.uuid(), it.kind.as_str(), it.amount.currency.code(), it.amount.minor,
                it.at, Cell::Null];
            rows.push(entry.sealed());
        }
        rows.extend(self.top_ups.values().map(top_up));
    }
}

fn top_up(TopUp { user, attempt: it, version }: &TopUp) -> Row {
    let next = it.next_action.as_ref();
    let top_up = row![TOP_UPS; it.id.uuid(), user.uuid(), it.provider.as_str(), it.method.as_str(), it.amount.currency.code(),
        it.amount.minor, it.to_capture.map(|amount| amount.minor), it.state.as_str(), it.token.as_deref(),
        it.reference.as_deref(), it.failure_code.as_deref(), next.map(|next| next.kind.as_str()),
        next.map(|next| next.url.as_str()), it.created_at, it.check_at, it.checks, *version, Cell::Null];
    top_up.sealed()
}

#[async_trait]
impl WalletReads for MemoryOrders {
    async fn wallet(&self, user: UserId) -> Result<Option<Wallet>, StoreError> {
        Ok(self.db.read(|rows| rows.wallets.get(&user).copied()).await)
    }

    async fn wallet_entries(&self, user: UserId, page: &PageRequest) -> Result<Page<WalletEntry>, StoreError> {
        let hers = |entry: &&WalletEntry| entry.user == user;
        let entries = self.db.read(|rows| rows.entries.values().filter(hers).copied().collect()).await;
        Ok(super::newest_first(entries, page, |entry: &WalletEntry| entry.id))
    }

    async fn entered(&self, keys: &[Uuid]) -> Result<Vec<WalletEntry>, StoreError> {
        Ok(self.db.read(|rows| keys.iter().filter_map(|key| rows.entries.get(key).copied()).collect()).await)
    }

    async fn top_up(&self, id: AttemptId) -> Result<Option<TopUp>, StoreError> {
        Ok(self.db.read(|rows| rows.top_ups.get(&id).cloned()).await)
    }

    async fn top_ups(&self, page: &PageRequest) -> Result<Page<TopUp>, StoreError> {
        let top_ups = self.db.read(|rows| rows.top_ups.values().cloned().collect()).await;
        Ok(super::newest_first(top_ups, page, |it: &TopUp| it.attempt.id.uuid()))
    }

    async fn top_up_by_reference(&self, provider: &str, reference: &str) -> Result<Option<AttemptId>, StoreError> {
        let named = |it: &&TopUp| it.attempt.provider == provider && it.attempt.reference.as_deref() == Some(reference);
        Ok(self.db.read(|rows| rows.top_ups.values().find(named).map(|it| it.attempt.id)).await)
    }

    async fn due_top_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>, StoreError> {
        let since = |it: &TopUp| it.attempt.check_at.filter(|at| *at <= now).map(|at| (at, it.attempt.id));
        let mut due: Vec<(Timestamp, AttemptId)> = self.db.read(|rows| rows.top_ups.values().filter_map(since).collect()).await;
        due.sort();
        Ok(super::at_most(due.into_iter().map(|(_, id)| id), limit))
    }
}
