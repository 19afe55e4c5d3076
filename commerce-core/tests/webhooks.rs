//! Webhooks from the event to the call, over the reference adapters; and what is held back after a restore.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::time::Duration;

use commerce_core::change::RequestKey;
use commerce_core::commerce::Work;
use commerce_core::error::StoreError;
use commerce_core::events::{Consumer, EventKind, Outbox};
use commerce_core::ids::{Id, WebhookEndpointId};
use commerce_core::notifications::{
    DeliveryStatus, EndpointInput, EndpointStatus, NotificationFilter, NotificationStatus, WebhookDelivery, WebhookRecorder,
};
use commerce_core::page::PageRequest;
use commerce_core::testing::{MemoryShop, samples};
use commerce_core::{Actor, limits};
use futures_executor::block_on;

const STAFF: Actor = Actor::System;

async fn register(shop: &MemoryShop, name: &str) {
    let register = samples::register(&format!("{name}@example.com"));
    shop.users.register(&Actor::Anonymous, register, None).await.expect("nobody has the address");
}

fn input(events: &[&str]) -> EndpointInput {
    let events = events.iter().map(|name| (*name).to_owned()).collect();
    EndpointInput { url: "https://hooks.example/in".to_owned(), events, secret: None }
}

async fn endpoint(shop: &MemoryShop, events: &[&str]) -> WebhookEndpointId {
    let made = shop.notifications.create_webhook_endpoint(&STAFF, input(events), None).await.unwrap().into_inner();
    assert!(made.secret.is_some_and(|secret| secret == made.endpoint.secret));
    made.endpoint.id
}

async fn deliveries(shop: &MemoryShop, endpoint: WebhookEndpointId) -> Vec<WebhookDelivery> {
    shop.notifications.webhook_deliveries(&STAFF, endpoint, None, &PageRequest::first()).await.unwrap().items
}

#[test]
fn each_endpoint_is_told_once_of_what_it_wants() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let all = endpoint(&shop, &["*"]).await;
        let some = endpoint(&shop, &["USER_REGISTERED"]).await;
        let others = endpoint(&shop, &["ORDER_CREATED", "LOW_STOCK_ALERT"]).await;
        register(&shop, "asha").await;
        let event = shop.users_db.unpublished(1).await.unwrap().remove(0);
        let recorder = WebhookRecorder::new(shop.notifications.clone());
        for _ in 0..2 {
            recorder.handle(&event).await.unwrap();
        }
        shop.settle().await.unwrap();
        for id in [all, some] {
            let told = deliveries(&shop, id).await;
            assert_eq!(told.len(), 1);
            assert_eq!(
                (told[0].kind, told[0].status, told[0].answered),
                (EventKind::UserRegistered, DeliveryStatus::Delivered, Some(204))
            );
        }
        assert_eq!(deliveries(&shop, others).await, []);
        let calls = shop.webhooks.calls();
        assert_eq!(calls.len(), 2);
        assert!(calls.iter().all(|call| call.message == event.id && call.url == "https://hooks.example/in"));
        let body: serde_json::Value = serde_json::from_str(&calls[0].body).unwrap();
        assert_eq!((&body["type"], body["data"].as_object().map(serde_json::Map::len)), (&"USER_REGISTERED".into(), Some(1)));
        assert!(!calls[0].body.contains("Asha") && !calls[0].body.contains("@example.com"), "{body}");
    });
}

#[test]
fn a_failed_delivery_is_tried_again_and_one_that_staff_wants_at_once() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let id = endpoint(&shop, &["*"]).await;
        shop.webhooks.answer(Ok(503));
        shop.webhooks.answer(Err(StoreError::unavailable("webhook.call", "nobody is there")));
        register(&shop, "asha").await;
        shop.settle().await.unwrap();
        let it = deliveries(&shop, id).await.remove(0);
        assert_eq!((it.status, it.tries, it.answered), (DeliveryStatus::Pending, 1, Some(503)));
        let failing = shop.notifications.webhook_endpoint(&STAFF, id).await.unwrap();
        assert_eq!(failing.failing_since, Some(commerce_core::Clock::now(&*shop.clock)));
        assert_eq!(shop.notifications.send_webhooks().await.unwrap(), 0, "not before its time");

        shop.wait(Duration::from_secs(10));
        shop.settle().await.unwrap();
        let it = deliveries(&shop, id).await.remove(0);
        assert_eq!((it.tries, it.answered), (2, None));
        assert!(it.error.is_some_and(|why| why.contains("nobody is there")));

        let again = || shop.notifications.resend_webhook(&STAFF, id, it.id, Some(key("again")));
        let resent = again().await.unwrap().into_inner();
        assert_eq!((resent.status, resent.tries), (DeliveryStatus::Pending, 0));
        shop.settle().await.unwrap();
        let it = deliveries(&shop, id).await.remove(0);
        assert_eq!((it.status, it.tries, it.error), (DeliveryStatus::Delivered, 1, None));
        assert_eq!(again().await.unwrap().into_inner().status, DeliveryStatus::Delivered, "a replay sends nothing");
        assert_eq!(shop.notifications.webhook_endpoint(&STAFF, id).await.unwrap().failing_since, None);
        assert_eq!(shop.webhooks.calls().len(), 3);
    });
}

