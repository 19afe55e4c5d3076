//! What stops a use case: a port that cannot do its work, in one shape for all ports.

use std::fmt;

use super::ErrorClass;

/// What kind of failure a port reports, and so whether a retry can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// Cannot be reached, timed out, or sheds load: a retry may help.
    Unavailable,
    /// No space left.
    Full,
    /// The storage refuses writes.
    ReadOnly,
    /// What was read breaks an invariant.
    Corrupt,
    /// A commit was sent and its outcome cannot be learnt.
    OutcomeUnknown,
    /// Anything else: a defect.
    Internal,
}

impl StoreErrorKind {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Unavailable => "UNAVAILABLE",
            Self::Full => "STORAGE_FULL",
            Self::ReadOnly => "STORAGE_READ_ONLY",
            Self::OutcomeUnknown => "OUTCOME_UNKNOWN",
            Self::Corrupt | Self::Internal => "INTERNAL",
        }
    }

    /// The class.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        match self {
            Self::Unavailable | Self::Full | Self::ReadOnly | Self::OutcomeUnknown => ErrorClass::Unavailable,
            Self::Corrupt | Self::Internal => ErrorClass::Internal,
        }
    }
}

/// The cause of a [`StoreError`], as the adapter met it.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A port could not do its work: one shape for all ports.
#[derive(Debug)]
pub struct StoreError {
    /// What kind of failure.
    pub kind: StoreErrorKind,
    /// What was being done: `orders.commit`.
    pub operation: &'static str,
    /// The cause.
    pub source: Option<Source>,
}

impl StoreError {
    /// A failure of `operation` with its cause.
    pub fn new(kind: StoreErrorKind, operation: &'static str, source: impl Into<Source>) -> Self {
        Self { kind, operation, source: Some(source.into()) }
    }

    /// `operation` cannot be done now.
    pub fn unavailable(operation: &'static str, source: impl Into<Source>) -> Self {
        Self::new(StoreErrorKind::Unavailable, operation, source)
    }

    /// What `operation` read breaks an invariant.
    pub fn corrupt(operation: &'static str, source: impl Into<Source>) -> Self {
        Self::new(StoreErrorKind::Corrupt, operation, source)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Unavailable => "is unavailable",
            StoreErrorKind::Full => "has no space left",
            StoreErrorKind::ReadOnly => "cannot be written",
            StoreErrorKind::Corrupt => "found corrupt data",
            StoreErrorKind::OutcomeUnknown => "has an unknown outcome",
            StoreErrorKind::Internal => "failed",
        };
        write!(f, "{} {what}", self.operation)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}
