//! The users' store where others note sessions in Redis: that one ends is noted there before it is committed.
//!
//! Decides nothing: every other call goes through as it is.

use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitError, KeyRecord, KeyScope, Keys};
use commerce_core::error::StoreError;
use commerce_core::ids::{SessionId, UserId};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Email;
use commerce_core::users::{
    Address, Erasure, ErasureReads, Guest, GuestReads, PeopleReads, RefreshToken, Role, Session, StaffEntry, StaffLogFilter,
    StaffLogReads, User, UserStore, UserWrite,
};

use super::sessions::RedisSessions;

/// A store whose sessions end in Redis first. While Redis does not answer, none can be ended: whoever believes in
/// what is noted there would go on believing.
pub struct EndingSessions {
    store: Arc<dyn UserStore>,
    sessions: RedisSessions,
}

impl EndingSessions {
    /// In front of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn UserStore>, sessions: RedisSessions) -> Self {
        Self { store, sessions }
    }
}

#[async_trait]
impl Keys for EndingSessions {
    async fn key(&self, scope: &KeyScope) -> Result<Option<KeyRecord>, StoreError> {
        self.store.key(scope).await
    }
}

#[async_trait]
impl StaffLogReads for EndingSessions {
    async fn staff_log(&self, filter: &StaffLogFilter, page: &PageRequest) -> Result<Page<StaffEntry>, StoreError> {
        self.store.staff_log(filter, page).await
    }
}

#[async_trait]
impl GuestReads for EndingSessions {
    async fn guest(&self, id: UserId) -> Result<Option<Guest>, StoreError> {
        self.store.guest(id).await
    }

    async fn guest_by_email(&self, email: &Email) -> Result<Option<Guest>, StoreError> {
        self.store.guest_by_email(email).await
    }
}

#[async_trait]
impl PeopleReads for EndingSessions {
    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        self.store.users_of(ids).await
    }

    async fn guests_of(&self, ids: &[UserId]) -> Result<Vec<Guest>, StoreError> {
        self.store.guests_of(ids).await
    }
}

#[async_trait]
impl ErasureReads for EndingSessions {
    async fn due_erasures(&self, now: Timestamp, limit: u32) -> Result<Vec<Erasure>, StoreError> {
        self.store.due_erasures(now, limit).await
    }
}

#[async_trait]
impl UserStore for EndingSessions {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.store.user(id).await
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        self.store.user_by_email(email).await
    }

    async fn users(&self, role: Option<Role>, page: &PageRequest) -> Result<Page<User>, StoreError> {
        self.store.users(role, page).await
    }

    async fn addresses(&self, user: UserId) -> Result<Vec<Address>, StoreError> {
        self.store.addresses(user).await
    }

    async fn session(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        self.store.session(id).await
    }

    async fn sessions(&self, user: UserId, page: &PageRequest) -> Result<Page<Session>, StoreError> {
        self.store.sessions(user, page).await
    }

    async fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError> {
        self.store.refresh_token(hash).await
    }

    async fn commit(&self, changes: ChangeSet<UserWrite>) -> Result<(), CommitError> {
        for write in &changes.writes {
            if let UserWrite::RevokeSession(session, _) = write {
                self.sessions.end(*session).await?;
            }
        }
        self.store.commit(changes).await
    }
}
