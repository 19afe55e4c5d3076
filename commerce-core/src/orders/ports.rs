//! What the orders context needs of the world.

mod providers;

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use crate::catalog::HoldKey;
use crate::change::{ChangeSet, CommitError, Keys};
use crate::error::{Outcome, StoreError};
use crate::ids::{AddressId, AttemptId, CategoryId, CouponId, OrderId, ProductId, ReturnId, UserId};
use crate::money::Money;
use crate::page::{Page, PageRequest};
use crate::text::{CouponCode, Email, Quantity, Sku};
use crate::time::Timestamp;
use crate::users::PostalAddress;

use super::cart::{Cart, CartOwner};
use super::coupon::{Coupon, Redemption};
use super::model::{HoldRef, Order, OrderStatus, TimelineEntry};
use super::payment::{PaymentFact, PaymentStatus};
use super::returns::{ReturnFilter, ReturnOf};
use super::wallet::{TopUp, Wallet, WalletEntry};

pub use providers::*;

/// Which orders a list shows.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Only of this user.
    pub user: Option<UserId>,
    /// Only in this status.
    pub status: Option<OrderStatus>,
    /// Only placed at this instant or later.
    pub from: Option<Timestamp>,
    /// Only placed before this instant.
    pub to: Option<Timestamp>,
    /// Only with this number.
    pub number: Option<String>,
    /// Only in which something personal is left.
    pub personal: bool,
}

/// What a worker of this context looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DueWork {
    /// Orders with an attempt whose provider is to be asked.
    Attempts,
    /// Pending orders whose time to be paid is over.
    Deadlines,
    /// Orders with a refund to be sent or asked about.
    Refunds,
}

/// Reads what was bought.
#[async_trait]
pub trait PurchaseReads: Send + Sync {
    /// Whether an order of this user that is neither pending nor cancelled has this product.
    async fn bought(&self, user: UserId, product: ProductId) -> Result<bool, StoreError>;
}

/// Reads coupons, and what orders have used of them.
#[async_trait]
pub trait CouponReads: Send + Sync {
    /// A coupon by its code, with the uses that count now.
    async fn coupon(&self, code: &CouponCode) -> Result<Option<Coupon>, StoreError>;

    /// Coupons, newest first.
    async fn coupons(&self, page: &PageRequest) -> Result<Page<Coupon>, StoreError>;

    /// How many uses of a coupon by one customer count now.
    async fn coupon_uses(&self, coupon: CouponId, user: UserId) -> Result<u32, StoreError>;

    /// What an order has used of coupons, in no particular order; what was given back included.
    async fn redemptions(&self, order: OrderId) -> Result<Vec<Redemption>, StoreError>;
}

/// Finds returns; each is read with its order.
#[async_trait]
pub trait ReturnReads: Send + Sync {
    /// The order that a return is of.
    async fn order_of_return(&self, id: ReturnId) -> Result<Option<OrderId>, StoreError>;

    /// Returns, newest first.
    async fn returns(&self, filter: &ReturnFilter, page: &PageRequest) -> Result<Page<ReturnOf>, StoreError>;
}

/// Reads wallets, and what is put into them.
#[async_trait]
pub trait WalletReads: Send + Sync {
    /// What a user has; none while nothing was ever entered.
    async fn wallet(&self, user: UserId) -> Result<Option<Wallet>, StoreError>;

    /// What was entered in a user's wallet, newest key first.
    async fn wallet_entries(&self, user: UserId, page: &PageRequest) -> Result<Page<WalletEntry>, StoreError>;

    /// What was entered under these keys, in no particular order; those under which nothing was are left out.
    async fn entered(&self, keys: &[Uuid]) -> Result<Vec<WalletEntry>, StoreError>;

    /// A top-up.
    async fn top_up(&self, id: AttemptId) -> Result<Option<TopUp>, StoreError>;

    /// Top-ups of everybody, newest first.
    async fn top_ups(&self, page: &PageRequest) -> Result<Page<TopUp>, StoreError>;

    /// The top-up that `provider` calls `reference`.
    async fn top_up_by_reference(&self, provider: &str, reference: &str) -> Result<Option<AttemptId>, StoreError>;

    /// Top-ups whose provider is to be asked at `now`, longest due first.
    async fn due_top_ups(&self, now: Timestamp, limit: u32) -> Result<Vec<AttemptId>, StoreError>;
}

