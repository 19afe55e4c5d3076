//! Reads users, addresses, sessions and refresh tokens.

use async_trait::async_trait;
use commerce_core::Timestamp;
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreError;
use commerce_core::events::EventData;
use commerce_core::ids::{Id, SessionId, UserId};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::Email;
use commerce_core::users::{
    Address, Erasure, ErasureReads, Guest, GuestReads, PasswordHash, PeopleReads, PostalAddress, RefreshToken, Role, Session,
    StaffAction, StaffEntry, StaffLogFilter, StaffLogReads, StaffNews, Subject, User, UserStore, UserWrite,
};

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::statements::users as sql;
use crate::sql::bulk::ids;
use crate::sql::question::{Question, below, blob};

fn read_user(row: &Row, operation: &'static str) -> Result<User, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(User {
        id: fields.id("id")?,
        email: fields.parse("email")?,
        full_name: fields.text("full_name")?,
        phone: fields.opt_text("phone")?,
        role: fields.parse("role")?,
        seller: fields.opt_id("seller_id")?,
        password_hash: PasswordHash(fields.text("password_hash")?),
        metadata: fields.json("metadata")?,
        created_at: fields.at("created_at")?,
        version: fields.count("version")?,
    })
}

fn read_address(row: &Row, operation: &'static str) -> Result<Address, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Address {
        id: fields.id("id")?,
        user: fields.id("user_id")?,
        postal: PostalAddress {
            full_name: fields.text("full_name")?,
            line1: fields.text("line1")?,
            line2: fields.opt_text("line2")?,
            city: fields.text("city")?,
            state: fields.opt_text("state")?,
            postal_code: fields.text("postal_code")?,
            country: fields.parse("country")?,
            phone: fields.opt_text("phone")?,
        },
        is_default: fields.flag("is_default")?,
        created_at: fields.at("created_at")?,
    })
}

fn read_session(row: &Row, operation: &'static str) -> Result<Session, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Session {
        id: fields.id("id")?,
        user: fields.id("user_id")?,
        created_at: fields.at("created_at")?,
        last_used_at: fields.at("last_used_at")?,
        revoked_at: fields.opt_at("revoked_at")?,
    })
}

fn read_staff_entry(row: &Row, operation: &'static str) -> Result<StaffEntry, StoreError> {
    let fields = Fields::of(row, operation);
    let told = StaffNews {
        at: fields.at("happened_at")?,
        actor: fields.opt_id("actor_id")?,
        action: fields.parse("action")?,
        subject: Subject { kind: fields.parse("subject_kind")?, id: fields.uuid("subject_id")? },
        detail: EventData::kept(fields.str("detail")?),
        event: fields.opt_id("event_id")?,
    };
    Ok(StaffEntry { position: fields.count("position")?, told, previous: fields.hash("previous")?, hash: fields.hash("hash")? })
}

#[async_trait]
impl StaffLogReads for Database<UserWrite> {
    async fn staff_log(&self, filter: &StaffLogFilter, page: &PageRequest) -> Result<Page<StaffEntry>, StoreError> {
        const OPERATION: &str = "users.staff_log";
        let before = page.after().map_or(i64::MAX, |cursor| i64::try_from(cursor.0.as_u128()).unwrap_or(i64::MAX));
        let question = Question::of("SELECT * FROM staff_log WHERE position < ?")
            .bind(before)
            .when(" AND actor_id = ?", filter.actor.map(|actor| blob(actor.uuid())))
            .when(" AND subject_id = ?", filter.subject.map(blob))
            .when(" AND action = ?", filter.action.map(StaffAction::as_str))
            .then(" ORDER BY position DESC LIMIT ?")
            .bind(page.limit() + 1);
        let rows = self.rows(OPERATION, question).await?;
        let entries = rows.iter().map(|row| read_staff_entry(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(entries, page, StaffEntry::place))
    }
}

fn read_guest(row: &Row, operation: &'static str) -> Result<Guest, StoreError> {
    let fields = Fields::of(row, operation);
    let (id, email) = (fields.id("id")?, fields.parse("email")?);
    Ok(Guest { id, email, created_at: fields.at("created_at")?, version: fields.count("version")? })
}

#[async_trait]
impl GuestReads for Database<UserWrite> {
    async fn guest(&self, id: UserId) -> Result<Option<Guest>, StoreError> {
        const OPERATION: &str = "users.guest";
        let row = self.row(OPERATION, Question::frequent("SELECT * FROM guests WHERE id = ?").bind(blob(id.uuid()))).await?;
        row.map(|row| read_guest(&row, OPERATION)).transpose()
    }

    async fn guest_by_email(&self, email: &Email) -> Result<Option<Guest>, StoreError> {
        const OPERATION: &str = "users.guest_by_email";
        let row = self.row(OPERATION, Question::frequent("SELECT * FROM guests WHERE email = ?").bind(email.as_str())).await?;
        row.map(|row| read_guest(&row, OPERATION)).transpose()
    }
}

#[async_trait]
impl PeopleReads for Database<UserWrite> {
    async fn users_of(&self, wanted: &[UserId]) -> Result<Vec<User>, StoreError> {
        const OPERATION: &str = "users.users_of";
        let rows = self.rows(OPERATION, Question::of(sql::USERS_OF).bind(ids(wanted.iter().copied()))).await?;
        rows.iter().map(|row| read_user(row, OPERATION)).collect()
    }

