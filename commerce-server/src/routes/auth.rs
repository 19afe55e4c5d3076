//! Logging in, staying logged in, logging out.
//!
//! What gives tokens accepts a key like every POST and needs none: no token is ever kept to be answered again. A
//! login repeated is a session more, and a refresh repeated at once gets the same successor. Who asks for a mail is
//! counted instead, and told the same whether or not there is an account, with a key or without.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use commerce_core::Refusal;
use commerce_core::change::Answer;
use serde_json::{Value, json};

use crate::address::client_group;
use crate::answer::{Told, done, shown};
use crate::api::{Api, op};
use crate::auth::Leaving;
use crate::extract::{Json, KeyedJson, RequestIdempotency};
use crate::front::ClientAddress;
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::user::{LoginBody, NewPasswordBody, RefreshBody, ResetBody, TokensView};

pub(super) fn routes(api: Api) -> Api {
    api.post(
        "/api/auth/login",
        op("Log in")
            .public()
            .keyless("no token is kept to be answered again")
            .takes::<LoginBody>()
            .gives::<TokensView>(200, "Tokens.")
            .refuses(&["BAD_CREDENTIALS", "TOO_MANY"]),
        login,
    )
    .post(
        "/api/auth/refresh",
        op("Get a new access token; the refresh token is used up")
            .public()
            .keyless("no token is kept to be answered again; repeated at once it gets the same successor")
            .takes::<RefreshBody>()
            .gives::<TokensView>(200, "Tokens."),
        refresh,
    )
    .post(
        "/api/auth/password-reset",
        op("Ask for a mail that sets a new password")
            .public()
            .keyless("the mails of an hour are counted instead, and the answer says nothing of who has an account")
            .takes::<ResetBody>()
            .done(202, "Who has this address gets a mail."),
        ask_reset,
    )
    .post(
        "/api/auth/password-reset/confirm",
        op("Set a new password with the token of the mail; all sessions end")
            .public()
            .takes::<NewPasswordBody>()
            .done(204, "Set."),
        reset,
    )
    .post("/api/auth/logout", op("End the session").done(204, "It has ended."), logout)
    .get(
        "/.well-known/jwks.json",
        op("The public keys of access tokens").public().gives::<Value>(200, "A JSON Web Key Set."),
        jwks,
    )
}

async fn login(
    State(shared): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    _: RequestIdempotency,
    Json(body): Json<LoginBody>,
) -> Answered<Told<TokensView>> {
    let (account, address) = (shared.account_key(&body.email), client_group(address.0));
    let turn = shared.logins().turn(account, address).await?;
    let tokens = shared.users().login(&body.email, &body.password).await;
    match &tokens {
        Ok(_) => shared.logins().passed(account, address),
        Err(error) if error.refusal() == Some(&Refusal::BadCredentials) => shared.logins().failed(account, address),
        Err(_) => {}
    }
    drop(turn);
    Ok(shown(tokens?.into()))
}

async fn refresh(
    State(shared): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    _: RequestIdempotency,
    Json(body): Json<RefreshBody>,
) -> Answered<Told<TokensView>> {
    let tokens = shared.users().refresh(&body.refresh_token).await?;
    shared.logins().passed(shared.account_key(tokens.user.email.as_str()), client_group(address.0));
    Ok(shown(tokens.into()))
}

/// Answered at once, so that the time it takes says nothing either.
async fn ask_reset(
    State(shared): State<Shared>,
    _: RequestIdempotency,
    Json(ResetBody { email }): Json<ResetBody>,
) -> Answered<StatusCode> {
    tokio::spawn(async move {
        if let Err(error) = shared.users().request_reset(&email).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a new password could not be asked for");
        }
    });
    Ok(StatusCode::ACCEPTED)
}

async fn reset(State(shared): State<Shared>, request: KeyedJson<NewPasswordBody>) -> Answered<Response> {
    let NewPasswordBody { token, password } = &request.body;
    Ok(nothing(shared.users().reset_password(token, password, request.key()).await?))
}

/// Whoever repeats it has no session any more; her key says that it was she who ended it.
async fn logout(
    State(shared): State<Shared>,
    caller: Leaving,
    idempotency: RequestIdempotency,
    body: Bytes,
) -> Answered<Response> {
    let (users, key) = (shared.users(), idempotency.with(&body));
    let (caller, problem) = match caller {
        Leaving::Here(caller) => return Ok(nothing(users.logout(&caller, key).await?)),
        Leaving::Gone(caller, problem) => (caller, problem),
    };
    let Some(key) = key else { return Err(problem) };
    if users.has_logged_out(&caller, key).await? { Ok(nothing(Answer::Replayed(()))) } else { Err(problem) }
}

/// 204 for what has no body; a replay is 200 with an empty object.
fn nothing(answer: Answer<()>) -> Response {
    match answer {
        Answer::Fresh(()) => StatusCode::NO_CONTENT.into_response(),
        replayed @ Answer::Replayed(()) => done(replayed.map(|()| json!({}))).into_response(),
    }
}

async fn jwks(State(shared): State<Shared>) -> Told<Value> {
    shown(shared.users().jwks()).cache("public, max-age=300")
}
