//! Wallets: what is entered once, what is judged, and money on its way.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::ids::{AttemptId, Id, UserId};
use crate::money::Money;
use crate::orders::{Attempt, AttemptState, NextAction, OrderStore, OrderWrite, TopUp, Wallet, WalletEntry, WalletKind};
use crate::testing::ManualClock;

use super::fixture::{Fixture, Opened, got, walk};
use super::samples::{fils, paise};
use super::whole_orders::attempt;
use super::{cases, samples};

type Orders = Fixture<dyn OrderStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn OrderStore>) {
    cases! { make;
        a_wallet_is_what_was_entered,
        a_key_enters_once,
        of_many_who_spend_only_so_many_can,
        what_is_refused_leaves_nothing,
        a_wallet_has_one_currency,
        a_top_up_is_read_as_written,
        top_ups_are_found,
    }
}

fn entry(fixture: &Orders, user: UserId, kind: WalletKind, amount: Money) -> WalletEntry {
    WalletEntry { id: fixture.ids.mint::<AttemptId>().uuid(), user, kind, amount, at: fixture.now() }
}

async fn balance(fixture: &Orders, user: UserId) -> Option<Money> {
    got(fixture.store.wallet(user).await).map(|wallet| wallet.balance)
}

async fn a_wallet_is_what_was_entered(fixture: &Orders) {
    let (user, other): (UserId, UserId) = (fixture.ids.mint(), fixture.ids.mint());
    assert_eq!(got(fixture.store.wallet(user).await), None);
    let mut entries = Vec::new();
    for (kind, minor) in [
        (WalletKind::TopUp, 5_000),
        (WalletKind::Spend, -4_999),
        (WalletKind::Refund, 100),
        (WalletKind::Declined, 0),
        (WalletKind::Voided, 0),
        (WalletKind::Spend, -101),
    ] {
        let entered = entry(fixture, user, kind, paise(minor));
        fixture.write([OrderWrite::Enter(entered)]).await;
        entries.push(entered);
        fixture.clock.advance(Duration::from_secs(1));
    }
    fixture.write([OrderWrite::Enter(entry(fixture, other, WalletKind::TopUp, paise(7)))]).await;
    assert_eq!(got(fixture.store.wallet(user).await), Some(Wallet { user, balance: paise(0) }));
    assert_eq!(balance(fixture, other).await, Some(paise(7)));
    let pages = walk(async |page| got(fixture.store.wallet_entries(user, &page).await)).await;
    assert_eq!(pages, entries.iter().rev().copied().collect::<Vec<_>>(), "newest first");
    let [_, spent, _, _, voided, _] = entries.as_slice() else { panic!("six were entered") };
    let keys = [spent.id, voided.id, fixture.ids.mint::<AttemptId>().uuid()];
    let mut known = got(fixture.store.entered(&keys).await);
    known.sort_by_key(|entry| entry.id);
    assert_eq!(known, [*spent, *voided]);
    assert_eq!(got(fixture.store.entered(&[]).await), []);
}

