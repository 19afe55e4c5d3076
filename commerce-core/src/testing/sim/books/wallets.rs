//! Wallets: what customers have with the shop.

use super::Books;
use crate::change::ChangeSet;
use crate::ids::{AttemptId, Id};
use crate::orders::{AttemptState, OrderWrite, TopUp, WalletEntry, WalletKind};

use super::super::situations::Situation;
use super::money::taken;

impl Books {
    /// Something is entered once, goes the way of its kind, and leaves nobody with less than nothing.
    pub(super) fn entered(&mut self, entry: &WalletEntry, changes: &ChangeSet<OrderWrite>, met: &mut Vec<Situation>) {
        let WalletEntry { id, user, kind, amount, .. } = entry;
        let fresh = self.entries.insert(*id, *entry).is_none();
        self.must(fresh, || format!("{id} was entered twice in the wallet of {user}"));
        let balance = self.wallets.entry(*user).or_default();
        *balance = balance.saturating_add(amount.minor);
        let left = *balance;
        self.must(left >= 0, || format!("the wallet of {user} has {left}"));
        let mut writes = changes.writes.iter();
        let tops_up = writes.any(|write| matches!(write, OrderWrite::TopUp(it) if it.attempt.id.uuid() == *id));
        let attempt = self.orders.values().flat_map(|it| it.order.payment.attempts.iter().map(|known| (it.order.user, known)));
        let attempt = attempt.into_iter().find(|(_, known)| known.id.uuid() == *id);
        let spent = attempt.is_some_and(|(owner, known)| {
            let moved = if *kind == WalletKind::Spend { -known.amount.minor } else { 0 };
            owner == *user && amount.minor == moved
        });
        let refunds = self.orders.values().filter(|it| it.order.user == *user).flat_map(|it| &it.order.payment.refunds);
        let back = refunds.into_iter().any(|refund| refund.id.uuid() == *id && refund.amount == *amount);
        met.extend(match kind {
            WalletKind::Spend => Some(Situation::WalletSpent),
            WalletKind::Declined => Some(Situation::WalletShort),
            WalletKind::Refund => Some(Situation::WalletRefunded),
            WalletKind::TopUp | WalletKind::Voided => None,
        });
        let right = match kind {
            WalletKind::TopUp => tops_up && amount.minor > 0,
            WalletKind::Spend | WalletKind::Declined | WalletKind::Voided => spent,
            WalletKind::Refund => back,
        };
        self.must(right, || format!("{kind} of {amount} was entered in the wallet of {user}, and nothing caused it"));
    }

    pub(super) fn topped_up(&mut self, top_up: &TopUp, changes: &ChangeSet<OrderWrite>) {
        let id: AttemptId = top_up.attempt.id;
        let before = self.top_ups.insert(id, top_up.clone());
        let version = before.as_ref().map_or(0, |before| before.version);
        self.must(top_up.version == version + 1, || format!("top-up {id} went from version {version} to {}", top_up.version));
        let captured = before.as_ref().is_some_and(|before| before.attempt.state == AttemptState::Captured);
        self.must(!captured, || format!("top-up {id} changed after it was captured"));
        let enters = |write: &OrderWrite| matches!(write, OrderWrite::Enter(entry) if entry.id == id.uuid() && entry.amount.minor == taken(&top_up.attempt));
        let entered = changes.writes.iter().any(enters);
        let done = top_up.attempt.state == AttemptState::Captured;
        self.must(done == entered, || format!("top-up {id} is {} and entered: {entered}", top_up.attempt.state));
    }
}
