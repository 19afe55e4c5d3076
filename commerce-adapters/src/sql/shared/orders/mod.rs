//! The orders' database: orders with payments and refunds, history, providers' messages, carts, coupons,
//! wallets.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read`, `parcels` and `carts`
//! read for use cases.

mod carts;
mod coupons;
mod load;
mod parcels;
mod read;
mod wallets;
mod write;

use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;

use super::engine::Context;
use super::migrate::Migration;
use super::script::{Queries, Script};
use super::statements;
use crate::sql::Old;
use crate::sql::judge::{Loaded, OrdersJudge, OrdersWants, OrdersWrite};

impl Context for OrdersWrite {
    type Judge<'a> = OrdersJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "orders";
    const COMMIT: &'static str = "orders.commit";

    /// Expired carts after a day, claims on carts after 30.
    const OLD: &'static [Old] = statements::orders::OLD;

    fn migrations() -> &'static [Migration] {
        statements::orders::MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        load::ask(queries, &OrdersWants::of(sets));
    }

    fn write(script: &mut Script, judge: &Self::Judge<'_>, now: Timestamp) {
        write::write(script, judge, now);
    }
}
