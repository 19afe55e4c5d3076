//! Attempts, refunds and provider messages: what workers find.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::OrderId;
use crate::orders::{
    AttemptState, DueWork, NextAction, Order, OrderStatus, OrderStore, OrderWrite, PaymentFact, ProviderEvent,
    ProviderEventState, ProviderFact, RefundState,
};
use crate::testing::ManualClock;
use crate::time::Timestamp;

use super::fixture::{Fixture, Opened, got};
use super::whole_orders::{attempt, new_order, refund};
use super::{cases, samples};

type Orders = Fixture<dyn OrderStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn OrderStore>) {
    cases! { make;
        orders_are_found_by_reference,
        due_attempts_are_found,
        due_deadlines_are_found,
        due_refunds_are_found,
        a_message_is_heard_once,
        a_parked_message_is_settled_once,
        the_newest_parked_message_comes_first,
    }
}

/// An instant so many seconds after the start.
fn at(fixture: &Orders, seconds: u64) -> Timestamp {
    fixture.now().plus(Duration::from_secs(seconds))
}

async fn orders_are_found_by_reference(fixture: &Orders) {
    let mut order = new_order(fixture);
    let mut first = attempt(fixture, AttemptState::Declined);
    first.reference = Some("pay_1".to_owned());
    let mut second = attempt(fixture, AttemptState::Captured);
    second.reference = Some("PAY_1".to_owned());
    let mut back = refund(fixture, &second, RefundState::Pending);
    order.payment.attempts = vec![first, second];
    order.payment.refunds = vec![back.clone()];
    fixture.write([OrderWrite::Insert(order.clone())]).await;
    let found = async |provider: &str, reference: &str| got(fixture.store.order_by_reference(provider, reference).await);
    assert_eq!(found("sandbox", "pay_1").await, Some(order.id));
    assert_eq!(found("sandbox", "PAY_1").await, Some(order.id));
    assert_eq!(found("stripe", "pay_1").await, None, "another provider's name means nothing");
    assert_eq!(found("sandbox", "ref_1").await, None);
    assert_eq!(found("sandbox", "").await, None);

    back.reference = Some("ref_1".to_owned());
    order.payment.refunds = vec![back];
    order.version = 2;
    fixture.write([OrderWrite::Update(order.clone())]).await;
    assert_eq!(found("sandbox", "ref_1").await, Some(order.id), "refunds have names too");
}

/// Inserts orders that `prepare` makes due at these seconds; answers their ids.
async fn prepared<const N: usize>(fixture: &Orders, seconds: [u64; N], prepare: impl Fn(&mut Order, Timestamp)) -> [OrderId; N] {
    let orders = seconds.map(|seconds| {
        let mut order = new_order(fixture);
        prepare(&mut order, at(fixture, seconds));
        order
    });
    fixture.write(orders.iter().cloned().map(OrderWrite::Insert)).await;
    orders.map(|order| order.id)
}

async fn due(fixture: &Orders, work: DueWork, seconds: u64, limit: u32) -> Vec<OrderId> {
    got(fixture.store.due(work, at(fixture, seconds), limit).await)
}

async fn due_attempts_are_found(fixture: &Orders) {
    let [late, early, never] = prepared(fixture, [20, 10, 15], |order, check_at| {
        let mut attempts = [AttemptState::Declined, AttemptState::Pending].map(|state| attempt(fixture, state));
        let [_, open] = &mut attempts;
        open.check_at = Some(check_at);
        order.payment.attempts = attempts.into();
    })
    .await;
    let mut settled = got(fixture.store.order(never).await).expect("it is there");
    settled.payment.attempts.iter_mut().for_each(|attempt| attempt.check_at = None);
    settled.version = 2;
    fixture.write([OrderWrite::Update(settled)]).await;

    assert_eq!(due(fixture, DueWork::Attempts, 9, 10).await, []);
    assert_eq!(due(fixture, DueWork::Attempts, 10, 10).await, [early]);
    assert_eq!(due(fixture, DueWork::Attempts, 60, 10).await, [early, late], "longest due first");
    assert_eq!(due(fixture, DueWork::Attempts, 60, 1).await, [early]);
    assert_eq!(due(fixture, DueWork::Refunds, 60, 10).await, []);
    assert_eq!(due(fixture, DueWork::Deadlines, 60, 10).await, []);
}

async fn due_deadlines_are_found(fixture: &Orders) {
    let [late, early, paid] = prepared(fixture, [20, 10, 15], |order, due_at| order.payment_due_at = Some(due_at)).await;
    let stored = got(fixture.store.order(paid).await).expect("it is there");
    fixture.write([OrderWrite::Update(Order { status: OrderStatus::Confirmed, version: 2, ..stored })]).await;
    fixture.write([OrderWrite::Insert(new_order(fixture))]).await;

    assert_eq!(due(fixture, DueWork::Deadlines, 9, 10).await, []);
    assert_eq!(due(fixture, DueWork::Deadlines, 10, 10).await, [early]);
    assert_eq!(due(fixture, DueWork::Deadlines, 60, 10).await, [early, late], "only orders that still wait");
    assert_eq!(due(fixture, DueWork::Deadlines, 60, 1).await, [early]);
}

