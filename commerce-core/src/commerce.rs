//! The facade.

/// A whole shop.
pub struct Commerce;
