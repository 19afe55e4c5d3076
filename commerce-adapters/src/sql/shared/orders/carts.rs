//! Carts.

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::orders::{Cart, CartOwner, CartStore, CartWrite};

use super::super::engine::Database;
use super::super::fields::Fields;
use super::read::wrap;
use crate::sql::judge::OrdersWrite;
use crate::sql::question::{Question, blob};

#[async_trait]
impl CartStore for Database<OrdersWrite> {
    async fn cart(&self, owner: CartOwner, now: Timestamp) -> Result<Option<Cart>, StoreError> {
        const OPERATION: &str = "carts.cart";
        const SQL: &str = "SELECT `lines`, coupon, metadata, begun_at, updated_at, version FROM carts
            WHERE owner_id = ? AND expires_at > ?";
        let row = self.row(OPERATION, Question::frequent(SQL).bind(blob(owner.key())).bind(now.as_micros())).await?;
        let Some(row) = row else { return Ok(None) };
        let fields = Fields::of(&row, OPERATION);
        Ok(Some(Cart {
            owner,
            lines: fields.json("lines")?,
            coupon: fields.opt_text("coupon")?,
            metadata: fields.json("metadata")?,
            begun_at: fields.at("begun_at")?,
            updated_at: fields.at("updated_at")?,
            version: fields.count("version")?,
        }))
    }

    async fn commit(&self, changes: ChangeSet<CartWrite>) -> Result<(), CommitError> {
        Self::commit(self, wrap(changes, OrdersWrite::Cart)).await
    }
}
