//! Every route of the API, a file for each context or part of one.

mod auth;
mod carts;
mod categories;
mod coupons;
mod guest_carts;
mod inventory;
mod notifications;
mod operations;
mod orders;
mod payments;
mod product_input;
mod products;
mod returns;
mod reviews;
mod sellers;
mod shipments;
mod twin;
mod users;
mod wallet;
mod webhook_endpoints;
mod wishlists;

use commerce_core::commerce::Context;

use crate::api::Api;

/// Adds the routes of one part.
type Adds = fn(Api) -> Api;

/// Each part of the table with the context it belongs to.
const PARTS: [(Context, Adds); 22] = [
    (Context::Users, auth::routes),
    (Context::Users, users::routes),
    (Context::Catalog, products::routes),
    (Context::Catalog, categories::routes),
    (Context::Catalog, sellers::routes),
    (Context::Catalog, inventory::routes),
    (Context::Catalog, reviews::routes),
    (Context::Catalog, wishlists::routes),
    (Context::Orders, carts::routes),
    (Context::Orders, guest_carts::routes),
    (Context::Orders, coupons::routes),
    (Context::Orders, orders::routes),
    (Context::Orders, payments::routes),
    (Context::Orders, shipments::routes),
    (Context::Orders, wallet::routes),
    (Context::Orders, returns::routes),
    (Context::Notifications, notifications::routes),
    (Context::Notifications, webhook_endpoints::routes),
    (Context::Users, operations::of_users),
    (Context::Catalog, operations::of_the_catalog),
    (Context::Orders, operations::of_orders),
    (Context::Notifications, operations::of_notifications),
];

/// The whole table.
#[must_use]
pub fn all(api: Api) -> Api {
    table(api, Context::ALL, false)
}

/// The routes of the contexts that live here; on a gateway also those of the others, which are brought
/// to them. What needs all contexts together is answered where clients speak to.
#[must_use]
pub fn table(api: Api, here: &[Context], gateway: bool) -> Api {
    let api = PARTS.into_iter().fold(api, |api, (context, routes)| match (here.contains(&context), gateway) {
        (true, _) => routes(api.brought_to(None)),
        (false, true) => routes(api.brought_to(Some(context))),
        (false, false) => api,
    });
    if gateway || here.len() == Context::ALL.len() { operations::of_the_whole(api.brought_to(None)) } else { api }
}
