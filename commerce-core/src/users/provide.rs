//! Users as the other contexts see them, called directly within one process.

use async_trait::async_trait;

use crate::error::Outcome;
use crate::ids::{AddressId, UserId};
use crate::notifications::Contacts;
use crate::orders::Customers;
use crate::text::Email;

use super::Users;
use super::model::PostalAddress;

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
}
