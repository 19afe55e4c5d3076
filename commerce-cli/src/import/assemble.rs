//! From rows to products: gathers the rows of a handle wherever they stand and builds the product.
//!
//! Two passes: the first counts the rows of every handle and surveys the SKUs (a few bytes each),
//! the second holds only the rows of products that are not complete yet.

use std::collections::{BTreeMap, HashMap, VecDeque};

use commerce_core::catalog::{ImportCategory, ImportSeller, Part, ProductStatus, Unsaid};
use commerce_core::limits;
use commerce_core::text::{Metadata, Sku};
use commerce_core::{Currency, Money};

use crate::failure::Failure;

use super::rows::{Header, Layout, Row, Table};
use super::sku::{Skus, acceptable, mark};
use super::{Draft, DraftImage, DraftVariant, Found, Products, Remark, Source, slug_of, steps};

/// What Shopify writes where a product has no options.
pub(crate) const NO_OPTION: &str = "Default Title";

/// Characters of a barcode at most.
const BARCODE_MAX: usize = 64;

/// Reads a CSV file product by product.
pub(crate) struct Assembled {
    table: Table,
    layout: Box<dyn Layout>,
    currency: Currency,
    /// Rows still to come, by the product's mark.
    left: HashMap<u64, u32>,
    skus: Skus,
    /// Which line has a SKU, by its mark.
    taken: HashMap<u64, u64>,
    /// Products whose rows are not all read.
    open: HashMap<u64, Vec<Row>>,
    /// Whether rows were left out that may be of any product.
    incomplete: bool,
    ready: VecDeque<Found>,
}

impl Assembled {
    /// Opens a file: finds its columns and surveys it.
    ///
    /// # Errors
    /// When it cannot be read or lacks a needed column.
    pub(crate) fn open(
        source: &Source,
        currency: Currency,
        find: fn(&Header) -> Result<Box<dyn Layout>, Failure>,
    ) -> Result<Self, Failure> {
        let mut survey = Table::open(source)?;
        let layout = find(survey.header())?;
        let (mut left, mut skus, mut incomplete) = (HashMap::<u64, u32>::new(), Skus::default(), false);
        while let Some(row) = survey.next_row(&*layout) {
            let Some(row) = row.ok().filter(|row| !row.handle.is_empty()) else {
                incomplete = true;
                continue;
            };
            *left.entry(product(&row)).or_default() += 1;
            if row.has_variant() {
                skus.note(&row);
            }
        }
        let table = Table::open(source)?;
        let (taken, open) = (HashMap::new(), HashMap::new());
        let ignored = layout.ignored().into_iter().map(|name| format!("nothing is taken of the column \"{name}\""));
        let ready: VecDeque<Found> = ignored.map(|text| Found::Note(Remark::new(1, text))).collect();
        Ok(Self { table, layout, currency, left, skus, taken, open, incomplete, ready })
    }

    fn take(&mut self, row: Row) {
        if row.handle.is_empty() {
            self.bad(row.line, "the handle is empty");
            return;
        }
        let handle = product(&row);
        let rows = self.open.entry(handle).or_default();
        rows.push(row);
        if self.left.get(&handle).is_some_and(|left| rows.len() >= *left as usize) {
            let rows = self.open.remove(&handle).unwrap_or_default();
            self.build(&rows);
        }
    }

    fn build(&mut self, rows: &[Row]) {
        let Some(first) = rows.first() else { return };
        let Some(head) = rows.iter().find(|row| !row.title.is_empty()) else {
            let text = format!("{}: no row of this product has a title; {} left out", first.handle, count(rows.len(), "row"));
            self.bad(first.line, text);
            return;
        };
        let mut variants: Vec<DraftVariant> = Vec::new();
        let mut images = Images::default();
        let mut partial = self.incomplete;
        for row in rows {
            images.take(row);
            let bad = if row.has_variant() {
                self.variant(row, head, variants.len()).map(|variant| variants.push(variant)).err()
            } else {
                let empty = row.image.is_empty() && row.line != head.line;
                empty.then(|| "neither a variant nor a picture".to_owned())
            };
            if let Some(reason) = bad {
                partial = true;
                self.bad(row.line, format!("{}: {reason}", row.handle));
            }
        }
        if variants.is_empty() {
            self.bad(
                head.line,
                format!("{}: left out, none of its rows is a variant that can be sold: that needs a price", head.handle),
            );
            return;
        }
        let images = images.finish(|remark| self.ready.push_back(Found::Note(remark)));
        let draft = Draft {
            line: first.line,
            slug: slug_of(&head.handle),
            name: head.title.clone(),
            description: head.body.clone(),
            status: self.status(head),
            category: self.category(head),
            seller: seller(head),
            variants,
            images,
            metadata: self.metadata(head),
            unsaid: self.unsaid(head, partial),
            partial,
        };
        self.ready.push_back(Found::Product(Box::new(draft)));
    }

