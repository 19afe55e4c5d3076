//! Users, their sessions and what a login gives.

use commerce_core::Timestamp;
use commerce_core::ids::{Id, SellerId, SessionId, UserId};
use commerce_core::text::{Email, Metadata};
use commerce_core::users::{
    Register, Role, Session, StaffAction, StaffEntry, StaffNews, Subject, SubjectKind, Tokens, UpdateUser, User,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A user, for herself and staff.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    #[schema(value_type = String, format = Uuid)]
    id: UserId,
    #[schema(value_type = String, format = Email)]
    email: Email,
    full_name: String,
    phone: Option<String>,
    #[schema(value_type = String, example = "CUSTOMER")]
    role: Role,
    /// The seller she acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    seller_id: Option<SellerId>,
    metadata: Metadata,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    version: u64,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        let User { id, email, full_name, phone, role, seller: seller_id, metadata, created_at, version, .. } = user;
        Self { id, email, full_name, phone, role, seller_id, metadata, created_at, version }
    }
}

impl UserView {
    /// Where she is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/users/{}", self.id)
    }

    /// Her version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// A registration.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Registration)]
pub struct RegisterBody {
    email: String,
    password: String,
    full_name: String,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl From<RegisterBody> for Register {
    fn from(body: RegisterBody) -> Self {
        let RegisterBody { email, password, full_name, phone, metadata } = body;
        Self { email, password, full_name, phone, metadata: metadata.unwrap_or_default() }
    }
}

/// A user as she is to be. The password has a path of its own.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = UserChange)]
pub struct UserBody {
    email: String,
    full_name: String,
    #[serde(default)]
    phone: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

impl From<UserBody> for UpdateUser {
    /// A phone number that is left out goes: PUT says everything. Metadata nobody mentions stays.
    fn from(body: UserBody) -> Self {
        let UserBody { email, full_name, phone, metadata } = body;
        Self { email: Some(email), full_name: Some(full_name), phone: Some(phone.unwrap_or_default()), metadata }
    }
}

/// Fields of a user that her PUT cannot change.
pub const READ_ONLY: &[&str] = &["id", "role", "sellerId", "createdAt", "version"];

/// What a login takes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Login)]
pub struct LoginBody {
    /// Mail address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// What a refresh takes.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = Refresh)]
pub struct RefreshBody {
    /// The last refresh token.
    pub refresh_token: String,
}

/// Who forgot her password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordReset)]
pub struct ResetBody {
    /// Mail address.
    pub email: String,
}

/// A new password in the place of a forgotten one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPassword)]
pub struct NewPasswordBody {
    /// As the mail says it.
    pub token: String,
    /// The password from now on.
    pub password: String,
}

/// A change of password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange)]
pub struct PasswordBody {
    /// The password until now.
    pub current: String,
    /// The password from now on.
    pub new: String,
}

/// A change of role.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoleChange)]
pub struct RoleBody {
    /// CUSTOMER, SELLER or ADMIN.
    #[schema(value_type = String, example = "SELLER")]
    pub role: Role,
}

/// What a login gives.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Tokens)]
pub struct TokensView {
    access_token: String,
    #[schema(value_type = String, example = "Bearer")]
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    refresh_token: String,
    user: UserView,
}

impl From<Tokens> for TokensView {
    fn from(tokens: Tokens) -> Self {
        Self {
            access_token: tokens.access_token,
            token_type: "Bearer",
            expires_in: tokens.expires_in_seconds,
            refresh_token: tokens.refresh_token,
            user: tokens.user.into(),
        }
    }
}

/// A login that is still alive.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView {
    #[schema(value_type = String, format = Uuid)]
    id: SessionId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    last_used_at: Timestamp,
    /// Whether it is the one that asks.
    current: bool,
}

impl SessionView {
    /// `session` as seen from `current`.
    #[must_use]
    pub fn of(session: &Session, current: SessionId) -> Self {
        let Session { id, created_at, last_used_at, .. } = *session;
        Self { id, created_at, last_used_at, current: id == current }
    }
}

/// To what staff did something.
#[derive(Serialize, ToSchema)]
#[schema(as = StaffSubject)]
pub struct SubjectView {
    #[schema(value_type = String, example = "ORDER")]
    kind: SubjectKind,
    /// Nil of the shop as a whole.
    #[schema(value_type = String, format = Uuid)]
    id: uuid::Uuid,
}

/// What staff did. Each entry is bound to the one before by its hash.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = StaffEntry)]
pub struct StaffEntryView {
    /// From 1, without gaps.
    position: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who; none for the operator's command line.
    #[schema(value_type = Option<String>, format = Uuid)]
    actor_id: Option<UserId>,
    #[schema(value_type = String, example = "ROLE_CHANGED")]
    action: StaffAction,
    subject: SubjectView,
    /// To whom, where it was done to an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    user_id: Option<UserId>,
    /// What else is to be known of it: ids, codes, amounts and statuses.
    detail: serde_json::Value,
    /// The hash of the entry before, in hexadecimal; zeros for the first.
    previous: String,
    /// SHA-256 of this entry and the one before, in hexadecimal.
    hash: String,
    /// Whether it has the hash that its members have; `previous` says whether it follows the entry before.
    intact: bool,
}

impl From<StaffEntry> for StaffEntryView {
    fn from(entry: StaffEntry) -> Self {
        let intact = entry.sealed() == entry.hash;
        let StaffEntry { position, told, previous, hash } = entry;
        let StaffNews { at, actor: actor_id, action, subject: Subject { kind, id }, detail, .. } = told;
        let user_id = (kind == SubjectKind::User).then(|| UserId::from_uuid(id));
        let (subject, detail) = (SubjectView { kind, id }, detail.read().unwrap_or_default());
        let (previous, hash) = (hex::encode(previous), hex::encode(hash));
        Self { position, at, actor_id, action, subject, user_id, detail, previous, hash, intact }
    }
}

#[cfg(test)]
mod tests {
    use commerce_core::users::StaffHead;
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_entry_that_was_changed_says_so() {
        let (action, detail) = (StaffAction::RoleChanged, json!({"to": "ADMIN"}).into());
        let subject = Subject { kind: SubjectKind::User, id: Uuid::from_u128(1) };
        let told = StaffNews { at: Timestamp::from_micros(5), actor: None, action, subject, detail, event: None };
        let entry = told.after(StaffHead::default());
        assert!(StaffEntryView::from(entry.clone()).intact);
        let detail = json!({"to": "CUSTOMER"}).into();
        let changed = StaffEntry { told: StaffNews { detail, ..entry.told.clone() }, ..entry };
        assert!(!StaffEntryView::from(changed).intact);
    }
}
