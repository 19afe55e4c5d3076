//! Whatever befalls the machines: deaths, clocks that jump, and events that nobody understands.

use std::sync::Arc;

use super::client::Client;
use super::house::House;
use crate::actor::Actor;
use crate::change::ChangeSet;
use crate::events::{Envelope, EventKind, Topic};
use crate::ids::{EventId, Id};
use crate::orders::{OrderStore, OrderWrite, RefundAnswer};

/// The longest pause between two blows, in microseconds.
const BLOW_PAUSE: u64 = 120_000_000;

/// Kills nodes, lets their clocks jump and a refund go unanswered, so many times in all.
pub(super) async fn befall(house: Arc<House>, blows: usize) {
    let client = Client { house, actor: Actor::System, gives_up: 0 };
    let nodes = client.house.nodes();
    for _ in 0..blows {
        client.dawdle(BLOW_PAUSE).await;
        let (node, what, jump) = client.throw(|dice| (dice.below(nodes), dice.below(3), dice.between(0, 4_000_000)));
        match what {
            0 => client.house.jump(node, i64::try_from(jump).unwrap_or(0) - 2_000_000),
            1 => client.house.ground.gateway.script_refunds([RefundAnswer::NoAnswer]),
            _ => client.house.ground.clockwork.kill(node),
        }
    }
}

/// Says something that no consumer can understand.
pub(super) async fn poison(house: Arc<House>, number: usize) {
    let event = Envelope {
        id: EventId::from_uuid(uuid::Uuid::from_u128(u128::try_from(number).unwrap_or(0) + 1)),
        topic: Topic::Orders,
        kind: EventKind::OrderCancelled,
        schema: 1,
        aggregate: uuid::Uuid::nil(),
        version: 1,
        at: house.ground.now(),
        traceparent: None,
        data: serde_json::json!({ "poison": number }).into(),
    };
    house.ground.books().poisoned(&event);
    let said = house.stores.orders.as_ref() as &dyn OrderStore;
    said.commit(ChangeSet::<OrderWrite>::new().say([event])).await.expect("nothing can refuse it");
}
