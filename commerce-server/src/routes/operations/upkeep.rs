//! What goes through all of a shop's data: the audit, and building the search index anew.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use commerce_core::audit::{AuditRequest, Patience, Progress};
use serde_json::json;
use std::time::Duration;

use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::KeyedJson;
use crate::long::{self, LINES};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::operation::{AuditBody, NothingBody};

/// Of the catalog alone.
pub(super) fn index(api: Api) -> Api {
    let rebuild = op("Build the search index anew beside the old one and switch, for staff")
        .takes::<NothingBody>()
        .gives_bytes("How far it is, line by line, and at last how many products are in.", &[LINES])
        .refuses(&["NO_INDEX", "UNDER_WAY"])
        .keyless("an index that was built is built again");
    api.post("/api/operations/search-index/rebuild", rebuild, reindex)
}

/// Of all contexts together.
pub(in crate::routes) fn audit(api: Api) -> Api {
    let audit = op("Check that everything is true that must be true of the shop's data, for staff")
        .takes::<AuditBody>()
        .gives_bytes("How far it is, line by line, and at last the report.", &[LINES])
        .refuses(&["PART_OF_A_SHOP", "UNDER_WAY"])
        .keyless("an audit is always the present one, and repairs nothing twice");
    api.post("/api/operations/audit", audit, look)
}

async fn reindex(State(shared): State<Shared>, caller: SignedIn, _: KeyedJson<NothingBody>) -> Answered<Response> {
    caller.actor.require_staff()?;
    if !shared.config().search_enabled {
        let why = "search.enabled is false: this shop keeps no index";
        return Err(Problem::new(StatusCode::CONFLICT, "NO_INDEX", why));
    }
    let one_at_a_time = shared.rebuilds().ok_or_else(under_way)?;
    let catalog = shared.catalog().clone();
    Ok(long::told(&shared, |teller| async move {
        let _one_at_a_time = one_at_a_time;
        let count = catalog.reindex(&caller.actor, &|count| teller.tell(json!({ "products": count }))).await?;
        Ok(json!({ "products": count }))
    }))
}

async fn look(State(shared): State<Shared>, caller: SignedIn, request: KeyedJson<AuditBody>) -> Answered<Response> {
    caller.actor.require_staff()?;
    let Some(shop) = shared.part().whole() else {
        let why = "this server has a part of the shop's data, and an audit of a part would be none: \
                   run `commerce audit` with the settings of all four databases";
        return Err(Problem::new(StatusCode::CONFLICT, "PART_OF_A_SHOP", why));
    };
    let (fix, one_at_a_time) = (request.body.fix, shared.audits().ok_or_else(under_way)?);
    Ok(long::told(&shared, move |teller| async move {
        let _one_at_a_time = one_at_a_time;
        let tell = |Progress { what, rows }: Progress| teller.tell(json!({ "what": what, "rows": rows }));
        let report = shop.audit(&caller.actor, AuditRequest::new(&RealTime).fixing(fix).telling(&tell)).await?;
        Ok(json!(report))
    }))
}

fn under_way() -> Problem {
    Problem::new(StatusCode::CONFLICT, "UNDER_WAY", "somebody else has it done just now; ask again when that has ended")
}

/// Waits in real time.
struct RealTime;

#[async_trait::async_trait]
impl Patience for RealTime {
    async fn wait(&self, span: Duration) {
        tokio::time::sleep(span).await;
    }
}
