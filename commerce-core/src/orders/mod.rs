//! Orders: carts, what they cost, what was ordered, how it is paid and where it is.
//!
//! Owns carts, orders with their payments and refunds, and their history. It reaches stock and
//! prices through [`CatalogPort`], customers through [`Customers`] and money through
//! [`PaymentGateway`]. Start reading at `place.rs`, then [`model`], [`payment`] and [`facts`].

pub mod cancel_lines;
mod capture;
pub mod cart;
mod collect;
pub mod coupon;
mod coupons;
pub mod discount;
mod draft;
mod exchange;
mod expire;
pub mod facts;
mod forget;
mod goodwill;
pub mod gst;
mod guest;
mod guest_cart;
mod message;
pub mod model;
mod pay;
pub mod payment;
mod place;
pub mod ports;
pub mod pricing;
mod provide;
mod quote;
mod read;
mod reconcile;
mod redirect;
mod reduce_cart;
mod refund;
mod repeat;
pub mod returns;
mod sandbox_message;
mod send_back;
mod ship;
pub mod shipments;
pub mod shipping;
mod shopping;
mod status;
pub mod story;
pub mod tax;
mod top_up;
mod tries;
pub(crate) mod unpaid;
pub mod wallet;

use std::sync::Arc;

use crate::actor::Actor;
use crate::change::digest;
use crate::events::Envelope;
use crate::ids::{IdSource, OrderId, UserId};
use crate::limits;
use crate::money::{Currency, Money};
use crate::staff::{Deed, StaffAction, Subject, SubjectKind};
use crate::time::Clock;

use serde_json::Value;
use wallet::WalletGateway;

pub use cancel_lines::Cancellation;
pub use capture::PromiseWish;
pub use cart::*;
pub use coupon::*;
pub use coupons::{CouponInput, CouponValue};
pub use discount::Coupons;
pub use draft::number_of;
pub use exchange::EXCHANGE;
pub use facts::*;
pub use goodwill::GiveMoney;
pub use gst::GstState;
pub use guest::{GuestBuyer, OrderLink};
pub use message::{provider_name, read_message, unreadable};
pub use model::*;
pub use payment::*;
pub use ports::*;
pub use pricing::*;
pub use provide::{CartReducer, HoldRegister, PurchaseRegister};
pub use quote::{AddressChoice, Offer, PlaceOrder};
pub use reconcile::{Mismatch, MismatchKind, Reconciliation};
pub use redirect::address_digest;
pub use returns::*;
pub use sandbox_message::{SandboxKind, SandboxMessage};
pub use send_back::{CameBack, RequestReturn};
pub use ship::{CarrierNews, NewShipment};
pub use shipments::*;
pub use shipping::*;
pub use shopping::{CartLineView, CartView};
pub use story::{Decided, Happening};
pub use tax::*;
pub use tries::Try;
pub use wallet::{TopUp, Wallet, WalletEntry, WalletKind};

/// The use cases of the orders context.
#[derive(Clone)]
pub struct Orders {
    pub(crate) store: Arc<dyn OrderStore>,
    pub(crate) carts: Arc<dyn CartStore>,
    pub(crate) catalog: Arc<dyn CatalogPort>,
    pub(crate) customers: Arc<dyn Customers>,
    /// By provider name; the first that takes a method serves it.
    /// In the order in which they are asked for a method.
    pub(crate) gateways: Arc<[Arc<dyn PaymentGateway>]>,
    pub(crate) cart_key: Arc<[u8; 32]>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: OrderPolicy,
}

/// The key that seals the tokens of guests' carts, out of a secret that every process of the shop's orders knows and nobody
/// else does. Another one makes all carts unknown that nothing was put into yet.
#[must_use]
pub fn cart_key(secret: &[u8]) -> [u8; 32] {
    digest(&[b"guest carts", secret])
}

