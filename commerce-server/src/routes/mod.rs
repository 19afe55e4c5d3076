//! Every route of the API, a file for each context or part of one.

mod auth;
mod carts;
mod categories;
mod guest_carts;
mod inventory;
mod notifications;
mod orders;
mod payments;
mod product_input;
mod products;
mod sellers;
mod users;

use crate::api::Api;

/// The whole table.
#[must_use]
pub fn all(api: Api) -> Api {
    let parts: [fn(Api) -> Api; 11] = [
        auth::routes,
        users::routes,
        products::routes,
        categories::routes,
        sellers::routes,
        inventory::routes,
        carts::routes,
        guest_carts::routes,
        orders::routes,
        payments::routes,
        notifications::routes,
    ];
    parts.into_iter().fold(api, |api, part| part(api))
}
