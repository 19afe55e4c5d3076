//! Payment providers.

#[cfg(feature = "stripe")]
mod line;
pub mod sandbox;
mod signature;
#[cfg(feature = "stripe")]
pub mod stripe;
