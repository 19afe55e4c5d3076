//! Product search over tantivy: a projection of the catalog in a directory of its own.
//!
//! The index may lag, be busy or be gone; it never decides anything, and whoever asks while it is
//! not usable is told so ([`None`]) and asks the catalog itself. Several processes may share the
//! directory: whoever gets tantivy's writer lock writes, everybody notices new commits and new
//! generations within [`generation::LOOK_EVERY`].
//!
//! Start reading at [`TantivySearch`], then [`ask`] for one search, [`feed`] for the upkeep.

mod none;

#[cfg(feature = "search")]
mod ask;
#[cfg(feature = "search")]
mod collect;
#[cfg(feature = "search")]
mod document;
#[cfg(feature = "search")]
mod feed;
#[cfg(feature = "search")]
mod folder;
#[cfg(feature = "search")]
mod generation;
#[cfg(feature = "search")]
mod tantivy_search;
#[cfg(feature = "search")]
mod words;

pub use none::NoSearch;
#[cfg(feature = "search")]
pub use tantivy_search::TantivySearch;
