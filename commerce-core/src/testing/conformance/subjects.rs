//! Each store as a [`Subject`].

use async_trait::async_trait;
use uuid::Uuid;

use crate::catalog::{CatalogStore, CatalogWrite};
use crate::change::{ChangeSet, CommitError, Keys};
use crate::ids::{Id, NotificationId, OrderId, SellerId, UserId};
use crate::notifications::{Notification, NotificationStore, NotificationWrite};
use crate::orders::{Cart, CartOwner, CartStore, CartWrite, OrderStore, OrderWrite};
use crate::time::Timestamp;
use crate::users::{UserStore, UserWrite};

use super::fixture::{Subject, got};
use super::samples;

#[async_trait]
impl Subject for dyn UserStore {
    type Write = UserWrite;

    async fn try_commit(&self, changes: ChangeSet<UserWrite>) -> Result<(), CommitError> {
        self.commit(changes).await
    }

    fn keys(&self) -> Option<&dyn Keys> {
        Some(self)
    }

    fn row(&self, id: Uuid, now: Timestamp) -> UserWrite {
        UserWrite::InsertUser(samples::user(UserId::from_uuid(id), now))
    }

    async fn has(&self, id: Uuid) -> bool {
        got(self.user(UserId::from_uuid(id)).await).is_some()
    }
}

#[async_trait]
impl Subject for dyn CatalogStore {
    type Write = CatalogWrite;

    async fn try_commit(&self, changes: ChangeSet<CatalogWrite>) -> Result<(), CommitError> {
        self.commit(changes).await
    }

    fn keys(&self) -> Option<&dyn Keys> {
        Some(self)
    }

    fn row(&self, id: Uuid, now: Timestamp) -> CatalogWrite {
        CatalogWrite::InsertSeller(samples::seller(SellerId::from_uuid(id), now))
    }

    async fn has(&self, id: Uuid) -> bool {
        got(self.seller(SellerId::from_uuid(id)).await).is_some()
    }
}

#[async_trait]
impl Subject for dyn OrderStore {
    type Write = OrderWrite;

    async fn try_commit(&self, changes: ChangeSet<OrderWrite>) -> Result<(), CommitError> {
        self.commit(changes).await
    }

    fn keys(&self) -> Option<&dyn Keys> {
        Some(self)
    }

    fn row(&self, id: Uuid, now: Timestamp) -> OrderWrite {
        OrderWrite::Insert(samples::order(OrderId::from_uuid(id), UserId::from_uuid(id), now))
    }

    async fn has(&self, id: Uuid) -> bool {
        got(self.order(OrderId::from_uuid(id)).await).is_some()
    }
}

#[async_trait]
impl Subject for dyn CartStore {
    type Write = CartWrite;

    async fn try_commit(&self, changes: ChangeSet<CartWrite>) -> Result<(), CommitError> {
        self.commit(changes).await
    }

    fn keys(&self) -> Option<&dyn Keys> {
        Some(self)
    }

    fn row(&self, id: Uuid, now: Timestamp) -> CartWrite {
        CartWrite::edit(Cart::empty(CartOwner::Guest(id), now), now)
    }

    async fn has(&self, id: Uuid) -> bool {
        got(self.cart(CartOwner::Guest(id), Timestamp::EPOCH).await).is_some()
    }
}

#[async_trait]
impl Subject for dyn NotificationStore {
    type Write = NotificationWrite;

    async fn try_commit(&self, changes: ChangeSet<NotificationWrite>) -> Result<(), CommitError> {
        self.commit(changes).await
    }

    fn keys(&self) -> Option<&dyn Keys> {
        Some(self)
    }

    fn row(&self, id: Uuid, now: Timestamp) -> NotificationWrite {
        NotificationWrite::Insert(samples::notification(NotificationId::from_uuid(id), now))
    }

    /// The same insert again would be silently the same.
    fn clash(&self, id: Uuid, now: Timestamp) -> NotificationWrite {
        NotificationWrite::Update(Notification { version: 99, ..samples::notification(NotificationId::from_uuid(id), now) })
    }

    async fn has(&self, id: Uuid) -> bool {
        got(self.notification(NotificationId::from_uuid(id)).await).is_some()
    }
}
