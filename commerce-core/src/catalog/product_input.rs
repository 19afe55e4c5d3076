//! What a client writes about a product, and what it becomes once every field is checked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::error::Refusal;
use crate::ids::{CategoryId, IdSource, SellerId};
use crate::limits;
use crate::money::Money;
use crate::text::{Check, Metadata, Sku, Slug};

use super::model::{Image, ProductStatus, Variant};

/// A product to be created.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewProduct {
    /// 1 to 255 characters.
    pub name: String,
    /// At most 65,535 characters.
    #[serde(default)]
    pub description: String,
    /// Made from the name where none is given.
    #[serde(default)]
    pub slug: Option<String>,
    /// Where in the tree.
    #[serde(default, rename = "categoryId")]
    pub category: Option<CategoryId>,
    /// Whose; the caller's own, for staff the house's, where none is given.
    #[serde(default, rename = "sellerId")]
    pub seller: Option<SellerId>,
    /// ACTIVE where none is given.
    #[serde(default)]
    pub status: Option<ProductStatus>,
    /// 1 to 200.
    pub variants: Vec<NewVariant>,
    /// The client's own notes.
    #[serde(default)]
    pub metadata: Metadata,
    /// Links to pictures elsewhere; never fetched.
    #[serde(default)]
    pub images: Vec<NewImage>,
}

/// A variant to be created.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewVariant {
    /// Unique over the whole shop.
    pub sku: String,
    /// What one unit costs.
    pub price: Money,
    /// What it cost before, for show.
    #[serde(default, rename = "compareAtPrice")]
    pub compare_at: Option<Money>,
    /// Which of the product's options it is.
    #[serde(default)]
    pub options: BTreeMap<String, String>,
    /// Units on hand to begin with. Counts for new SKUs only: the stock of one that exists changes
    /// by adjustment alone.
    #[serde(default)]
    pub stock: i64,
    /// Weight of one unit.
    #[serde(default)]
    pub weight_grams: Option<u32>,
    /// EAN, UPC or ISBN.
    #[serde(default)]
    pub barcode: Option<String>,
    /// The client's own notes. Not said of a SKU that exists, its own stay.
    #[serde(default)]
    pub metadata: Option<Metadata>,
}

/// A link to a picture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewImage {
    /// Where it is.
    pub url: String,
    /// For those who cannot see it.
    #[serde(default)]
    pub alt: String,
}

/// Option names of one variant; Shopify has three, Amazon five.
const OPTIONS_MAX: usize = 10;
/// Characters of a link; what browsers and CDNs agree on.
const URL_MAX: usize = 2_048;

/// The checked text of a product.
pub(super) fn parse_texts(check: &mut Check, name: &str, description: &str) -> (String, String) {
    let name = check.line("name", name, 1, limits::SHORT_TEXT_MAX);
    (name, check.prose("description", description, 0, limits::LONG_TEXT_MAX))
}

/// A slug that a client chose.
pub(super) fn parse_slug(check: &mut Check, slug: Option<&str>) -> Option<Slug> {
    slug.and_then(|slug| check.take(Slug::parse("slug", slug)))
}

/// The checked variants, each with its first stock.
pub(super) fn parse_variants(check: &mut Check, variants: &[NewVariant]) -> Vec<(Variant, i64)> {
    match variants.len() {
        0 => check.fault("variants", "REQUIRED", "must have at least one variant"),
        1..=limits::VARIANTS_MAX => {}
        _ => check.fault("variants", "TOO_MANY", "must have at most 200 variants"),
    }
    let mut seen = BTreeSet::new();
    let mut parsed = Vec::with_capacity(variants.len().min(limits::VARIANTS_MAX));
    for (at, new) in variants.iter().take(limits::VARIANTS_MAX).enumerate() {
        let field = format!("variants[{at}]");
        if let Some(variant) = parse_variant(check, &field, new) {
            if !seen.insert(variant.0.sku.clone()) {
                check.fault(format!("{field}.sku"), "DUPLICATE", "two variants have this SKU");
            }
            parsed.push(variant);
        }
    }
    parsed
}

/// One checked variant with its first stock; `field` is its path, nothing where it is the whole body.
pub(super) fn parse_variant(check: &mut Check, field: &str, new: &NewVariant) -> Option<(Variant, i64)> {
    let at = |name: &str| if field.is_empty() { name.to_owned() } else { format!("{field}.{name}") };
    let sku = check.take(Sku::parse(&at("sku"), &new.sku));
    let (price, compare_at) = (new.price, former(new.compare_at));
    check_price(check, &at("price"), price);
    if let Some(before) = compare_at {
        check_price(check, &at("compareAtPrice"), before);
    }
    check_options(check, &at("options"), &new.options);
    if !(0..=limits::STOCK_MAX).contains(&new.stock) {
        check.fault(at("stock"), "OUT_OF_RANGE", "must be between 0 and 1,000,000,000");
    }
    let barcode = check_barcode(check, &at("barcode"), new.barcode.as_deref());
    let metadata = new.metadata.clone().unwrap_or_default();
    check.metadata_at(&at("metadata"), &metadata);
    let (options, weight_grams) = (new.options.clone(), new.weight_grams);
    Some((Variant { sku: sku?, price, compare_at, options, weight_grams, barcode, metadata }, new.stock))
}

