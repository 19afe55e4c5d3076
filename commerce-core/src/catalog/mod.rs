//! Catalog: what is sold, by whom, and how much of it is there.
//!
//! Owns products, categories, sellers, inventory, the stock ledger and the holds. Never knows who
//! buys or how it is paid; it asks orders (through [`Orders`]) before it ends a hold by time.
//! Start reading at [`model`] and [`stock`], then `reserve`.

pub mod model;
pub mod ports;
pub mod stock;

use std::sync::Arc;

use crate::ids::IdSource;
use crate::time::Clock;

pub use model::*;
pub use ports::*;
pub use stock::*;

/// The use cases of the catalog context.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) store: Arc<dyn CatalogStore>,
    pub(crate) orders: Arc<dyn HoldOwners>,
    pub(crate) search: Arc<dyn ProductSearch>,
    pub(crate) images: Arc<dyn ImageStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
}