/// What the orders context is made of.
pub struct OrderPorts {
    /// Keeps orders.
    pub store: Arc<dyn OrderStore>,
    /// Keeps carts.
    pub carts: Arc<dyn CartStore>,
    /// Prices and stock.
    pub catalog: Arc<dyn CatalogPort>,
    /// Address books.
    pub customers: Arc<dyn Customers>,
    /// Payment providers; the first that takes a method serves it.
    pub gateways: Vec<Arc<dyn PaymentGateway>>,
    /// Seals the tokens of guests' carts: see [`cart_key`].
    pub cart_key: [u8; 32],
}

impl Orders {
    /// The use cases over these ports. The wallet is a provider beside them.
    pub fn new(ports: OrderPorts, clock: Arc<dyn Clock>, ids: IdSource, policy: OrderPolicy) -> Self {
        let OrderPorts { store, carts, catalog, customers, mut gateways, cart_key } = ports;
        gateways.push(Arc::new(WalletGateway::new(Arc::clone(&store), Arc::clone(&clock))));
        let (gateways, cart_key) = (gateways.into(), Arc::new(cart_key));
        Self { store, carts, catalog, customers, gateways, cart_key, clock, ids, policy }
    }

    /// The name of the provider that takes this method; none for cash on delivery, and for what the
    /// shop does not take.
    pub fn provider_of(&self, method: PaymentMethod) -> Option<&'static str> {
        self.gateways.iter().find(|gateway| gateway.takes(method)).map(|gateway| gateway.name())
    }

    /// What is said of what only staff may do to an order.
    pub(crate) fn told(&self, actor: &Actor, order: OrderId, action: StaffAction, detail: Value) -> Option<Envelope> {
        let deed = Deed::of(action, Subject::of(SubjectKind::Order, order), detail);
        deed.said(actor, &self.ids, self.clock.now())
    }

    /// What is said of what its owner may do, too, where it is staff that did it to somebody else's order.
    pub(crate) fn told_to(
        &self,
        owner: UserId,
        actor: &Actor,
        order: OrderId,
        action: StaffAction,
        detail: Value,
    ) -> Option<Envelope> {
        let deed = Deed::of(action, Subject::of(SubjectKind::Order, order), detail);
        deed.said_to(owner, actor, &self.ids, self.clock.now())
    }

    /// The same use cases in the course of this trace (W3C `traceparent`): their events and their calls
    /// to other processes carry it.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self {
            ids: self.ids.in_trace(traceparent),
            catalog: self.catalog.in_trace(traceparent).unwrap_or_else(|| Arc::clone(&self.catalog)),
            customers: self.customers.in_trace(traceparent).unwrap_or_else(|| Arc::clone(&self.customers)),
            ..self.clone()
        }
    }
}

/// What the shop decides for all orders.
#[derive(Clone, Debug)]
pub struct OrderPolicy {
    /// The currency of carts and orders that have no line yet.
    pub currency: Currency,
    /// Where the shop ships from: what an order costs is said for this place to who names none.
    pub home: Destination,
    /// How orders are shipped and at what price.
    pub shipping: Arc<dyn ShippingRates>,
    /// What is taxed.
    pub taxes: Arc<dyn TaxRules>,
    /// When promised money is taken.
    pub capture: Capture,
    /// Orders of one customer that may wait for their money at once; 0 for any number.
    pub unpaid_max: u32,
}

impl Default for OrderPolicy {
    /// Rupees, from India; standard shipping is free, express costs 99; nothing is taxed, and twenty orders of one customer
    /// may wait for their money.
    fn default() -> Self {
        let rate = |id, name, minor, days| Rate::flat(id, name, Money::new(minor, Currency::INR), days);
        let shipping = RateTable(vec![rate("standard", "Standard", 0, 5), rate("express", "Express", 9_900, 2)]);
        let home = Destination { country: gst::country(), state: None, postal_code: None };
        let (shipping, taxes) = (Arc::new(shipping), Arc::new(TaxTable::default()));
        Self {
            currency: Currency::INR,
            home,
            shipping,
            taxes,
            capture: Capture::Automatic,
            unpaid_max: limits::UNPAID_ORDERS_MAX,
        }
    }
}
