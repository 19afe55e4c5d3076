//! Events on their way, and those that a consumer could not handle.

use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::Refusal;
use commerce_core::commerce::Context;
use commerce_core::events::LetterId;
use commerce_core::events::desk::Redriven;
use serde_json::{Value, json};

use crate::answer::{Told, shown};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{KeyedJson, Params};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::operation::{BacklogView, LetterView, NothingBody, RedrivenView};

/// How far the outbox of a context is behind, at `path`.
pub(super) fn backlog(api: Api, context: Context, path: &'static str) -> Api {
    let told = op("How many events wait to be published, since when, and how many messages are held back, for staff");
    api.get(path, told.gives::<BacklogView>(200, "So many."), async move |State(shared): State<Shared>, caller: SignedIn| {
        status(&shared, &caller, context).await
    })
}

async fn status(shared: &Shared, caller: &SignedIn, context: Context) -> Answered<Told<BacklogView>> {
    caller.actor.require_staff()?;
    let backlog = shared.part().backlog(context).await?.ok_or(Refusal::NotFound("outbox"))?;
    let held = match context {
        Context::Notifications => shared.notifications().held(&caller.actor).await?,
        Context::Users | Context::Catalog | Context::Orders => 0,
    };
    Ok(shown(BacklogView::of(context, backlog, held)))
}

/// The routes of one queue's dead letters. A macro, because paths are written down and not made.
macro_rules! letters {
    ($api:expr, $queue:literal) => {
        $crate::routes::operations::queues::letters_at(
            $api,
            $queue,
            concat!("/api/operations/dead-letters/", $queue),
            concat!("/api/operations/dead-letters/", $queue, "/{event}"),
            concat!("/api/operations/dead-letters/", $queue, "/{event}/redrive"),
        )
    };
}
pub(super) use letters;

/// The same at these paths: all letters, one, and the way back to its consumer.
pub(super) fn letters_at(api: Api, queue: &'static str, all: &'static str, one: &'static str, again: &'static str) -> Api {
    use crate::extract::Paging;
    use crate::routes::users::{CURSOR, LIMIT};

    let list = op("What this consumer could not handle or read, newest first, for staff").query([LIMIT, CURSOR]);
    let redrive = op("Bring an event to its consumer again; if it fails again it stays")
        .takes::<NothingBody>()
        .gives::<RedrivenView>(200, "Whether the consumer recorded it now.")
        .keyless("a letter that was recorded is gone, and its consumer records an event once");
    api.get(
        all,
        list.lists::<LetterView>(),
        async move |State(shared): State<Shared>, caller: SignedIn, Paging(page): Paging| -> Answered<Told<Value>> {
            let page = shared.part().dead_letters.page(&caller.actor, queue, &page).await?;
            Ok(shown(json!(page.map(LetterView::from))))
        },
    )
    .get(
        one,
        op("What a consumer could not handle or read").gives::<LetterView>(200, "The letter."),
        async move |State(shared): State<Shared>, caller: SignedIn, params: Params| -> Answered<Told<LetterView>> {
            caller.actor.require_staff()?;
            let letter: LetterId = params.get("event", "dead letter")?;
            Ok(shown(shared.part().dead_letters.letter(&caller.actor, queue, letter).await?.into()))
        },
    )
    .delete(
        one,
        op("Throw a dead letter away for good; its effect will be missing").done(204, "Thrown away."),
        async move |State(shared): State<Shared>, caller: SignedIn, params: Params| -> Answered<StatusCode> {
            caller.actor.require_staff()?;
            let letter: LetterId = params.get("event", "dead letter")?;
            shared.part().dead_letters.purge(&caller.actor, queue, letter).await?;
            Ok(StatusCode::NO_CONTENT)
        },
    )
    .post(
        again,
        redrive,
        async move |State(shared): State<Shared>,
                    caller: SignedIn,
                    params: Params,
                    _: KeyedJson<NothingBody>|
                    -> Answered<Told<RedrivenView>> {
            caller.actor.require_staff()?;
            let letter: LetterId = params.get("event", "dead letter")?;
            let reason = match shared.part().dead_letters.redrive(&caller.actor, queue, letter).await? {
                Redriven::Recorded => None,
                Redriven::StillDead(reason) => Some(reason),
            };
            Ok(shown(RedrivenView { redriven: reason.is_none(), reason }))
        },
    )
}
