//! The two CSV files of an export: the plain one, and Shopify's.

use std::collections::BTreeSet;
use std::io::Write;

use commerce_core::catalog::ProductStatus;
use commerce_core::{Currency, Money};

use crate::failure::Failure;
use crate::import::assemble::NO_OPTION;
use crate::import::jsonl::{Line, LineImage, LineVariant, Price};
use crate::import::shopify::{
    CATEGORY_SLUGS as SHOPIFY_CATEGORY_SLUGS, SELLER as SHOPIFY_SELLER, SELLER_NAME as SHOPIFY_SELLER_NAME,
};

use super::{Sheet, failed};

/// Between the names of a category and those above it.
const BELOW: &str = " > ";
/// Options of a variant that Shopify has columns for.
const SHOPIFY_OPTIONS: usize = 3;

/// One row per variant, with a column for each option.
pub(super) struct Plain<W: Write> {
    out: csv::Writer<W>,
    currency: Currency,
    options: BTreeSet<String>,
}

impl<W: Write> Plain<W> {
    /// With these options, which are those of all products.
    pub(super) fn new(out: W, currency: Currency, options: BTreeSet<String>) -> Self {
        Self { out: csv::Writer::from_writer(out), currency, options }
    }

    fn row(&self, line: &Line, at: usize) -> Vec<String> {
        let Cells { variant, image, first } = cells(line, at);
        let noted = |key: &str| first(noted_as(line, key));
        let [seller, seller_name] = sold_by(line).map(&first);
        let mut row = vec![
            line.slug.clone().unwrap_or_default(),
            line.name.clone(),
            first(line.description.as_deref().unwrap_or_default()),
            first(&categories(line).join(BELOW)),
            first(&line.category_slugs.join(BELOW)),
            first(line.status.map_or("", ProductStatus::as_str)),
            noted("vendor"),
            noted("tags"),
            seller,
            seller_name,
        ];
        row.extend(sold(variant));
        row.push(image.map(|image| image.url.clone()).unwrap_or_default());
        row.push(image.map(|image| image.alt.clone()).unwrap_or_default());
        let options = variant.map(|variant| &variant.options);
        row.extend(self.options.iter().map(|name| options.and_then(|of| of.get(name)).cloned().unwrap_or_default()));
        row
    }
}

impl<W: Write> Sheet for Plain<W> {
    fn head(&mut self) -> Result<(), Failure> {
        const FIXED: [&str; 18] = [
            "slug",
            "name",
            "description",
            "category",
            "category_slugs",
            "status",
            "vendor",
            "tags",
            "seller",
            "seller_name",
            "sku",
            "price",
            "compare_at_price",
            "stock",
            "weight_grams",
            "barcode",
            "image",
            "image_alt",
        ];
        let named = self.options.iter().map(|name| format!("option:{name}"));
        let header: Vec<String> = FIXED.iter().map(|name| (*name).to_owned()).chain(named).collect();
        self.out.write_record(header).map_err(unwritten)
    }

    fn product(&mut self, line: &Line) -> Result<Option<String>, Failure> {
        if let Some(reason) = unsayable(line, self.currency).or_else(|| namesake(line)).or_else(|| blank(line)) {
            return Ok(Some(reason));
        }
        for at in 0..height(line) {
            let row = self.row(line, at);
            self.out.write_record(row).map_err(unwritten)?;
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(failed)
    }
}

/// As Shopify's admin writes and reads it.
pub(super) struct Shopify<W: Write> {
    out: csv::Writer<W>,
    currency: Currency,
}

impl<W: Write> Shopify<W> {
    pub(super) fn new(out: W, currency: Currency) -> Self {
        Self { out: csv::Writer::from_writer(out), currency }
    }
}

impl<W: Write> Sheet for Shopify<W> {
    fn head(&mut self) -> Result<(), Failure> {
        const HEADER: [&str; 31] = [
            "Handle",
            "Title",
            "Body (HTML)",
            "Vendor",
            "Type",
            "Tags",
            "Published",
            "Option1 Name",
            "Option1 Value",
            "Option2 Name",
            "Option2 Value",
            "Option3 Name",
            "Option3 Value",
            "Variant SKU",
            "Variant Price",
            "Variant Compare At Price",
            "Variant Inventory Qty",
            "Variant Grams",
            "Variant Barcode",
            "Variant Inventory Tracker",
            "Variant Inventory Policy",
            "Variant Fulfillment Service",
            "Variant Requires Shipping",
            "Variant Taxable",
            "Image Src",
            "Image Position",
            "Image Alt Text",
            "Status",
            SHOPIFY_SELLER,
            SHOPIFY_SELLER_NAME,
            SHOPIFY_CATEGORY_SLUGS,
        ];
        self.out.write_record(HEADER).map_err(unwritten)
    }

