//! Judges what the orders context writes: orders, history, claims of carts, providers' messages,
//! and carts.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitRefusal};
use commerce_core::ids::{OrderId, TimelineId};
use commerce_core::orders::{
    Cart, CartWrite, Order, OrderWrite, PaymentStatus, ProviderEvent, ProviderEventState, TimelineEntry,
};
use uuid::Uuid;

use super::coupons::{CouponsJudge, CouponsWants};
use super::wallets::{WalletsJudge, WalletsWants};
use super::{Judge, judge_free, judge_version};
use crate::sql::table::{Log, Table};

/// What goes into the orders database: carts live beside orders.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all writes are the large one")]
pub enum OrdersWrite {
    /// About orders.
    Order(OrderWrite),
    /// About carts.
    Cart(CartWrite),
}

/// An aggregate as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct Versioned<'a, T> {
    pub(crate) version: u64,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a T>,
}

/// A cart as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct CartRow<'a> {
    pub(crate) version: u64,
    pub(crate) expires_at: Timestamp,
    pub(crate) write: Option<&'a Cart>,
}

/// A provider's message: what became of it, and what to write.
#[derive(Clone, Debug)]
pub(crate) struct HeardRow<'a> {
    pub(crate) state: ProviderEventState,
    pub(crate) write: Option<&'a ProviderEvent>,
}

/// The rows of the orders database that a batch works on.
#[derive(Default)]
pub(crate) struct OrdersJudge<'a> {
    pub(crate) orders: Table<OrderId, Versioned<'a, Order>>,
    pub(crate) numbers: Table<String, OrderId>,
    /// Payments whose status is written as it derives.
    pub(crate) restated: Log<(OrderId, PaymentStatus)>,
    pub(crate) timeline: Table<TimelineId, Option<&'a TimelineEntry>>,
    /// Lines of history whose notes change.
    pub(crate) reworded: Log<&'a TimelineEntry>,
    pub(crate) claims: Table<Uuid, OrderId>,
    pub(crate) heard: Table<(String, String), HeardRow<'a>>,
    pub(crate) carts: Table<Uuid, CartRow<'a>>,
    pub(crate) coupons: CouponsJudge<'a>,
    pub(crate) wallets: WalletsJudge<'a>,
}

impl<'a> OrdersJudge<'a> {
    fn order(&mut self, write: &'a OrderWrite) -> Result<(), CommitRefusal> {
        match write {
            OrderWrite::Insert(order) => {
                judge_free("id", self.orders.get(&order.id).is_some())?;
                judge_free("number", self.numbers.get(&order.number).is_some())?;
                self.numbers.set(order.number.clone(), order.id);
                self.orders.set(order.id, Versioned { version: order.version, write: Some(order) });
            }
            OrderWrite::Update(order) => {
                judge_version("order", self.orders.get(&order.id).map(|row| row.version), order.version)?;
                self.orders.set(order.id, Versioned { version: order.version, write: Some(order) });
            }
            OrderWrite::Restate(order, version, status) => {
                judge_version("order", self.orders.get(order).and_then(|row| row.version.checked_sub(1)), *version)?;
                self.restated.push((*order, *status));
            }
            OrderWrite::Timeline(entry) => {
                judge_free("id", self.timeline.get(&entry.id).is_some())?;
                self.timeline.set(entry.id, Some(entry));
            }
            OrderWrite::Reword(entry) => self.reworded.push(entry),
            OrderWrite::ClaimCart(claim, order) => {
                if let Some(first) = self.claims.get(claim) {
                    return Err(CommitRefusal::CartOrdered(*first));
                }
                self.claims.set(*claim, *order);
            }
            OrderWrite::SaveCoupon(coupon) => self.coupons.save(coupon)?,
            OrderWrite::DropCoupon(coupon, version) => self.coupons.remove(*coupon, *version)?,
            OrderWrite::Redeem(redemption) => self.coupons.redeem(redemption)?,
            OrderWrite::GiveBack(order, at) => self.coupons.give_back(*order, *at),
            OrderWrite::Enter(entry) => self.wallets.enter(entry)?,
            OrderWrite::TopUp(top_up) => self.wallets.save(top_up)?,
            OrderWrite::Provider(event) => self.hear(event)?,
        }
        Ok(())
    }

    fn hear(&mut self, event: &'a ProviderEvent) -> Result<(), CommitRefusal> {
        let name = (event.provider.clone(), event.event_id.clone());
        if let Some(known) = self.heard.get(&name) {
            let settles = known.state == ProviderEventState::Parked && event.state != ProviderEventState::Parked;
            if !settles {
                return Err(CommitRefusal::AlreadyHandled);
            }
        }
        self.heard.set(name, HeardRow { state: event.state, write: Some(event) });
        Ok(())
    }

