//! The core's values in the shapes of the HTTP contract, so that scripts read the same with and
//! without `--url`.

use commerce_core::catalog::{Inventory, Movement, Product, ProductCard, SearchResults};
use commerce_core::commerce::Context;
use commerce_core::events::{Backlog, Letter};
use commerce_core::notifications::{MadeEndpoint, Rendered, WebhookDelivery, WebhookEndpoint};
use commerce_core::orders::{Coupon, Order, ReturnOf, ShipmentOf, TimelineEntry};
use commerce_core::page::Page;
use commerce_core::users::User;
use commerce_server::views::catalog::{CardView, InventoryView, MovementView, ProductView, SearchView};
use commerce_server::views::coupon::CouponView;
use commerce_server::views::operation::{BacklogView, LetterView, PreviewView};
use commerce_server::views::order::{OrderView, TimelineView};
use commerce_server::views::returns::ReturnView;
use commerce_server::views::shipment::ShipmentView;
use commerce_server::views::user::UserView;
use commerce_server::views::webhook::{DeliveryView, EndpointView};
use serde::Serialize;
use serde_json::Value;

/// A page of them.
pub(crate) fn page<T>(page: Page<T>, view: impl FnMut(T) -> Value) -> Value {
    value(page.map(view))
}

/// A user, without what nobody may see.
pub(crate) fn user(user: User) -> Value {
    value(UserView::from(user))
}

/// A product with the stock of its variants.
pub(crate) fn product(product: Product, stock: &[Inventory]) -> Value {
    value(ProductView::of(product, stock))
}

/// A product as lists show it.
pub(crate) fn card(card: ProductCard) -> Value {
    value(CardView::from(card))
}

/// What a search found.
pub(crate) fn found(found: SearchResults) -> Value {
    value(SearchView::of(found.hits, found.next_cursor))
}

/// The stock of a SKU.
pub(crate) fn inventory(inventory: Inventory) -> Value {
    value(InventoryView::from(inventory))
}

/// One line of the stock ledger.
pub(crate) fn movement(movement: Movement) -> Value {
    value(MovementView::from(movement))
}

/// An order.
pub(crate) fn order(order: Order) -> Value {
    value(OrderView::from(order))
}

/// A coupon.
pub(crate) fn coupon(coupon: Coupon) -> Value {
    value(CouponView::from(coupon))
}

/// A shipment.
pub(crate) fn shipment(shipment: ShipmentOf) -> Value {
    value(ShipmentView::from(shipment))
}

/// A return.
pub(crate) fn returned(returned: ReturnOf) -> Value {
    value(ReturnView::from(returned))
}

/// One line of an order's history.
pub(crate) fn timeline(entry: TimelineEntry) -> Value {
    value(TimelineView::from(entry))
}

/// An endpoint of webhooks, without its secret.
pub(crate) fn endpoint(endpoint: WebhookEndpoint) -> Value {
    value(EndpointView::from(endpoint))
}

/// An endpoint that was just made, with its secret.
pub(crate) fn made_endpoint(made: MadeEndpoint) -> Value {
    value(EndpointView::made(made))
}

/// An event on its way to an endpoint.
pub(crate) fn delivery(delivery: WebhookDelivery) -> Value {
    value(DeliveryView::from(delivery))
}

/// How far an outbox is behind.
pub(crate) fn backlog(context: Context, backlog: Backlog, held: usize) -> Value {
    value(BacklogView::of(context, backlog, held))
}

/// What a consumer could not handle or read.
pub(crate) fn letter(letter: Letter) -> Value {
    value(LetterView::from(letter))
}

/// A mail from sample data.
pub(crate) fn preview(mail: Rendered) -> Value {
    value(PreviewView::from(mail))
}

fn value(view: impl Serialize) -> Value {
    serde_json::to_value(view).expect("a view is made of text, numbers, lists and objects with text keys")
}
