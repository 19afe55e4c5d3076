//! Users as the other contexts see them, called directly within one process.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::actor::Actor;
use crate::error::Outcome;
use crate::ids::{AddressId, OrderId, ResetId, SellerId, UserId};
use crate::notifications::{Contact, Contacts};
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

    async fn guest(&self, email: &Email) -> Outcome<UserId> {
        self.guest_of(email).await
    }

    async fn known_guest(&self, email: &Email) -> Outcome<Option<UserId>> {
        Self::known_guest(self, email).await
    }

    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        Self::order_link(self, guest, order).await
    }

    async fn follow(&self, link: &str) -> Outcome<Option<(UserId, OrderId)>> {
        Self::follow(self, link).await
    }
}

#[async_trait]
impl Contacts for Users {
    async fn contacts(&self, users: &[UserId]) -> Outcome<Vec<Contact>> {
        let accounts = self.store.users_of(users).await?;
        let have_accounts: BTreeSet<UserId> = accounts.iter().map(|user| user.id).collect();
        let others: Vec<UserId> = users.iter().copied().filter(|user| !have_accounts.contains(user)).collect();
        let guests = if others.is_empty() { Vec::new() } else { self.store.guests_of(&others).await? };
        let accounts = accounts.into_iter().filter(|user| !user.is_erased());
        let accounts = accounts.map(|user| Contact { user: user.id, email: user.email, name: Some(user.full_name) });
        let guests = guests.into_iter().filter(|guest| !guest.is_erased());
        let guests = guests.map(|guest| Contact { user: guest.id, email: guest.email, name: None });
        Ok(accounts.chain(guests).collect())
    }

    async fn order_link(&self, guest: UserId, order: OrderId) -> Outcome<Option<String>> {
        Self::order_link(self, guest, order).await
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

    async fn find(&self, actor: &Actor, email: &Email) -> Outcome<Vec<UserId>> {
        let account = self.user_by_email(actor, email).await?.map(|user| user.id);
        Ok(account.into_iter().chain(self.known_guest(email).await?).collect())
    }

    async fn expect(&self, actor: &Actor, user: UserId) -> Outcome<()> {
        self.user(actor, user).await.map(|_| ())
    }

    async fn set_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        Self::set_seller(self, actor, user, seller).await.map(|_| ())
    }

    async fn end_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()> {
        Self::end_seller(self, actor, user, seller).await
    }

    fn in_trace(&self, traceparent: &str) -> Option<Arc<dyn Accounts>> {
        Some(Arc::new(Self::in_trace(self, traceparent)))
    }
}
