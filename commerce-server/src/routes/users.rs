//! Users, their sessions and their address books.

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::ids::Id;
use commerce_core::limits::{PAGE_DEFAULT, PAGE_MAX};
use commerce_core::text::Email;
use commerce_core::users::{Role, StaffLogFilter, WRONG_PASSWORD};
use commerce_core::{Error, Refusal};
use serde_json::{Value, json};

use crate::address::client_group;
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, Param, op};
use crate::auth::{Caller, SignedIn};
use crate::extract::{IfMatch, Json, KeyedJson, Params, Patch, Query};
use crate::front::ClientAddress;
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::address::{AddressView, BookAddressBody};
use crate::views::operation::NothingBody;
use crate::views::user::{PasswordBody, READ_ONLY, RegisterBody, RoleBody, SessionView, StaffEntryView, UserBody, UserView};

pub(super) fn routes(api: Api) -> Api {
    let register =
        op("Register").public().takes::<RegisterBody>().gives::<UserView>(201, "Registered.").refuses(&["EMAIL_TAKEN"]);
    let list = op("Users, for staff").query([
        Param::text("role", "Only of this role."),
        Param::text("email", "Only with this mail address."),
        LIMIT,
        CURSOR,
    ]);
    let user = "/api/users/{userId}";
    let addresses = "/api/users/{userId}/addresses";
    let address = "/api/users/{userId}/addresses/{addressId}";
    api.post("/api/users", register, self::register)
        .get("/api/users", list.lists::<UserView>(), self::list)
        .get(user, op("A user; `me` is the caller").gives::<UserView>(200, "The user."), show)
        .put(
            user,
            op("Change a user").versioned().takes::<UserBody>().gives::<UserView>(200, "Changed.").refuses(&["EMAIL_TAKEN"]),
            change,
        )
        .delete(user, op("Erase a user").versioned().done(204, "Erased.").refuses(&["LAST_ADMIN"]), erase)
        .put(
            "/api/users/{userId}/password",
            op("Change the password").versioned().takes::<PasswordBody>().done(204, "Changed.").refuses(&["TOO_MANY"]),
            password,
        )
        .put(
            "/api/users/{userId}/role",
            op("Change the role").versioned().takes::<RoleBody>().gives::<UserView>(200, "Changed.").refuses(&["LAST_ADMIN"]),
            role,
        )
        .get(
            "/api/staff-log",
            op("What staff did, newest first, for staff")
                .query([
                    Param::text("actor", "Only what this user did, by her id."),
                    Param::text("subject", "Only what was done to this, by its id."),
                    Param::text("action", "Only this action."),
                    LIMIT,
                    CURSOR,
                ])
                .lists::<StaffEntryView>(),
            staff_log,
        )
        .get(
            "/api/users/{userId}/export",
            op("Everything that is kept about a user")
                .gives::<Value>(200, "Her account, orders, reviews, messages ….")
                .refuses(&["UNAVAILABLE"]),
            export,
        )
        .get(
            "/api/users/{userId}/sessions",
            op("Logins that are alive, newest first").query([LIMIT, CURSOR]).lists::<SessionView>(),
            sessions,
        )
        .delete(
            "/api/users/{userId}/sessions",
            op("End all logins, the caller's own too").done(204, "All have ended."),
            end_sessions,
        )
        .delete("/api/users/{userId}/sessions/{sessionId}", op("End a login").done(204, "Ended."), end_session)
        .post(
            addresses,
            op("Add an address").versioned().takes::<BookAddressBody>().gives::<AddressView>(201, "Added."),
            add_address,
        )
        .get(addresses, op("The address book, newest first").query([LIMIT, CURSOR]).lists::<AddressView>(), address_book)
        .get(address, op("An address").gives::<AddressView>(200, "The address."), show_address)
        .put(
            address,
            op("Change an address").versioned().takes::<BookAddressBody>().gives::<AddressView>(200, "Changed."),
            change_address,
        )
        .delete(address, op("Remove an address").versioned().done(204, "Removed."), remove_address)
        .put(
            "/api/users/{userId}/addresses/{addressId}/default",
            op("Make an address the default").versioned().gives::<AddressView>(200, "It is."),
            default_address,
        )
}

pub(super) const LIMIT: Param = Param::between("limit", "Entries of the page.", (1, PAGE_MAX), PAGE_DEFAULT);
pub(super) const CURSOR: Param = Param::text("cursor", "The `nextCursor` of the page before.");

async fn register(
    State(shared): State<Shared>,
    Caller(actor): Caller,
    request: KeyedJson<RegisterBody>,
) -> Answered<Told<UserView>> {
    let key = request.key();
    let user = shared.users().register(&actor, request.body.into(), key).await?;
    Ok(created(user.map(UserView::from), UserView::location).at(UserView::version))
}

