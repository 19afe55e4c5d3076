//! Payment providers that know the sandbox's tokens: keyed calls, answers that agree.

use std::collections::BTreeMap;

use futures_util::future::{join, join_all};

use crate::ids::{AttemptId, Id, IdSource, RefundId};
use crate::orders::{
    Attempt, AttemptState, Entered, LedgerLine, PaymentFact, PaymentGateway, PaymentMethod, ProviderAnswer, Refund, RefundAnswer,
    RefundState,
};
use crate::time::Timestamp;

use super::outside::{Made, ids};
use super::samples::paise;

pub(super) async fn all(make: &impl AsyncFn() -> Made<dyn PaymentGateway>) {
    let ids = ids();
    remote(make).await;
    a_void_and_a_charge_at_once_agree(make, &ids).await;
    a_promise_is_taken_or_given_back(make, &ids).await;
    assert_eq!(make().await.port.name(), "sandbox");
}

pub(super) async fn remote(make: &impl AsyncFn() -> Made<dyn PaymentGateway>) {
    let ids = ids();
    tokens_come_to_what_they_say(make, &ids).await;
    a_ledger_has_what_was_answered(make, &ids).await;
    the_same_key_moves_money_once(make, &ids).await;
    asking_moves_no_money(make, &ids).await;
    a_void_says_what_is_then_true(make, &ids).await;
    a_promise_is_taken_once(make, &ids).await;
    a_promise_is_given_back(make, &ids).await;
    a_refund_is_sent_once(make, &ids).await;
    cash_is_nobodys_method(make).await;
}

fn attempt(ids: &IdSource, token: Option<&str>) -> Attempt {
    Attempt {
        id: ids.mint::<AttemptId>(),
        provider: "sandbox".to_owned(),
        method: PaymentMethod::Card,
        amount: paise(49_900),
        to_capture: Some(paise(49_900)),
        state: AttemptState::Created,
        token: token.map(str::to_owned),
        reference: None,
        failure_code: None,
        next_action: None,
        created_at: Timestamp::EPOCH,
        check_at: None,
        checks: 0,
    }
}

const CAPTURED: PaymentFact = PaymentFact::Captured { amount: paise(49_900) };

/// What an answer comes to, without a provider's own words.
fn outcome(answer: &ProviderAnswer) -> &'static str {
    match &answer.fact {
        PaymentFact::Captured { amount } if *amount == paise(49_900) => "captured",
        PaymentFact::Captured { .. } => "captured another amount",
        PaymentFact::Pending { .. } => "pending",
        PaymentFact::Authorized { .. } => "authorized",
        PaymentFact::Declined { .. } => "declined",
        PaymentFact::Voided => "voided",
        PaymentFact::NoAnswer => "no answer",
        PaymentFact::Unheard => "unheard",
    }
}

async fn tokens_come_to_what_they_say(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let cases = [
        (Some("tok_ok"), "captured", "captured"),
        (Some("tok_declined"), "declined", "declined"),
        (Some("tok_timeout_then_ok"), "no answer", "captured"),
        (Some("tok_timeout_then_declined"), "no answer", "declined"),
        (Some("tok_pending"), "pending", "pending"),
        (None, "pending", "pending"),
        (Some("4111 1111 1111 1111"), "declined", "declined"),
    ];
    for (token, first, then) in cases {
        let attempt = attempt(ids, token);
        let charged = gateway.charge(&attempt).await;
        assert_eq!(outcome(&charged), first, "{token:?}");
        assert_eq!(charged.reference.is_some(), first != "no answer", "who answers says how it calls the attempt");
        let asked = gateway.query(&attempt).await;
        assert_eq!(outcome(&asked), then, "{token:?}, asked about");
        if charged.reference.is_some() {
            assert_eq!(asked.reference, charged.reference, "and always calls it so");
        }
    }
}

async fn the_same_key_moves_money_once(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    for token in ["tok_ok", "tok_pending", "tok_declined"] {
        let attempt = attempt(ids, Some(token));
        let answers = join_all((0..8).map(|_| gateway.charge(&attempt))).await;
        let first = answers.first().expect("there are eight");
        assert!(answers.iter().all(|answer| answer == first), "{token}: {answers:?}");
    }
    let one = gateway.charge(&attempt(ids, Some("tok_ok"))).await;
    let other = gateway.charge(&attempt(ids, Some("tok_ok"))).await;
    assert_ne!(one.reference, other.reference, "another attempt is another charge");
}

