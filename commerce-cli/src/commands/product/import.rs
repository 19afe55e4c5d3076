//! `product import`: from a file into the shop, product by product.
//!
//! Owns the order of things and what is told of them. Start reading at [`run`], then [`goal`].

mod goal;
mod over_http;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use commerce_core::Currency;
use commerce_core::catalog::{
    ImportCategory, ImportProduct, Imported, MetCategories, MetSellers, NewImage, NewProduct, NewVariant,
};
use commerce_core::ids::{CategoryId, SellerId};
use commerce_core::text::Sku;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::context::Context;
use crate::failure::Failure;
use crate::import::{self, Draft, DraftVariant, Format, Found, Remark, Source};
use crate::output::note;
use crate::progress;

use self::goal::{Goal, Trouble};

/// Products that are written side by side; their commits share transactions.
const SIDE_BY_SIDE: usize = 64;
/// Remarks that are kept for the answer; all of them are told as they come.
const REMARKS_MAX: usize = 10_000;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce product import products_export.csv --dry-run
  commerce product import products_export.csv
  commerce --url https://shop.example product import products.jsonl
  commerce product export > products.jsonl && commerce --data other product import products.jsonl

Formats (told from the file's name and header unless --format says):
  shopify-csv   an export of Shopify's admin, of any year: several rows per product, pictures on
                rows of their own (kept as links, never fetched), `Default Title`. An empty SKU is
                made of HANDLE-OPTIONS, the same at every import. Type (else Product Category)
                becomes the category; Vendor and Tags become metadata, the metafields
                commerce.seller and commerce.seller_name the seller, commerce.category_slugs what
                tells categories of one name apart; unpublished products come in as DRAFT.
  csv           one row per variant: name, sku, price, and if wanted slug, description, category
                (\"Men > Shirts\"), category_slugs, status, stock, compare_at_price, weight_grams,
                barcode, image, vendor, tags, seller, seller_name, and a column `option:NAME` for
                every option. What a file has no column for stays as it is
  jsonl         one product per line, as `product export` writes it: what a line does not say
                stays as it is, what it says is empty (\"metadata\": {}) becomes empty

Categories are known by the names from the root down to them; where several beside each other have
one name, by their slugs, too. One that is not there is made.

Sellers are known by their slug, and the house's own as such; one that is not there is made, with
nobody who runs it. A product whose file names no seller stays whose it is, and a new one is the
house's. With --url the server is asked as any client asks, and its limits are waited for.

A row that cannot be read is named with its line and the reason and left out; the others go in, and
the command ends with code 1 (BAD_ROWS). Products are known by their handle (slug), so importing
again updates what differs and changes nothing else. A variant that a product has no row for any
more is removed, and said to be, unless rows were left out that may have been its own. Stock counts
for new variants only: importing again never brings back what was sold.")]
pub(crate) struct Args {
    /// The file; a pipe such as /dev/stdin is fine
    file: PathBuf,
    /// How it is written
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Say what would happen and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// What an import did so far.
#[derive(Debug, Default)]
struct Importing {
    created: u64,
    updated: u64,
    unchanged: u64,
    removed_variants: u64,
    refused: u64,
    /// Their lines: of one row there may be more than one thing to say.
    bad_rows: HashSet<u64>,
    bad: Vec<Remark>,
    notes: Vec<Remark>,
}

impl Importing {
    fn left_out(&self) -> u64 {
        self.bad_rows.len() as u64 + self.refused
    }

    fn json(&self, dry_run: bool) -> Value {
        let tell = |remarks: &[Remark]| -> Vec<Value> {
            remarks.iter().map(|remark| json!({ "line": remark.line, "reason": remark.text })).collect()
        };
        json!({
            "dryRun": dry_run, "created": self.created, "updated": self.updated, "unchanged": self.unchanged,
            "removedVariants": self.removed_variants, "refused": self.refused, "badRows": self.bad_rows.len(), "bad": tell(&self.bad), "notes": tell(&self.notes),
        })
    }

    fn sentence(&self, dry_run: bool) -> String {
        let removed = match self.removed_variants {
            0 => String::new(),
            removed => format!(" ({removed} variants removed)"),
        };
        format!(
            "{}{} created, {} updated{removed}, {} unchanged, {} refused; {} bad rows",
            if dry_run { "would be: " } else { "products: " },
            self.created,
            self.updated,
            self.unchanged,
            self.refused,
            self.bad_rows.len()
        )
    }
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    let source = import::open_path(&args.file)?;
    let currency = cx.settings()?.server.currency;
    let goal = Goal::open(cx, args.dry_run).await?;
    let told = !cx.out.is_json();
    let tell = |kind: &'static str, remark: &Remark| {
        if told {
            note(format_args!("{kind}line {}: {}", remark.line, remark.text));
        }
    };
    let done = import(&goal, &source, args.format, currency, args.dry_run, tell).await?;
    cx.out.say(&done.sentence(args.dry_run), &done.json(args.dry_run))?;
    goal.close(args.dry_run).await?;
    match done.left_out() {
        0 => Ok(()),
        left_out => Err(Failure::new("BAD_ROWS", format!("{left_out} were left out, each named above with its line"))),
    }
}

/// Imports a file; `tell` hears every remark as it comes.
///
/// # Errors
/// When the file cannot be read or the shop does not answer; what went in stays in.
async fn import(
    goal: &Goal,
    source: &Source,
    format: Option<Format>,
    currency: Currency,
    dry_run: bool,
    tell: impl Fn(&'static str, &Remark),
) -> Result<Importing, Failure> {
    let bar = progress::of_bytes(source.length());
    let mut products = import::open(source, format, currency)?;
    let places = Places { goal, dry_run, categories: Mutex::default(), sellers: Mutex::default() };
    let mut done = Importing::default();
    let found = std::iter::from_fn(|| {
        bar.set_position(products.bytes_read());
        products.next()
    });
    let mut outcomes = futures_util::stream::iter(found).map(|found| one(&places, found)).buffered(SIDE_BY_SIDE);
    while let Some(outcome) = outcomes.next().await {
        match outcome? {
            Outcome::Done(Imported::Created) => done.created += 1,
            Outcome::Done(Imported::Updated { .. }) => done.updated += 1,
            Outcome::Reduced(removed, remark) => {
                done.updated += 1;
                done.removed_variants += removed;
                keep(&mut done.notes, remark, |remark| bar.suspend(|| tell("note: ", remark)));
            }
            Outcome::Done(Imported::Unchanged) => done.unchanged += 1,
            Outcome::Refused(remark) => {
                done.refused += 1;
                keep(&mut done.bad, remark, |remark| bar.suspend(|| tell("", remark)));
            }
            Outcome::Bad(remark) => {
                done.bad_rows.insert(remark.line);
                keep(&mut done.bad, remark, |remark| bar.suspend(|| tell("", remark)));
            }
            Outcome::Note(remark) => keep(&mut done.notes, remark, |remark| bar.suspend(|| tell("note: ", remark))),
        }
    }
    bar.finish_and_clear();
    Ok(done)
}

enum Outcome {
    Done(Imported),
    /// Done, and so many variants of it are gone.
    Reduced(u64, Remark),
    Refused(Remark),
    Bad(Remark),
    Note(Remark),
}

async fn one(places: &Places<'_>, found: Found) -> Result<Outcome, Failure> {
    let draft = match found {
        Found::Bad(remark) => return Ok(Outcome::Bad(remark)),
        Found::Note(remark) => return Ok(Outcome::Note(remark)),
        Found::Product(draft) => draft,
    };
    let (line, slug) = (draft.line, draft.slug.clone());
    match places.write(*draft).await {
        Ok(Imported::Updated { removed }) if !removed.is_empty() => {
            let names = removed.iter().map(Sku::as_str).collect::<Vec<_>>().join(", ");
            let remark = Remark::new(line, format!("{slug}: removed {names}, for which the file has no row"));
            Ok(Outcome::Reduced(removed.len() as u64, remark))
        }
        Ok(imported) => Ok(Outcome::Done(imported)),
        Err(Trouble::Refused(reason)) => Ok(Outcome::Refused(Remark::new(line, format!("{slug}: {reason}")))),
        Err(Trouble::Failed(failure)) => Err(failure),
    }
}

/// Where products belong: categories by their path and sellers by their slug, each made once.
struct Places<'a> {
    goal: &'a Goal,
    dry_run: bool,
    categories: Mutex<Categories>,
    sellers: Mutex<MetSellers>,
}

/// The categories that were looked for, and those on the way to them.
#[derive(Default)]
struct Categories {
    known: HashMap<Vec<ImportCategory>, Option<CategoryId>>,
    met: MetCategories,
}

impl Places<'_> {
    async fn write(&self, draft: Draft) -> Result<Imported, Trouble> {
        let category = self.category(&draft.category).await?;
        let seller = match &draft.seller {
            Some(named) => self.goal.seller(named, &mut *self.sellers.lock().await, self.dry_run).await?,
            None => None,
        };
        let to_be_made = (category.is_none() && !draft.category.is_empty()) || (seller.is_none() && draft.seller.is_some());
        match self.goal.product(to_product(draft, category, seller), self.dry_run).await? {
            Imported::Unchanged if self.dry_run && to_be_made => Ok(Imported::Updated { removed: Vec::new() }),
            imported => Ok(imported),
        }
    }

    /// The category of a path; without writing, only one that is there.
    async fn category(&self, path: &[ImportCategory]) -> Result<Option<CategoryId>, Trouble> {
        let Categories { known, met } = &mut *self.categories.lock().await;
        if let Some(category) = known.get(path) {
            return Ok(*category);
        }
        let category = self.goal.category(path, met, self.dry_run).await?;
        known.insert(path.to_vec(), category);
        Ok(category)
    }
}

/// A draft as the catalog takes it.
pub(crate) fn to_product(draft: Draft, category: Option<CategoryId>, seller: Option<SellerId>) -> ImportProduct {
    let images = draft.images.into_iter().map(|image| NewImage { url: image.url, alt: image.alt }).collect();
    let product = NewProduct {
        name: draft.name,
        description: draft.description,
        slug: None,
        category,
        seller,
        status: draft.status,
        variants: draft.variants.into_iter().map(variant).collect(),
        metadata: draft.metadata,
        images,
    };
    ImportProduct { slug: draft.slug, product, unsaid: draft.unsaid, partial: draft.partial }
}

fn variant(variant: DraftVariant) -> NewVariant {
    NewVariant {
        sku: variant.sku.to_string(),
        price: variant.price,
        compare_at: variant.compare_at,
        options: variant.options,
        stock: variant.stock,
        weight_grams: variant.weight_grams,
        barcode: variant.barcode,
        metadata: variant.metadata,
    }
}

fn keep(remarks: &mut Vec<Remark>, remark: Remark, tell: impl FnOnce(&Remark)) {
    tell(&remark);
    if remarks.len() < REMARKS_MAX {
        remarks.push(remark);
    }
}
