//! Rows that are inserted: a statement with a parameter for each cell.
//!
//! Read back out of one JSON parameter, as other statements get their rows, the same rows cost MariaDB 10.11 up to twice as
//! much. So there is a shape for each number of rows, of which a connection prepares those that it needs; more rows than
//! the largest go over in portions, so that there are few shapes.

use serde_json::Value;

use crate::sql::bulk::Bulk;
use crate::sql::question::Param;

/// Rows up to which each number has a shape of its own.
const EXACT_MAX: usize = 16;
/// Rows of the shapes beyond, largest first.
const PORTIONS: [usize; 2] = [64, 32];

/// A statement that inserts rows, however many.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Insert {
    /// Everything before the rows.
    pub(super) head: &'static str,
    /// Its columns: the place of each in a row, and how it is stored.
    pub(super) columns: &'static [(usize, Stored)],
    /// Everything after the rows.
    pub(super) tail: &'static str,
}

/// How a cell is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As it is.
    Plain,
    /// As the bytes that it spells in hexadecimal.
    Bytes,
}

impl Insert {
    /// The statements that insert these, with their parameters.
    pub(super) fn statements(self, rows: &Bulk) -> Vec<(String, Vec<Param>)> {
        let rows = rows.rows();
        let mut rest = rows.as_slice();
        let mut statements = Vec::with_capacity(1);
        while !rest.is_empty() {
            let (portion, more) = rest.split_at(portion(rest.len()));
            let cells = portion.iter().flat_map(|row| self.columns.iter().map(|(place, stored)| param(row.get(*place), *stored)));
            statements.push((self.shape(portion.len()), cells.collect()));
            rest = more;
        }
        statements
    }

    fn shape(self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns.len()].join(","));
        format!("{}{}{}", self.head, vec![row.as_str(); rows].join(","), self.tail)
    }
}

/// How many of so many rows the next statement takes.
fn portion(rows: usize) -> usize {
    PORTIONS.into_iter().find(|portion| *portion <= rows).unwrap_or(rows.min(EXACT_MAX))
}

fn param(cell: Option<&Value>, stored: Stored) -> Param {
    match (cell, stored) {
        (Some(Value::String(text)), Stored::Plain) => Param::Text(text.clone()),
        (Some(Value::String(text)), Stored::Bytes) => Param::Blob(hex::decode(text).expect("ids and hashes are hexadecimal")),
        (Some(Value::Number(number)), _) => Param::Int(number.as_i64().expect("cells are of 64 bits")),
        _ => Param::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: Insert = Insert {
        head: "INSERT INTO things (`id`, `name`, `size`) VALUES ",
        columns: &[(1, Stored::Bytes), (0, Stored::Plain), (2, Stored::Plain)],
        tail: "",
    };

    #[test]
    fn rows_become_parameters() {
        let rows = Bulk::of([Some(7_i64), None], |row, size| row.text("it's").text("00ff").opt_int(size)).unwrap();
        let [(sql, params)] = <[_; 1]>::try_from(THINGS.statements(&rows)).unwrap();
        assert_eq!(sql, "INSERT INTO things (`id`, `name`, `size`) VALUES (?,?,?),(?,?,?)");
        assert_eq!(format!("{params:?}"), r#"[Blob([0, 255]), Text("it's"), Int(7), Blob([0, 255]), Text("it's"), Null]"#);
    }

    #[test]
    fn many_rows_go_in_few_shapes() {
        let portions = |mut rows: usize| {
            let mut portions = Vec::new();
            while rows > 0 {
                portions.push(portion(rows));
                rows -= portion(rows);
            }
            portions
        };
        assert_eq!(portions(5), [5]);
        assert_eq!(portions(31), [16, 15]);
        assert_eq!(portions(200), [64, 64, 64, 8]);
        let rows = Bulk::of(0..100_i64, |row, it| row.text("it").text("00").int(it)).unwrap();
        let statements = THINGS.statements(&rows);
        let last = statements.iter().flat_map(|(_, params)| params).last();
        assert_eq!(statements.iter().map(|(_, params)| params.len()).collect::<Vec<_>>(), [192, 96, 12]);
        assert!(matches!(last, Some(Param::Int(99))));
    }
}
