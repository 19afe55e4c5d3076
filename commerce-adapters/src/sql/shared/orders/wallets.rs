//! Wallets, what was entered in them, and top-ups.

use async_trait::async_trait;
use commerce_core::audit::tables::{TOP_UPS, WALLET_ENTRIES, WALLETS};
use commerce_core::error::StoreError;
use commerce_core::ids::{AttemptId, Id, UserId};
use commerce_core::orders::{Attempt, NextAction, TopUp, Wallet, WalletEntry, WalletReads};
use commerce_core::page::{Page, PageRequest};
use commerce_core::{Currency, Money, Timestamp};
use uuid::Uuid;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::script::{Queries, Script};
use super::super::statements::orders as sql;
use crate::sql::bulk::{Bulk, RowText, ids, list};
use crate::sql::judge::{Loaded, OrdersJudge, OrdersWrite, Versioned, WalletsJudge, WalletsWants};
use crate::sql::question::{Question, below, blob};

const OPERATION: &str = "orders.commit";

/// Asks for what a batch touches: wallets first, because who has one locked enters alone in it.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, OrdersJudge<'a>>>, wants: &WalletsWants) {
    if !wants.users.is_empty() {
        let users = ids(wants.users.iter().copied());
        queries.ask(sql::WALLETS_BY_USER, [users.into()], |row, loaded| {
            let wallet = read_wallet(row, OPERATION)?;
            loaded.judge.wallets.wallets.load([(wallet.user, wallet.balance)]);
            Ok(())
        });
    }
    if !wants.entries.is_empty() {
        let keys = keys(&wants.entries.iter().copied().collect::<Vec<_>>());
        queries.ask(sql::KNOWN_WALLET_ENTRIES, [keys.into()], |row, loaded| {
            loaded.judge.wallets.entries.load([(Fields::of(row, OPERATION).uuid("id")?, None)]);
            Ok(())
        });
    }
    if !wants.top_ups.is_empty() {
        let known = ids(wants.top_ups.iter().copied());
        queries.ask(sql::KNOWN_TOP_UPS, [known.into()], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            let row = Versioned { version: fields.count("version")?, write: None };
            loaded.judge.wallets.top_ups.load([(fields.id("id")?, row)]);
            Ok(())
        });
    }
}

fn keys(keys: &[Uuid]) -> String {
    list(keys.iter().map(|key| key.simple().to_string()))
}

/// Writes what was accepted: a wallet before what is entered in it.
pub(super) fn write(script: &mut Script, judge: &WalletsJudge<'_>) {
    let wallets = judge.wallets.written().map(|(user, balance)| (judge.wallets.is_stored(user), (*user, *balance)));
    script.put(sql::WALLETS, wallets, |row: RowText, (user, balance): (UserId, Money)| {
        row.id(user).text(balance.currency.code()).int(balance.minor).seal(WALLETS)
    });
    let entries = judge.entries.written().filter_map(|(_, entry)| *entry);
    let entries = Bulk::of(entries, |row: RowText, it: &WalletEntry| {
        let row = row.uuid(it.id).id(it.user).text(it.kind.as_str()).text(it.amount.currency.code());
        row.int(it.amount.minor).at(it.at).seal(WALLET_ENTRIES)
    });
    script.bulk(sql::WALLET_ENTRIES, entries);
    let top_ups = judge.top_ups.written().filter_map(|(id, row)| Some((judge.top_ups.is_stored(id), row.write?)));
    script.put(sql::TOP_UPS, top_ups, top_up_row);
}

fn top_up_row(row: RowText, TopUp { user, attempt: it, version }: &TopUp) -> RowText {
    let row = row.id(it.id).id(*user).text(&it.provider).text(it.method.as_str()).text(it.amount.currency.code());
    let row = row.int(it.amount.minor).opt_int(it.to_capture.map(|amount| amount.minor)).text(it.state.as_str());
    let row = row.opt_text(it.token.as_deref()).opt_text(it.reference.as_deref()).opt_text(it.failure_code.as_deref());
    let next = it.next_action.as_ref();
    let row = row.opt_text(next.map(|next| next.kind.as_str())).opt_text(next.map(|next| next.url.as_str()));
    row.at(it.created_at).opt_at(it.check_at).int(it.checks).count(*version).seal(TOP_UPS)
}

fn read_wallet(row: &Row, operation: &'static str) -> Result<Wallet, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Wallet { user: fields.id("user_id")?, balance: fields.money("balance_minor", "currency")? })
}

