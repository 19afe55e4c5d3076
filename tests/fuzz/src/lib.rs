//! Fuzz targets: functions over bytes that hold what must be true whatever the bytes are.
//!
//! Owns no parser: each target calls the one that the shop uses. A target panics when its property
//! does not hold; that it does not panic by itself is the least of them. `tests/seeded.rs` runs all
//! of them over mutations of [`corpus`] in an ordinary test; `guided/run` lets libFuzzer look for
//! inputs that reach new code. Start reading at [`TARGETS`].

#![expect(clippy::missing_panics_doc, reason = "a target that panics has found something")]

mod bodies;
mod framing;
mod import;
mod mutate;
mod search;
mod tokens;
mod values;
mod webhook;

use std::path::PathBuf;

pub use bodies::bodies;
pub use framing::framing;
pub use import::{import_csv, import_jsonl};
pub use mutate::Mutator;
pub use search::search;
pub use tokens::{authorization, tokens};
pub use values::{cursors, money, texts};
pub use webhook::webhook;

/// A function that holds a property over any bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("authorization", authorization),
    ("bodies", bodies),
    ("cursors", cursors),
    ("framing", framing),
    ("import_csv", import_csv),
    ("import_jsonl", import_jsonl),
    ("money", money),
    ("search", search),
    ("texts", texts),
    ("tokens", tokens),
    ("webhook", webhook),
];

/// The real examples that a target's inputs are made from, sorted by file name.
///
/// # Panics
/// When there are none.
#[must_use]
pub fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/corpus")).join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} has no examples", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).collect()
}

/// The text before and after the first newline.
fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let at = bytes.iter().position(|byte| *byte == b'\n');
    at.map_or((bytes, &[][..]), |at| (&bytes[..at], &bytes[at + 1..]))
}
