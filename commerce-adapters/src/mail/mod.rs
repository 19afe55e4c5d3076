//! Mails: rendered from templates, built as RFC 5322 messages, handed over.

pub mod eml;
pub mod message;
pub mod templates;