async fn asking_moves_no_money(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let attempt = attempt(ids, Some("tok_ok"));
    for _ in 0..2 {
        let answer = gateway.query(&attempt).await;
        assert_eq!((outcome(&answer), answer.reference), ("unheard", None));
    }
    assert_eq!(outcome(&gateway.charge(&attempt).await), "captured");
}

async fn a_void_says_what_is_then_true(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    for (token, after) in [("tok_ok", "captured"), ("tok_timeout_then_ok", "captured"), ("tok_pending", "voided")] {
        let attempt = attempt(ids, Some(token));
        gateway.charge(&attempt).await;
        assert_eq!(outcome(&gateway.void(&attempt).await), after, "{token}");
        assert_eq!(outcome(&gateway.void(&attempt).await), after, "{token}, again");
        assert_eq!(outcome(&gateway.query(&attempt).await), after, "{token}, asked about");
    }
    let never_seen = attempt(ids, Some("tok_ok"));
    assert!(matches!(outcome(&gateway.void(&never_seen).await), "voided" | "unheard"));
    let late = gateway.charge(&never_seen).await;
    let known = gateway.query(&never_seen).await;
    assert_eq!(outcome(&late), outcome(&known), "a charge that comes after its void is told the truth");
}

async fn a_void_and_a_charge_at_once_agree(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    for _ in 0..50 {
        let attempt = attempt(ids, Some("tok_ok"));
        let (charged, voided) = join(gateway.charge(&attempt), gateway.void(&attempt)).await;
        let known = gateway.query(&attempt).await;
        assert_eq!(charged.fact == CAPTURED, known.fact == CAPTURED, "what was captured stays so");
        assert_eq!(voided.fact == CAPTURED, known.fact == CAPTURED, "and the void said so");
    }
}

/// An attempt whose money is promised.
async fn promised(gateway: &dyn PaymentGateway, ids: &IdSource) -> Attempt {
    let promise = Attempt { to_capture: None, ..attempt(ids, Some("tok_ok")) };
    let said = gateway.charge(&promise).await;
    assert_eq!(said.fact, PaymentFact::Authorized { amount: paise(49_900) });
    assert_eq!(gateway.charge(&promise).await, said, "asked for again it stands");
    assert_eq!(gateway.query(&promise).await, said);
    Attempt { state: AttemptState::Authorized, reference: said.reference, ..promise }
}

async fn a_promise_is_taken_once(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let parts: &[i64] = if gateway.takes_in_part() { &[49_900, 20_000] } else { &[49_900] };
    for &part in parts {
        let promise = promised(&*gateway, ids).await;
        let keys = [promise.id.uuid()];
        if let Some(said) = gateway.statement(&keys).await {
            assert_eq!(said.get(&keys[0]).map(|line| line.entered), Some(Entered::Open));
        }
        let taken = Attempt { to_capture: Some(paise(part)), ..promise.clone() };
        let answers = join_all((0..8).map(|_| gateway.charge(&taken))).await;
        let captured = PaymentFact::Captured { amount: paise(part) };
        assert!(answers.iter().all(|answer| answer.fact == captured), "{answers:?}");
        assert_eq!(gateway.query(&promise).await.fact, captured);
        let more = Attempt { to_capture: Some(paise(part + 1)), ..promise.clone() };
        assert_eq!(gateway.charge(&more).await.fact, captured, "what was left of it is gone");
        assert_eq!(gateway.void(&promise).await.fact, captured);
        if let Some(said) = gateway.statement(&keys).await {
            assert_eq!(said.get(&keys[0]).map(|line| line.entered), Some(Entered::Moved(paise(part))));
        }
    }
}

async fn a_promise_is_given_back(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let promise = promised(&*gateway, ids).await;
    for _ in 0..2 {
        assert_eq!(gateway.void(&promise).await.fact, PaymentFact::Voided);
    }
    let taken = Attempt { to_capture: Some(promise.amount), ..promise.clone() };
    assert_eq!(gateway.charge(&taken).await.fact, PaymentFact::Voided, "nothing of it can be taken");
}

async fn a_promise_is_taken_or_given_back(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    for _ in 0..20 {
        let promise = promised(&*gateway, ids).await;
        let taken = Attempt { to_capture: Some(promise.amount), ..promise.clone() };
        let (taken, voided) = join(gateway.charge(&taken), gateway.void(&promise)).await;
        assert_eq!(taken.fact, voided.fact, "both say what is true then");
        assert_eq!(gateway.query(&promise).await.fact, taken.fact);
    }
}

