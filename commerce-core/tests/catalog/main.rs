//! What the catalog promises about stock and products, over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod house;
mod products;
mod sellers;
mod stock;