fn key(name: &str) -> RequestKey {
    RequestKey { key: name.parse().unwrap(), body_hash: [0; 32] }
}

#[test]
fn an_endpoint_that_is_away_costs_its_other_deliveries_a_pause_and_no_try() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let id = endpoint(&shop, &["*"]).await;
        for name in 0..12 {
            register(&shop, &format!("user{name}")).await;
        }
        for _ in 0..12 {
            shop.webhooks.answer(Err(StoreError::unavailable("webhook.call", "timed out")));
        }
        shop.settle().await.unwrap();
        let all = deliveries(&shop, id).await;
        let tried = all.iter().filter(|it| it.tries == 1).count();
        assert!((1..=limits::WEBHOOKS_AT_ONCE).contains(&tried), "{tried}");
        assert!(all.iter().all(|it| it.status == DeliveryStatus::Pending && it.due_at.is_some()));
    });
}

#[test]
fn an_endpoint_is_disabled_when_nothing_reaches_it_and_enabled_by_a_change() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let (dead, gone) = (endpoint(&shop, &["*"]).await, endpoint(&shop, &["USER_REGISTERED"]).await);
        register(&shop, "asha").await;
        let statuses = async || {
            let mut statuses = Vec::new();
            for id in [dead, gone] {
                statuses.push(shop.notifications.webhook_endpoint(&STAFF, id).await.unwrap().status);
            }
            statuses
        };
        shop.webhooks.answer(Ok(410));
        shop.webhooks.answer(Ok(500));
        shop.settle().await.unwrap();
        let one_is_gone = statuses().await;
        assert_eq!(one_is_gone.iter().filter(|status| **status == EndpointStatus::Disabled).count(), 1);

        let (left, other) = if one_is_gone[0] == EndpointStatus::Active { (dead, gone) } else { (gone, dead) };
        let it = deliveries(&shop, other).await.remove(0);
        assert_eq!(
            (it.status, it.answered, it.due_at),
            (DeliveryStatus::Failed, Some(410), None),
            "who is gone is not tried again"
        );
        for _ in 0..3 {
            shop.wait(Duration::from_hours(29));
            shop.webhooks.answer(Ok(500));
            shop.settle().await.unwrap();
        }
        assert_eq!(statuses().await, [EndpointStatus::Disabled; 2], "after three days");
        shop.wait(Duration::from_hours(29));
        shop.settle().await.unwrap();
        let it = deliveries(&shop, left).await.remove(0);
        assert_eq!(it.status, DeliveryStatus::Failed);
        let refused = shop.notifications.resend_webhook(&STAFF, left, it.id, None).await.unwrap_err();
        assert_eq!(refused.code(), "ILLEGAL_TRANSITION");
        let calls = shop.webhooks.calls().len();
        register(&shop, "bela").await;
        shop.settle().await.unwrap();
        assert_eq!(shop.webhooks.calls().len(), calls, "a disabled endpoint is told nothing");

        let enabled = shop.notifications.update_webhook_endpoint(&STAFF, left, input(&["*"]), None).await.unwrap();
        assert_eq!((enabled.status, enabled.reason), (EndpointStatus::Active, None));
        register(&shop, "chitra").await;
        shop.settle().await.unwrap();
        assert_eq!(deliveries(&shop, left).await[0].status, DeliveryStatus::Delivered);
    });
}

#[test]
fn who_did_not_take_the_last_is_called_by_another_worker() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let slow = endpoint(&shop, &["USER_REGISTERED"]).await;
        register(&shop, "asha").await;
        shop.webhooks.answer(Ok(500));
        shop.settle().await.unwrap();
        let well = endpoint(&shop, &["*"]).await;
        register(&shop, "bela").await;
        shop.step(Work::RelayUsers).await.unwrap();
        assert_eq!(shop.step(Work::SendWebhooks).await.unwrap(), 1);
        assert_eq!(deliveries(&shop, well).await[0].status, DeliveryStatus::Delivered);
        assert_eq!(deliveries(&shop, slow).await[0].tries, 0, "nobody waits for it");
        assert_eq!(shop.step(Work::RetryWebhooks).await.unwrap(), 1);
        register(&shop, "chitra").await;
        shop.step(Work::RelayUsers).await.unwrap();
        assert_eq!(shop.step(Work::SendWebhooks).await.unwrap(), 2, "it took it, and is as any other");
    });
}

