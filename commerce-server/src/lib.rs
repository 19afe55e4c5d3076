//! The HTTP shell over the commerce engine: one router for the whole API.

pub mod web;
