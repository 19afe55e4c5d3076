//! Orders, what they cost, how they are paid and their history.

use commerce_core::ids::{AddressId, OrderId, ProductId, UserId};
use commerce_core::orders::{
    AddressChoice, Cancellation, Offer, Order, OrderLine, OrderLink, OrderStatus, PlaceOrder, Quote, ShipmentLine,
    ShippingOption, TaxLine, TimelineEntry,
};
use commerce_core::text::{Metadata, Quantity, Sku};
use commerce_core::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::address::{AddressBody, AddressView};
use super::cart::ItemBody;
use super::payment::{PaymentBody, PaymentView};
use super::schema::MoneySchema;

/// An order with its payment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order)]
pub struct OrderView {
    #[schema(value_type = String, format = Uuid)]
    id: OrderId,
    number: String,
    #[schema(value_type = String, format = Uuid)]
    user_id: UserId,
    #[schema(value_type = String, example = "CONFIRMED")]
    status: OrderStatus,
    #[schema(value_type = Vec<LineSchema>)]
    lines: Vec<OrderLine>,
    #[schema(value_type = MoneySchema)]
    subtotal: Money,
    #[schema(value_type = MoneySchema)]
    discount: Money,
    #[schema(value_type = MoneySchema)]
    shipping: Money,
    #[schema(value_type = MoneySchema)]
    tax: Money,
    #[schema(value_type = MoneySchema)]
    total: Money,
    #[schema(value_type = Vec<TaxSchema>)]
    tax_lines: Vec<TaxLine>,
    coupon_code: Option<String>,
    /// What was given up before it left the house; the amounts stay as they were ordered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<CancellationSchema>)]
    cancellations: Vec<Cancellation>,
    /// What could not be handed over and came back: it was never delivered, and is not paid on delivery.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<ItemBody>)]
    refused: Vec<ShipmentLine>,
    payment: PaymentView,
    shipping_address: AddressView,
    shipping_option_id: String,
    metadata: Metadata,
    #[schema(value_type = String, format = DateTime)]
    placed_at: Timestamp,
    /// Until when a prepaid order waits for its money.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    payment_due_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    version: u64,
    /// Of a guest's order, where it is placed: what shows it from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_link: Option<LinkView>,
}

/// What shows a guest her order: the header `X-Order-Link` with this token.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLink)]
pub struct LinkView {
    token: String,
    /// The shop's page.
    url: String,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl LinkView {
    /// At a shop that is found there.
    #[must_use]
    pub fn of(link: OrderLink, shop: &str, order: OrderId) -> Self {
        let url = format!("{}/orders/{order}#{}", shop.trim_end_matches('/'), link.token);
        Self { token: link.token, url, expires_at: link.until }
    }
}

impl From<Order> for OrderView {
    fn from(order: Order) -> Self {
        let refused = order.all_refused();
        Self {
            id: order.id,
            number: order.number,
            user_id: order.user,
            status: order.status,
            lines: order.lines,
            subtotal: order.subtotal,
            discount: order.discount,
            shipping: order.shipping,
            tax: order.tax,
            total: order.total,
            tax_lines: order.tax_lines,
            coupon_code: order.coupon,
            cancellations: order.cancellations,
            refused,
            payment: PaymentView::from(&order.payment),
            shipping_address: order.shipping_address.into(),
            shipping_option_id: order.shipping_option,
            metadata: order.metadata,
            placed_at: order.id.placed_at(),
            payment_due_at: order.payment_due_at,
            updated_at: order.updated_at,
            version: order.version,
            order_link: None,
        }
    }
}

impl OrderView {
    /// With the link of a guest's.
    #[must_use]
    pub fn with_link(self, order_link: Option<LinkView>) -> Self {
        Self { order_link, ..self }
    }

    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/orders/{}", self.id)
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Whose order is looked for, and which.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = FindOrder)]
pub struct LinkBody {
    /// The mail address that was ordered with.
    pub email: String,
    /// `ORD-…`, as the mails say it.
    pub number: String,
}

/// How what was given up looks.
#[derive(Serialize, ToSchema)]
#[schema(as = Cancellation)]
pub struct CancellationSchema {
    #[schema(format = Uuid)]
    id: String,
    lines: Vec<super::shipment::ShipmentLineSchema>,
    reason: String,
    /// So much less is to be paid, or goes back.
    worth: MoneySchema,
    #[schema(format = DateTime)]
    at: String,
}

/// How a line looks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLine)]
pub struct LineSchema {
    #[schema(value_type = String)]
    sku: Sku,
    #[schema(value_type = String, format = Uuid)]
    product_id: ProductId,
    name: String,
    #[schema(value_type = u32)]
    quantity: Quantity,
    unit_price: MoneySchema,
    discount: MoneySchema,
    tax: MoneySchema,
    total: MoneySchema,
}

