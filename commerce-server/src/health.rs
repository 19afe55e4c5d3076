//! Whether the shop lives, whether it can serve, and its figures. None of it needs a token.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use commerce_core::Timestamp;
use commerce_core::commerce::Context;
use commerce_core::events::{Backlog, Queued};
use futures_util::future::{join, join_all, join3};
use serde_json::{Map, Value, json};

use crate::api::{Api, op};
use crate::metrics::{Behind, Seen};
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
    let retry_after = (!up).then_some([(header::RETRY_AFTER, "1")]);
    (status, retry_after, Json(json!({"status": word(up), "dependencies": dependencies})))
}

fn word(up: bool) -> &'static str {
    if up { "UP" } else { "DOWN" }
}

async fn metrics(State(shared): State<Shared>) -> impl IntoResponse {
    let (part, figures) = (shared.part(), shared.metrics());
    // Figures about the requests are given even while a database or a broker does not answer.
    let (backlogs, queued) = join(part.backlogs(), figures.queued(async { part.queued().await.unwrap_or_default() })).await;
    let now = part.now();
    let age = |oldest: Option<Timestamp>| oldest.map(|oldest| now.since(oldest));
    let outbox = |(context, backlog): (Context, Backlog)| {
        let Backlog { waiting, oldest } = backlog;
        Behind { name: context.as_str(), waiting, lag: age(oldest) }
    };
    // Where nothing waits, nothing is late.
    let none = |waiting: u64| (waiting == 0).then_some(Duration::ZERO);
    let queue = |Queued { queue, waiting, oldest }| Behind { name: queue, waiting, lag: age(oldest).or(none(waiting)) };
    let seen = Seen {
        backlogs: backlogs.unwrap_or_default().into_iter().map(outbox).collect(),
        queues: queued.into_iter().map(queue).collect(),
        breakers: shared.breakers(),
        audit: part.last_audit(),
    };
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], figures.render(&seen))
}
