//! `product export`: all products, so that `product import` reads them back.
//!
//! Products go out by their slugs, so that the same products make the same file in whatever shop. Only
//! the slugs are held in memory. Start reading at [`run`], then `source`, then `sheets`.

mod sheets;
mod source;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use indicatif::ProgressBar;

use crate::context::Context;
use crate::failure::Failure;
use crate::import::Format;
use crate::import::jsonl::Line;
use crate::output::note;
use crate::progress;

use self::sheets::{Plain, Shopify};
use self::source::Source;

/// Products that are read side by side.
const SIDE_BY_SIDE: usize = 32;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  commerce product export > products.jsonl
  commerce product export products.csv
  commerce product export --format shopify-csv products_export.csv

Formats:
  jsonl         one product per line; keeps everything
  csv           one row per variant; keeps vendor and tags of the notes, and names the seller of
                what is not the house's own
  shopify-csv   what Shopify's admin imports; as csv, with three options of a variant at most;
                sellers stand in columns of metafields, no weight and a weight of 0 are one

Who runs a seller is not told; an import makes those that are not there.

Without --format the file's name says: *.csv is csv, everything else jsonl. Amounts of csv are
those of the shop's currency. A product that a format cannot hold is named and left out, and the
command ends with code 1 (LEFT_OUT). Pictures are links: those that the shop keeps itself are
named by their path and stay where they are; `commerce backup` copies them. Stock is what is on
hand, which an import counts in for new variants only.")]
pub(crate) struct Args {
    /// How it is written
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Where to; standard output unless said
    file: Option<PathBuf>,
}

impl Args {
    fn format(&self) -> Format {
        let csv = |file: &Path| file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let named = || if self.file.as_deref().is_some_and(csv) { Format::Csv } else { Format::Jsonl };
        self.format.unwrap_or_else(named)
    }
}

/// One way to write products down.
trait Sheet {
    /// What stands above the first product.
    fn head(&mut self) -> Result<(), Failure>;

    /// A product; answers why it cannot be written, where the format has no place for it.
    fn product(&mut self, line: &Line) -> Result<Option<String>, Failure>;

    /// After the last one.
    fn end(&mut self) -> Result<(), Failure>;
}

pub(crate) async fn run(cx: &Context, args: Args) -> Result<(), Failure> {
    let source = Source::open(cx).await?;
    let currency = source.currency(cx)?;
    let out = BufWriter::new(destination(cx, args.file.as_deref())?);
    let bar = progress::of_products(args.file.is_some());
    let sheet: Box<dyn Sheet> = match args.format() {
        Format::Jsonl => Box::new(Jsonl(out)),
        Format::Csv => Box::new(Plain::new(out, currency, source.option_names(&bar).await?)),
        Format::ShopifyCsv => Box::new(Shopify::new(out, currency)),
    };
    let written = write(&source, sheet, &bar).await;
    bar.finish_and_clear();
    source.close().await?;
    // A reader that has gone is no failure.
    let left_out = match written {
        Err(failure) if failure.is_unread() => 0,
        written => written?,
    };
    match left_out {
        0 => Ok(()),
        left_out => Err(Failure::new("LEFT_OUT", format!("{left_out} were left out, each named above with the reason"))),
    }
}

/// Writes every product and answers how many the format could not hold.
async fn write(source: &Source, mut sheet: Box<dyn Sheet>, bar: &ProgressBar) -> Result<u64, Failure> {
    sheet.head()?;
    let slugs = source.slugs().await?;
    bar.set_length(bar.position() + slugs.len() as u64);
    let mut lines = futures_util::stream::iter(&slugs).map(|(_, id)| source.line(*id)).buffered(SIDE_BY_SIDE);
    let mut left_out = 0;
    while let Some(line) = lines.next().await {
        bar.inc(1);
        // None is one that was archived for good while the others were written.
        let Some(line) = line? else { continue };
        if let Some(reason) = sheet.product(&line)? {
            bar.suspend(|| note(format_args!("{}: {reason}", line.slug.as_deref().unwrap_or(&line.name))));
            left_out += 1;
        }
    }
    sheet.end()?;
    Ok(left_out)
}

fn destination(cx: &Context, file: Option<&Path>) -> Result<Box<dyn Write + Send>, Failure> {
    Ok(match file {
        Some(path) if path.exists() => {
            cx.confirm(&format!("{} is there already. Overwrite it?", path.display()))?;
            Box::new(File::create(path).map_err(failed)?)
        }
        Some(path) => Box::new(File::create_new(path).map_err(failed)?),
        None => Box::new(io::stdout()),
    })
}

/// One product per line.
struct Jsonl<W>(W);

impl<W: Write> Sheet for Jsonl<W> {
    fn head(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    fn product(&mut self, line: &Line) -> Result<Option<String>, Failure> {
        let text = serde_json::to_string(line).expect("a line is made of text and numbers");
        writeln!(self.0, "{text}").map_err(failed)?;
        Ok(None)
    }

    fn end(&mut self) -> Result<(), Failure> {
        self.0.flush().map_err(failed)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in map_err")]
fn failed(error: io::Error) -> Failure {
    Failure::io("write the export", &error)
}
