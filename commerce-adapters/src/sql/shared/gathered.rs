//! One thing with all that belongs to it, from the rows of one statement.
//!
//! SQLite gathers what belongs to a row into JSON cells of that row. MySQL makes a table on the disk for each
//! cell that is gathered so; it answers the frequent questions in several rows instead, and they are put together here.

use std::collections::BTreeMap;

use commerce_core::error::StoreError;

use super::engine::Row;
use super::fields::Fields;

/// A row, and the JSON cells that are not in it.
pub(crate) struct Gathered {
    row: Row,
    cells: BTreeMap<&'static str, String>,
}

impl Gathered {
    /// What all rows of an answer say of one thing. Each row has, besides the thing's own columns, the place in
    /// `names` of the cell that it belongs to (`part`), and one element of that cell or NULL (`cells`). Without names
    /// the thing is one row that has all its cells.
    pub(crate) fn of(
        rows: Vec<Row>,
        names: &'static [&'static str],
        operation: &'static str,
    ) -> Result<Option<Self>, StoreError> {
        let mut elements: BTreeMap<&'static str, Vec<String>> = names.iter().map(|name| (*name, Vec::new())).collect();
        for row in rows.iter().filter(|_| !names.is_empty()) {
            let fields = Fields::of(row, operation);
            let name = names.get(fields.count::<usize>("part")?);
            if let Some(of_its_kind) = name.and_then(|name| elements.get_mut(name)) {
                of_its_kind.extend(fields.opt_json("cells")?);
            }
        }
        let cells = elements.into_iter().map(|(name, of_its_kind)| (name, format!("[{}]", of_its_kind.join(",")))).collect();
        Ok(rows.into_iter().next().map(|row| Self { row, cells }))
    }

    /// To read it for `operation`.
    pub(crate) fn fields(&self, operation: &'static str) -> Fields<'_> {
        Fields::of(&self.row, operation).with(&self.cells)
    }
}
