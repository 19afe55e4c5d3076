//! Contexts that live in one process keep every promise they make each other.

use std::sync::Arc;

use commerce_core::Part;
use commerce_core::catalog::{HoldOwners, Purchases};
use commerce_core::commerce::Context;
use commerce_core::notifications::Contacts;
use commerce_core::orders::{CatalogPort, Customers};
use commerce_core::testing::conformance::{self, Made};
use commerce_core::users::{Accounts, Records, Sellers, Users};
use futures_executor::block_on;

fn users(part: &Part) -> Arc<Users> {
    Arc::new(part.users.clone().expect("users live here"))
}

#[test]
fn catalog_port() {
    block_on(conformance::catalog_port(async |part| {
        Made::<dyn CatalogPort>::new(Arc::new(part.catalog.clone().expect("the catalog lives here")))
    }));
}

#[test]
fn accounts() {
    block_on(conformance::accounts(async |part| Made::<dyn Accounts>::new(users(part))));
}

#[test]
fn customers() {
    block_on(conformance::customers(async |part| Made::<dyn Customers>::new(users(part))));
}

#[test]
fn contacts() {
    block_on(conformance::contacts(async |part| Made::<dyn Contacts>::new(users(part))));
}

#[test]
fn hold_owners() {
    block_on(conformance::hold_owners(async |part| {
        Made::<dyn HoldOwners>::new(Arc::new(part.orders.as_ref().expect("orders live here").hold_owners()))
    }));
}

#[test]
fn sellers() {
    block_on(conformance::sellers(async |part| {
        Made::<dyn Sellers>::new(Arc::new(part.catalog.clone().expect("the catalog lives here")))
    }));
}

#[test]
fn purchases() {
    block_on(conformance::purchases(async |part| {
        Made::<dyn Purchases>::new(Arc::new(part.orders.as_ref().expect("orders live here").purchases()))
    }));
}

#[test]
fn records() {
    block_on(conformance::records(async |part, context| {
        let records: Arc<dyn Records> = match context {
            Context::Catalog => Arc::new(part.catalog.clone().expect("the catalog lives here")),
            Context::Orders => Arc::new(part.orders.clone().expect("orders live here")),
            Context::Users | Context::Notifications => Arc::new(part.notifications.clone().expect("notifications live here")),
        };
        Made::<dyn Records>::new(records)
    }));
}
