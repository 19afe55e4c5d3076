//! Orders with their payments and history, provider messages, and carts: one database.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::StoreError;
use crate::ids::{AttemptId, CouponId, Id, OrderId, ProductId, ReturnId, TimelineId, UserId};
use crate::orders::{
    Attempt, Cart, CartOwner, CartStore, CartWrite, Coupon, DueWork, HoldRef, Order, OrderFilter, OrderStatus, OrderStore,
    OrderWrite, ProviderEvent, ProviderEventState, PurchaseReads, Redemption, ReturnFilter, ReturnOf, ReturnReads, TimelineEntry,
    TopUp, Wallet, WalletEntry,
};
use crate::page::{Page, PageRequest};
use crate::time::{Clock, Timestamp};

use super::database::{Apply, Database, judge_free, judge_version, undo_tables};
use super::ports::database_ports;
use super::table::Table;

/// The orders database, carts included.
#[derive(Clone)]
pub struct MemoryOrders {
    pub(super) db: Database<Rows>,
}

impl MemoryOrders {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { db: Database::new(clock) }
    }
}

database_ports!(MemoryOrders, Orders);

#[derive(Default)]
pub(super) struct Rows {
    pub(super) orders: Table<OrderId, Order>,
    pub(super) timeline: Table<TimelineId, TimelineEntry>,
    pub(super) claimed_carts: Table<Uuid, (OrderId, Timestamp)>,
    pub(super) provider_events: Table<(String, String), ProviderEvent>,
    pub(super) carts: Table<Uuid, Cart>,
    pub(super) coupons: Table<CouponId, Coupon>,
    pub(super) redemptions: Table<(OrderId, CouponId), Redemption>,
    pub(super) wallets: Table<UserId, Wallet>,
    pub(super) entries: Table<Uuid, WalletEntry>,
    pub(super) top_ups: Table<AttemptId, TopUp>,
}

undo_tables!(
    Rows: orders, timeline, claimed_carts, provider_events, carts, coupons, redemptions, wallets, entries, top_ups
);

impl Rows {
    fn write(&mut self, write: OrderWrite, now: Timestamp) -> Result<(), CommitRefusal> {
        match write {
            OrderWrite::Insert(order) => {
                judge_free("id", self.orders.contains_key(&order.id))?;
                judge_free("number", self.orders.values().any(|other| other.number == order.number))?;
                self.orders.insert(order.id, order);
            }
            OrderWrite::Update(order) => {
                judge_version("order", self.orders.get(&order.id).map(|order| order.version), order.version)?;
                self.orders.insert(order.id, order);
            }
            // It is always derived here.
            OrderWrite::Restate(order, version, _) => {
                judge_version("order", self.orders.get(&order).and_then(|order| order.version.checked_sub(1)), version)?;
            }
            OrderWrite::Timeline(entry) => {
                judge_free("id", self.timeline.contains_key(&entry.id))?;
                self.timeline.insert(entry.id, entry);
            }
            OrderWrite::Reword(entry) => {
                self.timeline.insert(entry.id, entry);
            }
            OrderWrite::ClaimCart(claim, order) => {
                if let Some((first, _)) = self.claimed_carts.insert(claim, (order, now)) {
                    return Err(CommitRefusal::CartOrdered(first));
                }
            }
            OrderWrite::SaveCoupon(coupon) => self.save_coupon(coupon)?,
            OrderWrite::DropCoupon(coupon, version) => self.drop_coupon(coupon, version)?,
            OrderWrite::Redeem(redemption) => self.redeem(redemption)?,
            OrderWrite::GiveBack(order, at) => self.give_back(order, at),
            OrderWrite::Enter(entry) => self.enter(entry)?,
            OrderWrite::TopUp(top_up) => self.save_top_up(top_up)?,
            OrderWrite::Provider(event) => self.hear(event)?,
        }
        Ok(())
    }

    fn hear(&mut self, event: ProviderEvent) -> Result<(), CommitRefusal> {
        let name = (event.provider.clone(), event.event_id.clone());
        let settles =
            |known: &ProviderEvent| known.state == ProviderEventState::Parked && event.state != ProviderEventState::Parked;
        if self.provider_events.get(&name).is_some_and(|known| !settles(known)) {
            return Err(CommitRefusal::AlreadyHandled);
        }
        self.provider_events.insert(name, event);
        Ok(())
    }

    fn write_cart(&mut self, write: CartWrite, now: Timestamp) -> Result<(), CommitRefusal> {
        let key = write.cart().owner.key();
        let kept = self.carts.get(&key).filter(|kept| now < kept.expires_at()).map(|kept| kept.version);
        let cart = match write {
            CartWrite::Begin(cart) if kept.is_none() => cart,
            CartWrite::Begin(_) => return Err(CommitRefusal::Stale("cart")),
            CartWrite::Save(cart) => {
                judge_version("cart", kept, cart.version)?;
                cart
            }
        };
        self.carts.insert(key, cart);
        Ok(())
    }
}

impl Apply<OrderWrite> for Rows {
    fn apply(&mut self, writes: Vec<OrderWrite>, now: Timestamp) -> Result<(), CommitRefusal> {
        writes.into_iter().try_for_each(|write| self.write(write, now))
    }
}

impl Apply<CartWrite> for Rows {
    fn apply(&mut self, writes: Vec<CartWrite>, now: Timestamp) -> Result<(), CommitRefusal> {
        writes.into_iter().try_for_each(|write| self.write_cart(write, now))
    }
}

