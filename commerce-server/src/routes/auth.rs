//! Logging in, staying logged in, logging out.
//!
//! What gives tokens accepts a key like every POST, and keeps no token to be answered again. A login repeated is a session
//! more, and a refresh repeated at once gets the same successor; both say that they are replays. Who asks for a mail is
//! told the same whether or not there is an account, with a key or without.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use commerce_core::Refusal;
use commerce_core::change::Answer;
use serde_json::Value;

use crate::address::client_group;
use crate::answer::{Told, accepted, done, nothing, shown};
use crate::api::{Api, op};
use crate::auth::Leaving;
use crate::extract::KeyedJson;
use crate::front::ClientAddress;
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::operation::NothingBody;
use crate::views::user::{LoginBody, NewPasswordBody, RefreshBody, ResetBody, TokensView};

pub(super) fn routes(api: Api) -> Api {
    api.post(
        "/api/auth/login",
        op("Log in").public().takes::<LoginBody>().gives::<TokensView>(200, "Tokens.").refuses(&[
            "BAD_CREDENTIALS",
            "TOO_MANY",
            "IDEMPOTENCY_MISMATCH",
        ]),
        login,
    )
    .post(
        "/api/auth/refresh",
        op("Get a new access token; the refresh token is used up")
            .public()
            .takes::<RefreshBody>()
            .gives::<TokensView>(200, "Tokens."),
        refresh,
    )
    .post(
        "/api/auth/password-reset",
        op("Ask for a mail that sets a new password")
            .public()
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
    request: KeyedJson<LoginBody>,
) -> Answered<Told<TokensView>> {
    let (key, body) = (request.key(), request.body);
    let (account, address) = (shared.account_key(&body.email), client_group(address.0));
    let turn = shared.logins().turn(account, address).await?;
    let tokens = shared.users().login_keyed(&body.email, &body.password, key).await;
    match &tokens {
        Ok(_) => shared.logins().passed(account, address),
        Err(error) if error.refusal() == Some(&Refusal::BadCredentials) => shared.logins().failed(account, address),
        Err(_) => {}
    }
    drop(turn);
    Ok(done(tokens?.map(TokensView::from)))
}

async fn refresh(
    State(shared): State<Shared>,
    Extension(address): Extension<ClientAddress>,
    request: KeyedJson<RefreshBody>,
) -> Answered<Told<TokensView>> {
    let answer = shared.users().refresh_keyed(&request.body.refresh_token, request.key()).await?;
    let (Answer::Fresh(tokens) | Answer::Replayed(tokens)) = &answer;
    shared.logins().passed(shared.account_key(tokens.user.email.as_str()), client_group(address.0));
    Ok(done(answer.map(TokensView::from)))
}

/// Answered before anybody is looked for, so that the time it takes says nothing either. A replay makes up for a mail that
/// could not be asked for.
async fn ask_reset(State(shared): State<Shared>, request: KeyedJson<ResetBody>) -> Answered<Response> {
    let (key, ResetBody { email }) = (request.key(), request.body);
    let answer = shared.users().reset_asked(key.clone()).await?;
    tokio::spawn(async move {
        if let Err(error) = shared.users().request_reset(&email, key.as_ref()).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a new password could not be asked for");
        }
    });
    Ok(accepted(answer))
}

async fn reset(State(shared): State<Shared>, request: KeyedJson<NewPasswordBody>) -> Answered<Response> {
    let NewPasswordBody { token, password } = &request.body;
    Ok(nothing(shared.users().reset_password(token, password, request.key()).await?))
}

/// Whoever repeats it has no session any more; her key says that it was she who ended it.
async fn logout(State(shared): State<Shared>, caller: Leaving, request: KeyedJson<NothingBody>) -> Answered<Response> {
    let (users, key) = (shared.users(), request.key());
    let (caller, problem) = match caller {
        Leaving::Here(caller) => return Ok(nothing(users.logout(&caller, key).await?)),
        Leaving::Gone(caller, problem) => (caller, problem),
    };
    let Some(key) = key else { return Err(problem) };
    if users.has_logged_out(&caller, key).await? { Ok(nothing(Answer::Replayed(()))) } else { Err(problem) }
}

async fn jwks(State(shared): State<Shared>) -> Told<Value> {
    shown(shared.users().jwks()).cache("public, max-age=300")
}