    async fn guests_of(&self, wanted: &[UserId]) -> Result<Vec<Guest>, StoreError> {
        const OPERATION: &str = "users.guests_of";
        let rows = self.rows(OPERATION, Question::of(sql::GUESTS_OF).bind(ids(wanted.iter().copied()))).await?;
        rows.iter().map(|row| read_guest(row, OPERATION)).collect()
    }
}

#[async_trait]
impl ErasureReads for Database<UserWrite> {
    async fn due_erasures(&self, now: Timestamp, limit: u32) -> Result<Vec<Erasure>, StoreError> {
        const OPERATION: &str = "users.due_erasures";
        const SQL: &str = "SELECT * FROM erasures WHERE due_at <= ? ORDER BY due_at, user_id LIMIT ?";
        let rows = self.rows(OPERATION, Question::frequent(SQL).bind(now.as_micros()).bind(limit)).await?;
        let erasure = |row: &Row| {
            let fields = Fields::of(row, OPERATION);
            Ok(Erasure { user: fields.id("user_id")?, erased_at: fields.at("erased_at")?, due_at: fields.opt_at("due_at")? })
        };
        rows.iter().map(erasure).collect()
    }
}

#[async_trait]
impl UserStore for Database<UserWrite> {
    async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        const OPERATION: &str = "users.user";
        let row = self.row(OPERATION, Question::frequent("SELECT * FROM users WHERE id = ?").bind(blob(id.uuid()))).await?;
        row.map(|row| read_user(&row, OPERATION)).transpose()
    }

    async fn user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError> {
        const OPERATION: &str = "users.user_by_email";
        let row = self.row(OPERATION, Question::frequent("SELECT * FROM users WHERE email = ?").bind(email.as_str())).await?;
        row.map(|row| read_user(&row, OPERATION)).transpose()
    }

    async fn users(&self, role: Option<Role>, page: &PageRequest) -> Result<Page<User>, StoreError> {
        const OPERATION: &str = "users.users";
        let query = Question::of("SELECT * FROM users WHERE id < ?").shown().bind(below(page));
        let query = query.when(" AND role = ?", role.map(Role::as_str));
        let query = query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let users = rows.iter().map(|row| read_user(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(users, page, |user: &User| user.id.uuid()))
    }

    async fn addresses(&self, user: UserId) -> Result<Vec<Address>, StoreError> {
        const OPERATION: &str = "users.addresses";
        const SQL: &str = "SELECT * FROM addresses WHERE user_id = ? ORDER BY id";
        let rows = self.rows(OPERATION, Question::frequent(SQL).bind(blob(user.uuid()))).await?;
        rows.iter().map(|row| read_address(row, OPERATION)).collect()
    }

    async fn session(&self, id: SessionId) -> Result<Option<(Session, User)>, StoreError> {
        const OPERATION: &str = "users.session";
        const SQL: &str = "SELECT sessions.created_at AS begun_at, last_used_at, revoked_at, users.*
            FROM sessions JOIN users ON users.id = sessions.user_id WHERE sessions.id = ?";
        let Some(row) = self.row(OPERATION, Question::frequent(SQL).bind(blob(id.uuid()))).await? else { return Ok(None) };
        let (fields, user) = (Fields::of(&row, OPERATION), read_user(&row, OPERATION)?);
        let session = Session {
            id,
            user: user.id,
            created_at: fields.at("begun_at")?,
            last_used_at: fields.at("last_used_at")?,
            revoked_at: fields.opt_at("revoked_at")?,
        };
        Ok(Some((session, user)))
    }

    async fn sessions(&self, user: UserId, page: &PageRequest) -> Result<Page<Session>, StoreError> {
        const OPERATION: &str = "users.sessions";
        const SQL: &str = "SELECT * FROM sessions WHERE user_id = ? AND revoked_at IS NULL AND id < ? ORDER BY id DESC LIMIT ?";
        let query = Question::of(SQL).bind(blob(user.uuid())).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let sessions = rows.iter().map(|row| read_session(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(sessions, page, |session: &Session| session.id.uuid()))
    }

    async fn refresh_token(&self, hash: &[u8; 32]) -> Result<Option<RefreshToken>, StoreError> {
        const OPERATION: &str = "users.refresh_token";
        const SQL: &str = "SELECT * FROM refresh_tokens WHERE hash = ?";
        let Some(row) = self.row(OPERATION, Question::of(SQL).bind(hash.to_vec())).await? else { return Ok(None) };
        let fields = Fields::of(&row, OPERATION);
        // One of nobody is from before this was kept, and its session is gone.
        let Some(user) = fields.opt_id("user_id")? else { return Ok(None) };
        Ok(Some(RefreshToken {
            hash: fields.hash("hash")?,
            session: fields.id("session_id")?,
            user,
            created_at: fields.at("created_at")?,
            rotated_at: fields.opt_at("rotated_at")?,
        }))
    }

    async fn commit(&self, changes: ChangeSet<UserWrite>) -> Result<(), CommitError> {
        Self::commit(self, changes).await
    }
}
