//! Judges what is entered in wallets, and top-ups.

use std::collections::BTreeSet;

use commerce_core::Money;
use commerce_core::change::CommitRefusal;
use commerce_core::ids::{AttemptId, UserId};
use commerce_core::orders::{TopUp, WalletEntry};
use uuid::Uuid;

use super::orders::Versioned;
use super::{judge_free, judge_version};
use crate::sql::table::Table;

/// Wallets, entries and top-ups that a batch works on.
#[derive(Default)]
pub(crate) struct WalletsJudge<'a> {
    /// What each has.
    pub(crate) wallets: Table<UserId, Money>,
    /// What is to be written under a key; none of what stands there.
    pub(crate) entries: Table<Uuid, Option<&'a WalletEntry>>,
    pub(crate) top_ups: Table<AttemptId, Versioned<'a, TopUp>>,
}

impl<'a> WalletsJudge<'a> {
    pub(super) fn enter(&mut self, entry: &'a WalletEntry) -> Result<(), CommitRefusal> {
        judge_free("entry", self.entries.get(&entry.id).is_some())?;
        let after = match self.wallets.get(&entry.user) {
            Some(balance) => balance.plus(entry.amount).ok(),
            None => Some(entry.amount),
        };
        let balance = after.filter(|balance| balance.minor >= 0).ok_or(CommitRefusal::TooLittle)?;
        self.wallets.set(entry.user, balance);
        self.entries.set(entry.id, Some(entry));
        Ok(())
    }

    pub(super) fn save(&mut self, top_up: &'a TopUp) -> Result<(), CommitRefusal> {
        let (id, version) = (top_up.attempt.id, top_up.version);
        let known = self.top_ups.get(&id).map(|row| row.version);
        if version == 1 {
            judge_free("id", known.is_some())?;
        } else {
            judge_version("top-up", known, version)?;
        }
        self.top_ups.set(id, Versioned { version, write: Some(top_up) });
        Ok(())
    }

    pub(super) fn keep(&mut self) {
        self.wallets.keep();
        self.entries.keep();
        self.top_ups.keep();
    }

    pub(super) fn undo(&mut self) {
        self.wallets.undo();
        self.entries.undo();
        self.top_ups.undo();
    }
}

/// What a batch must know of wallets before it can be judged.
#[derive(Default)]
pub(crate) struct WalletsWants {
    pub(crate) users: BTreeSet<UserId>,
    pub(crate) entries: BTreeSet<Uuid>,
    pub(crate) top_ups: BTreeSet<AttemptId>,
}

impl WalletsWants {
    pub(super) fn enter(&mut self, entry: &WalletEntry) {
        self.users.insert(entry.user);
        self.entries.insert(entry.id);
    }
}
