//! Orders: carts, what they cost, what was ordered, how it is paid and where it is.
//!
//! Owns carts, orders with their payments and refunds, and their history. It reaches stock and
//! prices through [`CatalogPort`], customers through [`Customers`] and money through
//! [`PaymentGateway`]. Start reading at [`place`], then [`model`] and [`payment`].

pub mod cart;
pub mod model;
pub mod payment;
pub mod ports;
pub mod pricing;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::IdSource;
use crate::money::Currency;
use crate::time::Clock;

pub use cart::*;
pub use model::*;
pub use payment::*;
pub use ports::*;
pub use pricing::*;

/// The use cases of the orders context.
#[derive(Clone)]
pub struct Orders {
    pub(crate) store: Arc<dyn OrderStore>,
    pub(crate) carts: Arc<dyn CartStore>,
    pub(crate) catalog: Arc<dyn CatalogPort>,
    pub(crate) customers: Arc<dyn Customers>,
    /// By provider name; the first that takes a method serves it.
    pub(crate) gateways: BTreeMap<&'static str, Arc<dyn PaymentGateway>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: OrderPolicy,
}

/// What the shop decides for all orders.
#[derive(Clone, Debug)]
pub struct OrderPolicy {
    /// The currency of carts and orders that have no line yet.
    pub currency: Currency,
    /// How orders are shipped and at what price; the first is the default.
    pub shipping: Vec<ShippingOption>,
}
