//! Users in another process: who asks, where she lives, where her mails go.
//!
//! The public keys of access tokens are fetched and kept, so that a token that holds for nobody costs no
//! call, and one that holds lets its bearer read while users cannot be asked.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::error::{Error, Outcome, Refusal};
use commerce_core::ids::{AddressId, OrderId, ResetId, SellerId, UserId};
use commerce_core::notifications::{Contact, Contacts};
use commerce_core::orders::Customers;
use commerce_core::text::Email;
use commerce_core::users::{Accounts, Authenticated, Claimed, PostalAddress};
use commerce_core::{Actor, Clock};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::call::{Caller, Net};
use super::target::Target;
use super::wire;
use crate::auth::jwt::PublicKeys;

/// Pause between two looks at the keys: the next one is known long before it signs.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Pause while there are none.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// Asks the users' service. Cheap to clone; clones share the keys.
#[derive(Clone)]
pub struct RemoteUsers {
    caller: Caller,
    clock: Arc<dyn Clock>,
    keys: Arc<RwLock<Option<Arc<PublicKeys>>>>,
}

impl RemoteUsers {
    /// Over this net, at this place.
    pub fn new(net: &Net, target: &Arc<Target>) -> Self {
        Self { caller: net.to(target), clock: Arc::clone(net.clock()), keys: Arc::default() }
    }

    /// Fetches the keys of access tokens.
    ///
    /// # Errors
    /// When users do not answer; the keys known before stay.
    pub async fn fetch_keys(&self) -> Outcome<()> {
        let set: Value = self.caller.ask("users.keys", "/internal/keys").await?;
        let fetched = PublicKeys::of(&set, crate::auth::jwt::ISSUER, crate::auth::jwt::ISSUER);
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        // The same keys go on as they are: what tokens were found to say is kept with them.
        if keys.as_ref().is_none_or(|known| !known.same(&fetched)) {
            *keys = Some(Arc::new(fetched));
        }
        Ok(())
    }

    /// Fetches the keys again and again until `stop`.
    pub(super) async fn follow_keys(self, stop: CancellationToken) {
        loop {
            let pause = match self.fetch_keys().await {
                Ok(()) => LOOK_EVERY,
                Err(error) => {
                    unfetched(&error);
                    LOOK_AGAIN
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        let linked: wire::Linked = self.caller.ask("users.link", &format!("/internal/users/{guest}/orders/{order}/link")).await?;
        Ok(linked.link)
    }

    fn traced(&self, traceparent: &str) -> Self {
        Self { caller: self.caller.in_trace(traceparent), ..self.clone() }
    }
}

fn unfetched(error: &Error) {
    tracing::debug!(error = error as &dyn std::error::Error, "the keys of access tokens were not fetched");
}

#[async_trait]
impl Accounts for RemoteUsers {
    async fn authenticate(&self, access_token: &str) -> Outcome<Authenticated> {
        let claimed = self.claimed(access_token);
        if claimed == Claimed::Nobody {
            return Err(Refusal::Unauthenticated.into());
        }
        let body = wire::AccessToken { access_token: access_token.to_owned() };
        let who = self.caller.ask_with("users.authenticate", "/internal/sessions", &body).await?;
        if claimed == Claimed::Unknown {
            // Whoever signed this is there now, and may be gone before the next look.
            self.fetch_keys().await.unwrap_or_else(|error| unfetched(&error));
        }
        Ok(who)
    }

    /// A token of a key that is not known yet is for users to judge.
    fn claimed(&self, access_token: &str) -> Claimed {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        match keys.filter(|keys| keys.may_judge(access_token)) {
            Some(keys) => Claimed::of(keys.read(access_token).as_ref(), self.clock.now()),
            None => Claimed::Unknown,
        }
    }

    async fn find(&self, actor: &Actor, email: &Email) -> Outcome<Vec<UserId>> {
        let body = wire::Find { actor: *actor, email: email.clone() };
        let found: wire::Found = self.caller.ask_with("users.find", "/internal/users/find", &body).await?;
        Ok(found.user.into_iter().chain(found.guest).collect())
    }

    async fn expect(&self, actor: &Actor, user: UserId) -> Outcome<()> {
        let body = wire::Expect { actor: *actor, user };
        let _: wire::Done = self.caller.ask_with("users.expect", "/internal/users/expect", &body).await?;
        Ok(())
    }

    async fn set_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        let body = wire::SetSeller { actor: *actor, user, seller };
        let _: wire::Done = self.caller.say("users.set_seller", "/internal/users/seller", &body).await?;
        Ok(())
    }

    async fn end_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        let body = wire::SetSeller { actor: *actor, user, seller };
        let _: wire::Done = self.caller.say("users.end_seller", "/internal/users/no-seller", &body).await?;
        Ok(())
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn Accounts>> {
        Some(Arc::new(self.traced(traceparent)))
    }
}

#[async_trait]
impl Customers for RemoteUsers {
    async fn address(&self, user: UserId, address: Option<AddressId>) -> Outcome<Option<PostalAddress>> {
        let path = match address {
            Some(address) => format!("/internal/users/{user}/addresses/{address}"),
            None => format!("/internal/users/{user}/addresses/default"),
        };
        let found: wire::Addressed = self.caller.ask("users.address", &path).await?;
        Ok(found.address)
    }

    /// Asked again it answers the same, so that a lost answer costs nothing.
    async fn guest(&self, email: &Email) -> Outcome<UserId> {
        let known: wire::KnownGuest =
            self.caller.ask_with("users.guest", "/internal/users/guest", &wire::AsGuest { email: email.clone() }).await?;
        Ok(known.guest)
    }

    async fn known_guest(&self, email: &Email) -> Outcome<Option<UserId>> {
        let body = wire::AsGuest { email: email.clone() };
        let known: wire::MaybeGuest = self.caller.ask_with("users.known_guest", "/internal/users/known-guest", &body).await?;
        Ok(known.guest)
    }

    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        self.link(guest, order).await
    }

    async fn follow(&self, link: &str) -> Outcome<Option<(UserId, OrderId)>> {
        let shown = wire::Shown { link: link.to_owned() };
        let followed: wire::Followed = self.caller.ask_with("users.follow", "/internal/users/follow", &shown).await?;
        Ok(followed.order)
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn Customers>> {
        Some(Arc::new(self.traced(traceparent)))
    }
}

#[async_trait]
impl Contacts for RemoteUsers {
    async fn contacts(&self, users: &[UserId]) -> Outcome<Vec<Contact>> {
        let told = wire::Told { users: users.to_vec() };
        let found: wire::Contacted = self.caller.ask_with("users.contacts", "/internal/users/contacts", &told).await?;
        Ok(found.contacts)
    }

    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        self.link(guest, order).await
    }

    async fn reset_token(&self, user: UserId, reset: ResetId) -> Outcome<Option<String>> {
        let path = format!("/internal/users/{user}/resets/{reset}");
        let found: wire::ResetToken = self.caller.ask("users.reset_token", &path).await?;
        Ok(found.token)
    }
}
