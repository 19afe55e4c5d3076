//! Reviews that say their author had bought the product, against her orders.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::StoreError;
use crate::limits;
use crate::orders::OrderStatus;
use crate::time::Timestamp;

use super::Invariant::Reference;
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::tables::{HISTORY, ITEMS, ORDERS, REVIEWS};
use super::walks::{PURCHASES, alone};

/// A purchase: from when it was confirmed until it was cancelled, if it was.
#[derive(Clone, Copy)]
struct Purchase {
    confirmed_at: Timestamp,
    cancelled_at: Option<Timestamp>,
}

impl Purchase {
    /// Whether it may have stood at an instant of a clock that is not its own.
    fn may_have_stood(self, at: Timestamp) -> bool {
        let (least, most) = (at.minus(limits::AUDIT_CLOCKS_APART), at.plus(limits::AUDIT_CLOCKS_APART));
        self.confirmed_at <= most && self.cancelled_at.is_none_or(|cancelled| cancelled >= least)
    }

    /// Whether it stood then by any clock.
    fn stood(self, at: Timestamp) -> bool {
        let (least, most) = (at.minus(limits::AUDIT_CLOCKS_APART), at.plus(limits::AUDIT_CLOCKS_APART));
        self.confirmed_at < least && self.cancelled_at.is_none_or(|cancelled| cancelled > most)
    }
}

/// Who bought what.
type Bought = BTreeMap<(Cell, Cell), Vec<Purchase>>;

impl Eyes<'_> {
    /// A review says that its author had bought the product where an order of hers stood when she wrote it, and not where
    /// none did.
    pub(super) async fn purchases(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let reviews = pages.of(REVIEWS);
        let authors: BTreeSet<Cell> = reviews.iter().map(|row| row.cell("user_id").clone()).collect();
        let bought = self.bought(&authors.into_iter().collect::<Vec<_>>()).await?;
        let mut suspicions = Vec::new();
        for row in reviews {
            let (Some(says), Some(at)) = (row.int("verified_purchase"), row.at("created_at")) else { continue };
            let purchases = bought.get(&(row.cell("user_id").clone(), row.cell("product_id").clone()));
            let any = |held: fn(Purchase, Timestamp) -> bool| purchases.into_iter().flatten().any(|it| held(*it, at));
            let found = match says {
                1 if !any(Purchase::may_have_stood) => ("an order that bought it", "none"),
                0 if any(Purchase::stood) => ("said to be bought", "an order that bought it"),
                _ => continue,
            };
            let name = row.cell(walk.name).to_string();
            suspicions.push((row.cell(walk.key).clone(), Violation::new(Reference, name, found.0, found.1)));
        }
        Ok(suspicions)
    }

    async fn bought(&self, authors: &[Cell]) -> Result<Bought, StoreError> {
        let mut bought = Bought::new();
        if authors.is_empty() {
            return Ok(bought);
        }
        let orders = self.books.orders.look_up(&alone(ORDERS, "user_id", "number"), authors).await?;
        let ids: Vec<Cell> = orders.of(ORDERS).iter().map(|order| order.cell("id").clone()).collect();
        let limit = usize::try_from(limits::AUDIT_STRETCH).unwrap_or(usize::MAX);
        for some in ids.chunks(limit) {
            let parts = self.books.orders.look_up(PURCHASES, some).await?;
            let owner = |order: &Cell| parts.of(ORDERS).iter().find(|row| row.cell("id") == order).map(|row| row.cell("user_id"));
            for item in parts.of(ITEMS) {
                let order = item.cell("order_id");
                let Some((user, purchase)) = owner(order).zip(purchase(parts.of(HISTORY), order)) else { continue };
                bought.entry((user.clone(), item.cell("product_id").clone())).or_default().push(purchase);
            }
        }
        Ok(bought)
    }
}

/// When an order began to stand, if it ever did, and ended.
fn purchase(history: &[Row], order: &Cell) -> Option<Purchase> {
    let reached = |status: OrderStatus| {
        let steps = history.iter().filter(move |row| row.cell("order_id") == order && row.word("status") == Some(status));
        steps.filter_map(|row| row.at("reached_at")).min()
    };
    let cancelled_at = reached(OrderStatus::Cancelled);
    reached(OrderStatus::Confirmed).map(|confirmed_at| Purchase { confirmed_at, cancelled_at })
}
