//! Webhook endpoints and deliveries.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::change::{ChangeSet, CommitRefusal};
use crate::events::EventKind;
use crate::ids::{WebhookDeliveryId, WebhookEndpointId};
use crate::notifications::{
    DeliveryStatus, EndpointStatus, NotificationStore, NotificationWrite, Subscription, WebhookDelivery, WebhookEndpoint,
    WebhookSecret,
};
use crate::testing::ManualClock;
use crate::time::Timestamp;

use super::fixture::{Fixture, Opened, got, walk};
use super::{cases, samples};

type Notifications = Fixture<dyn NotificationStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn NotificationStore>) {
    cases! { make;
        endpoints_are_read_as_written,
        deliveries_are_read_as_written,
        one_event_goes_to_one_endpoint_once,
        versions_of_both_grow_by_one,
        those_of_one_endpoint_are_listed_newest_first,
        due_and_held_deliveries_are_found,
    }
}

fn endpoint(fixture: &Notifications) -> WebhookEndpoint {
    samples::endpoint(fixture.ids.mint(), fixture.now())
}

async fn told(fixture: &Notifications) -> WebhookEndpoint {
    let endpoint = endpoint(fixture);
    fixture.write([NotificationWrite::InsertEndpoint(endpoint.clone())]).await;
    endpoint
}

fn to(fixture: &Notifications, endpoint: &WebhookEndpoint) -> WebhookDelivery {
    samples::delivery(fixture.ids.mint(), endpoint.id, fixture.now())
}

async fn endpoints_are_read_as_written(fixture: &Notifications) {
    let full = WebhookEndpoint {
        url: format!("https://hooks.example/{}", "x".repeat(1_900)),
        events: Subscription::Only(vec![EventKind::OrderCreated, EventKind::LowStockAlert]),
        former: Some((WebhookSecret::of([9; 32]), samples::end_of_time())),
        status: EndpointStatus::Disabled,
        reason: Some(samples::UNICODE.to_owned()),
        failing_since: Some(samples::before_the_epoch()),
        version: 3,
        ..endpoint(fixture)
    };
    let plain = endpoint(fixture);
    for it in [full.clone(), plain.clone()] {
        fixture.write([NotificationWrite::InsertEndpoint(it.clone())]).await;
        assert_eq!(got(fixture.store.webhook_endpoint(it.id).await), Some(it));
    }
    assert_eq!(got(fixture.store.webhook_endpoints().await), [plain.clone(), full], "newest first");
    let removed = WebhookEndpoint { status: EndpointStatus::Removed, reason: Some("gone".to_owned()), version: 2, ..plain };
    fixture.write([NotificationWrite::UpdateEndpoint(removed.clone())]).await;
    assert_eq!(got(fixture.store.webhook_endpoint(removed.id).await), Some(removed));
    assert_eq!(got(fixture.store.webhook_endpoint(fixture.ids.mint()).await), None);
}

