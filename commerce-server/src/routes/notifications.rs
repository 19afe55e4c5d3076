//! What was told to whom, for staff.

use axum::extract::State;
use commerce_core::notifications::{NotificationFilter, Recipient};
use serde_json::{Value, json};

use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, done, shown};
use crate::api::{Api, Param, op};
use crate::auth::SignedIn;
use crate::extract::{KeyedJson, Params, Query};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::notification::{NotificationView, ResendBody};

pub(super) fn routes(api: Api) -> Api {
    let list = op("Messages, newest first").query([
        Param::text("recipient", "A user's id, `ops`, or a mail address."),
        Param::text("event", "Only of this kind of event."),
        Param::text("status", "Only in this status."),
        LIMIT,
        CURSOR,
    ]);
    api.get("/api/notifications", list.lists::<NotificationView>(), self::list).post(
        "/api/notifications/{id}/resend",
        op("Send a message again").gives::<NotificationView>(200, "It will be."),
        resend,
    )
}

async fn list(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    caller.actor.require_staff()?;
    let mut people = None;
    let recipient = match query.text("recipient") {
        None => None,
        Some("ops") => Some(Recipient::Ops),
        Some(text) if text.contains('@') => {
            if let Some(email) = query.get("recipient", "must be a mail address")? {
                people = Some(shared.accounts().find(&caller.actor, &email).await?);
            }
            None
        }
        Some(_) => query.get("recipient", "must be a user's id, `ops` or a mail address")?.map(Recipient::User),
    };
    let kind = query.get("event", "must be a kind of event")?;
    let status = query.get("status", "must be a notification's status")?;
    let filter = NotificationFilter { recipient, kind, status, ..NotificationFilter::default() };
    let (notifications, page) = (shared.notifications(), query.page()?);
    let page = match people {
        Some(people) => notifications.list_of(&caller.actor, &people, &filter, &page).await?,
        None => notifications.list(&caller.actor, &filter, &page).await?,
    };
    Ok(shown(json!(page.map(NotificationView::from))))
}

async fn resend(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    request: KeyedJson<ResendBody>,
) -> Answered<Told<NotificationView>> {
    let key = request.key();
    let notification = shared.notifications().resend(&caller.actor, params.get("id", "notification")?, key).await?;
    Ok(done(notification.map(NotificationView::from)))
}