    /// What the file has no columns for. What a product says of itself stands on its first row, which may be one that is left out.
    fn unsaid(&self, head: &Row, partial: bool) -> Unsaid {
        let mut unsaid = self.layout.unsaid();
        if partial && head.body.is_empty() {
            unsaid.parts.insert(Part::Description);
        }
        unsaid
    }

    fn variant(&mut self, row: &Row, head: &Row, siblings: usize) -> Result<DraftVariant, String> {
        if siblings >= limits::VARIANTS_MAX {
            return Err(format!("more than {} variants", limits::VARIANTS_MAX));
        }
        let price = self.amount("price", &row.price)?.ok_or("the price is empty")?;
        let compare_at = self.amount("compare-at price", &row.compare_at)?;
        let stock = self.stock(row)?;
        let sku = self.sku(row)?;
        let options = options(row, head);
        if let Some(name) =
            options.iter().flat_map(|(name, value)| [name, value]).find(|text| text.chars().count() > limits::SHORT_TEXT_MAX)
        {
            return Err(format!("an option has more than {} characters: {name}", limits::SHORT_TEXT_MAX));
        }
        let variant = DraftVariant {
            sku,
            price,
            compare_at,
            options,
            stock,
            weight_grams: grams(&row.grams)?,
            barcode: self.barcode(row),
            metadata: None,
        };
        self.taken.insert(mark(&variant.sku.as_str()), row.line);
        Ok(variant)
    }

    fn sku(&mut self, row: &Row) -> Result<Sku, String> {
        let text = if row.sku.is_empty() { self.skus.derive(row) } else { acceptable(&row.sku) };
        let sku: Sku = text.parse().map_err(|reason| format!("SKU {}: {reason}", row.sku))?;
        if let Some(line) = self.taken.get(&mark(&sku.as_str())) {
            return Err(format!("SKU {sku} is on line {line} already"));
        }
        if !row.sku.is_empty() && sku.as_str() != row.sku {
            self.note(row.line, format!("SKU {} is taken in as {sku}", row.sku));
        }
        Ok(sku)
    }

    fn amount(&self, what: &str, text: &str) -> Result<Option<Money>, String> {
        if text.is_empty() {
            return Ok(None);
        }
        let amount = Money::parse_major(text, self.currency)
            .ok_or_else(|| format!("{what} \"{text}\" is not a decimal amount of {}", self.currency))?;
        if (0..=limits::PRICE_MAX_MINOR).contains(&amount.minor) {
            Ok(Some(amount))
        } else {
            Err(format!("{what} {text} is out of range"))
        }
    }

    fn stock(&mut self, row: &Row) -> Result<i64, String> {
        let units = match whole(&row.stock) {
            _ if row.stock.is_empty() => 0,
            Some(units) if units <= limits::STOCK_MAX => units,
            _ => return Err(format!("stock \"{}\" is not a whole number within range", row.stock)),
        };
        if units < 0 {
            self.note(row.line, format!("{}: stock {units} is taken in as 0", row.handle));
        }
        Ok(units.max(0))
    }

    fn barcode(&mut self, row: &Row) -> Option<String> {
        let fits = row.barcode.chars().count() <= BARCODE_MAX;
        if !fits {
            self.note(row.line, format!("{}: the barcode is left out, it has more than {BARCODE_MAX} characters", row.handle));
        }
        Some(row.barcode.clone()).filter(|barcode| fits && !barcode.is_empty())
    }

    fn category(&mut self, head: &Row) -> Vec<ImportCategory> {
        let names = parts(&head.category);
        steps(names.clone(), parts(&head.category_slugs)).unwrap_or_else(|reason| {
            self.note(head.line, format!("{}: the category is told by its names alone; {reason}", head.handle));
            names.into_iter().map(ImportCategory::named).collect()
        })
    }

    /// None where the file does not say.
    fn status(&mut self, head: &Row) -> Option<ProductStatus> {
        let published = !matches!(head.published.to_lowercase().as_str(), "false" | "no" | "0");
        match head.status.to_lowercase().as_str() {
            "" if head.published.is_empty() => None,
            "" | "active" if published => Some(ProductStatus::Active),
            "" | "active" | "draft" | "unlisted" => Some(ProductStatus::Draft),
            "archived" => Some(ProductStatus::Archived),
            other => {
                self.note(head.line, format!("{}: status \"{other}\" is taken in as DRAFT", head.handle));
                Some(ProductStatus::Draft)
            }
        }
    }

    fn metadata(&mut self, head: &Row) -> Metadata {
        let mut metadata = Metadata::new();
        for (key, text) in [("vendor", &head.vendor), ("tags", &head.tags)] {
            let kept: String = text.chars().take(limits::METADATA_VALUE_MAX).collect();
            if kept.len() < text.len() {
                self.note(head.line, format!("{}: {key} is cut at {} characters", head.handle, limits::METADATA_VALUE_MAX));
            }
            if !kept.is_empty() {
                metadata.insert(key.to_owned(), kept);
            }
        }
        metadata
    }

