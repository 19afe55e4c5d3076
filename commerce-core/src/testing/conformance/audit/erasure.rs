//! Whoever is erased leaves no trace in any table of any context.

use std::collections::BTreeSet;

use crate::actor::Actor;
use crate::audit::ShopBooks;
use crate::audit::books::Cell;
use crate::audit::tables::{self, ADDRESSES, ERASURES, GUESTS, ORDERS, OUTBOX, REVIEWS, USERS, WEBHOOK_DELIVERIES};
use crate::commerce::{Commerce, Context};
use crate::error::Outcome;
use crate::ids::{Id, ReturnId};
use crate::orders::ReturnStatus::{Approved, Exchanged, Received, Refunded, Rejected, Requested};
use crate::orders::{CarrierNews, OrderFilter, OrderStatus, ReturnStatus, ShipmentStatus};
use crate::page::{PageRequest, whole};

use super::{Tampered, rows};

/// What customers, and carriers, said about orders.
const WORDS: [&str; 5] = ["changed my mind", "one too many", "one is broken", "it is cracked", "at the door"];

/// What was said after somebody went, of an order that was still under way.
const LATER: &str = "left with the neighbour";

/// Where what was said is kept as it was said, until its retention ends.
const EVENTS: [&str; 2] = [OUTBOX.name, WEBHOOK_DELIVERIES.name];

/// Everybody who ever came to a shop that has [traded](super::trade) is erased, whatever she left under way comes to its end, and
/// nothing that named anybody is found in any row.
pub async fn erasure(tampered: &dyn Tampered) {
    let (shop, books) = (tampered.shop(), tampered.books());
    let names = names(books).await;
    assert!(names.len() > 8, "there are people: {names:?}");
    for said in names.iter().map(String::as_str).chain(WORDS) {
        assert!(!found(books, said).await.is_empty(), "{said} is known");
    }
    everybody_goes(shop, books).await.expect("everybody may be erased");
    come_to_an_end(shop).await.expect("orders come to their ends");
    let people = rows(books, Context::Users, ERASURES).await;
    for person in people.iter().filter_map(|row| row.id("user_id")) {
        // As the worker does it, some time later.
        for (_, records) in &shop.users.records {
            records.forget(Id::from_uuid(person)).await.expect("contexts answer");
        }
    }
    for name in &names {
        assert_eq!(found(books, name).await, [""; 0], "{name} is still known");
    }
    for said in WORDS.into_iter().chain([LATER]) {
        let still = found(books, said).await;
        assert!(still.iter().all(|table| EVENTS.contains(table)), "{said} is still known: {still:?}");
    }
    assert_eq!(super::look(shop).await.violations, [], "and the books are right");
}

/// What names somebody, wherever it was given, and what she wrote for everybody.
async fn names(books: &ShopBooks) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (context, table, columns) in [
        (Context::Users, USERS, ["email", "full_name", "phone"]),
        (Context::Users, GUESTS, ["email", "email", "email"]),
        (Context::Users, ADDRESSES, ["full_name", "line1", "phone"]),
        (Context::Orders, ORDERS, ["ship_full_name", "ship_line1", "ship_phone"]),
        (Context::Catalog, REVIEWS, ["body", "body", "body"]),
    ] {
        for row in rows(books, context, table).await {
            names.extend(columns.into_iter().filter_map(|column| row.text(column).map(str::to_owned)));
        }
    }
    names.into_iter().filter(|name| !name.contains("rased")).collect()
}

/// The tables in which something of this is found.
async fn found(books: &ShopBooks, name: &str) -> Vec<&'static str> {
    let mut found = Vec::new();
    for context in Context::ALL {
        for table in tables::of(*context) {
            let says = |cell: &Cell| matches!(cell, Cell::Text(text) if text.contains(name));
            let rows = rows(books, *context, table).await;
            if rows.iter().any(|row| table.columns.iter().any(|(column, _)| says(row.cell(column)))) {
                found.push(table.name);
            }
        }
    }
    found
}

async fn everybody_goes(shop: &Commerce, books: &ShopBooks) -> Outcome<()> {
    for table in [USERS, GUESTS] {
        let people = rows(books, Context::Users, table).await;
        for person in people.iter().filter(|row| !row.text("email").unwrap_or_default().contains("@erased")) {
            let id = person.id("id").map(Id::from_uuid).expect("people have ids");
            shop.users.delete_user(&Actor::System, id, None).await?;
        }
    }
    shop.settle().await
}

/// Orders arrive or are cancelled, and what was to come back is not wanted.
async fn come_to_an_end(shop: &Commerce) -> Outcome<()> {
    const STAFF: Actor = Actor::System;
    let filter = &OrderFilter::default();
    for order in whole(|page: PageRequest| async move { shop.orders.orders(&STAFF, filter.clone(), &page).await }).await? {
        let inside = matches!(order.status, OrderStatus::Pending | OrderStatus::Confirmed | OrderStatus::Processing);
        if inside && order.shipments.is_empty() {
            shop.orders.cancel(&STAFF, order.id, None, None, None).await?;
        }
        for parcel in order.shipments.iter().filter(|parcel| parcel.status() != ShipmentStatus::Delivered) {
            let news = CarrierNews { status: ShipmentStatus::Delivered, at: None, note: Some(LATER.to_owned()) };
            shop.orders.shipment_news(&STAFF, order.id, parcel.id, news, None, None).await?;
        }
        for back in &order.returns {
            if !back.status.is_settled() {
                end_return(shop, back.id, back.status).await?;
            }
        }
    }
    shop.settle().await
}

async fn end_return(shop: &Commerce, id: ReturnId, status: ReturnStatus) -> Outcome<()> {
    const STAFF: Actor = Actor::System;
    match status {
        Requested => shop.orders.reject_return(&STAFF, id, None, None, None).await.map(|_| ()),
        Approved => {
            shop.orders.receive_return(&STAFF, id, None, None, None).await?;
            shop.orders.refund_return(&STAFF, id, None, None, None).await.map(|_| ())
        }
        Received => shop.orders.refund_return(&STAFF, id, None, None, None).await.map(|_| ()),
        Rejected | Refunded | Exchanged => Ok(()),
    }
}
