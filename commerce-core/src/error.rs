//! What a use case may answer besides success: a [`Refusal`] with a stable code, or an [`Error`]
//! for what stopped it.

mod codes;
mod refusal;
mod store;

use crate::money::MoneyError;

pub use refusal::{FieldError, Refusal, Shortage, Unreadable};
pub use store::{Source, StoreError, StoreErrorKind};

/// What a use case returns.
pub type Outcome<T> = Result<T, Error>;

/// Why a use case did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An expected answer: the rules say no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// A port could not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Error {
    /// The refusal, if the rules said no.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Store(_) => None,
        }
    }

    /// The stable code: a refusal's own, or the store error's kind.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Store(error) => error.kind.code(),
        }
    }

    /// The class, from which shells make a status or an exit code.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Refused(refusal) => refusal.class(),
            Self::Store(error) => error.kind.class(),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<MoneyError> for Error {
    fn from(error: MoneyError) -> Self {
        Refusal::from(error).into()
    }
}

/// The few kinds of failure a shell tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The request cannot be read. HTTP 400.
    Malformed,
    /// Who asks is not known. HTTP 401.
    Unauthenticated,
    /// Who asks may not. HTTP 403.
    Forbidden,
    /// Not there, or not for who asks. HTTP 404.
    NotFound,
    /// Against the present state. HTTP 409.
    Conflict,
    /// Another version than the client expected. HTTP 412.
    Precondition,
    /// Read, but a value is out of its range. HTTP 422.
    Invalid,
    /// The client must say which version it changes. HTTP 428.
    PreconditionRequired,
    /// Too many, come back later. HTTP 429.
    TooMany,
    /// A dependency is down, come back later. HTTP 503.
    Unavailable,
    /// A defect. HTTP 500.
    Internal,
}

impl ErrorClass {
    /// The HTTP status of the class.
    #[must_use]
    pub const fn http_status(self) -> u16 {
        match self {
            Self::Malformed => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::Conflict => 409,
            Self::Precondition => 412,
            Self::Invalid => 422,
            Self::PreconditionRequired => 428,
            Self::TooMany => 429,
            Self::Unavailable => 503,
            Self::Internal => 500,
        }
    }
}
