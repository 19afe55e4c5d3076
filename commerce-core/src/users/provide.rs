//! Users as the other contexts see them, called directly within one process.

use std::sync::Arc;

use async_trait::async_trait;

use crate::actor::Actor;
use crate::error::Outcome;
use crate::ids::{AddressId, ResetId, SellerId, UserId};
use crate::notifications::Contacts;
use crate::orders::Customers;
use crate::text::Email;

use super::model::PostalAddress;
use super::{Accounts, Authenticated, Claimed, Users};

#[async_trait]
impl Customers for Users {
    async fn address(&self, user: UserId, address: Option<AddressId>) -> Outcome<Option<PostalAddress>> {
        let book = self.store.addresses(user).await?;
        let chosen = book.into_iter().find(|known| address.map_or(known.is_default, |id| known.id == id));
        Ok(chosen.map(|known| known.postal))
    }
}

#[async_trait]
impl Contacts for Users {
    async fn contact(&self, user: UserId) -> Outcome<Option<(Email, String)>> {
        let user = self.store.user(user).await?.filter(|user| !user.is_erased());
        Ok(user.map(|user| (user.email, user.full_name)))
    }

    async fn reset_token(&self, user: UserId, reset: ResetId) -> Outcome<Option<String>> {
        Self::reset_token(self, user, reset).await
    }
}

#[async_trait]
impl Accounts for Users {
    async fn authenticate(&self, access_token: &str) -> Outcome<Authenticated> {
        Self::authenticate(self, access_token).await
    }

    fn claimed(&self, access_token: &str) -> Claimed {
        Claimed::of(self.tokens.read(access_token).as_ref(), self.clock.now())
    }

    async fn find(&self, actor: &Actor, email: &Email) -> Outcome<Option<UserId>> {
        Ok(self.user_by_email(actor, email).await?.map(|user| user.id))
    }

    async fn expect(&self, actor: &Actor, user: UserId) -> Outcome<()> {
        self.user(actor, user).await.map(|_| ())
    }

    async fn set_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        Self::set_seller(self, actor, user, seller).await.map(|_| ())
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn Accounts>> {
        Some(Arc::new(Self::in_trace(self, traceparent)))
    }
}
