//! Shopify's product export. Columns are looked up by name, since order and number of them vary
//! with the year and the shop; both generations of names are known.

use commerce_core::catalog::{Part, Unsaid};

use crate::failure::Failure;

use super::assemble::NO_OPTION;
use super::rows::{Header, Layout, Record, Row, without};

/// The columns of a seller and of what tells categories of one name apart: metafields of a product, which Shopify keeps beside its
/// own columns where a shop has defined them, and leaves alone where not. Its vendor is who makes a product, and stays a note.
pub(crate) const SELLER: &str = "Seller (product.metafields.commerce.seller)";
pub(crate) const SELLER_NAME: &str = "Seller name (product.metafields.commerce.seller_name)";
pub(crate) const CATEGORY_SLUGS: &str = "Category slugs (product.metafields.commerce.category_slugs)";

/// Where this file keeps what.
pub(crate) struct Columns {
    handle: Option<usize>,
    title: Option<usize>,
    body: Option<usize>,
    vendor: Option<usize>,
    kind: Option<usize>,
    category: Option<usize>,
    tags: Option<usize>,
    published: Option<usize>,
    status: Option<usize>,
    options: Vec<(Option<usize>, Option<usize>)>,
    sku: Option<usize>,
    grams: Option<usize>,
    stock: Option<usize>,
    price: Option<usize>,
    compare_at: Option<usize>,
    barcode: Option<usize>,
    image: Option<usize>,
    image_alt: Option<usize>,
    image_position: Option<usize>,
    variant_image: Option<usize>,
    seller: Option<usize>,
    seller_name: Option<usize>,
    category_slugs: Option<usize>,
}

impl Columns {
    /// Finds the columns.
    ///
    /// # Errors
    /// When handle, title or price are missing.
    pub(crate) fn find(header: &Header) -> Result<Box<dyn Layout>, Failure> {
        let option = |number: u8| {
            let name = header.find(&[&format!("option{number} name"), &format!("option {number} name")]);
            let value = header.find(&[&format!("option{number} value"), &format!("option {number} value")]);
            (name, value)
        };
        Ok(Box::new(Self {
            handle: header.need(&["handle", "url handle"])?,
            title: header.need(&["title"])?,
            body: header.find(&["body (html)", "body html", "body", "description"]),
            vendor: header.find(&["vendor"]),
            kind: header.find(&["type", "custom product type"]),
            category: header.find(&["product category", "standard product type", "standardized product type"]),
            tags: header.find(&["tags"]),
            published: header.find(&["published", "published on online store"]),
            status: header.find(&["status"]),
            options: (1..=3).map(option).collect(),
            sku: header.find(&["variant sku", "sku"]),
            grams: header.find(&["variant grams", "weight value (grams)"]),
            stock: header.find(&["variant inventory qty", "inventory quantity"]),
            price: header.need(&["variant price", "price"])?,
            compare_at: header.find(&["variant compare at price", "compare-at price"]),
            barcode: header.find(&["variant barcode", "barcode"]),
            image: header.find(&["image src", "product image url"]),
            image_alt: header.find(&["image alt text"]),
            image_position: header.find(&["image position"]),
            variant_image: header.find(&["variant image", "variant image url"]),
            seller: header.find(&[&SELLER.to_lowercase()]),
            seller_name: header.find(&[&SELLER_NAME.to_lowercase()]),
            category_slugs: header.find(&[&CATEGORY_SLUGS.to_lowercase()]),
        }))
    }
}

impl Layout for Columns {
    fn row(&self, line: u64, record: &Record<'_>) -> Row {
        let text = |column| record.cell(column);
        // Spreadsheets are kept from eating leading zeros with an apostrophe.
        let code = |column| record.cell(column).trim_start_matches('\'').to_owned();
        let category = if record.cell(self.kind).is_empty() { self.category } else { self.kind };
        Row {
            line,
            handle: text(self.handle),
            title: text(self.title),
            body: record.prose(self.body),
            vendor: text(self.vendor),
            category: text(category),
            tags: text(self.tags),
            published: text(self.published),
            status: text(self.status),
            options: self.options.iter().map(|(name, value)| option(text(*name), text(*value))).collect(),
            sku: code(self.sku),
            // Who does not weigh writes zero.
            grams: Some(text(self.grams)).filter(|grams| !grams.trim_matches(['0', '.']).is_empty()).unwrap_or_default(),
            stock: text(self.stock),
            price: text(self.price),
            compare_at: text(self.compare_at),
            barcode: code(self.barcode),
            image: text(self.image),
            image_alt: text(self.image_alt),
            image_position: text(self.image_position),
            variant_image: text(self.variant_image),
            seller: text(self.seller),
            seller_name: text(self.seller_name),
            category_slugs: text(self.category_slugs),
        }
    }

    fn unsaid(&self) -> Unsaid {
        let mut parts = without(&[
            (Part::Description, self.body),
            (Part::CompareAt, self.compare_at),
            (Part::Weight, self.grams),
            (Part::Barcode, self.barcode),
        ]);
        parts.insert(Part::NoWeight);
        let told = self.options.iter().any(|(_, value)| value.is_some());
        Unsaid { parts, options_but: (!told).then(Default::default) }
    }
}

/// An option without a value where the row says that the product has none.
fn option(name: String, value: String) -> (String, String) {
    let none = value == NO_OPTION && (name.is_empty() || name.eq_ignore_ascii_case("title"));
    (name, if none { String::new() } else { value })
}
