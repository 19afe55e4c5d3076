//! What a request says, parsed at the door: JSON bodies, query parameters, path parameters and the
//! headers that matter. Everything wrong becomes a [`Problem`](crate::problem::Problem) here.
//! Start reading at [`body`].

pub mod body;
mod decode;
pub mod headers;
pub mod path;
pub mod query;
mod tree;

pub use body::{Json, KeyedJson, Patch, given, maybe, read_json};
pub use headers::{IfMatch, RequestIdempotency};
pub use path::Params;
pub use query::{Paging, Query};
