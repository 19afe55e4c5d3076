//! Passwords and access tokens.

pub mod argon2;
pub mod jwt;
pub mod key_file;
