//! Users, their sessions and what a login gives.

use commerce_core::Timestamp;
use commerce_core::ids::{SellerId, SessionId, UserId};
use commerce_core::text::{Email, Metadata};
use commerce_core::users::{Register, Role, Session, Tokens, UpdateUser, User};
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
    metadata: Metadata,
}

impl From<RegisterBody> for Register {
    fn from(body: RegisterBody) -> Self {
        let RegisterBody { email, password, full_name, phone, metadata } = body;
        Self { email, password, full_name, phone, metadata }
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