/// How a tax looks.
#[derive(Serialize, ToSchema)]
#[schema(as = TaxLine)]
pub struct TaxSchema {
    /// With its rate: `CGST 9 %`.
    name: String,
    amount: MoneySchema,
    /// On which line.
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<String>,
    /// On how much.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<MoneySchema>,
    /// Whether the price includes it: then it is not added to the total.
    included: bool,
    /// Why this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// One line of an order's history.
#[derive(Serialize, ToSchema)]
#[schema(as = TimelineEntry)]
pub struct TimelineView {
    #[schema(value_type = String, example = "PENDING")]
    status: OrderStatus,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    note: String,
    actor: String,
}

impl From<TimelineEntry> for TimelineView {
    fn from(TimelineEntry { status, at, note, actor, .. }: TimelineEntry) -> Self {
        Self { status, at, note, actor }
    }
}

/// What an order would cost now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Quote)]
pub struct QuoteView {
    #[schema(value_type = Vec<LineSchema>)]
    lines: Vec<OrderLine>,
    #[schema(value_type = MoneySchema)]
    subtotal: Money,
    #[schema(value_type = MoneySchema)]
    discount: Money,
    #[schema(value_type = MoneySchema)]
    shipping: Money,
    #[schema(value_type = MoneySchema)]
    tax: Money,
    #[schema(value_type = MoneySchema)]
    total: Money,
    #[schema(value_type = Vec<TaxSchema>)]
    tax_lines: Vec<TaxLine>,
    shipping_option_id: String,
    #[schema(value_type = Vec<ShippingSchema>)]
    shipping_options: Vec<ShippingOption>,
    coupon_code: Option<String>,
}

/// A way to ship.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ShippingOption)]
pub struct ShippingSchema {
    id: String,
    name: String,
    price: MoneySchema,
    estimated_days: u32,
}

impl QuoteView {
    /// A quote beside the ways to ship it.
    #[must_use]
    pub fn of(Offer { quote, shipping_options }: Offer) -> Self {
        let Quote { lines, subtotal, discount, shipping, tax, total, tax_lines, shipping_option, coupon_code } = quote;
        let shipping_option_id = shipping_option.id;
        Self { lines, subtotal, discount, shipping, tax, total, tax_lines, shipping_option_id, shipping_options, coupon_code }
    }
}

/// A wish to order. There is no price in it: prices are the shop's.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewOrder)]
pub struct OrderBody {
    /// Who orders without an account: where her mails go.
    #[serde(default)]
    pub email: Option<String>,
    /// The cart of who orders without an account.
    #[serde(default)]
    pub cart_token: Option<String>,
    /// Left out: the cart.
    #[serde(default)]
    items: Option<Vec<ItemBody>>,
    /// One code, or several that can be combined, with a comma between them. Left out, an order of the cart
    /// uses the cart's.
    #[serde(default)]
    coupon_code: Option<String>,
    /// Left out, as `shippingAddress`: the default address.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Uuid)]
    address_id: Option<AddressId>,
    #[serde(default)]
    shipping_address: Option<AddressBody>,
    #[serde(default)]
    shipping_option_id: Option<String>,
    #[serde(default)]
    payment: Option<PaymentBody>,
    /// Another total refuses the order.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    expected_total: Option<Money>,
    /// As the header `Idempotency-Key`.
    #[serde(default)]
    pub idempotency_key: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl OrderBody {
    /// Whether both ways to say where to are used.
    #[must_use]
    pub fn has_two_addresses(&self) -> bool {
        self.address_id.is_some() && self.shipping_address.is_some()
    }

    /// Whether it says how it is paid.
    #[must_use]
    pub fn has_payment(&self) -> bool {
        self.payment.is_some()
    }
}

impl From<OrderBody> for PlaceOrder {
    fn from(body: OrderBody) -> Self {
        let address = match body.shipping_address {
            Some(given) => AddressChoice::Given(Box::new(given.into())),
            None => AddressChoice::Saved(body.address_id),
        };
        Self {
            items: body.items.map(|items| items.into_iter().map(Into::into).collect()),
            coupon_code: body.coupon_code,
            address,
            shipping_option: body.shipping_option_id,
            payment: body.payment.map(|payment| (payment.method, payment.token)),
            expected_total: body.expected_total,
            metadata: body.metadata.unwrap_or_default(),
        }
    }
}

/// A step of an order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StatusChange)]
pub struct StatusBody {
    /// The status it is to have.
    #[schema(value_type = String, example = "SHIPPED")]
    pub status: OrderStatus,
    /// For the history.
    #[serde(default)]
    pub note: Option<String>,
}

/// A wish to cancel.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Cancel)]
pub struct CancelBody {
    /// For the history.
    #[serde(default)]
    pub reason: Option<String>,
    /// Only these, of what has not left the house; left out, the whole order.
    #[serde(default)]
    pub lines: Option<Vec<ItemBody>>,
}
