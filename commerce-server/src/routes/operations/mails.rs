//! Mails as they will look, whether they arrive, and what waits for a word before it leaves the house.

use axum::extract::State;
use axum::response::Response;
use commerce_core::notifications::Template;
use commerce_core::text::Email;
use serde_json::json;

use crate::answer::{Told, done, shown};
use crate::api::{Api, Op, op};
use crate::auth::SignedIn;
use crate::extract::{KeyedJson, Params};
use crate::long::{self, LINES};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::operation::{NothingBody, PreviewView, SentView, TestMailBody};

pub(super) fn routes(api: Api) -> Api {
    let sent =
        op("Send a mail from sample data the way real ones go").takes::<TestMailBody>().gives::<SentView>(200, "Handed over.");
    api.get(
        "/api/operations/mails/{template}",
        op("A mail from sample data, for staff").gives::<PreviewView>(200, "The mail."),
        preview,
    )
    .post("/api/operations/mails/{template}/test", sent, send_test)
    .post(
        "/api/operations/held-messages/hold",
        worded("Hold back every mail and webhook that is not through: after its databases were restored by other tools"),
        hold,
    )
    .post("/api/operations/held-messages/release", worded("Send what is held back, now"), release)
    .post("/api/operations/held-messages/drop", worded("Never send what is held back"), give_up)
}

fn worded(summary: &'static str) -> Op {
    op(summary)
        .takes::<NothingBody>()
        .gives_bytes("How far it is, line by line, and at last how many.", &[LINES])
        .keyless("what was said of a message need not be said again")
}

async fn preview(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<PreviewView>> {
    caller.actor.require_staff()?;
    Ok(shown(shared.notifications().preview(template(&params)?)?.into()))
}

async fn send_test(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    request: KeyedJson<TestMailBody>,
) -> Answered<Told<SentView>> {
    caller.actor.require_staff()?;
    let (template, to) = (template(&params)?, Email::parse("to", &request.body.to)?);
    let sent = shared.notifications().send_test(&caller.actor, template, &to, request.key()).await?;
    Ok(done(sent.map(|()| SentView { to, template })))
}

async fn hold(State(shared): State<Shared>, caller: SignedIn, _: KeyedJson<NothingBody>) -> Answered<Response> {
    caller.actor.require_staff()?;
    let told = shared.notifications().clone();
    Ok(long::told(&shared, |_| async move { Ok(json!({ "held": told.hold(&caller.actor).await? })) }))
}

async fn release(State(shared): State<Shared>, caller: SignedIn, _: KeyedJson<NothingBody>) -> Answered<Response> {
    caller.actor.require_staff()?;
    let told = shared.notifications().clone();
    Ok(long::told(&shared, |_| async move { Ok(json!({ "released": told.release_held(&caller.actor).await? })) }))
}

async fn give_up(State(shared): State<Shared>, caller: SignedIn, _: KeyedJson<NothingBody>) -> Answered<Response> {
    caller.actor.require_staff()?;
    let told = shared.notifications().clone();
    Ok(long::told(&shared, |_| async move { Ok(json!({ "dropped": told.drop_held(&caller.actor).await? })) }))
}

fn template(params: &Params) -> Answered<Template> {
    params.get("template", "mail template")
}
