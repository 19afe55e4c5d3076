//! The orders' database: orders with payments and refunds, history, providers' messages, carts.
//!
//! [`load`] brings what a batch touches, [`write`] writes what was accepted, `read` and `carts` read
//! for use cases.

mod carts;
mod load;
mod read;
mod write;

use std::time::Duration;

use commerce_core::Timestamp;
use commerce_core::change::ChangeSet;
use commerce_core::limits;

use super::engine::Context;
use super::migrate::{Migration, migrations};
use super::script::{Queries, Script};
use crate::sql::judge::{Loaded, OrdersJudge, OrdersWants, OrdersWrite};

const MIGRATIONS: &[Migration] =
    migrations!("orders", [(1, "orders"), (2, "messages"), (3, "writers"), (4, "audit"), (5, "carts")]);

impl Context for OrdersWrite {
    type Judge<'a> = OrdersJudge<'a>;
    type Beside = ();

    const NAME: &'static str = "orders";
    const COMMIT: &'static str = "orders.commit";

    /// Expired carts after a day, claims on carts after 30.
    const OLD: &'static [(&'static str, Duration)] = &[
        (
            "DELETE FROM carts WHERE rowid IN
                (SELECT rowid FROM carts WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            limits::CART_KEEP,
        ),
        (
            "DELETE FROM cart_claims WHERE claim IN
                (SELECT claim FROM cart_claims WHERE claimed_at < ?1 ORDER BY claimed_at LIMIT ?2)",
            limits::HANDLED_KEEP,
        ),
    ];

    fn migrations() -> &'static [Migration] {
        MIGRATIONS
    }

    fn ask<'a>(queries: &mut Queries<Loaded<'a, Self::Judge<'a>>>, sets: &[&'a ChangeSet<Self>]) {
        load::ask(queries, &OrdersWants::of(sets));
    }

    fn write(script: &mut Script, judge: &Self::Judge<'_>, now: Timestamp) {
        write::write(script, judge, now);
    }
}
