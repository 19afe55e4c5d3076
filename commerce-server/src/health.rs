//! Whether the shop lives, whether it can serve, and its figures. None of it needs a token.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use futures_util::future::{join_all, join3};
use serde_json::{Map, Value, json};

use crate::api::{Api, op};
use crate::state::Shared;

/// `/health/live`, `/health/accepting`, `/health/ready`, `/metrics`.
pub(crate) fn routes(api: Api) -> Api {
    let yes_or_no = |summary| op(summary).public().gives::<Value>(200, "Yes.").gives::<Value>(503, "No; not now.");
    api.get("/health/live", op("Whether the process lives").public().gives::<Value>(200, "It does."), live)
        .get("/health/accepting", yes_or_no("Whether new requests may be sent here"), accepting)
        .get("/health/ready", yes_or_no("Whether every route works; each dependency is named"), ready)
        .get("/metrics", op("Figures for Prometheus").public().gives_bytes("Its text format.", &["text/plain"]), metrics)
}

async fn live() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

/// Whether new requests may be sent here: for who spreads them over several instances. A dependency that
/// is down is down for every instance, and is said on each request that needs it.
async fn accepting(State(shared): State<Shared>) -> impl IntoResponse {
    let stopping = shared.stopping().is_cancelled();
    let status = if stopping { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    (status, Json(json!({"status": word(!stopping)})))
}

/// 200 only while every database, every other service and every server that a route needs answers and this
/// one is not stopping. What is only missed is named, too.
async fn ready(State(shared): State<Shared>) -> impl IntoResponse {
    let here = shared.part().health();
    let there = join_all(shared.needed().map(|(context, peer)| async move { (context, peer.is_ready().await) }));
    let beside = join_all(shared.servers().iter().map(|server| async move { (server, server.peer.is_ready().await) }));
    let (here, there, beside) = join3(here, there, beside).await;
    let stopping = shared.stopping().is_cancelled();
    let answers = here.into_iter().map(|(context, error)| (context, error.is_none())).chain(there);
    let mut answers: Vec<(&str, bool)> =
        answers.map(|(context, up)| (context.as_str(), up)).chain([("server", !stopping)]).collect();
    let up = answers.iter().all(|(_, up)| *up) && beside.iter().all(|(server, up)| *up || !server.needed);
    answers.extend(beside.iter().map(|(server, up)| (server.name, *up)));
    let dependencies: Map<String, Value> =
        answers.iter().map(|(name, up)| ((*name).to_owned(), json!({"status": word(*up)}))).collect();
    let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::RETRY_AFTER, "1")], Json(json!({"status": word(up), "dependencies": dependencies})))
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    // Figures about the requests are given even while a database does not answer.
    let backlogs = shared.part().backlogs().await.unwrap_or_default();
    let now = shared.part().now();
    let lag = |backlog: &commerce_core::events::Backlog| backlog.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
    let backlogs: Vec<_> = backlogs.iter().map(|(context, backlog)| (context.as_str(), backlog.waiting, lag(backlog))).collect();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        shared.metrics().render(&backlogs, shared.part().last_audit().as_ref()),
    )
}
