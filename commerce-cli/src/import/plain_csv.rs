//! The plain CSV: one row per variant, rows of the same slug (or name) are one product.
//! `product export --format csv` writes it.

use commerce_core::catalog::{Part, Unsaid};
use commerce_core::text::slugify;

use crate::failure::Failure;

use super::rows::{Header, Layout, Record, Row, without};

/// Where this file keeps what.
pub(crate) struct Columns {
    slug: Option<usize>,
    name: Option<usize>,
    description: Option<usize>,
    vendor: Option<usize>,
    category: Option<usize>,
    category_slugs: Option<usize>,
    seller: Option<usize>,
    seller_name: Option<usize>,
    tags: Option<usize>,
    status: Option<usize>,
    options: Vec<(String, usize)>,
    sku: Option<usize>,
    grams: Option<usize>,
    stock: Option<usize>,
    price: Option<usize>,
    compare_at: Option<usize>,
    barcode: Option<usize>,
    image: Option<usize>,
    image_alt: Option<usize>,
    ignored: Vec<String>,
}

impl Columns {
    /// Finds the columns. Those named `option:Size` are options.
    ///
    /// # Errors
    /// When name or price are missing.
    pub(crate) fn find(header: &Header) -> Result<Box<dyn Layout>, Failure> {
        let option = |(index, name): (usize, &String)| {
            let (kind, name) = name.split_once(':')?;
            kind.eq_ignore_ascii_case("option").then(|| (name.trim().to_owned(), index))
        };
        let mut columns = Self {
            slug: header.find(&["slug", "handle"]),
            name: header.need(&["name"])?,
            description: header.find(&["description"]),
            vendor: header.find(&["vendor"]),
            category: header.find(&["category"]),
            category_slugs: header.find(&["category_slugs", "categoryslugs"]),
            seller: header.find(&["seller"]),
            seller_name: header.find(&["seller_name", "sellername"]),
            tags: header.find(&["tags"]),
            status: header.find(&["status"]),
            options: header.written.iter().enumerate().filter_map(option).collect(),
            sku: header.find(&["sku"]),
            grams: header.find(&["weight_grams", "weightgrams", "grams"]),
            stock: header.find(&["stock", "quantity"]),
            price: header.need(&["price"])?,
            compare_at: header.find(&["compare_at_price", "compareatprice"]),
            barcode: header.find(&["barcode"]),
            image: header.find(&["image", "image_url"]),
            image_alt: header.find(&["image_alt"]),
            ignored: Vec::new(),
        };
        columns.ignored = columns.unused(header);
        Ok(Box::new(columns))
    }

    /// The names of what is no column of ours, or stands there twice.
    fn unused(&self, header: &Header) -> Vec<String> {
        let known = [
            self.slug,
            self.name,
            self.description,
            self.vendor,
            self.category,
            self.category_slugs,
            self.seller,
            self.seller_name,
            self.tags,
            self.status,
            self.sku,
            self.grams,
            self.stock,
            self.price,
            self.compare_at,
            self.barcode,
            self.image,
            self.image_alt,
        ];
        let used = |index: usize| known.contains(&Some(index)) || self.options.iter().any(|(_, column)| *column == index);
        let unused = header.written.iter().enumerate().filter(|(index, name)| !used(*index) && !name.is_empty());
        unused.map(|(_, name)| name.clone()).collect()
    }
}

impl Layout for Columns {
    fn row(&self, line: u64, record: &Record<'_>) -> Row {
        let text = |column| record.cell(column);
        let (slug, name) = (text(self.slug), text(self.name));
        let handle = if !slug.is_empty() {
            slug
        } else if name.is_ascii() && !name.is_empty() {
            slugify(&name).to_string()
        } else {
            name
        };
        Row {
            line,
            handle,
            title: text(self.name),
            body: record.prose(self.description),
            vendor: text(self.vendor),
            category: text(self.category),
            category_slugs: text(self.category_slugs),
            seller: text(self.seller),
            seller_name: text(self.seller_name),
            tags: text(self.tags),
            status: text(self.status),
            options: self.options.iter().map(|(name, column)| (name.clone(), text(Some(*column)))).collect(),
            sku: text(self.sku),
            grams: text(self.grams),
            stock: text(self.stock),
            price: text(self.price),
            compare_at: text(self.compare_at),
            barcode: text(self.barcode),
            image: text(self.image),
            image_alt: text(self.image_alt),
            ..Row::default()
        }
    }

    fn unsaid(&self) -> Unsaid {
        let parts = without(&[
            (Part::Description, self.description),
            (Part::CompareAt, self.compare_at),
            (Part::Weight, self.grams),
            (Part::Barcode, self.barcode),
        ]);
        Unsaid { parts, options_but: Some(self.options.iter().map(|(name, _)| name.clone()).collect()) }
    }

    fn ignored(&self) -> Vec<String> {
        self.ignored.clone()
    }
}
