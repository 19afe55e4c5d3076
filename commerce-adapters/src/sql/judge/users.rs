//! Judges what the users context writes: users, guests, addresses, sessions and refresh tokens.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitRefusal};
use commerce_core::ids::{AddressId, SessionId, UserId};
use commerce_core::text::Email;
use commerce_core::users::{Address, Erasure, Guest, RefreshToken, Session, StaffEntry, StaffHead, User, UserWrite};

use super::{Judge, judge_free, judge_version};
use crate::sql::table::{Log, Table};

/// A user as far as judging needs her.
#[derive(Clone, Debug)]
pub(crate) struct UserRow<'a> {
    pub(crate) version: u64,
    pub(crate) email: Email,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a User>,
}

/// A guest as far as judging needs her.
#[derive(Clone, Debug)]
pub(crate) struct GuestRow<'a> {
    pub(crate) version: u64,
    pub(crate) email: Email,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a Guest>,
}

/// A session as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct SessionRow {
    pub(crate) user: UserId,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
    /// Whether this batch made it.
    pub(crate) made: bool,
}

/// A refresh token as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct TokenRow {
    pub(crate) session: SessionId,
    pub(crate) created_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    /// Whose it is, where that is known.
    pub(crate) user: Option<UserId>,
    /// Whether this batch made it.
    pub(crate) made: bool,
}

/// The rows of the users database that a batch works on.
#[derive(Default)]
pub(crate) struct UserJudge<'a> {
    pub(crate) users: Table<UserId, UserRow<'a>>,
    pub(crate) emails: Table<Email, UserId>,
    pub(crate) guests: Table<UserId, GuestRow<'a>>,
    pub(crate) guest_emails: Table<Email, UserId>,
    pub(crate) erasures: Log<Erasure>,
    pub(crate) addresses: Table<AddressId, Option<&'a Address>>,
    pub(crate) sessions: Table<SessionId, SessionRow>,
    pub(crate) tokens: Table<[u8; 32], TokenRow>,
    /// The one row is the last entry of the log of staff.
    pub(crate) staff_head: Table<(), StaffHead>,
    pub(crate) staff_log: Log<StaffEntry>,
}

impl<'a> UserJudge<'a> {
    fn write(&mut self, write: &'a UserWrite) -> Result<(), CommitRefusal> {
        match write {
            UserWrite::InsertUser(user) => {
                judge_free("id", self.users.get(&user.id).is_some())?;
                self.put_user(user, None)?;
            }
            UserWrite::UpdateUser(user) => {
                let before = self.users.get(&user.id).cloned();
                judge_version("user", before.as_ref().map(|row| row.version), user.version)?;
                self.put_user(user, before.map(|row| row.email))?;
            }
            UserWrite::PutAddress(address) => self.addresses.set(address.id, Some(address)),
            UserWrite::DeleteAddress(id) => self.addresses.remove(*id),
            UserWrite::InsertSession(session) => {
                judge_free("id", self.sessions.get(&session.id).is_some())?;
                let Session { user, created_at, last_used_at, revoked_at, .. } = *session;
                self.sessions.set(session.id, SessionRow { user, created_at, last_used_at, revoked_at, made: true });
            }
            UserWrite::TouchSession(id, at) => {
                if let Some(row) = self.sessions.get(id).cloned() {
                    self.sessions.set(*id, SessionRow { last_used_at: *at, ..row });
                }
            }
            UserWrite::RevokeSession(id, at) => {
                if let Some(row) = self.sessions.get(id).filter(|row| row.revoked_at.is_none()).cloned() {
                    self.sessions.set(*id, SessionRow { revoked_at: Some(*at), ..row });
                }
            }
            UserWrite::InsertRefreshToken(token) => {
                judge_free("id", self.tokens.get(&token.hash).is_some())?;
                let RefreshToken { hash, session, user, created_at, rotated_at } = *token;
                self.tokens.set(hash, TokenRow { session, created_at, rotated_at, user: Some(user), made: true });
            }
            UserWrite::RotateRefreshToken(hash, at) => {
                let unused = self.tokens.get(hash).filter(|row| row.rotated_at.is_none()).cloned();
                let row = unused.ok_or(CommitRefusal::Stale("refresh token"))?;
                self.tokens.set(*hash, TokenRow { rotated_at: Some(*at), ..row });
            }
            UserWrite::SaveGuest(guest) => self.put_guest(guest)?,
            UserWrite::SaveErasure(erasure) => self.erasures.push(*erasure),
            UserWrite::LogStaff(news) => {
                let entry = news.after(self.staff_head.get(&()).copied().unwrap_or_default());
                self.staff_head.set((), entry.head());
                self.staff_log.push(entry);
            }
        }
        Ok(())
    }

