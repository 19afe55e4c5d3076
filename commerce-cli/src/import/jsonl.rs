//! JSON lines: one product per line, in the shape that `product export` writes.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read};

use commerce_core::catalog::{ImportSeller, Part, ProductStatus, Unsaid};
use commerce_core::text::{Metadata, Sku, slugify};
use commerce_core::{Currency, Money};
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

use super::sku::mark;
use super::{Draft, DraftImage, DraftVariant, Found, Products, Remark, Source, slug_of, steps};

/// Bytes of one line at most: 200 variants and a long description fit several times.
const LINE_MAX_BYTES: u64 = 4 << 20;

/// A product on its line. What it does not say stays as it is, what it says is empty becomes empty.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object that is a product")]
pub(crate) struct Line {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<ProductStatus>,
    /// Names from the root of the category tree down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<Vec<String>>,
    /// Their slugs, one for each name or none at all: they tell apart what has one name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub category_slugs: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller: Option<ImportSeller>,
    pub variants: Vec<LineVariant>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<Vec<LineImage>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// A variant on its product's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, expecting = "an object that is a variant")]
pub(crate) struct LineVariant {
    pub sku: Sku,
    pub price: Price,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compare_at_price: Option<Price>,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    #[serde(default)]
    pub stock: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight_grams: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barcode: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
}

/// An amount: with its currency in minor units, or a decimal of the shop's currency.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a price is a decimal in quotes, or an amount of minor units with its currency")]
pub(crate) enum Price {
    /// `{"amount": 1999, "currency": "INR"}`.
    Minor(Money),
    /// `"19.99"`.
    Major(String),
}

/// A picture on its product's line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LineImage {
    pub url: String,
    #[serde(default)]
    pub alt: String,
}

/// Reads a file line by line.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    currency: Currency,
    line: u64,
    bytes: u64,
    /// Which line has a slug or a SKU, by its mark.
    taken: HashMap<u64, u64>,
}

/// What is wrong with a line. Of the file its number is known elsewhere, of the line where in it.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let Some((what, _)) = text.rsplit_once(" at line ") else { return text };
    format!("{what} (character {})", error.column())
}

impl Lines {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(source: &Source, currency: Currency) -> Result<Self, Failure> {
        let reader = BufReader::new(source.read()?);
        Ok(Self { reader, currency, line: 0, bytes: 0, taken: HashMap::new() })
    }

    fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let read = self.reader.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line)?;
        self.line += 1;
        self.bytes += read as u64;
        if read as u64 == LINE_MAX_BYTES && !line.ends_with(b"\n") {
            self.bytes += self.reader.skip_until(b'\n')? as u64;
            return Err(std::io::Error::other("the line is longer than 4 MiB"));
        }
        Ok((read > 0).then_some(line))
    }

    fn draft(&mut self, text: &[u8]) -> Result<Draft, String> {
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err("a line is an object that is a product".to_owned());
        }
        let line: Line = serde_json::from_slice(text).map_err(|error| told(&error))?;
        let slug = match &line.slug {
            Some(slug) => slug_of(slug),
            None if line.name.is_ascii() => slugify(&line.name),
            None => slug_of(&line.name),
        };
        let mut names = vec![format!("slug {slug}")];
        names.extend(line.variants.iter().map(|variant| format!("SKU {}", variant.sku)));
        if let Some((name, at)) = names.iter().find_map(|name| Some((name, self.taken.get(&mark(name))?))) {
            return Err(format!("{name} is on line {at} already"));
        }
        let variants = line.variants.into_iter().map(|variant| self.variant(variant)).collect::<Result<Vec<_>, _>>()?;
        if variants.is_empty() {
            return Err("variants: at least one is needed".to_owned());
        }
        let unsaid = [
            (Part::Description, line.description.is_none()),
            (Part::Category, line.category.is_none()),
            (Part::Images, line.images.is_none()),
            (Part::Metadata, line.metadata.is_none()),
        ];
        let category = steps(line.category.unwrap_or_default(), line.category_slugs)?;
        self.taken.extend(names.iter().map(|name| (mark(name), self.line)));
        Ok(Draft {
            line: self.line,
            slug,
            name: line.name,
            unsaid: Unsaid {
                parts: unsaid.into_iter().filter(|(_, silent)| *silent).map(|(part, _)| part).collect(),
                options_but: None,
            },
            partial: false,
            description: line.description.unwrap_or_default(),
            status: line.status,
            category,
            seller: line.seller,
            variants,
            images: line
                .images
                .unwrap_or_default()
                .into_iter()
                .map(|image| DraftImage { url: image.url, alt: image.alt })
                .collect(),
            metadata: line.metadata.unwrap_or_default(),
        })
    }

    fn variant(&self, variant: LineVariant) -> Result<DraftVariant, String> {
        let amount = |price: Price| match price {
            Price::Minor(amount) => Ok(amount),
            Price::Major(text) => Money::parse_major(&text, self.currency)
                .ok_or_else(|| format!("{}: \"{text}\" is not a decimal amount of {}", variant.sku, self.currency)),
        };
        Ok(DraftVariant {
            price: amount(variant.price)?,
            compare_at: variant.compare_at_price.map(amount).transpose()?,
            options: variant.options,
            stock: variant.stock,
            weight_grams: variant.weight_grams,
            barcode: variant.barcode,
            metadata: variant.metadata,
            sku: variant.sku,
        })
    }
}

impl Iterator for Lines {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        loop {
            let text = match self.read() {
                Ok(None) => return None,
                Ok(Some(text)) => text,
                Err(error) => return Some(Found::Bad(Remark::new(self.line, error.to_string()))),
            };
            if text.trim_ascii().is_empty() {
                continue;
            }
            return Some(match self.draft(&text) {
                Ok(draft) => Found::Product(Box::new(draft)),
                Err(reason) => Found::Bad(Remark::new(self.line, reason)),
            });
        }
    }
}

impl Products for Lines {
    fn bytes_read(&self) -> u64 {
        self.bytes
    }
}