    fn bad(&mut self, line: u64, text: impl Into<String>) {
        self.ready.push_back(Found::Bad(Remark::new(line, text)));
    }

    fn note(&mut self, line: u64, text: impl Into<String>) {
        self.ready.push_back(Found::Note(Remark::new(line, text)));
    }
}

impl Iterator for Assembled {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while self.ready.is_empty() {
            match self.table.next_row(&*self.layout) {
                Some(Ok(row)) => self.take(row),
                Some(Err(remark)) => self.ready.push_back(Found::Bad(remark)),
                // The file grew shorter between the passes: build what is there.
                None => match self.open.keys().next().copied() {
                    Some(handle) => {
                        self.incomplete = true;
                        let rows = self.open.remove(&handle).unwrap_or_default();
                        self.build(&rows);
                    }
                    None => return None,
                },
            }
        }
        self.ready.pop_front()
    }
}

impl Products for Assembled {
    fn bytes_read(&self) -> u64 {
        self.table.bytes_read()
    }
}

/// The pictures of a product while its rows are read.
#[derive(Default)]
struct Images {
    found: Vec<(u32, DraftImage)>,
    remarks: Vec<Remark>,
}

impl Images {
    fn take(&mut self, row: &Row) {
        let position = row.image_position.parse().unwrap_or(u32::MAX);
        self.add(row, &row.image, position, &row.image_alt);
        self.add(row, &row.variant_image, u32::MAX, "");
    }

    fn add(&mut self, row: &Row, url: &str, position: u32, alt: &str) {
        if url.is_empty() || self.found.iter().any(|(_, image)| image.url == url) {
            return;
        }
        // A path names a picture that the shop keeps itself.
        let link = ["https://", "http://", "/"].iter().any(|start| url.starts_with(start)) && !url.starts_with("//");
        if !link || url.len() > 2_000 || url.chars().any(|char| char.is_whitespace() || char.is_control()) {
            self.remarks
                .push(Remark::new(row.line, format!("{}: the picture is left out, its link is no web address", row.handle)));
        } else if self.found.len() >= limits::IMAGES_MAX {
            self.remarks.push(Remark::new(row.line, format!("{}: more than {} pictures", row.handle, limits::IMAGES_MAX)));
        } else {
            let alt = alt.chars().filter(|char| !char.is_control()).take(limits::SHORT_TEXT_MAX).collect();
            self.found.push((position, DraftImage { url: url.to_owned(), alt }));
        }
    }

    fn finish(mut self, tell: impl FnMut(Remark)) -> Vec<DraftImage> {
        self.remarks.into_iter().for_each(tell);
        self.found.sort_by_key(|(position, _)| *position);
        self.found.into_iter().map(|(_, image)| image).collect()
    }
}

/// What the rows of a product have in common: handles that come to one slug are one.
fn product(row: &Row) -> u64 {
    mark(&slug_of(&row.handle).as_str())
}

/// Option names stand on the product's first row, values on every row.
fn options(row: &Row, head: &Row) -> BTreeMap<String, String> {
    let named = |(index, (name, value)): (usize, &(String, String))| {
        if value.is_empty() {
            return None;
        }
        let inherited = head.options.get(index).map(|(name, _)| name.as_str()).unwrap_or_default();
        let name = match (name.as_str(), inherited) {
            ("", "") => format!("Option {}", index + 1),
            ("", inherited) => inherited.to_owned(),
            (name, _) => name.to_owned(),
        };
        Some((name, value.clone()))
    };
    row.options.iter().enumerate().filter_map(named).collect()
}

/// What stands between the `>` of a category, from the root down.
fn parts(path: &str) -> Vec<String> {
    path.split('>').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Whose the product is. Who writes a file by hand may call a seller by its name alone.
fn seller(head: &Row) -> Option<ImportSeller> {
    let name = if head.seller_name.is_empty() { &head.seller } else { &head.seller_name };
    (!head.seller.is_empty()).then(|| ImportSeller { slug: slug_of(&head.seller), name: name.clone(), house: false })
}

/// Grams as written: blank says nothing, decimals are rounded up.
fn grams(text: &str) -> Result<Option<u32>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = !whole.is_empty() && format!("{whole}{fraction}").bytes().all(|byte| byte.is_ascii_digit());
    let up = u32::from(fraction.bytes().any(|byte| byte != b'0'));
    let grams = whole.parse::<u32>().ok().and_then(|grams| grams.checked_add(up)).filter(|_| digits);
    grams.map(Some).ok_or_else(|| format!("weight \"{text}\" is not a number of grams"))
}

/// A whole number, also where a spreadsheet wrote `12.0`.
fn whole(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    fraction.bytes().all(|byte| byte == b'0').then(|| whole.parse().ok())?
}

fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
