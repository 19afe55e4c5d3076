//! Shipments: staff sends goods on their way, carriers say how far they are.

use axum::extract::State;
use commerce_core::ids::{Id, OrderId, ShipmentId};
use serde_json::{Value, json};

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown};
use crate::api::{Api, op};
use crate::auth::{Holder, SignedIn};
use crate::extract::{IfMatch, KeyedJson, Params, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::shipment::{CarrierBody, ShipmentBody, ShipmentView};

pub(super) fn routes(api: Api) -> Api {
    api.post(
        "/api/orders/{id}/shipments",
        op("Ship some of an order, or all that is left")
            .versioned()
            .takes::<ShipmentBody>()
            .gives::<ShipmentView>(201, "Shipped.")
            .refuses(SHIPPING),
        ship,
    )
    .get(
        "/api/orders/{id}/shipments",
        op("What left the house of an order, newest first").or_link().query([LIMIT, CURSOR]).lists::<ShipmentView>(),
        of_order,
    )
    .get("/api/orders/{id}/shipments/{shipmentId}", op("A shipment").or_link().gives::<ShipmentView>(200, "The shipment."), show)
    .post(
        "/api/orders/{id}/shipments/{shipmentId}/events",
        op("Take down what a carrier says; what is known already answers 200")
            .versioned()
            .takes::<CarrierBody>()
            .gives::<ShipmentView>(201, "Taken down.")
            .refuses(&["ILLEGAL_TRANSITION"]),
        hear,
    )
}

const SHIPPING: &[&str] = &["OVER_SHIPMENT", "ILLEGAL_TRANSITION"];

async fn ship(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<ShipmentBody>,
) -> Answered<Told<ShipmentView>> {
    let (id, key) = (order_id(&params)?, request.key());
    let made = shared.orders().ship(&caller.actor, id, request.body.into(), key, if_match.version).await?;
    Ok(created(made.map(ShipmentView::from), ShipmentView::location))
}

async fn of_order(State(shared): State<Shared>, Holder(actor): Holder, params: Params, query: Query) -> Answered<Told<Value>> {
    let shipments = shared.orders().shipments_of(&actor, order_id(&params)?).await?;
    Ok(shown(json!(query.page_of(shipments, |shipment| shipment.it.id.uuid())?.map(ShipmentView::from))))
}

async fn show(State(shared): State<Shared>, Holder(actor): Holder, params: Params) -> Answered<Told<ShipmentView>> {
    Ok(shown(shared.orders().shipment(&actor, order_id(&params)?, shipment_id(&params)?).await?.into()))
}

async fn hear(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<CarrierBody>,
) -> Answered<Told<ShipmentView>> {
    let (order, id, key) = (order_id(&params)?, shipment_id(&params)?, request.key());
    let heard = shared.orders().shipment_news(&caller.actor, order, id, request.body.into(), key, if_match.version).await?;
    Ok(created(heard.map(ShipmentView::from), ShipmentView::location))
}

fn order_id(params: &Params) -> Answered<OrderId> {
    params.get("id", "order")
}

fn shipment_id(params: &Params) -> Answered<ShipmentId> {
    params.get("shipmentId", "shipment")
}
