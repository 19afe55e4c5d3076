//! Each column of each table of a store, altered one by one.

use std::sync::Arc;
use std::time::Duration;

use commerce_core::audit::books::Cell;
use commerce_core::audit::tables::{ATTEMPTS, INBOX, OUTBOX};
use commerce_core::audit::{Books, ShopBooks};
use commerce_core::commerce::Context;
use commerce_core::events::{DeadLetter, DeadLetters, Envelope, EventData, Leases};
use commerce_core::ids::{EventId, Id, IdSource};
use commerce_core::orders::PaymentGateway;
use commerce_core::testing::{SeededEntropy, conformance};
use commerce_core::time::Clock;
use commerce_core::{Currency, Money, limits};

use crate::audited::{Subject, all, look, row};

/// Each column of each table of a context, in a shop that has traded.
pub(crate) async fn say_what_was_written(shop: &Subject, context: Context) {
    let (databases, now) = (&shop.databases, shop.clock.now());
    let own: (Arc<dyn Books>, Arc<dyn DeadLetters>, Arc<dyn Leases>) = match context {
        Context::Users => (databases.users(), databases.users(), databases.users()),
        Context::Catalog => (databases.catalog(), databases.catalog(), databases.catalog()),
        Context::Orders => (databases.orders(), databases.orders(), databases.orders()),
        Context::Notifications => (databases.notifications(), databases.notifications(), databases.notifications()),
    };
    let (books, letters, leases) = own;
    heard_of_a_payment(shop).await;
    // What a shop that is well and at rest does not have.
    let handled = all(&*books, INBOX).await.pop().expect("deliveries were handled");
    let letter = DeadLetter {
        consumer: handled.text("consumer").expect("somebody handled it").to_owned(),
        event: said(&shop.books, handled.cell("event_id")).await,
        reason: "it cannot be read".to_owned(),
        receives: limits::RECEIVES_MAX,
        at: now,
    };
    letters.bury(&letter).await.expect("a letter is buried");
    let owner = IdSource::new(shop.clock.clone(), Arc::new(SeededEntropy::new(8))).mint::<EventId>();
    let lease = leases.acquire("audit", owner.uuid(), now, now.plus(Duration::from_secs(10))).await;
    assert_eq!(lease.expect("a lease is given"), Some(1));
    assert_eq!(look(&shop.commerce, false).await.violations, []);
    conformance::each_column(shop, context).await;
}

/// The provider says what the shop knows.
async fn heard_of_a_payment(shop: &Subject) {
    let paid = row(&*shop.books.orders, ATTEMPTS, ("state", "CAPTURED".into())).await;
    let reference = paid.text("reference").expect("what was taken has a name");
    let amount = Money::new(paid.int("amount_minor").expect("it has an amount"), Currency::INR);
    let (signature, body) = shop.gateway.webhook_of("evt-1", "payment.succeeded", reference, amount, shop.clock.now());
    shop.commerce.orders.webhook(shop.gateway.name(), Some(&signature), &body).await.expect("a message is taken");
    shop.commerce.settle().await.expect("a shop settles");
}

/// The event of this id, whoever said it.
async fn said(books: &ShopBooks, id: &Cell) -> Envelope {
    for books in [&books.users, &books.catalog, &books.orders, &books.notifications] {
        if let Some(row) = all(&**books, OUTBOX).await.iter().find(|row| row.cell("id") == id) {
            let event = || {
                Some(Envelope {
                    id: Id::from_uuid(row.id("id")?),
                    topic: row.word("topic")?,
                    kind: row.word("type")?,
                    schema: 1,
                    aggregate: row.id("aggregate_id")?,
                    version: u64::try_from(row.int("version")?).ok()?,
                    at: row.at("occurred_at")?,
                    traceparent: None,
                    data: EventData::kept(row.text("data")?),
                })
            };
            return event().expect("an event can be read");
        }
    }
    panic!("no event {id}")
}
