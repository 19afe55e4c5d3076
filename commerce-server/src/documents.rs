//! What people and programs read about the API: `/openapi.json`, `/docs`, `/docs/errors`.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use serde_json::Value;

use crate::problem::all_codes;
use crate::state::Shared;

const STYLE: &str = include_str!("documents.css");

/// The documents of this table.
pub(crate) fn router(spec: &Arc<Value>) -> Router<Shared> {
    let json: Arc<str> = spec.to_string().into();
    let overview: Arc<str> = overview(spec).into();
    let errors: Arc<str> = errors().into();
    let page = |text: Arc<str>| get(async move || Html(text.to_string()));
    Router::new()
        .route("/openapi.json", get(async move || ([(header::CONTENT_TYPE, "application/json")], json.to_string())))
        .route("/docs", page(overview))
        .route("/docs/errors", page(errors))
        .route("/docs/style.css", get(style))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")], STYLE)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"stylesheet\" href=\"/docs/style.css\"></head>\
         <body><nav><a href=\"/docs\">API</a> <a href=\"/docs/errors\">Errors</a> <a href=\"/openapi.json\">openapi.json</a></nav>\
         <h1>{title}</h1>{body}</body></html>"
    )
}

/// Every route by its first word, from the document itself.
fn overview(spec: &Value) -> String {
    let mut body = String::from("<table><tr><th>Route</th><th>Does</th><th>Token</th></tr>");
    let paths = spec.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let summary = operation.get("summary").and_then(Value::as_str).unwrap_or_default();
            let open = operation.get("security").and_then(Value::as_array).is_some_and(Vec::is_empty);
            let token = if open { "" } else { "needed" };
            let method = method.to_uppercase();
            write!(body, "<tr><td><code>{method} {path}</code></td><td>{summary}</td><td>{token}</td></tr>")
                .expect("writing to a string does not fail");
        }
    }
    page("API", &(body + "</table>"))
}

/// Every code with its status and meaning; each row is where a problem's `type` leads.
fn errors() -> String {
    let mut body = String::from("<table><tr><th>Code</th><th>Status</th><th>Meaning</th></tr>");
    for (code, status, meaning) in all_codes() {
        let meaning = meaning.replace('<', "&lt;");
        write!(body, "<tr id=\"{code}\"><td><code>{code}</code></td><td>{status}</td><td>{meaning}</td></tr>")
            .expect("writing to a string does not fail");
    }
    page("Errors", &(body + "</table>"))
}
