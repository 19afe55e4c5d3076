//! Whether the shop lives, whether it can serve, and its figures. None of it needs a token.

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use commerce_core::notifications::NotificationFilter;
use commerce_core::orders::OrderFilter;
use commerce_core::page::PageRequest;
use commerce_core::{Actor, Error};
use serde_json::{Map, Value, json};

use crate::state::Shared;

/// `/health/live`, `/health/ready`, `/metrics`.
pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/health/live", get(live)).route("/health/ready", get(ready)).route("/metrics", get(metrics))
}

async fn live() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

/// 200 only while every database answers and the server is not stopping.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let page = PageRequest::first();
    let (users, catalog, orders, notifications) = (shared.users(), shared.catalog(), shared.orders(), shared.notifications());
    let answers = [
        ("users", users.users(&Actor::System, None, &page).await.err()),
        ("catalog", catalog.category_tree().await.err()),
        ("orders", orders.orders(&Actor::System, OrderFilter::default(), &page).await.err()),
        ("notifications", notifications.list(&Actor::System, &NotificationFilter::default(), &page).await.err()),
    ];
    let stopping = shared.stopping().is_cancelled();
    let up = !stopping && answers.iter().all(|(_, error)| error.is_none());
    let word = |up: bool| if up { "UP" } else { "DOWN" };
    let named = |(name, error): &(&str, Option<Error>)| ((*name).to_owned(), json!({"status": word(error.is_none())}));
    let mut dependencies: Map<String, Value> = answers.iter().map(named).collect();
    dependencies.insert("server".to_owned(), json!({"status": word(!stopping)}));
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::RETRY_AFTER, "1")], Json(json!({"status": word(up), "dependencies": dependencies})))
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    // Figures about the requests are given even while a database does not answer.
    let backlogs = shared.shop().backlogs().await.unwrap_or_default();
    let now = shared.shop().now();
    let lag = |backlog: &commerce_core::events::Backlog| backlog.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
    let backlogs: Vec<_> = backlogs.iter().map(|(context, backlog)| (context.as_str(), backlog.waiting, lag(backlog))).collect();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        shared.metrics().render(&backlogs, shared.shop().last_audit().as_ref()),
    )
}
