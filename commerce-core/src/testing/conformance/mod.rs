//! The promises of the ports as cases that every adapter passes.
//!
//! A suite takes a function that opens a fresh, empty store on a clock set by hand, and runs each
//! case on one of its own; a broken promise panics and names itself. Nothing here sleeps, and
//! nothing needs a particular runtime.
//!
//! ```
//! use std::sync::Arc;
//! use commerce_core::testing::conformance::{self, Opened};
//! use commerce_core::testing::memory::MemoryUsers;
//! use commerce_core::users::UserStore;
//!
//! let suite = conformance::users(async |clock| {
//!     let users = Arc::new(MemoryUsers::new(clock));
//!     Opened::<dyn UserStore>::new(users.clone(), users)
//! });
//! futures_executor::block_on(suite);
//! ```
//!
//! Start reading at [`Fixture`], then at `machinery`, which holds for every store.

#![expect(clippy::missing_panics_doc, reason = "a case panics when a promise is broken: that is its answer")]
#![expect(clippy::arithmetic_side_effects, reason = "cases count in small numbers")]
#![expect(clippy::cloned_ref_to_slice_refs, reason = "what a list should hold reads better as a list")]

mod audit;
mod buses;
mod carts;
mod categories;
mod coupons;
mod fixture;
mod gateways;
mod guests;
mod holds;
mod images;
mod letters;
mod machinery;
mod mails;
mod neighbours;
mod notifications;
mod opinions;
mod orders;
mod outbox;
mod outside;
mod payments;
mod products;
mod samples;
mod search;
mod secrets;
mod staff_log;
mod stock;
mod subjects;
mod traffic;
mod users;
mod wallets;
mod webhooks;
mod whole_orders;

pub use audit::{NoWait, Tampered, audit, audit_together, buy_and_change_mind, each_column, erasure, trade};
pub use buses::{Carrier, samples_of_events};
pub use fixture::{Fixture, Opened, Subject};
pub use mails::Post;
pub use outside::Made;

use std::sync::Arc;

use crate::catalog::{CatalogStore, HoldOwners, ImageStore, ProductSearch, Purchases};
use crate::commerce::Context;
use crate::events::desk::LetterBox;
use crate::notifications::{Contacts, NotificationStore, Renderer};
use crate::orders::{CartStore, CatalogPort, Customers, OrderStore, PaymentGateway};
use crate::part::Part;
use crate::testing::ManualClock;
use crate::traffic::RateLimiter;
use crate::users::{Accounts, PasswordHasher, Records, Sellers, TokenSigner, UserStore};

/// Runs each case on a fresh store.
macro_rules! cases {
    ($make:expr; $($case:path),+ $(,)?) => {
        $($case(&$crate::testing::conformance::Fixture::open($make).await).await;)+
    };
}
use cases;

/// Every promise of a [`UserStore`].
pub async fn users(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn UserStore>) {
    machinery::all(&make).await;
    users::all(&make).await;
    guests::all(&make).await;
    staff_log::all(&make).await;
}

/// Every promise of a [`CatalogStore`].
pub async fn catalog(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CatalogStore>) {
    machinery::all(&make).await;
    products::all(&make).await;
    categories::all(&make).await;
    stock::all(&make).await;
    holds::all(&make).await;
    opinions::all(&make).await;
}

/// Every promise of an [`OrderStore`].
pub async fn orders(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn OrderStore>) {
    machinery::all(&make).await;
    orders::all(&make).await;
    payments::all(&make).await;
    coupons::all(&make).await;
    wallets::all(&make).await;
}

/// Every promise of a [`CartStore`].
pub async fn carts(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CartStore>) {
    machinery::all(&make).await;
    carts::all(&make).await;
}

/// Every promise of a [`CartStore`] that is a store of its own, without an outbox.
pub async fn carts_apart(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn CartStore>) {
    machinery::commits(&make).await;
    carts::all(&make).await;
}

/// Every promise of a [`NotificationStore`].
pub async fn notifications(make: impl AsyncFn(Arc<ManualClock>) -> Opened<dyn NotificationStore>) {
    machinery::all(&make).await;
    notifications::all(&make).await;
    webhooks::all(&make).await;
}

