//! What is deleted when it is old enough, and what stays.

use std::time::Duration;

use commerce_core::Clock;
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal, KeyClaim, KeyResult, KeyScope};
use commerce_core::commerce::KeepPolicy;
use commerce_core::events::Outbox;

use super::{Bench, execute};

#[tokio::test]
async fn what_is_too_old_is_forgotten() {
    let bench = Bench::new().await;
    let catalog = bench.shop.catalog();
    let (old, waiting) = (bench.event(), bench.event());
    bench.commit(ChangeSet::new().say([old.clone(), waiting.clone()])).await.unwrap();
    catalog.published(&[old.id]).await.unwrap();
    assert_eq!(bench.shop.retention(bench.clock.now(), &KeepPolicy::default()).await.unwrap(), 0);
    let later = bench.clock.now().plus(Duration::from_hours(8 * 24));
    assert_eq!(
        bench.shop.retention(later, &KeepPolicy::default()).await.unwrap(),
        2,
        "the published event and the writer's mark"
    );
    assert_eq!(catalog.unpublished(10).await.unwrap(), [waiting]);
}

/// Mails, deliveries and dead letters go when the shop says; what is open or held stays, and a removed endpoint as
/// long as its deliveries.
#[tokio::test]
async fn what_the_shop_keeps_for_a_while_is_forgotten_then() {
    let bench = Bench::new().await;
    let (now, told) = (bench.clock.now(), bench.shop.notifications());
    let id = |number: u32| format!("{:012x}7{number:019x}", now.as_millis());
    for (number, status) in [(1, "DELIVERED"), (2, "FAILED"), (3, "PENDING")] {
        let id = id(number);
        let delivery = format!(
            "INSERT INTO webhook_deliveries (id, endpoint_id, event_id, kind, occurred_at, data, status, tries, created_at, version)
            VALUES (x'{id}', x'{}', x'{id}', 'ORDER_CREATED', 0, '{{}}', '{status}', 1, 0, 2)",
            hex_of(9),
        );
        execute(&told, &delivery).await.unwrap();
        let status = if status == "DELIVERED" { "SENT" } else { status };
        let mail = format!(
            "INSERT INTO notification_logs (id, event_id, kind, template, recipient, data, status, tries, created_at, maybe_twice,
            version) VALUES (x'{id}', x'{id}', 'ORDER_CREATED', 'order_placed', 'ops', '{{}}', '{status}', 1, 0, 0, 2)"
        );
        execute(&told, &mail).await.unwrap();
    }
    for number in [8, 9] {
        let endpoint = format!(
            "INSERT INTO webhook_endpoints (id, url, events, secret, status, reason, created_at, updated_at, version)
            VALUES (x'{}', 'https://x.example', '[\"*\"]', 'whsec_x', 'REMOVED', 'staff', 0, {}, 2)",
            hex_of(number),
            now.as_micros(),
        );
        execute(&told, &endpoint).await.unwrap();
    }
    let days = |days: u64| Duration::from_hours(days * 24);
    let keep = KeepPolicy {
        messages: days(60),
        deliveries: days(31),
        letters: days(40),
        provider_messages: days(400),
        holds: days(400),
    };
    assert_eq!(bench.shop.retention(now.plus(days(31)), &keep).await.unwrap(), 0, "not a day too early");
    let gone = bench.shop.retention(now.plus(days(32)), &keep).await.unwrap();
    assert_eq!(gone, 3, "two deliveries that are through, and the endpoint that nothing is left of");
    assert_eq!(bench.shop.retention(now.plus(days(61)), &keep).await.unwrap(), 2, "two mails");
    assert_eq!(bench.shop.retention(now.plus(days(1_000)), &keep).await.unwrap(), 0, "the open ones and their endpoint stay");
}

/// Messages of payment providers that were applied go when the shop says; what still waits, or contradicts the books, stays.
#[tokio::test]
async fn what_providers_said_is_forgotten_when_it_was_applied() {
    let bench = Bench::new().await;
    let (now, books) = (bench.clock.now(), bench.shop.orders());
    for state in ["APPLIED", "PARKED", "QUARANTINED"] {
        let message = format!(
            "INSERT INTO provider_events (provider, event_id, reference, fact, state, received_at)
            VALUES ('sandbox', '{state}', 'r', '{{}}', '{state}', {})",
            now.as_micros(),
        );
        execute(&books, &message).await.unwrap();
    }
    let days = |days: u64| now.plus(Duration::from_hours(days * 24));
    let keep = KeepPolicy { provider_messages: Duration::from_hours(200 * 24), ..KeepPolicy::default() };
    assert_eq!(bench.shop.retention(days(200), &keep).await.unwrap(), 0, "not a day too early");
    assert_eq!(bench.shop.retention(days(201), &keep).await.unwrap(), 1);
    assert_eq!(bench.shop.retention(days(1_000), &keep).await.unwrap(), 0);
}

fn hex_of(number: u8) -> String {
    format!("{number:032x}")
}

/// A key past its thirty days can be used anew before anybody deleted it.
#[tokio::test]
async fn an_old_key_is_used_anew_in_its_place() {
    let bench = Bench::new().await;
    let claim = |result: u128| KeyClaim {
        scope: KeyScope { user: None, route: "POST /api/x".to_owned(), key: "old".parse().unwrap() },
        body_hash: [1; 32],
        generation: 1,
        result: KeyResult::Done(uuid::Uuid::from_u128(result)),
        at: bench.clock.now(),
    };
    bench.commit(ChangeSet::new().claim(Some(claim(1)))).await.unwrap();
    bench.clock.advance(Duration::from_hours(31 * 24));
    bench.commit(ChangeSet::new().claim(Some(claim(2)))).await.unwrap();
    match bench.commit(ChangeSet::new().claim(Some(claim(3)))).await {
        Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
            assert_eq!(record.result, KeyResult::Done(uuid::Uuid::from_u128(2)));
        }
        other => panic!("{other:?}"),
    }
}
