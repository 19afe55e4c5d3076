//! The shapes that the API shows and takes, apart from the core's own types so that either can
//! change alone. A file for each context; fields are documented by the contract's "Shapes".

pub mod address;
pub mod cart;
pub mod catalog;
pub mod coupon;
pub mod notification;
pub mod operation;
pub mod opinion;
pub mod order;
pub mod payment;
pub mod returns;
pub mod schema;
pub mod shipment;
pub mod user;
pub mod wallet;
pub mod webhook;
