//! Catalog: what is sold, by whom, and how much of it is there.
//!
//! Owns products, categories, sellers, inventory, the stock ledger, the holds, reviews and wishlists. Never
//! knows who buys or how it is paid; it asks orders (through [`HoldOwners`]) before it ends a hold by time,
//! and (through [`Purchases`]) whether who reviews a product has bought it.
//! Start reading at [`model`] and [`stock`], then [`reserve`], then [`stock_keeper`].

mod access;
pub mod adjust_stock;
pub mod alert_low_stock;
pub mod categories;
pub mod change_product;
pub mod create_product;
pub mod end_hold;
pub mod images;
pub mod import_categories;
mod import_product;
pub mod import_sellers;
pub mod model;
pub mod ports;
pub mod product_input;
mod provide;
pub mod read_products;
pub mod read_stock;
pub mod reserve;
pub mod review;
pub mod reviews;
pub mod search;
pub mod sellers;
pub mod stock;
pub mod stock_keeper;
pub mod sweep_holds;
pub mod tree;
pub mod wishlists;

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::actor::Actor;
use crate::events::Envelope;
use crate::ids::IdSource;
use crate::staff::{Deed, StaffAction, Subject};
use crate::time::Clock;

use self::alert_low_stock::Told;

pub use categories::{CategoryPatch, NewCategory};
pub use change_product::{ProductPatch, VariantPatch};
pub(crate) use end_hold::{Ending, ending};
pub use import_categories::{ImportCategory, MetCategories};
pub use import_product::{ImportProduct, Imported, Part, Unsaid};
pub use import_sellers::{ImportSeller, MetSellers};
pub use model::*;
pub use ports::*;
pub use product_input::{NewImage, NewProduct, NewVariant};
pub use read_products::ListProducts;
pub use review::{NewReview, Review, ReviewStatus, Wish};
pub use search::{SearchRequest, SearchResults};
pub use sellers::{HOUSE, NewSeller, SellerPatch};
pub use stock::*;
pub use stock_keeper::StockKeeper;
pub use wishlists::Wished;

/// The use cases of the catalog context.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) store: Arc<dyn CatalogStore>,
    pub(crate) orders: Arc<dyn HoldOwners>,
    pub(crate) purchases: Arc<dyn Purchases>,
    pub(crate) search: Arc<dyn ProductSearch>,
    pub(crate) images: Arc<dyn ImageStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) policy: StockPolicy,
    pub(crate) told_low: Told,
}

/// What the shop decides about stock.
#[derive(Clone, Copy, Debug)]
pub struct StockPolicy {
    /// At this many available units of a new SKU ops are told.
    pub low_stock_threshold: i64,
    /// For how long ops are not told of a SKU again that rises and falls.
    pub low_stock_quiet: Duration,
}

impl Default for StockPolicy {
    fn default() -> Self {
        let (low_stock_threshold, low_stock_quiet) = (crate::limits::LOW_STOCK_THRESHOLD, crate::limits::LOW_STOCK_QUIET);
        Self { low_stock_threshold, low_stock_quiet }
    }
}

impl Catalog {
    /// Over these ports.
    pub fn new(
        store: Arc<dyn CatalogStore>,
        orders: Arc<dyn HoldOwners>,
        purchases: Arc<dyn Purchases>,
        search: Arc<dyn ProductSearch>,
        images: Arc<dyn ImageStore>,
        clock: Arc<dyn Clock>,
        ids: IdSource,
    ) -> Self {
        let (policy, told_low) = (StockPolicy::default(), Told::default());
        Self { store, orders, purchases, search, images, clock, ids, policy, told_low }
    }

    /// With the shop's own decisions.
    #[must_use]
    pub fn with_policy(self, policy: StockPolicy) -> Self {
        Self { policy, ..self }
    }

    /// What is said of a deed, where it is staff that did it.
    pub(crate) fn told(&self, actor: &Actor, action: StaffAction, subject: Subject, detail: Value) -> Option<Envelope> {
        Deed::of(action, subject, detail).said(actor, &self.ids, self.clock.now())
    }

    /// The same use cases in the course of this trace (W3C `traceparent`): their events carry it.
    #[must_use]
    pub fn in_trace(&self, traceparent: &str) -> Self {
        Self { ids: self.ids.in_trace(traceparent), ..self.clone() }
    }
}