fn read_entry(row: &Row, operation: &'static str) -> Result<WalletEntry, StoreError> {
    let fields = Fields::of(row, operation);
    let entry = WalletEntry {
        id: fields.uuid("id")?,
        user: fields.id("user_id")?,
        kind: fields.parse("kind")?,
        amount: fields.money("amount_minor", "currency")?,
        at: fields.at("entered_at")?,
    };
    if entry.is_sound() { Ok(entry) } else { Err(fields.corrupt(format_args!("{} of {}", entry.kind, entry.amount))) }
}

fn read_top_up(row: &Row, operation: &'static str) -> Result<TopUp, StoreError> {
    let fields = Fields::of(row, operation);
    let currency: Currency = fields.parse("currency")?;
    let part: Option<i64> = fields.opt_count("to_capture_minor")?;
    let next = fields.opt_text("next_action_type")?.zip(fields.opt_text("next_action_url")?);
    let attempt = Attempt {
        id: fields.id("id")?,
        provider: fields.text("provider")?,
        method: fields.parse("method")?,
        amount: fields.minor("amount_minor", currency)?,
        to_capture: part.map(|minor| Money::new(minor, currency)),
        state: fields.parse("state")?,
        token: fields.opt_text("token")?,
        reference: fields.opt_text("reference")?,
        failure_code: fields.opt_text("failure_code")?,
        next_action: next.map(|(kind, url)| NextAction { kind, url }),
        created_at: fields.at("created_at")?,
        check_at: fields.opt_at("check_at")?,
        checks: fields.count("checks")?,
    };
    Ok(TopUp { user: fields.id("user_id")?, attempt, version: fields.count("version")? })
}

#[async_trait]
impl WalletReads for Database<OrdersWrite> {
    async fn wallet(&self, user: UserId) -> Result<Option<Wallet>, StoreError> {
        const OPERATION: &str = "orders.wallet";
        const SQL: &str = "SELECT * FROM wallets WHERE user_id = ?";
        let row = self.row(OPERATION, Question::of(SQL).bind(blob(user.uuid()))).await?;
        row.map(|row| read_wallet(&row, OPERATION)).transpose()
    }

    async fn wallet_entries(&self, user: UserId, page: &PageRequest) -> Result<Page<WalletEntry>, StoreError> {
        const OPERATION: &str = "orders.wallet_entries";
        const SQL: &str = "SELECT * FROM wallet_entries WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let query = Question::of(SQL).bind(blob(user.uuid())).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let entries = rows.iter().map(|row| read_entry(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, |entry: &WalletEntry| entry.id))
    }

    async fn entered(&self, keys: &[Uuid]) -> Result<Vec<WalletEntry>, StoreError> {
        const OPERATION: &str = "orders.entered";
        let rows = self.rows(OPERATION, Question::of(sql::ENTERED).bind(self::keys(keys))).await?;
        rows.iter().map(|row| read_entry(row, OPERATION)).collect()
    }

    async fn top_up(&self, id: AttemptId) -> Result<Option<TopUp>, StoreError> {
        const OPERATION: &str = "orders.top_up";
        const SQL: &str = "SELECT * FROM wallet_top_ups WHERE id = ?";
        let row = self.row(OPERATION, Question::of(SQL).bind(blob(id.uuid()))).await?;
        row.map(|row| read_top_up(&row, OPERATION)).transpose()
    }

    async fn top_ups(&self, page: &PageRequest) -> Result<Page<TopUp>, StoreError> {
        const OPERATION: &str = "orders.top_ups";
        const SQL: &str = "SELECT * FROM wallet_top_ups WHERE id < ? ORDER BY id DESC LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).shown().bind(below(page)).bind(page.limit() + 1)).await?;
        let top_ups = rows.iter().map(|row| read_top_up(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(top_ups, page, |it: &TopUp| it.attempt.id.uuid()))
    }

    async fn top_up_by_reference(&self, provider: &str, reference: &str) -> Result<Option<AttemptId>, StoreError> {
        const OPERATION: &str = "orders.top_up_by_reference";
        const SQL: &str = "SELECT id FROM wallet_top_ups WHERE provider = ? AND reference = ?";
        let row = self.row(OPERATION, Question::of(SQL).bind(provider).bind(reference)).await?;
        row.map(|row| Fields::of(&row, OPERATION).id("id")).transpose()
    }

    async fn due_top_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>, StoreError> {
        const OPERATION: &str = "orders.due_top_ups";
        const SQL: &str = "SELECT id FROM wallet_top_ups WHERE check_at IS NOT NULL AND check_at <= ?
            ORDER BY check_at, id LIMIT ?";
        let rows = self.rows(OPERATION, Question::of(SQL).bind(now.as_micros()).bind(limit)).await?;
        rows.iter().map(|row| Fields::of(row, OPERATION).id("id")).collect()
    }
}