#[test]
fn a_removed_endpoint_is_told_nothing_more_and_is_there_for_nobody() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let id = endpoint(&shop, &["*"]).await;
        shop.webhooks.answer(Ok(500));
        register(&shop, "asha").await;
        shop.settle().await.unwrap();
        let removed = async || shop.notifications.delete_webhook_endpoint(&STAFF, id, None).await;
        removed().await.unwrap();
        assert_eq!(removed().await.unwrap_err().code(), "NOT_FOUND");
        assert_eq!(shop.notifications.webhook_endpoints(&STAFF, &PageRequest::first()).await.unwrap().items, []);
        shop.wait(Duration::from_hours(1));
        register(&shop, "bela").await;
        shop.settle().await.unwrap();
        assert_eq!(shop.webhooks.calls().len(), 1);
        let report = shop.audit(&STAFF, commerce_core::audit::AuditRequest::new(&commerce_core::testing::conformance::NoWait));
        assert_eq!(report.await.unwrap().violations, []);
    });
}

#[test]
fn an_endpoint_is_made_by_staff_alone_and_once() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let refused = shop.notifications.create_webhook_endpoint(&Actor::Anonymous, input(&["*"]), None).await;
        assert_eq!(refused.unwrap_err().code(), "UNAUTHENTICATED");
        for (bad, field) in [
            (EndpointInput { url: "http://hooks.example".to_owned(), ..input(&["*"]) }, "url"),
            (EndpointInput { url: String::new(), ..input(&["*"]) }, "url"),
            (input(&[]), "events"),
            (input(&["ORDER_EATEN"]), "events"),
            (EndpointInput { secret: Some("short".to_owned()), ..input(&["*"]) }, "secret"),
        ] {
            let refused = shop.notifications.create_webhook_endpoint(&STAFF, bad, None).await.unwrap_err();
            assert_eq!(refused.code(), "INVALID");
            assert!(refused.to_string().contains(field), "{refused}");
        }
        let make = || shop.notifications.create_webhook_endpoint(&STAFF, input(&["*"]), Some(key("one")));
        let (made, again) = (make().await.unwrap().into_inner(), make().await.unwrap().into_inner());
        assert_eq!((made.endpoint.id, again.secret), (again.endpoint.id, None), "the secret is shown once");
        for _ in 1..limits::WEBHOOK_ENDPOINTS_MAX {
            endpoint(&shop, &["*"]).await;
        }
        let refused = shop.notifications.create_webhook_endpoint(&STAFF, input(&["*"]), None).await.unwrap_err();
        assert_eq!(refused.code(), "IN_USE");
        let unknown = WebhookEndpointId::from_uuid(uuid::Uuid::from_u128(5));
        assert_eq!(shop.notifications.webhook_endpoint(&STAFF, unknown).await.unwrap_err().code(), "NOT_FOUND");
    });
}

#[test]
fn what_is_held_waits_for_a_word() {
    block_on(async {
        let shop = MemoryShop::new(1);
        let id = endpoint(&shop, &["*"]).await;
        let relay = async || while shop.step(commerce_core::commerce::Work::RelayUsers).await.unwrap() > 0 {};
        register(&shop, "asha").await;
        relay().await;
        assert_eq!(shop.notifications.hold(&STAFF).await.unwrap(), 2, "a mail and a delivery");
        register(&shop, "bela").await;
        shop.settle().await.unwrap();
        shop.wait(Duration::from_hours(48));
        shop.settle().await.unwrap();
        assert_eq!((shop.mailer.mails().len(), shop.webhooks.calls().len()), (1, 1), "what is new does not wait");
        assert_eq!(shop.notifications.held(&STAFF).await.unwrap(), 2);
        let audit = async || {
            let request = commerce_core::audit::AuditRequest::new(&commerce_core::testing::conformance::NoWait);
            shop.audit(&STAFF, request).await.unwrap().violations
        };
        assert_eq!(audit().await, []);

        assert_eq!(shop.notifications.release_held(&STAFF).await.unwrap(), 2);
        shop.settle().await.unwrap();
        assert_eq!((shop.mailer.mails().len(), shop.webhooks.calls().len()), (2, 2));

        register(&shop, "chitra").await;
        relay().await;
        assert_eq!(shop.notifications.hold(&STAFF).await.unwrap(), 2);
        assert_eq!(shop.notifications.drop_held(&STAFF).await.unwrap(), 2);
        shop.settle().await.unwrap();
        assert_eq!((shop.mailer.mails().len(), shop.webhooks.calls().len()), (2, 2));
        let messages =
            shop.notifications.list(&STAFF, &NotificationFilter::default(), &PageRequest::first()).await.unwrap().items;
        assert_eq!(messages[0].status, NotificationStatus::Suppressed);
        assert_eq!(deliveries(&shop, id).await[0].status, DeliveryStatus::Failed);
        assert_eq!(audit().await, []);
    });
}
