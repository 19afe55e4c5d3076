//! Wallets: each is what its entries add up to, and each entry is what something caused.

use std::collections::BTreeSet;

use crate::error::StoreError;
use crate::limits;
use crate::orders::{AttemptState, WalletKind, wallet};

use super::Invariant::{Money, Provider, Reference, Times, Wallet};
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::findings::Findings;
use super::money::check_at;
use super::run::Scene;
use super::statement::Asked;
use super::tables::{ATTEMPTS, REFUNDS, TOP_UPS, USERS, WALLET_ENTRIES, WALLET_SUMS, WALLETS};
use super::told::past;
use super::walks::{Entry, alone, within};

/// The balance is what the entries add up to.
pub(super) fn wallet(entry: &Entry<'_>, _scene: Scene, findings: &mut Findings) {
    let user = &entry.name;
    let sum = entry.one(WALLET_SUMS).and_then(|sums| sums.int("balance_minor")).unwrap_or(0);
    match entry.one(WALLETS) {
        Some(row) => findings.same(Wallet, user, "balance", sum, row.int("balance_minor").unwrap_or(0)),
        None => findings.add(Reference, user, "a wallet", format_args!("entries of none, {sum} in all")),
    }
}

/// An entry goes the way of its kind.
pub(super) fn entry(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(WALLET_ENTRIES) else { return };
    past(entry, WALLET_ENTRIES, "entered_at", scene, findings);
    let Some(kind) = row.word::<WalletKind>("kind") else { return };
    let minor = row.int("amount_minor").unwrap_or(0);
    let fits = match kind {
        WalletKind::TopUp | WalletKind::Refund => minor > 0,
        WalletKind::Spend => minor < 0,
        WalletKind::Declined | WalletKind::Voided => minor == 0,
    };
    findings.hold(Wallet, &entry.name, fits, format_args!("the amount of a {kind}"), minor);
}

/// A top-up is asked about while it is open, and final ones say what came of them.
pub(super) fn top_up(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(TOP_UPS) else { return };
    let user = &entry.name;
    let Some(state) = row.word::<AttemptState>("state") else { return };
    check_at(user, "a top-up", row, state.is_open(), scene, findings);
    let declined = state == AttemptState::Declined;
    let why = row.text("failure_code").is_some();
    findings.hold(Money, user, declined == why, "a reason only for a declined top-up", state);
    let named = state != AttemptState::Captured || row.text("reference").is_some();
    findings.hold(Money, user, named, "the provider's name for a top-up", "none");
    let whole = row.cell("to_capture_minor") == row.cell("amount_minor");
    findings.hold(Money, user, whole, "a top-up taken whole", row.cell("to_capture_minor"));
    let latest = scene.now.plus(limits::AUDIT_CLOCKS_APART);
    findings.hold(Times, user, row.at("created_at") <= Some(latest), "made until now", row.cell("created_at"));
}