async fn list(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    let role = query.get::<Role>("role", "must be CUSTOMER, SELLER or ADMIN")?;
    if let Some(email) = query.get::<Email>("email", "must be a mail address")? {
        let found = shared.users().user_by_email(&caller.actor, &email).await?;
        let found = found.filter(|user| role.is_none_or(|role| user.role == role));
        let page = query.page_of(found.into_iter().collect(), |user| user.id.uuid())?;
        return Ok(shown(json!(page.map(UserView::from))));
    }
    let page = shared.users().users(&caller.actor, role, &query.page()?).await?;
    Ok(shown(json!(page.map(UserView::from))))
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<UserView>> {
    let user = shared.users().user(&caller.actor, params.user(&caller.actor)?).await?;
    Ok(shown_at(user.into(), UserView::version))
}

async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<UserView>> {
    let id = params.user(&caller.actor)?;
    let current = UserView::from(shared.users().user(&caller.actor, id).await?);
    let body: UserBody = patch.onto(&json!(current), READ_ONLY)?;
    let user = shared.users().update_user(&caller.actor, id, body.into(), if_match.version).await?;
    Ok(shown_at(user.into(), UserView::version))
}

async fn erase(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.users().delete_user(&caller.actor, params.user(&caller.actor)?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Guesses at the present password count like logins that failed.
async fn password(
    State(shared): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<PasswordBody>,
) -> Answered<StatusCode> {
    let id = params.user(&caller.actor)?;
    let (PasswordBody { current, new }, keep) = (body, Some(caller.session));
    let email = shared.users().user(&caller.actor, id).await?.email;
    let (account, address) = (shared.account_key(email.as_str()), client_group(address.0));
    let turn = shared.logins().turn(account, address).await?;
    let changed = shared.users().change_password(&caller.actor, id, &current, &new, keep, if_match.version).await;
    match &changed {
        Ok(()) => shared.logins().passed(account, address),
        Err(error) if is_guess(error) => shared.logins().failed(account, address),
        Err(_) => {}
    }
    drop(turn);
    changed?;
    Ok(StatusCode::NO_CONTENT)
}

fn is_guess(error: &Error) -> bool {
    matches!(error.refusal(), Some(Refusal::Invalid(faults)) if faults.iter().any(|fault| fault.code == WRONG_PASSWORD))
}

async fn role(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    Json(body): Json<RoleBody>,
) -> Answered<Told<UserView>> {
    let user = shared.users().set_role(&caller.actor, params.user(&caller.actor)?, body.role, if_match.version).await?;
    Ok(shown_at(user.into(), UserView::version))
}

async fn export(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<Value>> {
    Ok(shown(shared.users().export(&caller.actor, params.user(&caller.actor)?).await?))
}

async fn staff_log(State(shared): State<Shared>, caller: SignedIn, query: Query) -> Answered<Told<Value>> {
    caller.actor.require_staff()?;
    let filter = StaffLogFilter {
        actor: query.get("actor", "must be a user's id")?,
        subject: query.get("subject", "must be an id")?,
        action: query.get("action", "must be an action of staff")?,
    };
    let page = shared.users().staff_log(&caller.actor, &filter, &query.page()?).await?;
    Ok(shown(json!(page.map(StaffEntryView::from))))
}

async fn sessions(State(shared): State<Shared>, caller: SignedIn, params: Params, query: Query) -> Answered<Told<Value>> {
    let page = shared.users().sessions(&caller.actor, params.user(&caller.actor)?, &query.page()?).await?;
    Ok(shown(json!(page.map(|session| SessionView::of(&session, caller.session)))))
}

async fn end_sessions(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<StatusCode> {
    shared.users().revoke_sessions(&caller.actor, params.user(&caller.actor)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn end_session(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<StatusCode> {
    let user = params.user(&caller.actor)?;
    shared.users().revoke_session(&caller.actor, user, params.get("sessionId", "session")?).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_address(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<BookAddressBody>,
) -> Answered<Told<AddressView>> {
    let (user, key) = (params.user(&caller.actor)?, request.key());
    let added = shared.users().add_address(&caller.actor, user, request.body.into(), key, if_match.version).await?;
    let told = created(added, |(address, _)| format!("/api/users/{user}/addresses/{}", address.id));
    Ok(told.at(|(_, version)| *version).map(|(address, _)| address.into()))
}

async fn address_book(State(shared): State<Shared>, caller: SignedIn, params: Params, query: Query) -> Answered<Told<Value>> {
    let book = shared.users().addresses(&caller.actor, params.user(&caller.actor)?).await?;
    let page = query.page_of(book.addresses, |address| address.id.uuid())?;
    Ok(shown(json!(page.map(AddressView::from))).version(book.version))
}

async fn show_address(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<AddressView>> {
    let (user, id) = (params.user(&caller.actor)?, params.get("addressId", "address")?);
    let (address, version) = shared.users().book_address(&caller.actor, user, id).await?;
    Ok(shown(address.into()).version(version))
}

async fn change_address(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<AddressView>> {
    let (user, id) = (params.user(&caller.actor)?, params.get("addressId", "address")?);
    let body: BookAddressBody = patch.onto(&json!({"id": id}), &["id"])?;
    let (address, version) = shared.users().update_address(&caller.actor, user, id, body.into(), if_match.version).await?;
    Ok(shown(address.into()).version(version))
}

async fn remove_address(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
) -> Answered<StatusCode> {
    let (user, id) = (params.user(&caller.actor)?, params.get("addressId", "address")?);
    shared.users().delete_address(&caller.actor, user, id, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn default_address(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    _: Json<NothingBody>,
) -> Answered<Told<AddressView>> {
    let (user, id) = (params.user(&caller.actor)?, params.get("addressId", "address")?);
    let (address, version) = shared.users().set_default_address(&caller.actor, user, id, if_match.version).await?;
    Ok(shown(address.into()).version(version))
}