async fn deliveries_are_read_as_written(fixture: &Notifications) {
    let endpoint = told(fixture).await;
    let full = WebhookDelivery {
        kind: EventKind::LowStockAlert,
        occurred_at: samples::before_the_epoch(),
        data: json!({ "text": samples::UNICODE, "amount": i64::MIN }).into(),
        status: DeliveryStatus::Failed,
        tries: 12,
        due_at: None,
        held_at: Some(samples::end_of_time()),
        answered: Some(503),
        error: Some(samples::UNICODE.to_owned()),
        delivered_at: Some(samples::end_of_time()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        ..to(fixture, &endpoint)
    };
    for it in [full, to(fixture, &endpoint)] {
        fixture.write([NotificationWrite::InsertDelivery(it.clone())]).await;
        assert_eq!(got(fixture.store.webhook_delivery(it.id).await), Some(it.clone()));
        let changed = WebhookDelivery { tries: it.tries + 1, answered: None, version: 2, ..it };
        fixture.write([NotificationWrite::UpdateDelivery(changed.clone())]).await;
        assert_eq!(got(fixture.store.webhook_delivery(changed.id).await), Some(changed));
    }
    assert_eq!(got(fixture.store.webhook_delivery(fixture.ids.mint()).await), None);
}

async fn one_event_goes_to_one_endpoint_once(fixture: &Notifications) {
    let (endpoint, other) = (told(fixture).await, told(fixture).await);
    let first = to(fixture, &endpoint);
    let twins: Vec<WebhookDelivery> = (0..10).map(|_| WebhookDelivery { id: fixture.ids.mint(), ..first.clone() }).collect();
    let results = fixture.race(twins.iter().map(|twin| ChangeSet::of([NotificationWrite::InsertDelivery(twin.clone())]))).await;
    assert!(results.iter().all(Result::is_ok), "the same again is silently the same");
    let listed =
        async |endpoint| walk(async |page| got(fixture.store.webhook_deliveries(endpoint, None, &page).await)).await.len();
    assert_eq!(listed(endpoint.id).await, 1);
    let others = [
        WebhookDelivery { id: fixture.ids.mint(), endpoint: other.id, ..first.clone() },
        WebhookDelivery { id: fixture.ids.mint(), event: fixture.ids.mint(), ..first },
    ];
    fixture.write(others.map(NotificationWrite::InsertDelivery)).await;
    assert_eq!((listed(endpoint.id).await, listed(other.id).await), (2, 1));
}

async fn versions_of_both_grow_by_one(fixture: &Notifications) {
    let endpoint = told(fixture).await;
    let delivery = to(fixture, &endpoint);
    fixture.write([NotificationWrite::InsertDelivery(delivery.clone())]).await;
    for wrong in [1, 3] {
        let writes = [
            NotificationWrite::UpdateEndpoint(WebhookEndpoint { version: wrong, ..endpoint.clone() }),
            NotificationWrite::UpdateDelivery(WebhookDelivery { version: wrong, ..delivery.clone() }),
        ];
        for write in writes {
            assert!(matches!(fixture.refused([write]).await, CommitRefusal::Stale(_)));
        }
    }
    let changed = |n: u64| WebhookEndpoint { url: format!("https://hooks.example/{n}"), version: 2, ..endpoint.clone() };
    let results = fixture.race((1..=10).map(|n| ChangeSet::of([NotificationWrite::UpdateEndpoint(changed(n))]))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "of those who change it at once one does");
}

async fn those_of_one_endpoint_are_listed_newest_first(fixture: &Notifications) {
    let (endpoint, other) = (told(fixture).await, told(fixture).await);
    let mut entries = Vec::new();
    for n in 0..7 {
        let status = if n % 2 == 0 { DeliveryStatus::Delivered } else { DeliveryStatus::Pending };
        entries.push(WebhookDelivery { status, ..to(fixture, &endpoint) });
        fixture.clock.advance(Duration::from_secs(1));
    }
    let inserts = entries.iter().cloned().chain([to(fixture, &other)]).map(NotificationWrite::InsertDelivery);
    fixture.write(inserts).await;
    entries.reverse();
    for status in [None, Some(DeliveryStatus::Delivered), Some(DeliveryStatus::Failed)] {
        let shown = entries.iter().filter(|it| status.is_none_or(|status| it.status == status));
        let expected: Vec<WebhookDeliveryId> = shown.map(|it| it.id).collect();
        let listed = walk(async |page| got(fixture.store.webhook_deliveries(endpoint.id, status, &page).await)).await;
        assert_eq!(listed.iter().map(|it| it.id).collect::<Vec<_>>(), expected, "{status:?}");
    }
}

async fn due_and_held_deliveries_are_found(fixture: &Notifications) {
    let (endpoint, other) = (told(fixture).await, told(fixture).await);
    let at = |seconds| fixture.now().plus(Duration::from_secs(seconds));
    let due_at = |seconds| WebhookDelivery { due_at: Some(at(seconds)), ..to(fixture, &endpoint) };
    let (early, late) = (due_at(10), due_at(20));
    let held = WebhookDelivery { due_at: None, held_at: Some(at(0)), ..to(fixture, &endpoint) };
    let done = WebhookDelivery { status: DeliveryStatus::Delivered, due_at: None, ..to(fixture, &endpoint) };
    let elsewhere = to(fixture, &other);
    let inserts = [late.clone(), early.clone(), held.clone(), done, elsewhere].map(NotificationWrite::InsertDelivery);
    fixture.write(inserts).await;
    let due = async |id: WebhookEndpointId, at: Timestamp, limit| got(fixture.store.webhooks_due(id, at, limit).await);
    assert_eq!(due(endpoint.id, at(9), 10).await, []);
    assert_eq!(due(endpoint.id, at(60), 10).await, [early.clone(), late], "longest due first");
    assert_eq!(due(endpoint.id, at(60), 1).await, [early]);
    assert_eq!(got(fixture.store.webhooks_held(10).await), [held]);
}
