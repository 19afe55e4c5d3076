//! Users, addresses and sessions, and the rules on them alone.

use serde::{Deserialize, Serialize};

use crate::events::wire_names;
use crate::ids::{AddressId, SellerId, SessionId, UserId};
use crate::limits;
use crate::text::{CountryCode, Email, Metadata};
use crate::time::Timestamp;

wire_names! {
    /// What a user may do.
    Role {
        /// Buys.
        Customer = "CUSTOMER",
        /// Manages her own products and stock.
        Seller = "SELLER",
        /// Staff: manages everything.
        Admin = "ADMIN",
    }
}

/// A person who may log in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    /// Who.
    pub id: UserId,
    /// Unique over all users.
    pub email: Email,
    /// As written on parcels.
    pub full_name: String,
    /// In whatever form the user wrote it.
    pub phone: Option<String>,
    /// What she may do.
    pub role: Role,
    /// The seller she acts for; only for [`Role::Seller`].
    pub seller: Option<SellerId>,
    /// PHC string; empty once she is erased.
    pub password_hash: PasswordHash,
    /// The client's own notes.
    pub metadata: Metadata,
    /// When she registered.
    pub created_at: Timestamp,
    /// Grows by one with every change.
    pub version: u64,
}

impl User {
    /// Whether nothing but the identity is left of her. To everybody she does not exist.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.password_hash.0.is_empty()
    }

    /// The same user one version further, as a change set writes her.
    #[must_use]
    pub fn next_version(mut self) -> Self {
        self.version = self.version.saturating_add(1);
        self
    }
}

/// A password's hash; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A postal address as a parcel needs it; orders keep a copy of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PostalAddress {
    /// Who receives.
    pub full_name: String,
    /// Street and house.
    pub line1: String,
    /// Flat, floor, landmark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line2: Option<String>,
    /// City or town.
    pub city: String,
    /// State, province or region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// ZIP or PIN.
    pub postal_code: String,
    /// Country.
    pub country: CountryCode,
    /// For the courier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// What stands for what was forgotten of somebody.
pub const ERASED: &str = "Erased";

impl PostalAddress {
    /// The address of somebody who was erased: only where it was taxed is left, for the books.
    #[must_use]
    pub fn erased(&self) -> Self {
        Self {
            full_name: ERASED.to_owned(),
            line1: ERASED.to_owned(),
            line2: None,
            city: ERASED.to_owned(),
            state: self.state.clone(),
            postal_code: ERASED.to_owned(),
            country: self.country.clone(),
            phone: None,
        }
    }
}

/// An entry of a user's address book.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Which.
    pub id: AddressId,
    /// Whose.
    pub user: UserId,
    /// The address itself.
    pub postal: PostalAddress,
    /// Used when an order names none; at most one of a user's.
    pub is_default: bool,
    /// When it was added.
    pub created_at: Timestamp,
}

/// One login, until logout or expiry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// When she logged in.
    pub created_at: Timestamp,
    /// When it was last used, within [`SESSION_TOUCH`](crate::limits::SESSION_TOUCH).
    pub last_used_at: Timestamp,
    /// When it ended by logout or for safety.
    pub revoked_at: Option<Timestamp>,
}

impl Session {
    /// Whether requests and refreshes may still use it.
    #[must_use]
    pub fn is_alive(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none()
            && now.since(self.last_used_at) < limits::SESSION_IDLE
            && now.since(self.created_at) < limits::SESSION_MAX
    }
}

/// A refresh token as stored: its hash only.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// The login it belongs to; all tokens of a session are one family.
    pub session: SessionId,
    /// Whose that is.
    pub user: UserId,
    /// When it was given out.
    pub created_at: Timestamp,
    /// When it was used; a second use later than the grace ends the session.
    pub rotated_at: Option<Timestamp>,
}

/// What an access token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claims {
    /// Who.
    pub user: UserId,
    /// In which session.
    pub session: SessionId,
    /// With which role when it was given out.
    pub role: Role,
    /// For which seller.
    pub seller: Option<SellerId>,
    /// From when.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// What a login gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// For the `Authorization` header.
    pub access_token: String,
    /// How long that holds, in seconds.
    pub expires_in_seconds: u64,
    /// For the next access token; works once.
    pub refresh_token: String,
    /// Who logged in.
    pub user: User,
    /// In which session.
    pub session: SessionId,
}
