//! Wallets: what a customer has with the shop. Hers alone.

use axum::extract::State;
use commerce_core::change::Answer;
use commerce_core::orders::{AttemptState, TopUp};
use commerce_core::page::Page;
use serde_json::{Value, json};

use super::twin;
use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown};
use crate::api::{Api, op};
use crate::auth::SignedIn;
use crate::extract::{KeyedJson, Paging, Params};
use crate::problem::Answered;
use crate::state::Shared;
use crate::views::wallet::{EntryView, TopUpBody, WalletView};

pub(super) fn routes(api: Api) -> Api {
    let entries = op("What went into a wallet and out of it, newest first").query([LIMIT, CURSOR]).lists::<EntryView>();
    api.get("/api/wallet/{userId}", op("What one has with the shop").gives::<WalletView>(200, "The wallet."), show)
        .get("/api/wallet/{userId}/entries", entries, list)
        .post(
            "/api/wallet/{userId}/topup",
            op("Put money into one's wallet")
                .takes::<TopUpBody>()
                .gives::<WalletView>(201, "Asked for; `topUp.status` says what came of it.")
                .refuses(&["CURRENCY_MISMATCH", "IDEMPOTENCY_MISMATCH"]),
            top_up,
        )
}

async fn show(State(shared): State<Shared>, caller: SignedIn, params: Params) -> Answered<Told<WalletView>> {
    let wallet = shared.orders().wallet(&caller.actor, params.user(&caller.actor)?).await?;
    Ok(shown(WalletView::of(wallet, None)))
}

async fn list(State(shared): State<Shared>, caller: SignedIn, params: Params, Paging(page): Paging) -> Answered<Told<Value>> {
    let entries = shared.orders().wallet_entries(&caller.actor, params.user(&caller.actor)?, &page).await?;
    let entries: Page<EntryView> = entries.map(EntryView::from);
    Ok(shown(json!(entries)))
}

async fn top_up(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    request: KeyedJson<TopUpBody>,
) -> Answered<Told<WalletView>> {
    let (user, key) = (params.user(&caller.actor)?, request.key());
    let TopUpBody { amount, token } = request.body;
    let orders = shared.orders();
    let made = orders.top_up(&caller.actor, user, amount, Some(token), key).await?;
    let again = |top_up: &TopUp| orders.top_up_of(&caller.actor, user, top_up.attempt.id);
    let made = twin::settled(made, |top_up| top_up.attempt.state == AttemptState::Created, again).await?;
    let wallet = orders.wallet(&caller.actor, user).await?;
    let view = |top_up| WalletView::of(wallet, Some(top_up));
    let answer = match made {
        Answer::Fresh(top_up) => Answer::Fresh(view(top_up)),
        Answer::Replayed(top_up) => Answer::Replayed(view(top_up)),
    };
    Ok(created(answer, WalletView::location))
}
