//! The order path over the reference adapters: placing, paying, ending, and who may do what.
//!
//! The adapters let callers at the same time meet in another order with each seed, so a case on
//! parallel requests runs under many seeds.

mod cancelling;
mod coupons;
mod ending;
mod exchanges;
mod guests;
mod messages;
mod ownership;
mod paying;
mod placing;
mod prices;
mod promises;
mod reconciling;
mod redirecting;
mod refusing;
mod returns;
mod scene;
mod shipments;
mod states;
mod stock;
mod unpaid;
mod versions;
mod wallets;
