//! What the users context needs of the world.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::actor::Actor;
use crate::change::{ChangeSet, CommitError, Keys};
use crate::error::{Outcome, StoreError};
use crate::ids::{AddressId, SellerId, SessionId, UserId};
use crate::page::{Page, PageRequest};
use crate::text::Email;
use crate::time::Timestamp;

use super::authenticate::{Authenticated, Claimed};
use super::erase::Erasure;
use super::guests::Guest;
use super::model::{Address, Claims, PasswordHash, RefreshToken, Role, Session, User};
use super::staff_log::{StaffEntry, StaffLogFilter, StaffNews};

/// Reads what staff did.
#[async_trait]
pub trait StaffLogReads: Send + Sync {
    /// The log, newest first; its pages are cut by position.
    async fn staff_log(&self, filter: &StaffLogFilter, page: &PageRequest) -> Result<Page<StaffEntry>, StoreError>;
}

/// Reads guests.
#[async_trait]
pub trait GuestReads: Send + Sync {
    /// A guest by id.
    async fn guest(&self, id: UserId) -> Result<Option<Guest>, StoreError>;

    /// A guest by mail address.
    async fn guest_by_email(&self, email: &Email) -> Result<Option<Guest>, StoreError>;
}

/// Reads several people at once.
#[async_trait]
pub trait PeopleReads: Send + Sync {
    /// Those of these users that are there, in any order. Each is asked for once.
    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Those of these guests that are there, in any order. Each is asked for once.
    async fn guests_of(&self, ids: &[UserId]) -> Result<Vec<Guest>, StoreError>;
}

/// Reads who is still to be forgotten elsewhere.
#[async_trait]
pub trait ErasureReads: Send + Sync {
    /// Erasures that are due at `now`, longest due first.
    async fn due_erasures(&self, now: Timestamp, limit: u32) -> Result<Vec<Erasure>, StoreError>;
}

/// Keeps users, guests, addresses, sessions and refresh tokens.
#[async_trait]
pub trait UserStore: StaffLogReads + GuestReads + PeopleReads + ErasureReads + Keys {
    /// A user by id.
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// A user by mail address.
    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;

    /// Users, newest first, all or those of one role.
    async fn users(&self, role: Option<Role>, page: &PageRequest) -> Result<Page<User>, StoreError>;

    /// A user's whole address book, oldest first.
    async fn addresses(&self, user: UserId) -> Result<Vec<Address>, StoreError>;

    /// A session by id, revoked ones too, with its user: every request asks for both.
    async fn session(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError>;

    /// A user's sessions that are not revoked, newest first.
    async fn sessions(&self, user: UserId, page: &PageRequest) -> Result<Page<Session>, StoreError>;

    /// A refresh token by its hash.
    async fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError>;

    /// Commits a change set whole or not at all.
    async fn commit(&self, changes: ChangeSet<UserWrite>) -> Result<(), CommitError>;
}

/// What the users context writes.
#[derive(Clone, Debug)]
pub enum UserWrite {
    /// A new user. Taken mail address: `Duplicate("email")`.
    InsertUser(User),
    /// A changed user, with the version it will have.
    UpdateUser(User),
    /// A user's whole address book as it will be, guarded by the user's version: the user goes
    /// along as an [`UpdateUser`](Self::UpdateUser) of the same change set.
    PutAddress(Address),
    /// An address leaves the book; gone already is fine.
    DeleteAddress(AddressId),
    /// A new session.
    InsertSession(Session),
    /// The session was used.
    TouchSession(SessionId, Timestamp),
    /// The session ends; ended already is fine.
    RevokeSession(SessionId, Timestamp),
    /// A new refresh token.
    InsertRefreshToken(RefreshToken),
    /// A refresh token was used. `Stale("refresh token")` when it was used before.
    RotateRefreshToken([u8; 32], Timestamp),
    /// A new guest (version 1), or a changed one with the version it will have. `Duplicate("email")`.
    SaveGuest(Guest),
    /// Somebody is to be forgotten elsewhere, or was; what was known of it is written over.
    SaveErasure(Erasure),
    /// One more entry of the log; the store gives it its place and its hash.
    LogStaff(StaffNews),
}

/// Turns passwords into hashes; slow by design, so it runs where it blocks nobody.
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// The hash of a new password.
    async fn hash(&self, password: &str) -> Result<PasswordHash, StoreError>;