/// Whether the provider's `reference` is one of the order's attempts or refunds.
fn has_reference(order: &Order, provider: &str, reference: &str) -> bool {
    let by_provider = |attempt: &&Attempt| attempt.provider == provider;
    let named = |name: &Option<String>| name.as_deref() == Some(reference);
    order.payment.attempts.iter().filter(by_provider).any(|attempt| {
        let mut refunds = order.payment.refunds.iter().filter(|refund| refund.attempt == attempt.id);
        named(&attempt.reference) || refunds.any(|refund| named(&refund.reference))
    })
}

/// Since when `work` on the order is due, or will be.
fn due_since(order: &Order, work: DueWork) -> Option<Timestamp> {
    match work {
        DueWork::Attempts => order.payment.attempts.iter().filter_map(|attempt| attempt.check_at).min(),
        DueWork::Refunds => order.payment.refunds.iter().filter_map(|refund| refund.check_at).min(),
        DueWork::Deadlines => order.payment_due_at.filter(|_| order.status == OrderStatus::Pending),
    }
}

#[async_trait]
impl PurchaseReads for MemoryOrders {
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError> {
        let counts = |order: &&Order| {
            let has = order.lines.iter().any(|line| line.product_id == product);
            order.user == user && has && !matches!(order.status, OrderStatus::Pending | OrderStatus::Cancelled)
        };
        Ok(self.db.read(|rows| rows.orders.values().any(|order| counts(&order))).await)
    }
}

#[async_trait]
impl ReturnReads for MemoryOrders {
    async fn order_of_return(&self, id: ReturnId) -> Result<Option<OrderId>, StoreError> {
        let has = |order: &&Order| order.returns.iter().any(|it| it.id == id);
        Ok(self.db.read(|rows| rows.orders.values().find(has).map(|order| order.id)).await)
    }

    async fn returns(&self, filter: &ReturnFilter, page: &PageRequest) -> Result<Page<ReturnOf>, StoreError> {
        let of = |order: &Order| {
            let (id, user) = (order.id, order.user);
            order.returns.iter().cloned().map(move |it| ReturnOf { order: id, user, it }).collect::<Vec<_>>()
        };
        let shown = |it: &ReturnOf| {
            filter.user.is_none_or(|user| it.user == user) && filter.status.is_none_or(|status| it.it.status == status)
        };
        let returns = self.db.read(|rows| rows.orders.values().flat_map(of).filter(shown).collect()).await;
        Ok(super::newest_first(returns, page, |it: &ReturnOf| it.it.id.uuid()))
    }
}

#[async_trait]
impl OrderStore for MemoryOrders {
    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.db.read(|rows| rows.orders.get(&id).cloned()).await)
    }

    async fn orders(&self, filter: &OrderFilter, page: &PageRequest) -> Result<Page<Order>, StoreError> {
        let shown = |order: &&Order| {
            filter.user.is_none_or(|user| order.user == user)
                && filter.status.is_none_or(|status| order.status == status)
                && filter.from.is_none_or(|from| order.id >= OrderId::lower_bound(from))
                && filter.to.is_none_or(|to| order.id < OrderId::lower_bound(to))
                && filter.number.as_ref().is_none_or(|number| order.number == *number)
                && !(filter.personal && order.is_anonymous())
        };
        let orders = self.db.read(|rows| rows.orders.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(orders, page, |order| order.id.uuid()))
    }

    async fn timeline(&self, order: OrderId, page: &PageRequest) -> Result<Page<TimelineEntry>, StoreError> {
        let of_order = |entry: &&TimelineEntry| entry.order == order;
        let entries = self.db.read(|rows| rows.timeline.values().filter(of_order).cloned().collect()).await;
        Ok(super::oldest_first(entries, page, |entry| entry.id.uuid()))
    }

    async fn order_by_reference(&self, provider: &str, reference: &str) -> Result<Option<OrderId>, StoreError> {
        let found = |order: &&Order| has_reference(order, provider, reference);
        Ok(self.db.read(|rows| rows.orders.values().find(found).map(|order| order.id)).await)
    }

    async fn order_on_hold(&self, hold: HoldRef) -> Result<Option<(OrderId, OrderStatus)>, StoreError> {
        let stands = |order: &&Order| order.hold == hold;
        Ok(self.db.read(|rows| rows.orders.values().find(stands).map(|order| (order.id, order.status))).await)
    }

    async fn due(&self, work: DueWork, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError> {
        let mut due: Vec<(Timestamp, OrderId)> = self
            .db
            .read(|rows| {
                let since = |order: &Order| due_since(order, work).map(|since| (since, order.id));
                rows.orders.values().filter_map(since).filter(|(since, _)| *since <= now).collect()
            })
            .await;
        due.sort();
        Ok(super::at_most(due.into_iter().map(|(_, order)| order), limit))
    }

    async fn parked(&self, limit: u32) -> Result<Vec<ProviderEvent>, StoreError> {
        let waits = |event: &&ProviderEvent| event.state == ProviderEventState::Parked;
        let mut parked: Vec<ProviderEvent> =
            self.db.read(|rows| rows.provider_events.values().filter(waits).cloned().collect()).await;
        parked.sort_by_key(|event| std::cmp::Reverse(event.at));
        Ok(super::at_most(parked, limit))
    }

    async fn commit(&self, changes: ChangeSet<OrderWrite>) -> Result<(), CommitError> {
        self.db.commit(changes).await
    }
}

#[async_trait]
impl CartStore for MemoryOrders {
    async fn cart(&self, owner: CartOwner, now: Timestamp) -> Result<Option<Cart>, StoreError> {
        let alive = |cart: &&Cart| now < cart.expires_at();
        Ok(self.db.read(|rows| rows.carts.get(&owner.key()).filter(alive).cloned()).await)
    }

    async fn commit(&self, changes: ChangeSet<CartWrite>) -> Result<(), CommitError> {
        self.db.commit(changes).await
    }
}
