//! Reading product files: Shopify's export, a plain CSV and JSON lines.
//!
//! Owns turning files into [`Draft`]s, row by row; what cannot be read is named with its line and
//! left out. Never fetches a picture and never touches the shop: `commands::product` does.
//! Start reading at [`open`], then [`assemble`].

pub(crate) mod assemble;
pub(crate) mod jsonl;
mod plain_csv;
mod rows;
pub(crate) mod shopify;
mod sku;
mod source;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use commerce_core::catalog::{ImportCategory, ImportSeller, ProductStatus, Unsaid};
use commerce_core::text::{Metadata, Sku, Slug};
use commerce_core::{Currency, Money};

use crate::failure::Failure;

pub(crate) use source::Source;

/// Bytes of a file from which is told how it is written.
const HEAD_BYTES: u64 = 64;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A product export of Shopify's admin, of any year.
    ShopifyCsv,
    /// One row per variant: name, sku, price and what else the header names.
    Csv,
    /// One JSON object per line, in the shape of `product export`.
    Jsonl,
}

/// A product as a file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Where it begins in the file.
    pub line: u64,
    /// What it is known by from import to import.
    pub slug: Slug,
    /// Its name for people.
    pub name: String,
    /// Text or HTML, untouched.
    pub description: String,
    /// Whether it is on sale, where the file says so.
    pub status: Option<ProductStatus>,
    /// From the root of the category tree down; empty for none.
    pub category: Vec<ImportCategory>,
    /// Whose it is, where the file says so.
    pub seller: Option<ImportSeller>,
    /// At least one.
    pub variants: Vec<DraftVariant>,
    /// Links with their texts, in the order they are shown.
    pub images: Vec<DraftImage>,
    /// Vendor and tags.
    pub metadata: Metadata,
    /// What the file has no columns for.
    pub unsaid: Unsaid,
    /// Whether rows of it may have been left out.
    pub partial: bool,
}

/// A variant as a file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftVariant {
    /// The file's, or one derived from handle and options.
    pub sku: Sku,
    /// What one unit costs.
    pub price: Money,
    /// What it cost before.
    pub compare_at: Option<Money>,
    /// Option names and values.
    pub options: BTreeMap<String, String>,
    /// Units counted in when the variant is made.
    pub stock: i64,
    /// Weight of one unit.
    pub weight_grams: Option<u32>,
    /// EAN, UPC or ISBN.
    pub barcode: Option<String>,
    /// The client's own notes, where the file says them.
    pub metadata: Option<Metadata>,
}

/// A link to a picture; never fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftImage {
    /// Where it is.
    pub url: String,
    /// For those who cannot see it.
    pub alt: String,
}

/// Something to tell about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    /// Which line, counted from 1 with the header.
    pub line: u64,
    /// What about it.
    pub text: String,
}

impl Remark {
    /// About `line`.
    pub(crate) fn new(line: u64, text: impl Into<String>) -> Self {
        Self { line, text: text.into() }
    }
}

/// What reading on brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A whole product.
    Product(Box<Draft>),
    /// A row that is left out.
    Bad(Remark),
    /// A row that is taken with a change.
    Note(Remark),
}

/// Reads a file product by product, holding only the products whose rows are not all read.
pub(crate) trait Products: Iterator<Item = Found> + Send {
    /// How many bytes are read, for a progress bar.
    fn bytes_read(&self) -> u64;
}

/// Opens a product file. Without a format its name, its first letter and its header tell.
///
/// # Errors
/// When the file cannot be read, or its header lacks a needed column.
pub(crate) fn open(source: &Source, format: Option<Format>, currency: Currency) -> Result<Box<dyn Products>, Failure> {
    let format = match format {
        Some(format) => format,
        None if source.name().extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson") => Format::Jsonl,
        None if begins_an_object(source)? => Format::Jsonl,
        None => rows::Table::open(source)?.format()?,
    };
    match format {
        Format::ShopifyCsv => Ok(Box::new(assemble::Assembled::open(source, currency, shopify::Columns::find)?)),
        Format::Csv => Ok(Box::new(assemble::Assembled::open(source, currency, plain_csv::Columns::find)?)),
        Format::Jsonl => Ok(Box::new(jsonl::Lines::open(source, currency)?)),
    }
}

/// Whether the first thing in it opens an object of JSON, as no header of a table does.
fn begins_an_object(source: &Source) -> Result<bool, Failure> {
    let mut head = Vec::new();
    source.read()?.take(HEAD_BYTES).read_to_end(&mut head).map_err(|error| Failure::io("read the file's beginning", &error))?;
    Ok(head.trim_ascii_start().starts_with(b"{"))
}

/// The steps of a category, from names and, where there are any, a slug for each.
///
/// # Errors
/// When there are not as many of these as of those, or one is no slug.
fn steps(names: Vec<String>, slugs: Vec<String>) -> Result<Vec<ImportCategory>, String> {
    if slugs.is_empty() {
        return Ok(names.into_iter().map(ImportCategory::named).collect());
    }
    if slugs.len() != names.len() {
        return Err(format!("{} names of categories and {} slugs of them", names.len(), slugs.len()));
    }
    let step = |(name, slug): (String, String)| match slug.parse() {
        Ok(slug) => Ok(ImportCategory { name, slug: Some(slug) }),
        Err(reason) => Err(format!("category slug \"{slug}\": {reason}")),
    };
    names.into_iter().zip(slugs).map(step).collect()
}

/// Opens a file by its path; see [`open`].
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn open_path(path: &Path) -> Result<Source, Failure> {
    Source::open(path)
}

/// A product's address name from what a file calls it: as it is where that is a slug, folded to one
/// where it is not, with a few digits of its hash so that different names stay different.
pub(crate) fn slug_of(handle: &str) -> Slug {
    if let Ok(slug) = handle.parse() {
        return slug;
    }
    let folded = commerce_core::text::slugify(handle);
    let plain = handle.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == ' ');
    if plain && !handle.contains("--") && handle.len() <= 100 && handle.starts_with(|char: char| char.is_ascii_alphanumeric()) {
        return folded;
    }
    let named = format!("{folded}-{}", sku::short_hash(&[handle]));
    named.parse().unwrap_or(folded)
}

#[cfg(test)]
mod tests;
