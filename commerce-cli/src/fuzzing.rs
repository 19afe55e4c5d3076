//! The door through which fuzz targets reach the product file reader. Nothing else is offered here.

use commerce_core::Currency;
use serde_json::Value;

use crate::import::jsonl::{Line, LineImage, LineVariant, Price};
use crate::import::{Draft, DraftVariant, Found, Source, open};

/// What a file came to.
#[derive(Debug)]
pub struct Imported {
    /// Products with the line each begins on, in the shape of a JSON line.
    pub products: Vec<(u64, Value)>,
    /// Lines that were left out, and why.
    pub left_out: Vec<(u64, String)>,
}

/// Reads a product file of this name, as `product import` does.
///
/// # Errors
/// The code of what kept the whole file from being read.
pub fn read_products(name: &str, bytes: &[u8], currency: Currency) -> Result<Imported, String> {
    let source = Source::bytes(name, bytes.to_vec());
    let mut imported = Imported { products: Vec::new(), left_out: Vec::new() };
    for found in open(&source, None, currency).map_err(|failure| failure.code().to_owned())? {
        match found {
            Found::Product(draft) => imported.products.push((draft.line, line(*draft))),
            Found::Bad(remark) => imported.left_out.push((remark.line, remark.text)),
            Found::Note(_) => {}
        }
    }
    Ok(imported)
}

fn line(draft: Draft) -> Value {
    let slugs = draft.category.iter().filter_map(|step| step.slug.as_ref().map(ToString::to_string)).collect();
    let line = Line {
        slug: Some(draft.slug.to_string()),
        name: draft.name,
        description: Some(draft.description),
        status: draft.status,
        category: Some(draft.category.into_iter().map(|step| step.name).collect()),
        category_slugs: slugs,
        seller: draft.seller,
        variants: draft.variants.into_iter().map(variant).collect(),
        images: Some(draft.images.into_iter().map(|image| LineImage { url: image.url, alt: image.alt }).collect()),
        metadata: Some(draft.metadata),
    };
    serde_json::to_value(line).expect("a line is JSON")
}

fn variant(variant: DraftVariant) -> LineVariant {
    LineVariant {
        sku: variant.sku,
        price: Price::Minor(variant.price),
        compare_at_price: variant.compare_at.map(Price::Minor),
        options: variant.options,
        stock: variant.stock,
        weight_grams: variant.weight_grams,
        barcode: variant.barcode,
        metadata: variant.metadata,
    }
}