/// Keeps orders with their payments, refunds, returns, history, coupons and wallets.
#[async_trait]
pub trait OrderStore: CouponReads + ReturnReads + PurchaseReads + WalletReads + Keys {
    /// An order by id.
    async fn order(&self, id: OrderId) -> Result<Option<Order>, StoreError>;

    /// Orders, newest first.
    async fn orders(&self, filter: &OrderFilter, page: &PageRequest) -> Result<Page<Order>, StoreError>;

    /// An order's history, oldest first.
    async fn timeline(&self, order: OrderId, page: &PageRequest) -> Result<Page<TimelineEntry>, StoreError>;

    /// The order of an attempt or refund that `provider` calls `reference`.
    async fn order_by_reference(&self, provider: &str, reference: &str) -> Result<Option<OrderId>, StoreError>;

    /// The order that stands on this generation of a hold, with its status.
    async fn order_on_hold(&self, hold: HoldRef) -> Result<Option<(OrderId, OrderStatus)>, StoreError>;

    /// Orders with work due at `now`, longest due first.
    async fn due(&self, work: DueWork, now: Timestamp, limit: u32) -> Result<Vec<OrderId>, StoreError>;

    /// What providers said about references nobody knew, to be tried again; newest first. A reference that will be known
    /// is so soon, and what an account shared with others brings is never in its way.
    async fn parked(&self, limit: u32) -> Result<Vec<ProviderEvent>, StoreError>;

    /// Commits a change set whole or not at all.
    async fn commit(&self, changes: ChangeSet<OrderWrite>) -> Result<(), CommitError>;
}

/// What the orders context writes.
#[derive(Clone, Debug)]
pub enum OrderWrite {
    /// A new order with its payment. `Duplicate("number")`, `Duplicate("id")`.
    Insert(Order),
    /// A changed order with its payment, attempts and refunds, with the version it will have.
    Update(Order),
    /// A payment's status is written as it derives, where a store keeps it beside what it derives from:
    /// for an audit that found it at odds. `Stale("order")` unless the order still has this version.
    Restate(OrderId, u64, PaymentStatus),
    /// One more line of history.
    Timeline(TimelineEntry),
    /// What a line of history said in words is forgotten: its note becomes this entry's. It goes along with
    /// an [`Update`](Self::Update) of its order, which guards it.
    Reword(TimelineEntry),
    /// The cart that this claim stands for ([`Cart::claim`]) is ordered with this order: `CartOrdered`
    /// when it was before.
    ClaimCart(Uuid, OrderId),
    /// A new coupon (version 1), or a changed one with the version it will have; the uses that count stay.
    /// `Duplicate("code")`; `Exhausted` when more uses count than it would allow in all.
    SaveCoupon(Coupon),
    /// A coupon is gone; what was used of it stays known. `Stale("coupon")` unless it still has this version.
    DropCoupon(CouponId, u64),
    /// An order uses a coupon: one use more counts. `Stale("coupon")` unless the coupon still has the version
    /// that the order was judged by; `Exhausted` where a limit is reached.
    Redeem(Redemption),
    /// What this order has used of coupons is given back at this instant, and counts no more; what was given
    /// back before stays as it is.
    GiveBack(OrderId, Timestamp),
    /// Something goes into a wallet or out of it: `Duplicate("entry")` when something was entered under this key
    /// before, `TooLittle` unless enough is there and of the wallet's currency.
    Enter(WalletEntry),
    /// A new top-up (version 1), or a changed one with the version it will have. `Duplicate("id")`,
    /// `Stale("top-up")`.
    TopUp(TopUp),
    /// What a provider said, as it came in: `AlreadyHandled` when it came before, unless it was
    /// parked and is not any more.
    Provider(ProviderEvent),
}

/// A provider's message, kept to know repeats.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProviderEvent {
    /// Who says it.
    pub provider: String,
    /// The provider's own id of the message.
    pub event_id: String,
    /// About which attempt or refund, by the provider's name for it.
    pub reference: String,
    /// What it says.
    pub fact: ProviderFact,
    /// What became of it.
    pub state: ProviderEventState,
    /// When it came.
    pub at: Timestamp,
}

/// What a provider's message is about.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProviderFact {
    /// A payment.
    Payment(PaymentFact),
    /// A refund went through, of this amount.
    RefundSucceeded(Money),
    /// Nothing that the shop keeps books of; it is taken over and forgotten.
    Other,
}

crate::events::wire_names! {
    /// What became of a provider's message.
    ProviderEventState {
        /// It changed something, or said what was known.
        Applied = "APPLIED",
        /// Nobody knows the reference yet.
        Parked = "PARKED",
        /// It contradicts our books (amount, currency); somebody must look.
        Quarantined = "QUARANTINED",
    }
}