/// A former price; many who have none write nothing down, in figures.
pub(super) fn former(price: Option<Money>) -> Option<Money> {
    price.filter(|price| price.minor != 0)
}

pub(super) fn check_price(check: &mut Check, field: &str, price: Money) {
    if !(0..=limits::PRICE_MAX_MINOR).contains(&price.minor) {
        check.fault(field, "OUT_OF_RANGE", "must be between 0 and 1,000,000,000,000 minor units");
    }
}

pub(super) fn check_options(check: &mut Check, field: &str, options: &BTreeMap<String, String>) {
    if options.len() > OPTIONS_MAX {
        check.fault(field, "TOO_MANY", "must have at most 10 options");
    }
    for (name, value) in options {
        check.line(field, name, 1, limits::SHORT_TEXT_MAX);
        check.line(&format!("{field}.{name}"), value, 1, limits::SHORT_TEXT_MAX);
    }
}

pub(super) fn check_barcode(check: &mut Check, field: &str, barcode: Option<&str>) -> Option<String> {
    barcode.map(|text| check.line(field, text, 1, 64))
}

/// All prices of a product are of one currency.
///
/// # Errors
/// `CURRENCY_MISMATCH`.
pub(super) fn one_currency<'a>(variants: impl IntoIterator<Item = &'a Variant>) -> Result<(), Refusal> {
    let mut prices = variants.into_iter().flat_map(|variant| std::iter::once(variant.price).chain(variant.compare_at));
    let first = prices.next().map(|price| price.currency);
    if prices.all(|price| Some(price.currency) == first) { Ok(()) } else { Err(Refusal::CurrencyMismatch) }
}

/// The checked links. A link among `known` keeps its id, so that a repeated import changes nothing.
pub(super) fn parse_images(check: &mut Check, images: &[NewImage], known: &[Image], ids: &IdSource) -> Vec<Image> {
    if images.len() > limits::IMAGES_MAX {
        check.fault("images", "TOO_MANY", "must have at most 50 pictures");
    }
    let mut parsed: Vec<Image> = Vec::with_capacity(images.len().min(limits::IMAGES_MAX));
    for (at, new) in images.iter().take(limits::IMAGES_MAX).enumerate() {
        let url = check.line(&format!("images[{at}].url"), &new.url, 1, URL_MAX);
        if !is_link(&url) {
            check.fault(format!("images[{at}].url"), "INVALID", "must be an http or https link");
        }
        let alt = check.line(&format!("images[{at}].alt"), &new.alt, 0, limits::SHORT_TEXT_MAX);
        let known = known.iter().find(|image| image.url == url && !parsed.iter().any(|taken| taken.id == image.id));
        parsed.push(Image { id: known.map_or_else(|| ids.mint(), |image| image.id), url, alt });
    }
    parsed
}

/// Whether a text is an http or https link to somewhere, or a path of this shop. What ends an attribute or a line of HTML is in none.
fn is_link(url: &str) -> bool {
    let elsewhere = |(scheme, rest): (&str, &str)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) && !host.is_empty()
    };
    let whole = url.split_once("://").is_some_and(elsewhere);
    let ours = url.starts_with('/') && !url.starts_with("//");
    (whole || ours) && !url.contains(|it: char| it.is_whitespace() || it.is_control() || "\"'<>\\`".contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn variant(sku: &str, price: i64, stock: i64) -> NewVariant {
        NewVariant {
            sku: sku.to_owned(),
            price: Money::new(price, Currency::INR),
            compare_at: None,
            options: BTreeMap::new(),
            stock,
            weight_grams: None,
            barcode: None,
            metadata: None,
        }
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let mut check = Check::new();
        parse_variants(&mut check, &[variant("A", -1, 0), variant("A", 1, -5), variant("a/b", 1, 0)]);
        let Err(Refusal::Invalid(errors)) = check.finish() else { panic!("accepted") };
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["variants[0].price", "variants[1].stock", "variants[1].sku", "variants[2].sku"]);
    }

    #[test]
    fn a_picture_is_a_link_to_somewhere() {
        for link in ["https://cdn.example/a b".replace(' ', "%20").as_str(), "HTTP://x", "/images/1.png", "https://x?é"] {
            assert!(is_link(link), "{link}");
        }
        for other in ["//evil.example/x", "https://", "http:///x", "ftp://x/y", "x.png", "https://x/\"onerror=x", "/a b", ""] {
            assert!(!is_link(other), "{other}");
        }
    }

    #[test]
    fn one_product_has_one_currency() {
        let mut check = Check::new();
        let mut variants: Vec<_> = parse_variants(&mut check, &[variant("A", 1, 0), variant("B", 1, 0)])
            .into_iter()
            .map(|(variant, _)| variant)
            .collect();
        assert_eq!(one_currency(&variants), Ok(()));
        variants[1].compare_at = Some(Money::new(2, "EUR".parse().unwrap()));
        assert_eq!(one_currency(&variants), Err(Refusal::CurrencyMismatch));
    }
}