    fn product(&mut self, line: &Line) -> Result<Option<String>, Failure> {
        let options: BTreeSet<&String> = line.variants.iter().flat_map(|variant| variant.options.keys()).collect();
        if options.len() > SHOPIFY_OPTIONS {
            return Ok(Some(format!("it has {} options, and Shopify's file has room for {SHOPIFY_OPTIONS}", options.len())));
        }
        let unsayable = unsayable(line, self.currency).or_else(|| namesake(line));
        if let Some(reason) = unsayable.or_else(|| blank(line)).or_else(|| optionless(line)) {
            return Ok(Some(reason));
        }
        for at in 0..height(line) {
            self.out.write_record(shopify_row(line, at, &options)).map_err(unwritten)?;
        }
        Ok(None)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.out.flush().map_err(failed)
    }
}

fn shopify_row(line: &Line, at: usize, options: &BTreeSet<&String>) -> Vec<String> {
    let Cells { variant, image, first } = cells(line, at);
    let noted = |key: &str| first(noted_as(line, key));
    let published = line.status == Some(ProductStatus::Active);
    let mut row = vec![
        line.slug.clone().unwrap_or_default(),
        first(&line.name),
        first(line.description.as_deref().unwrap_or_default()),
        noted("vendor"),
        first(&categories(line).join(BELOW)),
        noted("tags"),
        first(if published { "true" } else { "false" }),
    ];
    let mut names = options.iter();
    for number in 0..SHOPIFY_OPTIONS {
        let (name, value) = match (names.next(), variant) {
            (Some(name), Some(variant)) => (name.as_str(), variant.options.get(*name).cloned().unwrap_or_default()),
            // A product without options has one that says so.
            (None, Some(_)) if number == 0 => ("Title", NO_OPTION.to_owned()),
            _ => ("", String::new()),
        };
        row.extend([first(name), value]);
    }
    row.extend(sold(variant));
    let habits = ["shopify", "deny", "manual", "true", "true"];
    row.extend(habits.map(|habit| if variant.is_some() { habit.to_owned() } else { String::new() }));
    let position = image.map(|_| (at + 1).to_string()).unwrap_or_default();
    let alt = image.map(|image| image.alt.clone()).unwrap_or_default();
    row.extend([image.map(|image| image.url.clone()).unwrap_or_default(), position, alt]);
    row.push(first(&line.status.map_or("", ProductStatus::as_str).to_lowercase()));
    row.extend(sold_by(line).map(&first));
    row.push(first(&line.category_slugs.join(BELOW)));
    row
}

/// What stands on one row of a product.
struct Cells<'a, F> {
    variant: Option<&'a LineVariant>,
    image: Option<&'a LineImage>,
    /// What only the first row says.
    first: F,
}

fn cells(line: &Line, at: usize) -> Cells<'_, impl Fn(&str) -> String> {
    let first = move |text: &str| if at == 0 { text.to_owned() } else { String::new() };
    Cells { variant: line.variants.get(at), image: images(line).get(at), first }
}

fn images(line: &Line) -> &[LineImage] {
    line.images.as_deref().unwrap_or_default()
}

fn categories(line: &Line) -> &[String] {
    line.category.as_deref().unwrap_or_default()
}

/// A note that the file has a column for.
fn noted_as<'a>(line: &'a Line, key: &str) -> &'a str {
    line.metadata.as_ref().and_then(|notes| notes.get(key)).map_or("", String::as_str)
}

/// A row for each variant, the pictures beside them, and rows of their own for what is left of these.
fn height(line: &Line) -> usize {
    line.variants.len().max(images(line).len())
}

/// A seller's slug and name. What names none is the house's wherever it is read.
fn sold_by(line: &Line) -> [&str; 2] {
    let seller = line.seller.as_ref().filter(|seller| !seller.house);
    seller.map_or(["", ""], |seller| [seller.slug.as_str(), &seller.name])
}

/// SKU, price, former price, stock, weight and barcode.
fn sold(variant: Option<&LineVariant>) -> [String; 6] {
    let Some(variant) = variant else { return Default::default() };
    [
        variant.sku.to_string(),
        decimal(&variant.price),
        variant.compare_at_price.as_ref().map(decimal).unwrap_or_default(),
        variant.stock.to_string(),
        variant.weight_grams.map(|grams| grams.to_string()).unwrap_or_default(),
        variant.barcode.clone().unwrap_or_default(),
    ]
}

