//! The contract outside, asked of the whole router over the reference adapters.

mod documents;
mod front;
mod input;
mod people;
mod purchase;
mod shelf;
mod support;
