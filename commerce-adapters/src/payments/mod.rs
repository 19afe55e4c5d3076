//! Payment providers.

#[cfg(any(feature = "stripe", feature = "razorpay"))]
mod line;
#[cfg(feature = "razorpay")]
pub mod razorpay;
pub mod sandbox;
mod signature;
#[cfg(feature = "stripe")]
pub mod stripe;
