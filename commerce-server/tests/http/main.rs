//! The contract outside, asked of the whole router over the reference adapters.

#![expect(clippy::unwrap_used, reason = "a harness of tests stops at what it cannot have")]

mod documents;
mod front;
mod input;
mod keys;
mod lists;
mod money;
mod operations;
mod pages;
mod people;
mod purchase;
mod shelf;
mod support;
mod versions;
