//! Claims on carts against the orders that were made of them.

use std::collections::BTreeSet;

use uuid::Uuid;

use crate::error::StoreError;
use crate::events::EventKind;

use super::Invariant::Cart;
use super::Violation;
use super::books::{Cell, Pages, Row, Walk};
use super::cross::{Eyes, Suspicion};
use super::heard::about;
use super::said::is_kept;
use super::tables::{CART_CLAIMS, ORDERS, OUTBOX};
use super::walks::alone;

impl Eyes<'_> {
    /// Every claim is an order's.
    pub(super) async fn claims(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        self.named(walk, pages, "order_id", &*self.books.orders, ORDERS, "an order").await
    }

    /// Every new order out of a cart has claimed it. Claims are kept longer than events are.
    pub(super) async fn claimed(&self, walk: &Walk, pages: &Pages) -> Result<Vec<Suspicion>, StoreError> {
        let young = |row: &&Row| row.at("occurred_at").is_some_and(|at| is_kept(at, self.now));
        let new = pages.of(OUTBOX).iter().filter(young).filter(|row| row.word("type") == Some(EventKind::OrderCreated));
        let claims: Vec<(&Row, Cell)> = new.filter_map(|event| Some((event, claim(event)?))).collect();
        let wanted: BTreeSet<Cell> = claims.iter().map(|(_, claim)| claim.clone()).collect();
        let known = self.rows(&*self.books.orders, &alone(CART_CLAIMS, "claim", "claim"), wanted).await?;
        let mut suspicions = Vec::new();
        for (event, claim) in claims {
            let order = known.get(&claim).map_or(&Cell::Null, |row| row.cell("order_id"));
            if order != event.cell("aggregate_id") {
                let violation = Violation::new(Cart, about(event), "a claim on the cart it came out of", order.to_string());
                suspicions.push((event.cell(walk.key).clone(), violation));
            }
        }
        Ok(suspicions)
    }
}

/// What stood for the cart that a new order came out of.
fn claim(event: &Row) -> Option<Cell> {
    let data: serde_json::Value = event.json("data")?;
    let claim = data.get("cartClaim")?.as_str()?;
    Some(Uuid::try_parse(claim).ok()?.into())
}
