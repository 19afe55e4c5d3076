//! CSV rows by header name, each with the line it begins on.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use commerce_core::catalog::{Part, Unsaid};
use csv::ByteRecord;

use crate::failure::Failure;

use super::{Format, Remark, Source};

/// Bytes of a header line at most.
const HEADER_MAX_BYTES: u64 = 1 << 20;
/// Is read behind the file, as a line of its own: a row that has it inside begins a quote that nothing ends.
const END: &[u8] = b"\n\0end of file\0";
/// What is said of such a row.
const OPEN_QUOTE: &str = "a quote begins here that is never closed; all that follows is left out";

/// One row as a product file means it; what the file does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub line: u64,
    pub handle: String,
    pub title: String,
    pub body: String,
    pub vendor: String,
    pub category: String,
    pub category_slugs: String,
    pub seller: String,
    pub seller_name: String,
    pub tags: String,
    pub published: String,
    pub status: String,
    /// Name and value; the name may stand on another row of the product.
    pub options: Vec<(String, String)>,
    pub sku: String,
    pub grams: String,
    pub stock: String,
    pub price: String,
    pub compare_at: String,
    pub barcode: String,
    pub image: String,
    pub image_alt: String,
    pub image_position: String,
    pub variant_image: String,
}

impl Row {
    /// Whether it describes a variant; else it may carry a picture.
    pub(crate) fn has_variant(&self) -> bool {
        !self.sku.is_empty() || !self.price.is_empty() || self.options.iter().any(|(_, value)| !value.is_empty())
    }
}

/// Where a file keeps what: turns a record into a [`Row`].
pub(crate) trait Layout: Send {
    /// The row of a record.
    fn row(&self, line: u64, record: &Record<'_>) -> Row;

    /// What the file has no columns for.
    fn unsaid(&self) -> Unsaid;

    /// Columns of which nothing is taken, and somebody may think that it is.
    fn ignored(&self) -> Vec<String> {
        Vec::new()
    }
}

/// The parts of a product whose column is not there; of notes a file has vendor and tags alone, and an empty cell says nothing of
/// a category or a picture.
pub(super) fn without(columns: &[(Part, Option<usize>)]) -> BTreeSet<Part> {
    let missing = columns.iter().filter(|(_, column)| column.is_none()).map(|(part, _)| *part);
    missing.chain([Part::Metadata, Part::Category, Part::Images]).collect()
}

/// A record that is known to be text.
pub(crate) struct Record<'a>(&'a ByteRecord);

impl Record<'_> {
    /// A cell of one line: trimmed, its control characters made spaces; empty where the row has no
    /// such column.
    pub(crate) fn cell(&self, column: Option<usize>) -> String {
        self.raw(column).trim().chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
    }

    /// A cell of several lines, as it is but for control characters that no text has.
    pub(crate) fn prose(&self, column: Option<usize>) -> String {
        self.raw(column).chars().filter(|char| !char.is_control() || matches!(char, '\n' | '\r' | '\t')).collect()
    }

    fn raw(&self, column: Option<usize>) -> &str {
        let bytes = column.and_then(|column| self.0.get(column)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// The column names of a file, folded for looking up, and as they are written.
pub(crate) struct Header {
    pub folded: Vec<String>,
    pub written: Vec<String>,
}

impl Header {
    /// The first column with one of these names.
    pub(crate) fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.folded.iter().position(|column| column == name))
    }

    /// The column with one of these names.
    ///
    /// # Errors
    /// When there is none: the file is of another kind.
    pub(crate) fn need(&self, names: &[&str]) -> Result<Option<usize>, Failure> {
        match self.find(names) {
            Some(column) => Ok(Some(column)),
            None => Err(Failure::new(
                "MISSING_COLUMN",
                format!("the header has no column \"{}\"; it has: {}", names.first().unwrap_or(&""), self.written.join(", ")),
            )),
        }
    }
}

/// A CSV file being read.
pub(crate) struct Table {
    reader: csv::Reader<Box<dyn Read + Send>>,
    header: Header,
    record: ByteRecord,
    crlf: bool,
}

