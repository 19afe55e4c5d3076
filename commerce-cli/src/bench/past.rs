//! A shop's past: copies of an order that was placed, sold and told about, written straight into the
//! stores, many in one change set. A million of them are there in minutes.
//!
//! Never part of what is measured; it only makes the tables long.

use std::iter::once;
use std::sync::Arc;

use commerce_core::Clock;
use commerce_core::catalog::{CatalogStore, CatalogWrite, Hold, HoldKey, Movement, MovementKind};
use commerce_core::change::ChangeSet;
use commerce_core::ids::{IdSource, OrderId, UserId};
use commerce_core::notifications::{Notification, NotificationFilter, NotificationStore, NotificationWrite, Recipient};
use commerce_core::orders::{HoldRef, Order, OrderStore, OrderWrite, TimelineEntry};
use commerce_core::page::PageRequest;
use commerce_core::text::Sku;

use crate::failure::Failure;
use crate::shop::{OsEntropy, SystemClock};

/// Orders in one change set: enough that commits cost next to nothing.
const TOGETHER: u64 = 250;

/// The stores that a past is written into.
pub(crate) struct Stores {
    pub orders: Arc<dyn OrderStore>,
    pub catalog: Arc<dyn CatalogStore>,
    pub notifications: Arc<dyn NotificationStore>,
}

/// An order and everything it left behind.
struct Model {
    order: Order,
    timeline: Vec<TimelineEntry>,
    hold: Hold,
    mails: Vec<Notification>,
}

/// Writes `count` copies of the order `model`, their lines drawn from `skus` in turn.
///
/// # Errors
/// When a store does not answer.
pub(crate) async fn write(stores: &Stores, model: OrderId, skus: &[Sku], count: u64) -> Result<(), Failure> {
    let (ids, model) = (IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy)), read(stores, model).await?);
    let mut turn = skus.iter().cycle();
    let mut done = 0;
    while done < count {
        let (mut orders, mut catalog, mut mails) = (ChangeSet::new(), ChangeSet::new(), ChangeSet::new());
        for number in done..count.min(done + TOGETHER) {
            let copy = model.copy(&ids, number, &mut turn);
            orders = once(OrderWrite::Insert(copy.order.clone()))
                .chain(copy.timeline.iter().cloned().map(OrderWrite::Timeline))
                .fold(orders, ChangeSet::and);
            catalog = copy.stock(&ids).into_iter().fold(catalog, ChangeSet::and);
            mails = copy.mails.into_iter().map(NotificationWrite::Insert).fold(mails, ChangeSet::and);
        }
        let written = futures_util::future::try_join3(
            stores.orders.commit(orders),
            stores.catalog.commit(catalog),
            stores.notifications.commit(mails),
        );
        written.await.map_err(commerce_core::Error::from)?;
        done += TOGETHER;
    }
    Ok(())
}

async fn read(stores: &Stores, id: OrderId) -> Result<Model, Failure> {
    let missing = || Failure::new("BENCH", "the order to be copied is not there");
    let order = stores.orders.order(id).await?.ok_or_else(missing)?;
    let timeline = stores.orders.timeline(id, &PageRequest::first()).await?.items;
    let hold = stores.catalog.hold(order.hold.key).await?.ok_or_else(missing)?;
    let hers = NotificationFilter { recipient: Some(Recipient::User(order.user)), ..NotificationFilter::default() };
    let mails = stores.notifications.notifications(&hers, &PageRequest::first()).await?.items;
    Ok(Model { order, timeline, hold, mails })
}

impl Model {
    /// The same of another customer, with names of its own.
    fn copy<'a>(&self, ids: &IdSource, number: u64, skus: &mut impl Iterator<Item = &'a Sku>) -> Self {
        let mut copy = Self {
            order: self.order.clone(),
            timeline: self.timeline.clone(),
            hold: self.hold.clone(),
            mails: self.mails.clone(),
        };
        let user: UserId = ids.mint();
        let (id, key) = (ids.order(user), key(ids));
        (copy.order.id, copy.order.user, copy.order.number) = (id, user, format!("PAST-{number}"));
        copy.order.payment.id = ids.mint();
        copy.order.hold = HoldRef { key, generation: 1 };
        copy.order.version = 1;
        (copy.hold.key, copy.hold.generation) = (key, 1);
        for (line, held) in copy.order.lines.iter_mut().zip(&mut copy.hold.lines) {
            if let Some(sku) = skus.next() {
                line.sku.clone_from(sku);
                held.sku.clone_from(sku);
            }
        }
        for entry in &mut copy.timeline {
            (entry.id, entry.order) = (ids.mint(), id);
        }
        for mail in &mut copy.mails {
            (mail.id, mail.event, mail.recipient, mail.version) = (ids.mint(), ids.mint(), Recipient::User(user), 1);
        }
        copy
    }

    /// Its hold, taken and sold.
    fn stock(&self, ids: &IdSource) -> Vec<CatalogWrite> {
        let movement = |kind, sku: &Sku, on_hand, reserved| {
            let reference = Some(self.hold.key.to_hex());
            let (id, reason, at) = (ids.mint(), "copied".to_owned(), SystemClock.now());
            CatalogWrite::Move(Movement { id, sku: sku.clone(), kind, on_hand, reserved, reference, reason, actor: None, at })
        };
        let mut writes = vec![CatalogWrite::InsertHold(self.hold.clone())];
        for line in &self.hold.lines {
            let units = i64::from(line.quantity);
            writes.push(movement(MovementKind::Reservation, &line.sku, 0, units));
            writes.push(movement(MovementKind::Sale, &line.sku, -units, -units));
        }
        writes
    }
}

fn key(ids: &IdSource) -> HoldKey {
    HoldKey::from_hex(&ids.secret()).expect("a secret is 64 hexadecimal digits")
}
