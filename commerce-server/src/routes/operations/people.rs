//! Passwords that staff sets for others.

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{Json, Params};
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::operation::SetPasswordBody;

pub(super) fn routes(api: Api) -> Api {
    let set = op("Set a user's password and end all her logins, for staff").takes::<SetPasswordBody>().done(204, "Set.");
    api.put("/api/operations/users/{userId}/password", set, password)
}

async fn password(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    Json(body): Json<SetPasswordBody>,
) -> Answered<StatusCode> {
    caller.actor.require_staff()?;
    let user = params.user(&caller.actor)?;
    if caller.actor.user() == Some(user) {
        let why = "the own password is changed with the present one: PUT /api/users/{userId}/password";
        return Err(Problem::new(StatusCode::FORBIDDEN, "FORBIDDEN", why));
    }
    shared.users().set_password(&caller.actor, user, &body.password).await?;
    Ok(StatusCode::NO_CONTENT)
}