async fn due_refunds_are_found(fixture: &Orders) {
    let [late, early, done] = prepared(fixture, [20, 10, 15], |order, check_at| {
        let paid = attempt(fixture, AttemptState::Captured);
        let mut refunds = [RefundState::Succeeded, RefundState::Pending].map(|state| refund(fixture, &paid, state));
        let [_, open] = &mut refunds;
        open.check_at = Some(check_at);
        order.status = OrderStatus::Cancelled;
        order.payment.attempts = vec![paid];
        order.payment.refunds = refunds.into();
    })
    .await;
    let mut sent = got(fixture.store.order(done).await).expect("it is there");
    sent.payment.refunds.iter_mut().for_each(|refund| refund.check_at = None);
    sent.version = 2;
    fixture.write([OrderWrite::Update(sent)]).await;

    assert_eq!(due(fixture, DueWork::Refunds, 9, 10).await, []);
    assert_eq!(due(fixture, DueWork::Refunds, 60, 10).await, [early, late], "on cancelled orders too");
    assert_eq!(due(fixture, DueWork::Refunds, 60, 1).await, [early]);
    assert_eq!(due(fixture, DueWork::Attempts, 60, 10).await, []);
}

fn message(fixture: &Orders, event_id: &str, state: ProviderEventState) -> ProviderEvent {
    ProviderEvent {
        provider: "sandbox".to_owned(),
        event_id: event_id.to_owned(),
        reference: "pay_1".to_owned(),
        fact: ProviderFact::Payment(PaymentFact::Captured { amount: samples::paise(i64::MAX) }),
        state,
        at: fixture.now(),
    }
}

async fn a_message_is_heard_once(fixture: &Orders) {
    for state in [ProviderEventState::Applied, ProviderEventState::Quarantined] {
        let name = format!("evt_{state}");
        let hear = || ChangeSet::of([OrderWrite::Provider(message(fixture, &name, state))]);
        let results = fixture.race((0..10).map(|_| hear())).await;
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for again in ProviderEventState::ALL {
            let again = OrderWrite::Provider(message(fixture, &name, *again));
            assert_eq!(fixture.refused([again]).await, CommitRefusal::AlreadyHandled);
        }
        let other = ProviderEvent { provider: "stripe".to_owned(), ..message(fixture, &name, state) };
        fixture.write([OrderWrite::Provider(other)]).await;
    }
    for name in samples::LOOKALIKES {
        let provider = ProviderEvent { provider: name.to_owned(), ..message(fixture, "evt", ProviderEventState::Applied) };
        let alike = [message(fixture, name, ProviderEventState::Applied), provider];
        fixture.write(alike.map(OrderWrite::Provider)).await;
    }
    assert_eq!(got(fixture.store.parked(10).await), []);
}

async fn a_parked_message_is_settled_once(fixture: &Orders) {
    let parked = message(fixture, "evt_1", ProviderEventState::Parked);
    fixture.write([OrderWrite::Provider(parked.clone())]).await;
    assert_eq!(fixture.refused([OrderWrite::Provider(parked.clone())]).await, CommitRefusal::AlreadyHandled);
    assert_eq!(got(fixture.store.parked(10).await), [parked.clone()]);

    let applied = ProviderEvent { state: ProviderEventState::Applied, ..parked };
    let settle = || ChangeSet::of([OrderWrite::Provider(applied.clone())]);
    let results = fixture.race((0..10).map(|_| settle())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(got(fixture.store.parked(10).await), []);
    assert_eq!(fixture.refusal(settle()).await, CommitRefusal::AlreadyHandled);
}

async fn the_newest_parked_message_comes_first(fixture: &Orders) {
    let next_action = Some(NextAction { kind: "upi_intent".to_owned(), url: "upi://pay?x=ü".to_owned() });
    let facts = [
        ProviderFact::Payment(PaymentFact::Pending { next_action }),
        ProviderFact::Payment(PaymentFact::Authorized { amount: samples::paise(1) }),
        ProviderFact::Payment(PaymentFact::Declined { code: samples::UNICODE.to_owned() }),
        ProviderFact::Payment(PaymentFact::Voided),
        ProviderFact::RefundSucceeded(samples::fils(i64::MAX)),
    ];
    let mut parked = Vec::new();
    for (n, fact) in facts.into_iter().enumerate() {
        let name = format!("evt_{}", 9 - n);
        parked.push(ProviderEvent { fact, ..message(fixture, &name, ProviderEventState::Parked) });
        fixture.clock.advance(Duration::from_secs(1));
    }
    fixture.write(parked.iter().cloned().map(OrderWrite::Provider)).await;
    parked.reverse();
    assert_eq!(got(fixture.store.parked(10).await), parked);
    assert_eq!(got(fixture.store.parked(2).await), parked.into_iter().take(2).collect::<Vec<_>>());
}
