//! Used idempotency keys and providers' messages: what they made is there.

use uuid::Uuid;

use crate::users::{register::ROUTE as REGISTER, reset::CONFIRM};

use super::Invariant::{Key, Reference};
use super::books::{Cell, Row, Table};
use super::tables::{KEYS, ORDERS, PRODUCTS, RETURNS, REVIEWS, SELLERS, SHIPMENTS, TOP_UPS, USERS};
use super::told::past;
use super::walks::Entry;
use super::{Violation, findings::Findings, run::Scene};

/// Which table holds what a request on this route made, where that cannot be deleted later.
pub(super) fn made_in(route: &str) -> Option<&'static Table> {
    match route {
        "POST /api/orders" => Some(ORDERS),
        "POST /api/products" => Some(PRODUCTS),
        "POST /api/sellers" => Some(SELLERS),
        REGISTER | CONFIRM => Some(USERS),
        // A quote makes nothing, and who asks for a link is told nothing.
        "POST /api/orders/quote" | "POST /api/orders/link" => None,
        _ if is_exchange(route) => Some(ORDERS),
        _ if route.starts_with("POST /api/orders/") => match route.rsplit('/').next() {
            Some("returns") => Some(RETURNS),
            Some("shipments" | "events") => Some(SHIPMENTS),
            // No index finds them by their ids alone.
            Some("refunds") => None,
            _ => Some(ORDERS),
        },
        _ if route.starts_with("POST /api/wallet/") && route.ends_with("/topup") => Some(TOP_UPS),
        _ if route.starts_with("POST /api/products/") && route.ends_with("/reviews") => Some(REVIEWS),
        _ if route.starts_with("POST /api/users/") && route.ends_with("/wishlist") => Some(PRODUCTS),
        _ => None,
    }
}

/// Whether a request on this route places an order.
pub(super) fn places(route: &str) -> bool {
    route == "POST /api/orders" || is_exchange(route)
}

fn is_exchange(route: &str) -> bool {
    route.starts_with("POST /api/returns/") && route.ends_with("/exchange")
}

/// A key that made something says what, and one that was refused says nothing.
pub(super) fn outcome(entry: &Entry<'_>, scene: Scene, findings: &mut Findings) {
    let Some(row) = entry.one(KEYS) else { return };
    past(entry, KEYS, "used_at", scene, findings);
    let made = *row.cell("result_id") != Cell::Null;
    let done = row.text("outcome") == Some("DONE");
    findings.hold(Key, &entry.name, made == done, "a result only of what was done", row.cell("outcome"));
    let route = row.text("route").unwrap_or_default();
    let placing = places(route);
    let generation = row.int("generation").unwrap_or(0);
    // A place to wait for money in is taken again and again.
    let again = placing || route == crate::orders::unpaid::ROUTE;
    findings.hold(Key, &entry.name, again || generation == 1, format_args!("one generation of {route}"), generation);
    // What these make has an id of its own.
    let makes = |rest: &&str| rest.ends_with("/returns") || rest.ends_with("/refunds") || rest.contains("/shipments");
    let about = route.strip_prefix("POST /api/orders/").filter(|rest| !makes(rest));
    let named = about.and_then(|rest| rest.split('/').next());
    if let (Some(named), Some(result)) = (named.and_then(|named| Uuid::try_parse(named).ok()), row.id("result_id")) {
        findings.same(Key, &entry.name, "result of", named, result);
    }
}

/// That the thing a key made is not there.
pub(super) fn missing(key: &Row) -> Violation {
    Violation::new(Key, key.cell("result_id").to_string(), format!("what {} made", key.cell("route")), "nothing")
}

/// That something names what is not there.
pub(super) fn dangling(entity: &str, what: &str, named: &Cell) -> Violation {
    Violation::new(Reference, entity, what, format!("{named}, which is none"))
}