fn refund_of(ids: &IdSource, attempt: &Attempt) -> Refund {
    Refund {
        id: ids.mint::<RefundId>(),
        attempt: attempt.id,
        amount: paise(10_000),
        cause: crate::orders::RefundCause::Owed,
        lines: Vec::new(),
        state: RefundState::Pending,
        reason: "for the case".to_owned(),
        reference: None,
        created_at: Timestamp::EPOCH,
        check_at: None,
        checks: 0,
    }
}

async fn a_refund_is_sent_once(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let attempt = attempt(ids, Some("tok_ok"));
    let attempt = Attempt { reference: gateway.charge(&attempt).await.reference, ..attempt };
    let refund = || refund_of(ids, &attempt);
    let one = refund();
    let answers = join_all((0..8).map(|_| gateway.refund(&one, &attempt))).await;
    let first = answers.first().expect("there are eight");
    assert!(matches!(first, RefundAnswer::Succeeded { .. }), "{first:?}");
    assert!(answers.iter().all(|answer| answer == first), "{answers:?}");
    assert_ne!(gateway.refund(&refund(), &attempt).await, *first, "another refund is another movement");
}

async fn a_ledger_has_what_was_answered(make: &impl AsyncFn() -> Made<dyn PaymentGateway>, ids: &IdSource) {
    let gateway = make().await.port;
    let tokens = ["tok_ok", "tok_declined", "tok_timeout_then_ok", "tok_pending"];
    let attempts = tokens.map(|token| attempt(ids, Some(token)));
    let never_sent = attempt(ids, Some("tok_ok"));
    let mut keys: Vec<_> = attempts.iter().chain([&never_sent]).map(|attempt| attempt.id.uuid()).collect();
    // Whoever keeps no ledger that can be asked promises nothing.
    // Whoever keeps no ledger that can be read promises nothing.
    let (from, until) = (Timestamp::EPOCH, Timestamp::from_micros(i64::from(u32::MAX) * 1_000_000));
    let Some(nothing) = gateway.ledger(from, until, None).await else { return };
    assert!(nothing.lines.is_empty() && nothing.next.is_none(), "{nothing:?}");
    let mut names = BTreeMap::new();
    for attempt in &attempts {
        gateway.charge(attempt).await;
        names.insert(attempt.id.uuid(), gateway.query(attempt).await.reference);
    }
    let paid = Attempt { reference: names.get(&attempts[0].id.uuid()).cloned().flatten(), ..attempts[0].clone() };
    let refund = refund_of(ids, &paid);
    let sent = gateway.refund(&refund, &paid).await;
    keys.push(refund.id.uuid());
    let RefundAnswer::Succeeded { reference } = sent else { panic!("it was captured: {sent:?}") };
    names.insert(refund.id.uuid(), Some(reference));
    let mut listed = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let page = gateway.ledger(from, until, next.as_deref()).await.expect("it answered before");
        listed.extend(page.lines);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let known = |line: &LedgerLine| line.key.and_then(|key| names.get(&key).cloned().flatten());
    assert!(listed.iter().all(|line| known(line).as_ref() == Some(&line.reference)), "named as it was answered: {listed:?}");
    let listed: BTreeMap<_, _> = listed.into_iter().filter_map(|line| Some((line.key?, line.entered))).collect();
    // Where it can be asked key by key, it says the same.
    if let Some(said) = gateway.statement(&keys).await {
        let named = |key| said.get(key).and_then(|line| line.reference.clone());
        assert!(names.iter().all(|(key, name)| named(key) == *name), "{said:?}");
        let said: BTreeMap<_, _> = said.into_iter().map(|(key, line)| (key, line.entered)).collect();
        assert_eq!(said, listed);
    }
    let (taken, back) = (Entered::Moved(paise(49_900)), Entered::Moved(paise(10_000)));
    let expected = [taken, Entered::Nothing, taken, Entered::Open];
    let expected = attempts.iter().map(|attempt| attempt.id.uuid()).zip(expected).chain([(refund.id.uuid(), back)]);
    assert_eq!(listed, expected.collect());
}

async fn cash_is_nobodys_method(make: &impl AsyncFn() -> Made<dyn PaymentGateway>) {
    let gateway = make().await.port;
    assert!(!gateway.takes(PaymentMethod::Cod));
    assert!(gateway.takes(PaymentMethod::Card));
}