    fn put_user(&mut self, user: &'a User, old_email: Option<Email>) -> Result<(), CommitRefusal> {
        judge_free("email", self.emails.get(&user.email).is_some_and(|owner| *owner != user.id))?;
        if let Some(old) = old_email {
            self.emails.remove(old);
        }
        self.emails.set(user.email.clone(), user.id);
        self.users.set(user.id, UserRow { version: user.version, email: user.email.clone(), write: Some(user) });
        Ok(())
    }
}

impl<'a> UserJudge<'a> {
    fn put_guest(&mut self, guest: &'a Guest) -> Result<(), CommitRefusal> {
        let before = self.guests.get(&guest.id).cloned();
        judge_version("guest", Some(before.as_ref().map_or(0, |row| row.version)), guest.version)?;
        judge_free("email", self.guest_emails.get(&guest.email).is_some_and(|owner| *owner != guest.id))?;
        if let Some(before) = before {
            self.guest_emails.remove(before.email);
        }
        self.guest_emails.set(guest.email.clone(), guest.id);
        self.guests.set(guest.id, GuestRow { version: guest.version, email: guest.email.clone(), write: Some(guest) });
        Ok(())
    }
}

impl<'a> Judge<'a, UserWrite> for UserJudge<'a> {
    fn judge(&mut self, writes: &'a [UserWrite], _: Timestamp) -> Result<(), CommitRefusal> {
        writes.iter().try_for_each(|write| self.write(write))
    }

    fn keep(&mut self) {
        self.users.keep();
        self.emails.keep();
        self.guests.keep();
        self.guest_emails.keep();
        self.erasures.keep();
        self.addresses.keep();
        self.sessions.keep();
        self.tokens.keep();
        self.staff_head.keep();
        self.staff_log.keep();
    }

    fn undo(&mut self) {
        self.users.undo();
        self.emails.undo();
        self.guests.undo();
        self.guest_emails.undo();
        self.erasures.undo();
        self.addresses.undo();
        self.sessions.undo();
        self.tokens.undo();
        self.staff_head.undo();
        self.staff_log.undo();
    }
}

/// What a batch must know of the users database before it can be judged.
#[derive(Default)]
pub(crate) struct UsersWants {
    pub(crate) users: BTreeSet<UserId>,
    pub(crate) emails: BTreeSet<String>,
    pub(crate) guests: BTreeSet<UserId>,
    pub(crate) guest_emails: BTreeSet<String>,
    pub(crate) addresses: BTreeSet<AddressId>,
    pub(crate) sessions: BTreeSet<SessionId>,
    pub(crate) tokens: BTreeSet<[u8; 32]>,
    pub(crate) staff_log: bool,
}

impl UsersWants {
    /// Of this batch.
    pub(crate) fn of(sets: &[&ChangeSet<UserWrite>]) -> Self {
        let mut wants = Self::default();
        for write in sets.iter().flat_map(|set| &set.writes) {
            wants.add(write);
        }
        wants
    }

    fn add(&mut self, write: &UserWrite) {
        match write {
            UserWrite::InsertUser(user) | UserWrite::UpdateUser(user) => {
                self.users.insert(user.id);
                self.emails.insert(user.email.as_str().to_owned());
            }
            UserWrite::PutAddress(address) => {
                self.addresses.insert(address.id);
            }
            UserWrite::DeleteAddress(id) => {
                self.addresses.insert(*id);
            }
            UserWrite::InsertSession(session) => {
                self.sessions.insert(session.id);
            }
            UserWrite::TouchSession(id, _) | UserWrite::RevokeSession(id, _) => {
                self.sessions.insert(*id);
            }
            UserWrite::InsertRefreshToken(token) => {
                self.tokens.insert(token.hash);
            }
            UserWrite::RotateRefreshToken(hash, _) => {
                self.tokens.insert(*hash);
            }
            UserWrite::SaveGuest(guest) => {
                self.guests.insert(guest.id);
                self.guest_emails.insert(guest.email.as_str().to_owned());
            }
            UserWrite::SaveErasure(_) => {}
            UserWrite::LogStaff(_) => self.staff_log = true,
        }
    }
}