/// What a cell does not keep: blanks at its ends.
fn blank(line: &Line) -> Option<String> {
    let options = line.variants.iter().flat_map(|variant| &variant.options).flat_map(|(name, value)| [name, value]);
    let notes = ["vendor", "tags"].into_iter().filter_map(|key| line.metadata.as_ref()?.get(key));
    let kept = options.chain(notes).find(|text| text.trim() != text.as_str())?;
    Some(format!("\"{kept}\" begins or ends with a blank, which cells do not keep"))
}

/// Why Shopify's file would read an option of this product as none.
fn optionless(line: &Line) -> Option<String> {
    let mut options = line.variants.iter().flat_map(|variant| &variant.options);
    let (name, _) = options.find(|(name, value)| name.eq_ignore_ascii_case("title") && *value == NO_OPTION)?;
    Some(format!("its option {name} is {NO_OPTION}, by which Shopify's file says that there is none"))
}

/// Why rows without a currency and with `>` between categories cannot say this product.
fn unsayable(line: &Line, currency: Currency) -> Option<String> {
    let prices = line.variants.iter().flat_map(|variant| std::iter::once(&variant.price).chain(&variant.compare_at_price));
    let foreign = prices.filter_map(|price| match price {
        Price::Minor(Money { currency: other, .. }) => Some(*other).filter(|other| *other != currency),
        Price::Major(_) => None,
    });
    if let Some(other) = foreign.into_iter().next() {
        return Some(format!("its prices are {other}, and the file's are {currency}"));
    }
    let split = categories(line).iter().find(|name| name.contains('>'));
    split.map(|name| format!("its category \"{name}\" has a > in its name, which parts categories in the file"))
}

/// Why rows that do not tell the house from others cannot say this product: a shop that is empty calls its house so.
fn namesake(line: &Line) -> Option<String> {
    let seller = line.seller.as_ref().filter(|seller| !seller.house && seller.slug.as_str() == "house")?;
    Some(format!("its seller is {}, and so is the house of another shop", seller.slug))
}

/// Major units without the currency.
fn decimal(price: &Price) -> String {
    match price {
        Price::Minor(amount) => amount.to_string().split(' ').next().unwrap_or_default().to_owned(),
        Price::Major(text) => text.clone(),
    }
}

