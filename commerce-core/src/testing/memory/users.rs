//! Users, addresses, sessions and refresh tokens.

use std::sync::Arc;

use async_trait::async_trait;

use crate::change::{ChangeSet, CommitError, CommitRefusal};
use crate::error::StoreError;
use crate::ids::{AddressId, Id, SessionId, UserId};
use crate::page::{Page, PageRequest};
use crate::text::Email;
use crate::time::{Clock, Timestamp};
use crate::users::{
    Address, Erasure, ErasureReads, Guest, GuestReads, PeopleReads, RefreshToken, Role, Session, StaffEntry, StaffHead,
    StaffLogFilter, StaffLogReads, User, UserStore, UserWrite,
};

use super::database::{Apply, Database, judge_free, judge_version, undo_tables};
use super::ports::database_ports;
use super::table::Table;

/// The users database.
#[derive(Clone)]
pub struct MemoryUsers {
    db: Database<Rows>,
}

impl MemoryUsers {
    /// An empty one.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { db: Database::new(clock) }
    }
}

database_ports!(MemoryUsers, Users);

#[derive(Default)]
pub(super) struct Rows {
    pub(super) users: Table<UserId, User>,
    pub(super) guests: Table<UserId, Guest>,
    pub(super) erasures: Table<UserId, Erasure>,
    pub(super) addresses: Table<AddressId, Address>,
    pub(super) sessions: Table<SessionId, Session>,
    pub(super) tokens: Table<[u8; 32], RefreshToken>,
    pub(super) staff_log: Table<u64, StaffEntry>,
}

undo_tables!(Rows: users, guests, erasures, addresses, sessions, tokens, staff_log);

impl Rows {
    fn staff_head(&self) -> StaffHead {
        let last = self.staff_log.last_key_value();
        last.map(|(_, entry)| entry.head()).unwrap_or_default()
    }

    fn judge_email(&self, user: &User) -> Result<(), CommitRefusal> {
        let taken = self.users.values().any(|other| other.email == user.email && other.id != user.id);
        judge_free("email", taken)
    }

    fn write(&mut self, write: UserWrite) -> Result<(), CommitRefusal> {
        match write {
            UserWrite::InsertUser(user) => {
                judge_free("id", self.users.contains_key(&user.id))?;
                self.judge_email(&user)?;
                self.users.insert(user.id, user);
            }
            UserWrite::UpdateUser(user) => {
                judge_version("user", self.users.get(&user.id).map(|user| user.version), user.version)?;
                self.judge_email(&user)?;
                self.users.insert(user.id, user);
            }
            UserWrite::PutAddress(address) => {
                self.addresses.insert(address.id, address);
            }
            UserWrite::DeleteAddress(id) => {
                self.addresses.remove(&id);
            }
            UserWrite::InsertSession(session) => {
                judge_free("id", self.sessions.contains_key(&session.id))?;
                self.sessions.insert(session.id, session);
            }
            UserWrite::TouchSession(id, at) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.last_used_at = at;
                }
            }
            UserWrite::RevokeSession(id, at) => {
                if let Some(session) = self.sessions.get_mut(&id) {
                    session.revoked_at.get_or_insert(at);
                }
            }
            UserWrite::InsertRefreshToken(token) => {
                judge_free("id", self.tokens.contains_key(&token.hash))?;
                self.tokens.insert(token.hash, token);
            }
            UserWrite::RotateRefreshToken(hash, at) => {
                let unused = self.tokens.get_mut(&hash).filter(|token| token.rotated_at.is_none());
                unused.ok_or(CommitRefusal::Stale("refresh token"))?.rotated_at = Some(at);
            }
            UserWrite::SaveGuest(guest) => {
                judge_version("guest", Some(self.guests.get(&guest.id).map_or(0, |guest| guest.version)), guest.version)?;
                let taken = self.guests.values().any(|other| other.email == guest.email && other.id != guest.id);
                judge_free("email", taken)?;
                self.guests.insert(guest.id, guest);
            }
            UserWrite::SaveErasure(erasure) => {
                self.erasures.insert(erasure.user, erasure);
            }
            UserWrite::LogStaff(news) => {
                let entry = news.after(self.staff_head());
                self.staff_log.insert(entry.position, entry);
            }
        }
        Ok(())
    }
}