    /// Compares in constant time. `None` as hash spends the same time and answers
    /// [`Verdict::Wrong`], so that unknown users cannot be told by the clock.
    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict, StoreError>;
}

/// What a comparison of passwords found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another password.
    Wrong,
    /// The password.
    Right,
    /// The password, but hashed in a way that should be renewed.
    RightButOld,
}

/// Signs and reads access tokens.
pub trait TokenSigner: Send + Sync {
    /// The claims as a signed token.
    fn sign(&self, claims: &Claims) -> String;

    /// The claims of a token whose signature, issuer, audience and type hold. The time is the
    /// caller's to judge.
    fn read(&self, token: &str) -> Option<Claims>;

    /// The refresh token that takes the place of `refresh_token`: 64 hexadecimal digits, always the
    /// same for the same token, and known only to who holds the key. So a lost answer can be given
    /// again although no store keeps it.
    fn successor(&self, refresh_token: &str) -> String;

    /// A hash of `body_hash` that only who holds the key can compute, always the same for the same.
    /// Bodies with passwords are remembered by it: from a plain hash a short password could be
    /// guessed by who reads the database.
    fn seal(&self, body_hash: &[u8; 32]) -> [u8; 32];

    /// The public keys as a JSON Web Key Set (RFC 7517).
    fn jwks(&self) -> serde_json::Value;
}

/// What another context keeps about people: a direct call in one process, HTTP between processes.
#[async_trait]
pub trait Records: Send + Sync {
    /// Everything about this user, by the names of the lists that it is in.
    async fn of(&self, user: UserId) -> Outcome<Map<String, Value>>;

    /// Forgets what is personal about somebody who was erased; what the books need stays under her id alone. Answers whether
    /// nothing is left: while something is still under way to her it is not. Again is the same.
    async fn forget(&self, user: UserId) -> Outcome<bool>;
}

/// The catalog's sellers as users need them: a direct call in one process, HTTP between processes.
#[async_trait]
pub trait Sellers: Send + Sync {
    /// The seller that a user runs; one of her own, made where she runs none. The same for as long as she runs it.
    async fn of_her_own(&self, user: UserId) -> Outcome<SellerId>;
}

/// Users as the shells of every context need them: a direct call in one process, HTTP between
/// processes.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Reads an access token and asks whether its session is alive.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`.
    async fn authenticate(&self, access_token: &str) -> Outcome<Authenticated>;

    /// What an access token says by itself; its session is not asked about. For the door, and for calls
    /// that change nothing while users cannot be asked.
    fn claimed(&self, access_token: &str) -> Claimed;

    /// Who has this mail address; for staff: whoever has an account with it, then the guest who ordered by it.
    ///
    /// # Errors
    /// `FORBIDDEN`.
    async fn find(&self, actor: &Actor, email: &Email) -> Outcome<Vec<UserId>>;

    /// Passes if the actor sees such a user.
    ///
    /// # Errors
    /// `NOT_FOUND`, for strangers too.
    async fn expect(&self, actor: &Actor, user: UserId) -> Outcome<()>;

    /// Makes a user act for this seller; for staff.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    async fn set_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()>;

    /// A user who acts for this seller acts for none, and is a customer again; for staff. Whoever does not, stays as she is.
    ///
    /// # Errors
    /// `FORBIDDEN`, `NOT_FOUND`.
    async fn end_seller(&self, actor: &Actor, user: UserId, seller: SellerId) -> Outcome<()>;

    /// The same port in the course of this trace (W3C `traceparent`), where that makes a difference.
    fn in_trace(&self, _traceparent: &str) -> Option<Arc<dyn Accounts>> {
        None
    }
}