/// Keeps carts; apart from orders, because they may live in another store. Change sets about carts
/// say nothing, so that such a store needs no outbox.
#[async_trait]
pub trait CartStore: Keys {
    /// Whether what these carts handled of events is noted in the books of orders, where an audit looks for it.
    fn in_books(&self) -> bool {
        true
    }

    /// A cart that has not expired at `now`.
    async fn cart(&self, owner: CartOwner, now: Timestamp) -> Result<Option<Cart>, StoreError>;

    /// Commits a change set whole or not at all.
    async fn commit(&self, changes: ChangeSet<CartWrite>) -> Result<(), CommitError>;
}

/// What is written about carts.
#[derive(Clone, Debug)]
pub enum CartWrite {
    /// A cart where there is none, or one that has expired.
    Begin(Cart),
    /// An edited cart, with the version it will have.
    Save(Cart),
}

impl CartWrite {
    /// This cart, edited at `now`.
    #[must_use]
    pub fn edit(cart: Cart, now: Timestamp) -> Self {
        if cart.is_stored() { Self::Save(cart.edited(now)) } else { Self::Begin(cart.edited(now)) }
    }

    /// The cart as it will be.
    #[must_use]
    pub fn cart(&self) -> &Cart {
        match self {
            Self::Begin(cart) | Self::Save(cart) => cart,
        }
    }
}

/// What the catalog says about one SKU.
pub type PricedItem = crate::catalog::Item;

/// What came of asking for stock.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// Which generation holds.
    pub hold: HoldRef,
    /// The unit price of each SKU it is held under; these are the order's.
    pub prices: Vec<(Sku, Money)>,
    /// When the sweeper may ask about it.
    pub expires_at: Timestamp,
}

/// The catalog as orders needs it: a direct call in one process, HTTP between processes.
#[async_trait]
pub trait CatalogPort: Send + Sync {
    /// What the catalog's writer says about these SKUs; unknown ones are left out.
    async fn items(&self, skus: &[Sku]) -> Outcome<Vec<PricedItem>>;

    /// The same to be shown and to fill carts by: at most a moment old, and no order is decided by it.
    async fn items_shown(&self, skus: &[Sku]) -> Outcome<Vec<PricedItem>>;

    /// Holds all lines or none. The same key and lines while active: the same hold. Other lines
    /// under an active hold: `IDEMPOTENCY_MISMATCH`. A dead hold is taken anew, one generation on.
    /// `known` is what [`items`](Self::items) just said about these SKUs.
    ///
    /// # Errors
    /// `SOLD_OUT` with every short SKU.
    async fn reserve(&self, key: HoldKey, lines: &[(Sku, Quantity)], known: &[PricedItem]) -> Outcome<Held>;

    /// Gives an active hold back. Terminal: no later commit of it succeeds.
    async fn release(&self, hold: HoldRef) -> Outcome<()>;

    /// The categories that each of these products is in, those above its own included; a product without
    /// a category, and an unknown one, is in none.
    async fn categories(&self, products: &[ProductId]) -> Outcome<Vec<(ProductId, Vec<CategoryId>)>>;

    /// The same port in the course of this trace (W3C `traceparent`), where that makes a difference.
    fn in_trace(&self, _traceparent: &str) -> Option<Arc<dyn CatalogPort>> {
        None
    }
}

/// Users as orders needs them.
#[async_trait]
pub trait Customers: Send + Sync {
    /// An address of this user; without an id her default one.
    async fn address(&self, user: UserId, address: Option<AddressId>) -> Outcome<Option<PostalAddress>>;

    /// The guest behind a mail address: an identity that no account has, the same for the same address. Whether anybody has
    /// an account with it changes nothing.
    async fn guest(&self, email: &Email) -> Outcome<UserId>;

    /// The guest behind a mail address who has ordered before; none is made.
    async fn known_guest(&self, email: &Email) -> Outcome<Option<UserId>>;

    /// The link that shows a guest's order to who has it; none when this is no guest.
    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>>;

    /// The guest and the order that a link shows; none when it does not hold.
    async fn follow(&self, link: &str) -> Outcome<Option<(UserId, OrderId)>>;

    /// The same port in the course of this trace (W3C `traceparent`), where that makes a difference.
    fn in_trace(&self, _traceparent: &str) -> Option<Arc<dyn Customers>> {
        None
    }
}