impl Apply<UserWrite> for Rows {
    fn apply(&mut self, writes: Vec<UserWrite>, _now: Timestamp) -> Result<(), CommitRefusal> {
        writes.into_iter().try_for_each(|write| self.write(write))
    }
}

#[async_trait]
impl StaffLogReads for MemoryUsers {
    async fn staff_log(&self, filter: &StaffLogFilter, page: &PageRequest) -> Result<Page<StaffEntry>, StoreError> {
        let shown = |entry: &&StaffEntry| filter.shows(entry);
        let entries = self.db.read(|rows| rows.staff_log.values().filter(shown).cloned().collect()).await;
        Ok(super::newest_first(entries, page, StaffEntry::place))
    }
}

#[async_trait]
impl GuestReads for MemoryUsers {
    async fn guest(&self, id: UserId) -> Result<Option<Guest>, StoreError> {
        Ok(self.db.read(|rows| rows.guests.get(&id).cloned()).await)
    }

    async fn guest_by_email(&self, email: &Email) -> Result<Option<Guest>, StoreError> {
        Ok(self.db.read(|rows| rows.guests.values().find(|guest| guest.email == *email).cloned()).await)
    }
}

#[async_trait]
impl PeopleReads for MemoryUsers {
    async fn users_of(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError> {
        Ok(self.db.read(|rows| ids.iter().filter_map(|id| rows.users.get(id).cloned()).collect()).await)
    }

    async fn guests_of(&self, ids: &[UserId]) -> Result<Vec<Guest>, StoreError> {
        Ok(self.db.read(|rows| ids.iter().filter_map(|id| rows.guests.get(id).cloned()).collect()).await)
    }
}

#[async_trait]
impl ErasureReads for MemoryUsers {
    async fn due_erasures(&self, now: Timestamp, limit: u32) -> Result<Vec<Erasure>, StoreError> {
        let due = |erasure: &&Erasure| erasure.due_at.is_some_and(|at| at <= now);
        let mut due: Vec<Erasure> = self.db.read(|rows| rows.erasures.values().filter(due).copied().collect()).await;
        due.sort_by_key(|erasure| (erasure.due_at, erasure.user));
        due.truncate(limit as usize);
        Ok(due)
    }
}

#[async_trait]
impl UserStore for MemoryUsers {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.db.read(|rows| rows.users.get(&id).cloned()).await)
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        Ok(self.db.read(|rows| rows.users.values().find(|user| user.email == *email).cloned()).await)
    }

    async fn users(&self, role: Option<Role>, page: &PageRequest) -> Result<Page<User>, StoreError> {
        let of_role = |user: &&User| role.is_none_or(|role| user.role == role);
        let users = self.db.read(|rows| rows.users.values().filter(of_role).cloned().collect()).await;
        Ok(super::newest_first(users, page, |user| user.id.uuid()))
    }

    async fn addresses(&self, user: UserId) -> Result<Vec<Address>, StoreError> {
        Ok(self.db.read(|rows| rows.addresses.values().filter(|address| address.user == user).cloned().collect()).await)
    }

    async fn session(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        let user = |rows: &Rows, session: &Session| rows.users.get(&session.user).cloned();
        Ok(self.db.read(|rows| rows.sessions.get(&id).and_then(|session| Some((session.clone(), user(rows, session)?)))).await)
    }

    async fn sessions(&self, user: UserId, page: &PageRequest) -> Result<Page<Session>, StoreError> {
        let alive = |session: &&Session| session.user == user && session.revoked_at.is_none();
        let sessions = self.db.read(|rows| rows.sessions.values().filter(alive).cloned().collect()).await;
        Ok(super::newest_first(sessions, page, |session| session.id.uuid()))
    }

    async fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError> {
        Ok(self.db.read(|rows| rows.tokens.get(hash).cloned()).await)
    }

    async fn commit(&self, changes: ChangeSet<UserWrite>) -> Result<(), CommitError> {
        self.db.commit(changes).await
    }
}