impl Table {
    /// Opens a file and reads its header. Comma, semicolon or tab, whichever the header uses most.
    ///
    /// # Errors
    /// When it cannot be read or has no header.
    pub(crate) fn open(source: &Source) -> Result<Self, Failure> {
        let mut head = Vec::new();
        BufReader::new(source.read()?)
            .take(HEADER_MAX_BYTES)
            .read_until(b'\n', &mut head)
            .map_err(|error| Failure::io("read the header", &error))?;
        let count = |delimiter: u8| head.split(|byte| *byte == delimiter).count();
        let delimiter = [b';', b'\t', b','].into_iter().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
        let bytes: Box<dyn Read + Send> = Box::new(source.read()?.chain(END));
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).has_headers(false).from_reader(bytes);
        let mut record = ByteRecord::new();
        let read = next_record(&mut reader, &mut record).map_err(|error| Failure::new("UNREADABLE", error.to_string()))?;
        if !read {
            return Err(Failure::new("EMPTY_FILE", "the file is empty; its first line must name the columns"));
        }
        if has_open_quote(&record) {
            return Err(Failure::new("UNREADABLE", format!("line {}: {OPEN_QUOTE}", 1 + line_feeds(whole_cells(&record)))));
        }
        let written: Vec<String> = record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect();
        let header = Header { folded: written.iter().map(|name| name.to_lowercase()).collect(), written };
        Ok(Self { reader, header, record, crlf: head.ends_with(b"\r\n") })
    }

    /// The column names.
    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// What kind of file the header belongs to.
    ///
    /// # Errors
    /// When it is none that is known.
    pub(crate) fn format(&self) -> Result<Format, Failure> {
        let has = |names: &[&str]| self.header.find(names).is_some();
        if has(&["handle", "url handle"]) && has(&["title"]) {
            return Ok(Format::ShopifyCsv);
        }
        if has(&["name"]) && has(&["price"]) {
            return Ok(Format::Csv);
        }
        Err(Failure::new(
            "UNKNOWN_FORMAT",
            format!("the header is of no known format (say --format); it has: {}", self.header.written.join(", ")),
        ))
    }

    /// Bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }

    /// The next row, or what is wrong with it; `None` at the end.
    pub(crate) fn next_row(&mut self, layout: &dyn Layout) -> Option<Result<Row, Remark>> {
        match next_record(&mut self.reader, &mut self.record) {
            Ok(false) => None,
            Ok(true) => Some(self.judge().map(|line| layout.row(line, &Record(&self.record)))),
            Err(error) => {
                let line = self.reader.position().line();
                Some(Err(Remark::new(line, error.to_string())))
            }
        }
    }

    fn judge(&self) -> Result<u64, Remark> {
        let line = self.line();
        if has_open_quote(&self.record) {
            let begun = self.reader.position().line().saturating_sub(line_feeds(self.record.iter()));
            return Err(Remark::new(begun + line_feeds(whole_cells(&self.record)), OPEN_QUOTE));
        }
        if self.record.len() > self.header.folded.len()
            && self.record.iter().skip(self.header.folded.len()).any(|cell| !cell.is_empty())
        {
            let text = format!("the row has {} cells, the header has {}", self.record.len(), self.header.folded.len());
            return Err(Remark::new(line, text));
        }
        match self.record.iter().position(|cell| std::str::from_utf8(cell).is_err()) {
            None => Ok(line),
            Some(column) => {
                let name = self.header.folded.get(column).map_or("a cell", String::as_str);
                Err(Remark::new(line, format!("{name}: not UTF-8")))
            }
        }
    }

    /// The line the present record begins on. The reader counts line feeds; it leaves that of a CRLF
    /// for the next record, and counts blank lines to the record after them.
    fn line(&self) -> u64 {
        let inside = line_feeds(self.record.iter());
        let end = self.reader.position().line();
        let begun = self.record.position().map_or(1, csv::Position::line);
        if self.crlf { end.saturating_sub(inside) } else { begun.max(end.saturating_sub(inside + 1)) }
    }
}

/// Reads a record; false at the end of the file.
fn next_record(reader: &mut csv::Reader<Box<dyn Read + Send>>, record: &mut ByteRecord) -> csv::Result<bool> {
    let read = reader.read_byte_record(record)?;
    Ok(read && !(record.len() == 1 && record.get(0) == END.strip_prefix(b"\n")))
}

fn has_open_quote(record: &ByteRecord) -> bool {
    record.iter().next_back().is_some_and(|cell| cell.ends_with(END))
}

/// The cells before the last one.
fn whole_cells(record: &ByteRecord) -> impl Iterator<Item = &[u8]> {
    record.iter().take(record.len().saturating_sub(1))
}

fn line_feeds<'a>(cells: impl Iterator<Item = &'a [u8]>) -> u64 {
    cells.flatten().filter(|byte| **byte == b'\n').count() as u64
}
