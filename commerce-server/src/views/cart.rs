//! Carts.

use commerce_core::ids::{ProductId, UserId};
use commerce_core::orders::{CartLineView as Line, CartOwner, CartView as Priced};
use commerce_core::text::{Metadata, Quantity, Sku};
use commerce_core::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::schema::MoneySchema;
use crate::problem::Problem;

/// A cart with what its lines cost now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cart)]
pub struct CartView {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    /// Of a guest's cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    cart_token: Option<String>,
    version: u64,
    lines: Vec<CartLineView>,
    coupon_code: Option<String>,
    /// Why the coupon takes nothing off now, as a problem would say it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    coupon_refusal: Option<Value>,
    #[schema(value_type = MoneySchema)]
    subtotal: Money,
    #[schema(value_type = MoneySchema)]
    discount: Money,
    #[schema(value_type = MoneySchema)]
    total: Money,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    metadata: Metadata,
}

/// One SKU in a cart.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CartLine)]
pub struct CartLineView {
    #[schema(value_type = String)]
    sku: Sku,
    /// None when the SKU is gone.
    #[schema(value_type = Option<String>, format = Uuid)]
    product_id: Option<ProductId>,
    name: String,
    #[schema(value_type = u32)]
    quantity: Quantity,
    #[schema(value_type = MoneySchema)]
    unit_price: Money,
    #[schema(value_type = MoneySchema)]
    line_total: Money,
    available: i64,
    price_changed: bool,
}

impl From<Line> for CartLineView {
    fn from(line: Line) -> Self {
        let Line { sku, product: product_id, name, quantity, unit_price, line_total, available, price_changed } = line;
        Self { sku, product_id, name, quantity, unit_price, line_total, available, price_changed }
    }
}

impl From<Priced> for CartView {
    fn from(priced: Priced) -> Self {
        let Priced { cart, lines, subtotal, discount, coupon_refusal, total } = priced;
        let user_id = match cart.owner {
            CartOwner::User(user) => Some(user),
            CartOwner::Guest(_) => None,
        };
        Self {
            user_id,
            cart_token: None,
            version: cart.version,
            lines: lines.into_iter().map(CartLineView::from).collect(),
            expires_at: cart.expires_at(),
            metadata: cart.metadata,
            coupon_code: cart.coupon,
            coupon_refusal: coupon_refusal.map(|refusal| Problem::from(refusal).told()),
            subtotal,
            discount,
            total,
        }
    }
}

impl CartView {
    /// A guest's cart, known by `token`.
    #[must_use]
    pub fn of_guest(token: &str, priced: Priced) -> Self {
        Self { cart_token: Some(token.to_owned()), ..priced.into() }
    }

    /// Where a guest's cart is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/carts/{}", self.cart_token.as_deref().unwrap_or_default())
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// A SKU and how many of it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Item)]
pub struct ItemBody {
    sku: String,
    /// 1 to 999.
    quantity: i64,
}

impl From<ItemBody> for (String, i64) {
    fn from(ItemBody { sku, quantity }: ItemBody) -> Self {
        (sku, quantity)
    }
}

/// One item, or several.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CartAddition)]
pub struct AddBody {
    /// With `quantity`: one item.
    #[serde(default)]
    pub sku: Option<String>,
    /// 1 to 999.
    #[serde(default)]
    pub quantity: Option<i64>,
    /// Several items, instead of `sku` and `quantity`.
    #[serde(default)]
    pub items: Option<Vec<ItemBody>>,
    /// The client's own notes on the cart, all of them.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// How many.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CartQuantity)]
pub struct QuantityBody {
    /// 1 to 999.
    pub quantity: i64,
}

/// A guest's cart to be merged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = CartMerge)]
pub struct MergeBody {
    /// The guest's token.
    pub cart_token: String,
}

/// A guest's cart to be opened; it begins empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewCart)]
pub struct OpenBody {
    /// The client's own notes on the cart.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}