fn unwritten(error: csv::Error) -> Failure {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => failed(error),
        other => Failure::new("IO", format!("cannot write the export: {other:?}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use commerce_core::catalog::{ImportSeller, Unsaid};

    use super::*;
    use crate::import::{self, Found};

    fn line() -> Line {
        let variant = |sku: &str, size: &str| LineVariant {
            sku: sku.parse().unwrap(),
            price: Price::Minor(Money::new(1_250, Currency::INR)),
            // Lower than the price, as the shop allows.
            compare_at_price: Some(Price::Minor(Money::new(1_000, Currency::INR))),
            options: BTreeMap::from([("Size".to_owned(), size.to_owned()), ("Colour".to_owned(), "Red, dark".to_owned())]),
            stock: 7,
            weight_grams: Some(250),
            barcode: Some("0012345678905".to_owned()),
            metadata: None,
        };
        let image = |url: &str| LineImage { url: url.to_owned(), alt: "From the \"front\"".to_owned() };
        Line {
            slug: Some("cup".to_owned()),
            name: "Cup".to_owned(),
            description: Some("Two lines,\nand a comma".to_owned()),
            status: Some(ProductStatus::Draft),
            category: Some(vec!["Kitchen".to_owned(), "Cups".to_owned()]),
            category_slugs: vec!["kitchen".to_owned(), "cups-2".to_owned()],
            seller: Some(ImportSeller {
                slug: "potter".parse().unwrap(),
                name: "Potter, \"the\" first".to_owned(),
                house: false,
            }),
            variants: vec![variant("CUP-S", "S"), variant("CUP-M", "M")],
            images: Some(vec![image("https://x.example/1.png"), image("/images/2.webp"), image("https://x.example/3.png")]),
            metadata: Some(BTreeMap::from([
                ("tags".to_owned(), "clay, red".to_owned()),
                ("vendor".to_owned(), "Acme".to_owned()),
            ])),
        }
    }

    fn text(make: impl FnOnce(&mut Vec<u8>) -> Box<dyn Sheet + '_>, line: &Line) -> String {
        let mut out = Vec::new();
        let mut sheet = make(&mut out);
        sheet.head().unwrap();
        assert_eq!(sheet.product(line).unwrap(), None);
        sheet.end().unwrap();
        drop(sheet);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn both_files_are_read_back_as_they_were_written() {
        let line = line();
        let names = BTreeSet::from(["Colour".to_owned(), "Size".to_owned()]);
        let plain = text(|out| Box::new(Plain::new(out, Currency::INR, names)), &line);
        let shopify = text(|out| Box::new(Shopify::new(out, Currency::INR)), &line);
        let jsonl = serde_json::to_string(&line).unwrap();
        let drafts = [("a.csv", plain), ("b.csv", shopify), ("c.jsonl", jsonl)].map(|(name, text)| {
            let found: Vec<Found> = import::open(&import::Source::text(name, &text), None, Currency::INR).unwrap().collect();
            let [Found::Product(draft)] = &found[..] else { panic!("{name}: {found:?}") };
            import::Draft { line: 0, unsaid: Unsaid::default(), ..(**draft).clone() }
        });
        assert_eq!(drafts[0], drafts[2]);
        assert_eq!(drafts[1], drafts[2]);
        assert_eq!(drafts[2].images.len(), 3);
    }

    #[test]
    fn the_house_is_nobody_in_rows_and_itself_in_lines() {
        let mut line = line();
        line.seller.as_mut().unwrap().house = true;
        let plain = text(|out| Box::new(Plain::new(out, Currency::INR, BTreeSet::new())), &line);
        assert!(!plain.contains("potter"), "{plain}");
        let seller = Some(ImportSeller { slug: "house".parse().unwrap(), name: "Not it".to_owned(), house: false });
        let namesake = Line { seller, ..self::line() };
        let mut sheet = Plain::new(Vec::new(), Currency::INR, BTreeSet::new());
        assert!(sheet.product(&namesake).unwrap().is_some_and(|reason| reason.contains("seller is house")));
        let mut sheet = Shopify::new(Vec::new(), Currency::INR);
        assert!(sheet.product(&namesake).unwrap().is_some_and(|reason| reason.contains("seller is house")));
        let jsonl = serde_json::to_value(&line).unwrap();
        assert_eq!(jsonl["seller"]["house"], true, "{jsonl}");
    }

    #[test]
    fn variants_that_nothing_tells_apart_are_read_back_too() {
        let mut line = line();
        for variant in &mut line.variants {
            variant.options = BTreeMap::new();
        }
        line.variants[1].options.insert("Size".to_owned(), NO_OPTION.to_owned());
        line.variants.push(LineVariant {
            sku: "CUP-Y".parse().unwrap(),
            price: Price::Minor(Money::new(1, Currency::INR)),
            compare_at_price: None,
            options: BTreeMap::new(),
            stock: 0,
            weight_grams: Some(0),
            barcode: None,
            metadata: None,
        });
        let plain = text(|out| Box::new(Plain::new(out, Currency::INR, BTreeSet::from(["Size".to_owned()]))), &line);
        let shopify = text(|out| Box::new(Shopify::new(out, Currency::INR)), &line);
        let jsonl = serde_json::to_string(&line).unwrap();
        let [plain, shopify, jsonl] = [("a.csv", plain), ("b.csv", shopify), ("c.jsonl", jsonl)].map(|(name, text)| {
            let found: Vec<Found> = import::open(&import::Source::text(name, &text), None, Currency::INR).unwrap().collect();
            let [Found::Product(draft)] = &found[..] else { panic!("{name}: {found:?}") };
            draft.variants.clone()
        });
        assert_eq!(plain, jsonl);
        assert_eq!(shopify.len(), 3, "Shopify's file cannot tell a weight of nothing from none");
    }

    #[test]
    fn what_a_file_has_no_place_for_is_named() {
        let mut sheet = Shopify::new(Vec::new(), Currency::INR);
        let mut many = line();
        many.variants[0].options.extend(["A", "B"].map(|name| (name.to_owned(), "x".to_owned())));
        assert!(sheet.product(&many).unwrap().is_some_and(|reason| reason.contains("4 options")));
        let mut foreign = line();
        foreign.variants[1].price = Price::Minor(Money::new(5, "USD".parse().unwrap()));
        assert!(sheet.product(&foreign).unwrap().is_some_and(|reason| reason.contains("USD")));
        let mut spaced = line();
        spaced.variants[0].options.insert("Size".to_owned(), " S".to_owned());
        assert!(sheet.product(&spaced).unwrap().is_some_and(|reason| reason.contains("\" S\"")));
        let mut plain = Plain::new(Vec::new(), Currency::INR, BTreeSet::new());
        assert!(plain.product(&spaced).unwrap().is_some_and(|reason| reason.contains("\" S\"")));
        let mut none = line();
        none.variants[0].options = BTreeMap::from([("Title".to_owned(), NO_OPTION.to_owned())]);
        assert!(sheet.product(&none).unwrap().is_some_and(|reason| reason.contains("there is none")));
        assert_eq!(plain.product(&none).unwrap(), None);
        let split = Line { category: Some(vec!["A > B".to_owned()]), category_slugs: Vec::new(), ..line() };
        assert!(sheet.product(&split).unwrap().is_some_and(|reason| reason.contains('>')));
    }
}
