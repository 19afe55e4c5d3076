//! SKUs for variants that have none: from the product's handle and the variant's options, the same
//! at every import, whatever the order of the rows.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use sha2::{Digest, Sha256};

use super::rows::Row;

/// Characters of a SKU at most.
const SKU_MAX: usize = 64;

/// Eight hexadecimal digits of the hash of these parts.
pub(crate) fn short_hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let head = hash.finalize().iter().take(4).fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    format!("{head:08x}")
}

/// A number to know a text by, so that a survey of a large file stays small.
pub(crate) fn mark(text: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// What the whole file says about its SKUs; made in a first pass.
#[derive(Default)]
pub(crate) struct Skus {
    /// By a SKU's mark: who has it, and whether somebody else derives the same.
    seen: HashMap<u64, (u64, bool)>,
}

impl Skus {
    /// Notes the SKU that a row has or would get.
    pub(crate) fn note(&mut self, row: &Row) {
        let (sku, owner) =
            if row.sku.is_empty() { (plain(row), mark(&identity(row))) } else { (row.sku.clone(), mark(&row.sku)) };
        self.seen.entry(mark(&sku)).and_modify(|(first, clash)| *clash |= *first != owner).or_insert((owner, false));
    }

    /// The SKU of a row that has none: `HANDLE-VALUE`, with a hash where that is too long or
    /// another variant of the file would get the same.
    pub(crate) fn derive(&self, row: &Row) -> String {
        let sku = plain(row);
        let clash = self.seen.get(&mark(&sku)).is_some_and(|(_, clash)| *clash);
        if !clash && sku.chars().count() <= SKU_MAX {
            return sku;
        }
        shortened(&sku, &short_hash(&identity(row)))
    }
}

/// A SKU of the file as the shop can take it, if it cannot as it is: what addresses do not allow
/// becomes a hyphen, what is too long is cut and given a hash.
pub(crate) fn acceptable(sku: &str) -> String {
    let kept: String =
        sku.chars().map(|char| if "/?#%\\<>{}^`".contains(char) || char.is_control() { '-' } else { char }).collect();
    if kept.chars().count() <= SKU_MAX { kept } else { shortened(&kept, &short_hash(&[sku])) }
}

fn shortened(sku: &str, hash: &str) -> String {
    let head: String = sku.chars().take(SKU_MAX - hash.len() - 1).collect();
    format!("{}-{}", head.trim_end_matches(['-', ' ']), hash.to_uppercase())
}

fn plain(row: &Row) -> String {
    let mut sku = fold(&row.handle);
    for value in values(row).map(fold).filter(|value| !value.is_empty()) {
        sku.push('-');
        sku.push_str(&value);
    }
    sku
}

/// The values that tell a variant from its siblings.
fn values(row: &Row) -> impl Iterator<Item = &str> {
    row.options.iter().map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

fn identity(row: &Row) -> Vec<&str> {
    std::iter::once(row.handle.as_str()).chain(values(row)).collect()
}

/// Letters and digits in capitals, everything else folded to single hyphens.
fn fold(text: &str) -> String {
    let mut folded = String::new();
    for char in text.chars().flat_map(char::to_uppercase) {
        if char.is_alphanumeric() {
            folded.push(char);
        } else if !folded.is_empty() && !folded.ends_with('-') {
            folded.push('-');
        }
    }
    folded.truncate(folded.trim_end_matches('-').len());
    folded
}
