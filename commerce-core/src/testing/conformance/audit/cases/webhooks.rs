//! Webhook endpoints and deliveries.

use super::{CALLED, Case, Column, ENDPOINT, GONE, I, any, case, has, later_from_null, nonsense, one, other, set, zero};
use crate::audit::books::Cell;

pub(super) const CASES: &[Case] = &[
    case("a delivery to nobody", CALLED, any, set("endpoint_id", other), I::Reference, Column("id")),
    case("the endpoint is gone", ENDPOINT, any, GONE, I::Reference, super::Word("")),
    case("a delivery of no event", CALLED, any, set("event_id", other), I::Event, Column("id")),
    case(
        "a delivery of another kind",
        CALLED,
        |row| has(row, "kind", "ORDER_CONFIRMED"),
        set("kind", |_| "ORDER_SHIPPED".into()),
        I::Event,
        Column("id"),
    ),
    case("a delivery that says something else", CALLED, any, set("data", |_| "{}".into()), I::Event, Column("id")),
    case("a delivery that is through and open", CALLED, any, set("status", |_| "PENDING".into()), I::Event, Column("id")),
    case("a delivery that is through and due", CALLED, any, set("due_at", later_from_null), I::Event, Column("id")),
    case("a delivery that is through and held", CALLED, any, set("held_at", one), I::Event, Column("id")),
    case("a delivery never taken", CALLED, any, set("delivered_at", |_| Cell::Null), I::Event, Column("id")),
    case("a delivery that failed and was taken", CALLED, any, set("error", |_| "busy".into()), I::Event, Column("id")),
    case("a delivery of the first version", CALLED, any, set("version", one), I::Version, Column("id")),
    case("a delivery taken before it was recorded", CALLED, any, set("delivered_at", zero), I::Times, Column("id")),
    case("an endpoint elsewhere", ENDPOINT, any, set("url", |_| "https://eve.example/in".into()), I::Sealed, Column("id")),
    case("an endpoint without a secret", ENDPOINT, any, set("secret", |_| "none".into()), I::Readable, Column("id")),
    case("an endpoint that wants nonsense", ENDPOINT, any, set("events", nonsense), I::Readable, Column("id")),
    case("an endpoint disabled for nothing", ENDPOINT, any, set("status", |_| "DISABLED".into()), I::Reference, Column("id")),
    case("a former secret for ever", ENDPOINT, any, set("former_until", later_from_null), I::Reference, Column("id")),
];