impl Eyes<'_> {
    /// What was entered was caused: by a captured top-up, by a captured attempt, or by a refund. An attempt that the
    /// answer has not reached is asked about by a worker.
    pub(super) async fn entered(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let rows = pages.of(WALLET_ENTRIES);
        let of = |kind| rows.iter().filter(move |row| row.word("kind") == Some(kind));
        let names = |kind| -> BTreeSet<Cell> { of(kind).filter_map(reference).collect() };
        let attempts = within(ATTEMPTS, ("provider", wallet::NAME.into()), "reference");
        let books = &*self.books.orders;
        let mut causes = self.rows(books, &attempts, names(WalletKind::Spend)).await?;
        causes.extend(self.rows(books, &alone(REFUNDS, "reference", "reference"), names(WalletKind::Refund)).await?);
        let keys = of(WalletKind::TopUp).map(|row| row.cell("id").clone()).collect();
        causes.extend(self.rows(books, &alone(TOP_UPS, "id", "id"), keys).await?);
        let mut suspicions = self.named(walk, pages, "user_id", &*self.books.users, USERS, "a user").await?;
        let owners = rows.iter().map(|row| row.cell("user_id").clone()).collect();
        let wallets = self.rows(books, &alone(WALLETS, "user_id", "user_id"), owners).await?;
        // What was refused for its currency was entered, too, as nothing.
        for row in rows.iter().filter(|row| row.int("amount_minor") != Some(0)) {
            let currency = wallets.get(row.cell("user_id")).map(|wallet| wallet.cell("currency"));
            if let Some(currency) = currency.filter(|currency| *currency != row.cell("currency")) {
                let (user, what) = (row.cell("user_id").to_string(), format!("a wallet in {}", row.cell("currency")));
                suspicions.push((row.cell(walk.key).clone(), Violation::new(Wallet, user, what, currency.to_string())));
            }
        }
        for row in rows {
            let Some(kind) = row.word::<WalletKind>("kind") else { continue };
            let (key, column) = match kind {
                WalletKind::TopUp => (Some(row.cell("id").clone()), "to_capture_minor"),
                WalletKind::Spend => (reference(row), "to_capture_minor"),
                WalletKind::Refund => (reference(row), "amount_minor"),
                WalletKind::Declined | WalletKind::Voided => continue,
            };
            let cause = key.and_then(|key| causes.get(&key));
            let moved = row.int("amount_minor").map(i64::saturating_abs);
            let caused = cause.is_some_and(|cause| {
                let done = matches!(cause.text("state"), Some("CAPTURED" | "SUCCEEDED"));
                let hers = kind != WalletKind::TopUp || cause.cell("user_id") == row.cell("user_id");
                done && hers && cause.int(column) == moved && cause.cell("currency") == row.cell("currency")
            });
            let young = row.at("entered_at").is_some_and(|at| at.plus(limits::AUDIT_OVERDUE) > self.now);
            if caused {
                continue;
            }
            if young && kind != WalletKind::TopUp {
                self.moving = self.moving.saturating_add(1);
                continue;
            }
            let what = format!("what caused a {kind} of {}", row.cell("amount_minor"));
            let found = cause.map_or_else(|| "nothing".to_owned(), |cause| cause.cell("state").to_string());
            suspicions.push((row.cell(walk.key).clone(), Violation::new(Wallet, row.cell("user_id").to_string(), what, found)));
        }
        Ok(suspicions)
    }

    /// A captured top-up was entered, and its provider says the same.
    pub(super) async fn top_ups(&mut self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let captured = |row: &&Row| row.word("state") == Some(AttemptState::Captured);
        let keys = pages.of(TOP_UPS).iter().filter(captured).map(|row| row.cell("id").clone()).collect();
        let entered = self.rows(&*self.books.orders, &alone(WALLET_ENTRIES, "id", "id"), keys).await?;
        let mut suspicions = Vec::new();
        for row in pages.of(TOP_UPS).iter().filter(captured).filter(|row| !entered.contains_key(row.cell("id"))) {
            let (user, what) = (row.cell("user_id").to_string(), "entered in the wallet".to_owned());
            suspicions.push((row.cell(walk.key).clone(), Violation::new(Wallet, user, what, "a top-up that was not")));
        }
        let asked = pages.of(TOP_UPS).iter().filter_map(|row| {
            let (key, provider) = (row.id("id")?, row.text("provider")?);
            Some(Asked { row, key, provider })
        });
        let asked: Vec<Asked<'_>> = asked.collect();
        // The wallets' own ledger has each of them.
        let said = self.said_of(&asked, |name| name != wallet::NAME).await;
        let against = asked.iter().filter_map(|it| said.against(it, true).map(|(expected, found)| (it.row, expected, found)));
        let twice = self.named_twice(&asked).await?.into_iter();
        let twice = twice.map(|row| (row, "a name that nothing else has".to_owned(), row.cell("reference").to_string()));
        suspicions.extend(against.chain(twice).map(|(row, expected, found)| {
            (row.cell(walk.key).clone(), Violation::new(Provider, row.cell("user_id").to_string(), expected, found))
        }));
        Ok(suspicions)
    }
}

/// How attempts and refunds call an entry.
fn reference(row: &Row) -> Option<Cell> {
    Some(Cell::Text(wallet::reference(row.id("id")?)))
}