    fn cart(&mut self, write: &'a CartWrite, now: Timestamp) -> Result<(), CommitRefusal> {
        let cart = write.cart();
        let kept = self.carts.get(&cart.owner.key()).filter(|kept| now < kept.expires_at).map(|kept| kept.version);
        match write {
            CartWrite::Begin(_) if kept.is_none() => {}
            CartWrite::Begin(_) => return Err(CommitRefusal::Stale("cart")),
            CartWrite::Save(_) => judge_version("cart", kept, cart.version)?,
        }
        let row = CartRow { version: cart.version, expires_at: cart.expires_at(), write: Some(cart) };
        self.carts.set(cart.owner.key(), row);
        Ok(())
    }
}

impl<'a> Judge<'a, OrdersWrite> for OrdersJudge<'a> {
    fn judge(&mut self, writes: &'a [OrdersWrite], now: Timestamp) -> Result<(), CommitRefusal> {
        writes.iter().try_for_each(|write| match write {
            OrdersWrite::Order(write) => self.order(write),
            OrdersWrite::Cart(write) => self.cart(write, now),
        })
    }

    fn keep(&mut self) {
        self.orders.keep();
        self.numbers.keep();
        self.restated.keep();
        self.timeline.keep();
        self.reworded.keep();
        self.claims.keep();
        self.heard.keep();
        self.carts.keep();
        self.coupons.keep();
        self.wallets.keep();
    }

    fn undo(&mut self) {
        self.orders.undo();
        self.numbers.undo();
        self.restated.undo();
        self.timeline.undo();
        self.reworded.undo();
        self.claims.undo();
        self.heard.undo();
        self.carts.undo();
        self.coupons.undo();
        self.wallets.undo();
    }
}

/// What a batch must know of the orders database before it can be judged.
#[derive(Default)]
pub(crate) struct OrdersWants {
    pub(crate) orders: BTreeSet<OrderId>,
    pub(crate) numbers: BTreeSet<String>,
    pub(crate) timeline: BTreeSet<(OrderId, TimelineId)>,
    pub(crate) claims: BTreeSet<Uuid>,
    pub(crate) heard: BTreeSet<(String, String)>,
    pub(crate) carts: BTreeSet<Uuid>,
    pub(crate) coupons: CouponsWants,
    pub(crate) wallets: WalletsWants,
}

impl OrdersWants {
    /// Of this batch.
    pub(crate) fn of(sets: &[&ChangeSet<OrdersWrite>]) -> Self {
        let mut wants = Self::default();
        for write in sets.iter().flat_map(|set| &set.writes) {
            wants.add(write);
        }
        wants
    }

    fn add(&mut self, write: &OrdersWrite) {
        match write {
            OrdersWrite::Order(OrderWrite::Insert(order)) => {
                self.orders.insert(order.id);
                self.numbers.insert(order.number.clone());
            }
            OrdersWrite::Order(OrderWrite::Update(order)) => {
                self.orders.insert(order.id);
            }
            OrdersWrite::Order(OrderWrite::Restate(order, ..)) => {
                self.orders.insert(*order);
            }
            OrdersWrite::Order(OrderWrite::Timeline(entry)) => {
                self.timeline.insert((entry.order, entry.id));
            }
            // Its order is wanted as well, which guards it.
            OrdersWrite::Order(OrderWrite::Reword(_)) => {}
            OrdersWrite::Order(OrderWrite::ClaimCart(claim, _)) => {
                self.claims.insert(*claim);
            }
            OrdersWrite::Order(OrderWrite::SaveCoupon(coupon)) => self.coupons.save(coupon),
            OrdersWrite::Order(OrderWrite::DropCoupon(coupon, _)) => {
                self.coupons.ids.insert(*coupon);
            }
            OrdersWrite::Order(OrderWrite::Redeem(redemption)) => self.coupons.redeem(redemption),
            OrdersWrite::Order(OrderWrite::GiveBack(order, _)) => {
                self.coupons.orders.insert(*order);
            }
            OrdersWrite::Order(OrderWrite::Enter(entry)) => self.wallets.enter(entry),
            OrdersWrite::Order(OrderWrite::TopUp(top_up)) => {
                self.wallets.top_ups.insert(top_up.attempt.id);
            }
            OrdersWrite::Order(OrderWrite::Provider(event)) => {
                self.heard.insert((event.provider.clone(), event.event_id.clone()));
            }
            OrdersWrite::Cart(write) => {
                self.carts.insert(write.cart().owner.key());
            }
        }
    }
}
