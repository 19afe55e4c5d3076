//! `product export`: all products, so that `product import` reads them back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use commerce_core::catalog::{CategoryTree, Image, Inventory, ListProducts, Product, Variant};
use commerce_core::ids::CategoryId;
use commerce_core::page::PageRequest;
use commerce_core::text::Sku;
use commerce_core::{Actor, Money};

use crate::context::Context;
use crate::failure::Failure;
use crate::import::Format;
use crate::import::jsonl::{Line, LineImage, LineVariant, Price};
use crate::shop::Shop;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  commerce product export > products.jsonl\n  commerce product export --format csv --file products.csv\n\njsonl keeps everything. csv has a row per variant and keeps of the metadata vendor and tags."
)]
pub(crate) struct Args {
    /// How it is written: jsonl or csv
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// Where to; standard output unless said
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    let shop = cx.shop("an export").await?;
    let out: Box<dyn Write + Send> = match &args.file {
        Some(path) if path.exists() => {
            cx.confirm(&format!("{} is there already. Overwrite it?", path.display()))?;
            Box::new(File::create(path).map_err(failed)?)
        }
        Some(path) => Box::new(File::create_new(path).map_err(failed)?),
        None => Box::new(io::stdout()),
    };
    let out = BufWriter::new(out);
    match args.format {
        Format::Jsonl => jsonl(&shop, out).await?,
        Format::Csv => csv(&shop, out).await?,
        Format::ShopifyCsv => return Err(Failure::usage("export writes jsonl or csv")),
    }
    shop.close().await
}

async fn jsonl(shop: &Shop, mut out: impl Write) -> Result<(), Failure> {
    let tree = shop.catalog.category_tree().await?;
    let mut at = Some(PageRequest::parse(Some(100), None)?);
    while let Some(page) = at {
        let (products, stock, next) = read(shop, &page).await?;
        for product in products {
            let line = line(product, &stock, &tree);
            let text = serde_json::to_string(&line).expect("a line is made of text and numbers");
            writeln!(out, "{text}").map_err(failed)?;
        }
        at = next;
    }
    out.flush().map_err(failed)
}

async fn csv(shop: &Shop, out: impl Write) -> Result<(), Failure> {
    let tree = shop.catalog.category_tree().await?;
    let options = option_names(shop).await?;
    let mut out = csv::Writer::from_writer(out);
    let fixed = [
        "slug",
        "name",
        "description",
        "category",
        "status",
        "vendor",
        "tags",
        "sku",
        "price",
        "compare_at_price",
        "stock",
        "weight_grams",
        "barcode",
        "image",
        "image_alt",
    ];
    let named = options.iter().map(|name| format!("option:{name}"));
    out.write_record(fixed.iter().map(|name| (*name).to_owned()).chain(named)).map_err(unwritten)?;
    let mut at = Some(PageRequest::parse(Some(100), None)?);
    while let Some(page) = at {
        let (products, stock, next) = read(shop, &page).await?;
        for product in &products {
            for row in rows(product, &stock, &tree, &options) {
                out.write_record(&row).map_err(unwritten)?;
            }
        }
        at = next;
    }
    out.flush().map_err(failed)
}

type Stock = HashMap<Sku, Inventory>;

async fn read(shop: &Shop, page: &PageRequest) -> Result<(Vec<Product>, Stock, Option<PageRequest>), Failure> {
    let found = shop.catalog.products(&Actor::System, ListProducts::default(), page).await?;
    let skus: Vec<Sku> = found.items.iter().flat_map(|product| &product.variants).map(|variant| variant.sku.clone()).collect();
    let stock = shop.catalog.stock_of(&skus).await?.into_iter().map(|inventory| (inventory.sku.clone(), inventory)).collect();
    let next = found.next_cursor.map(|cursor| PageRequest::parse(Some(100), Some(&cursor))).transpose()?;
    Ok((found.items, stock, next))
}

async fn option_names(shop: &Shop) -> Result<BTreeSet<String>, Failure> {
    let mut names = BTreeSet::new();
    let mut at = Some(PageRequest::parse(Some(100), None)?);
    while let Some(page) = at {
        let (products, _, next) = read(shop, &page).await?;
        let variants = products.into_iter().flat_map(|product| product.variants);
        names.extend(variants.flat_map(|variant| variant.options.into_keys()));
        at = next;
    }
    Ok(names)
}

fn line(product: Product, stock: &Stock, tree: &CategoryTree) -> Line {
    let variant = |variant: Variant| LineVariant {
        stock: on_hand(stock, &variant.sku),
        price: Price::Minor(variant.price),
        compare_at_price: variant.compare_at.map(Price::Minor),
        options: variant.options,
        weight_grams: variant.weight_grams,
        barcode: variant.barcode,
        metadata: variant.metadata,
        sku: variant.sku,
    };
    Line {
        slug: Some(product.slug.to_string()),
        name: product.name,
        description: product.description,
        status: product.status,
        category: path(tree, product.category),
        variants: product.variants.into_iter().map(variant).collect(),
        images: product.images.into_iter().map(|image| LineImage { url: image.url, alt: image.alt }).collect(),
        metadata: product.metadata,
    }
}

/// A row for each variant, the pictures beside them, and rows of their own for what is left of these.
fn rows(product: &Product, stock: &Stock, tree: &CategoryTree, options: &BTreeSet<String>) -> Vec<Vec<String>> {
    let empty = BTreeMap::new();
    let count = product.variants.len().max(product.images.len());
    let row = |index: usize| {
        let (variant, image) = (product.variants.get(index), product.images.get(index));
        let head = |text: &str| if index == 0 { text.to_owned() } else { String::new() };
        let noted = |key: &str| head(product.metadata.get(key).map_or("", String::as_str));
        let has = |value: Option<String>| value.unwrap_or_default();
        let mut row = vec![
            product.slug.to_string(),
            product.name.clone(),
            head(&product.description),
            head(&path(tree, product.category).join(" > ")),
            head(product.status.as_str()),
            noted("vendor"),
            noted("tags"),
            has(variant.map(|variant| variant.sku.to_string())),
            has(variant.map(|variant| decimal(variant.price))),
            has(variant.and_then(|variant| variant.compare_at).map(decimal)),
            has(variant.map(|variant| on_hand(stock, &variant.sku).to_string())),
            has(variant.and_then(|variant| variant.weight_grams).map(|grams| grams.to_string())),
            has(variant.and_then(|variant| variant.barcode.clone())),
            has(image.map(|image: &Image| image.url.clone())),
            has(image.map(|image| image.alt.clone())),
        ];
        let of = variant.map_or(&empty, |variant| &variant.options);
        row.extend(options.iter().map(|name| of.get(name).cloned().unwrap_or_default()));
        row
    };
    (0..count).map(row).collect()
}

/// The names from the root down.
fn path(tree: &CategoryTree, category: Option<CategoryId>) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = category.and_then(|id| tree.node(id));
    while let Some(node) = at.filter(|_| names.len() < commerce_core::limits::CATEGORY_DEPTH_MAX) {
        names.insert(0, node.name.clone());
        at = node.parent.and_then(|id| tree.node(id));
    }
    names
}

fn on_hand(stock: &Stock, sku: &Sku) -> i64 {
    stock.get(sku).map_or(0, |inventory| inventory.on_hand)
}

/// Major units without the currency.
fn decimal(amount: Money) -> String {
    amount.to_string().split(' ').next().unwrap_or_default().to_owned()
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: io::Error) -> Failure {
    Failure::io("write the export", &error)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn unwritten(error: csv::Error) -> Failure {
    Failure::new("IO", format!("cannot write the export: {error}"))
}
