//! Logging in, staying logged in, logging out.

use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use commerce_core::Refusal;
use serde_json::Value;

use crate::address::client_group;
use crate::answer::{Told, shown};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::Json;
use crate::front::ClientAddress;
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::user::{LoginBody, RefreshBody, TokensView};

pub(super) fn routes(api: Api) -> Api {
    api.post(
        "/api/auth/login",
        op("Log in").public().takes::<LoginBody>().gives::<TokensView>(200, "Tokens.").refuses(&["BAD_CREDENTIALS", "TOO_MANY"]),
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
    Json(body): Json<LoginBody>,
) -> Answered<Told<TokensView>> {
    let key = (shared.account_key(&body.email), client_group(address.0));
    if let Some(seconds) = shared.failed_logins().look(key, Instant::now()).and_then(|left| left.wait_seconds()) {
        return Err(Problem::from(Refusal::TooMany).retry_after(seconds));
    }
    let tokens = shared.users().login(&body.email, &body.password).await;
    if tokens.as_ref().is_err_and(|error| error.refusal() == Some(&Refusal::BadCredentials)) {
        shared.failed_logins().take(key, Instant::now());
    }
    Ok(shown(tokens?.into()))
}

async fn refresh(State(shared): State<Shared>, Json(body): Json<RefreshBody>) -> Answered<Told<TokensView>> {
    Ok(shown(shared.users().refresh(&body.refresh_token).await?.into()))
}

async fn logout(State(shared): State<Shared>, signed_in: SignedIn) -> Answered<StatusCode> {
    shared.users().logout(signed_in.session).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn jwks(State(shared): State<Shared>) -> Told<Value> {
    shown(shared.users().jwks()).cache("public, max-age=300")
}
