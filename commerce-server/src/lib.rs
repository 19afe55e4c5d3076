//! The HTTP shell over the commerce engine: one router for the whole API.
//!
//! Owns what is HTTP (limits, errors, documents, the socket) and no rule of the shop: a handler
//! reads a request, calls one use case and shows its answer. Start reading at [`app`], then
//! [`front`], then any file of [`routes`].

pub mod address;
pub mod answer;
pub mod api;
pub mod app;
pub mod assembly;
pub mod auth;
mod conditional;
pub mod config;
pub mod documents;
pub mod extract;
pub mod framing;
pub mod front;
mod gateway;
pub mod health;
pub mod listener;
pub mod logins;
pub mod long;
pub mod metrics;
mod nearest;
pub mod op;
pub mod paths;
mod precondition;
pub mod problem;
pub mod rate_limit;
pub mod roles;
pub mod routes;
pub mod state;
pub mod telemetry;
pub mod views;
pub mod ways;
pub mod web;

pub use app::App;
pub use config::{Config, ConfigFault};
pub use listener::{Shutdown, Site, listen, serve};
pub use roles::Roles;