async fn a_key_enters_once(fixture: &Orders) {
    let user = fixture.ids.mint();
    let one = entry(fixture, user, WalletKind::TopUp, paise(10));
    let other = WalletEntry { amount: paise(20), ..one };
    let results = fixture.race([one, other, one, other].map(|entry| ChangeSet::of([OrderWrite::Enter(entry)]))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    let stands = got(fixture.store.entered(&[one.id]).await);
    assert_eq!(balance(fixture, user).await, stands.first().map(|entry| entry.amount));
    let elsewhere = WalletEntry { user: fixture.ids.mint(), ..one };
    for again in [one, elsewhere] {
        assert_eq!(fixture.refused([OrderWrite::Enter(again)]).await, CommitRefusal::Duplicate("entry"));
    }
}

async fn of_many_who_spend_only_so_many_can(fixture: &Orders) {
    let user = fixture.ids.mint();
    fixture.write([OrderWrite::Enter(entry(fixture, user, WalletKind::TopUp, paise(35)))]).await;
    let spend = || ChangeSet::of([OrderWrite::Enter(entry(fixture, user, WalletKind::Spend, paise(-10)))]);
    let results = fixture.race((0..10).map(|_| spend())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    let short = |result: &Result<(), CommitError>| matches!(result, Err(CommitError::Refused(CommitRefusal::TooLittle)));
    assert_eq!(results.iter().filter(|result| short(result)).count(), 7);
    assert_eq!(balance(fixture, user).await, Some(paise(5)));
}

async fn what_is_refused_leaves_nothing(fixture: &Orders) {
    let user = fixture.ids.mint();
    let more = entry(fixture, user, WalletKind::TopUp, paise(10));
    let much = entry(fixture, user, WalletKind::Spend, paise(-11));
    assert_eq!(fixture.refused([more, much].map(OrderWrite::Enter)).await, CommitRefusal::TooLittle);
    assert_eq!((balance(fixture, user).await, got(fixture.store.entered(&[more.id, much.id]).await)), (None, Vec::new()));
    let fits = WalletEntry { amount: paise(-10), ..much };
    fixture.write([more, fits].map(OrderWrite::Enter)).await;
    assert_eq!(balance(fixture, user).await, Some(paise(0)));
}

async fn a_wallet_has_one_currency(fixture: &Orders) {
    let user = fixture.ids.mint();
    fixture.write([OrderWrite::Enter(entry(fixture, user, WalletKind::TopUp, paise(i64::MAX)))]).await;
    for amount in [fils(1), paise(1)] {
        let more = entry(fixture, user, WalletKind::Refund, amount);
        assert_eq!(fixture.refused([OrderWrite::Enter(more)]).await, CommitRefusal::TooLittle, "{amount}");
    }
    assert_eq!(balance(fixture, user).await, Some(paise(i64::MAX)));
}

fn top_up(fixture: &Orders) -> TopUp {
    TopUp { user: fixture.ids.mint(), attempt: attempt(fixture, AttemptState::Created), version: 1 }
}

async fn a_top_up_is_read_as_written(fixture: &Orders) {
    let made = top_up(fixture);
    let id = made.attempt.id;
    assert_eq!(got(fixture.store.top_up(id).await), None);
    fixture.write([OrderWrite::TopUp(made.clone())]).await;
    assert_eq!(got(fixture.store.top_up(id).await), Some(made.clone()));
    assert_eq!(fixture.refused([OrderWrite::TopUp(made.clone())]).await, CommitRefusal::Duplicate("id"));
    let full = Attempt {
        state: AttemptState::Pending,
        token: Some("tok_ü".to_owned()),
        reference: Some("pay_1".to_owned()),
        failure_code: Some(samples::UNICODE.to_owned()),
        next_action: Some(NextAction { kind: "redirect".to_owned(), url: "https://bank.example.com/?a=ü".to_owned() }),
        check_at: Some(fixture.now()),
        checks: 7,
        ..made.attempt.clone()
    };
    let changed = TopUp { attempt: full, version: 2, ..made.clone() };
    fixture.write([OrderWrite::TopUp(changed.clone())]).await;
    assert_eq!(got(fixture.store.top_up(id).await), Some(changed.clone()));
    for version in [2, 4] {
        let stale = TopUp { version, ..changed.clone() };
        assert_eq!(fixture.refused([OrderWrite::TopUp(stale)]).await, CommitRefusal::Stale("top-up"));
    }
    let emptied = TopUp { attempt: made.attempt, version: 3, ..changed };
    fixture.write([OrderWrite::TopUp(emptied.clone())]).await;
    assert_eq!(got(fixture.store.top_up(id).await), Some(emptied));
}

async fn top_ups_are_found(fixture: &Orders) {
    let mut all = Vec::new();
    for seconds in [20, 10] {
        let mut made = top_up(fixture);
        made.attempt.reference = Some(format!("pay_{seconds}"));
        made.attempt.check_at = Some(fixture.now().plus(Duration::from_secs(seconds)));
        fixture.write([OrderWrite::TopUp(made.clone())]).await;
        all.push(made);
    }
    let [late, early] = all.as_slice() else { panic!("two were made") };
    let (late, early) = (late.attempt.id, early.attempt.id);
    let found = async |provider: &str, reference: &str| got(fixture.store.top_up_by_reference(provider, reference).await);
    assert_eq!((found("sandbox", "pay_20").await, found("stripe", "pay_20").await), (Some(late), None));
    let due =
        async |seconds, limit| got(fixture.store.due_top_ups(fixture.now().plus(Duration::from_secs(seconds)), limit).await);
    assert_eq!((due(9, 10).await, due(10, 10).await), (vec![], vec![early]));
    assert_eq!((due(60, 10).await, due(60, 1).await), (vec![early, late], vec![early]), "longest due first");
    let listed = walk(async |page| got(fixture.store.top_ups(&page).await)).await;
    all.reverse();
    assert_eq!(listed, all, "newest first");
}