/// Every promise of a [`PaymentGateway`] that knows the sandbox's tokens. Webhooks are each
/// provider's own.
pub async fn sandbox_gateway(make: impl AsyncFn() -> Made<dyn PaymentGateway>) {
    gateways::all(&make).await;
}

/// What a [`PaymentGateway`] over the wire promises, whose customers do what the sandbox's tokens say. That a charge and a void which
/// meet agree at once is promised by ledgers of our own alone; here the books learn it from the next answer.
pub async fn remote_gateway(make: impl AsyncFn() -> Made<dyn PaymentGateway>) {
    gateways::remote(&make).await;
}

/// Every promise of an [`ImageStore`].
pub async fn images(make: impl AsyncFn() -> Made<dyn ImageStore>) {
    images::all(&make).await;
}

/// Every promise of a [`PasswordHasher`].
pub async fn passwords(make: impl AsyncFn() -> Made<dyn PasswordHasher>) {
    secrets::passwords(&make).await;
}

/// Every promise of a [`TokenSigner`]; `make` gets a number that stands for the key.
pub async fn tokens(make: impl AsyncFn(u8) -> Made<dyn TokenSigner>) {
    secrets::tokens(&make).await;
}

/// Every promise of a [`RateLimiter`].
pub async fn rate_limiter(make: impl AsyncFn() -> Made<dyn RateLimiter>) {
    traffic::all(&make).await;
}

/// Every promise of a [`ProductSearch`] that holds whatever the ranking.
pub async fn search(make: impl AsyncFn() -> Made<dyn ProductSearch>) {
    search::all(&make).await;
}

/// Every promise of a [`Mailer`](crate::notifications::Mailer).
pub async fn mailer(make: impl AsyncFn() -> Post) {
    mails::mailer(&make).await;
}

/// Every promise of a [`Renderer`].
pub async fn renderer(make: impl AsyncFn() -> Made<dyn Renderer>) {
    mails::renderer(&make).await;
}

/// Every promise of an [`EventBus`](crate::events::EventBus); `make` gets the consumers, each with the
/// place of its dead letters.
pub async fn bus(make: impl AsyncFn(Vec<LetterBox>, Arc<ManualClock>) -> Carrier) {
    buses::all(&make).await;
}

/// Every promise of a [`CatalogPort`]; `make` gets the part whose catalog it is to lead to.
pub async fn catalog_port(make: impl AsyncFn(&Part) -> Made<dyn CatalogPort>) {
    neighbours::catalog_port(&make).await;
}

/// Every promise of an [`Accounts`]; `make` gets the part whose users it is to lead to.
pub async fn accounts(make: impl AsyncFn(&Part) -> Made<dyn Accounts>) {
    neighbours::accounts(&make).await;
}

/// Every promise of a [`Customers`]; `make` gets the part whose users it is to lead to.
pub async fn customers(make: impl AsyncFn(&Part) -> Made<dyn Customers>) {
    neighbours::customers(&make).await;
}

/// Every promise of a [`Contacts`]; `make` gets the part whose users it is to lead to.
pub async fn contacts(make: impl AsyncFn(&Part) -> Made<dyn Contacts>) {
    neighbours::contacts(&make).await;
}

/// Every promise of a [`Records`]; `make` gets the part one of whose contexts it is to lead to.
pub async fn records(make: impl AsyncFn(&Part, Context) -> Made<dyn Records>) {
    neighbours::records(&make).await;
}

/// Every promise of a [`HoldOwners`]; `make` gets the part whose orders it is to lead to.
pub async fn hold_owners(make: impl AsyncFn(&Part) -> Made<dyn HoldOwners>) {
    neighbours::hold_owners(&make).await;
}

/// Every promise of a [`Sellers`]; `make` gets the part whose catalog it is to lead to.
pub async fn sellers(make: impl AsyncFn(&Part) -> Made<dyn Sellers>) {
    neighbours::sellers(&make).await;
}

/// Every promise of a [`Purchases`]; `make` gets the part whose orders it is to lead to.
pub async fn purchases(make: impl AsyncFn(&Part) -> Made<dyn Purchases>) {
    neighbours::purchases(&make).await;
}
