//! The facade.
pub struct Commerce;
