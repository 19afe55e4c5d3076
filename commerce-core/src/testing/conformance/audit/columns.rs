//! Each column of each table: whatever becomes of one value, the audit names it.

use crate::audit::books::{Cell, Kind, Row, SEAL};
use crate::audit::tables;
use crate::commerce::Context;

use super::{Tampered, look, rows};

/// Alters one value of each column of a context's tables after the other, and puts it back. The shop has
/// [traded](super::trade) and has rows in every table. Of what a seal is about one value is altered, in the last column: that the
/// others are in the seal, too, is seen without an audit.
pub async fn each_column(tampered: &dyn Tampered, context: Context) {
    let mut hidden = Vec::new();
    for table in tables::of(context) {
        let rows = rows(tampered.books(), context, table).await;
        assert!(!rows.is_empty(), "there are rows in {}", table.name);
        let last = table.columns.iter().take_while(|(name, _)| *name != SEAL).last().map(|(name, _)| *name);
        let mut in_seal = table.is_sealed();
        for (column, kind) in table.columns {
            // One alteration shows what a seal sees.
            let tried = if in_seal { 1 } else { usize::MAX };
            in_seal &= *column != SEAL;
            for (row, value) in alterations(&rows, column, *kind).into_iter().take(tried) {
                let altered = row.with(column, &value);
                let named = if last != Some(*column) && altered.seal() != row.seal() && table.is_sealed() {
                    Some(row.bytes(SEAL) == Some(row.seal().as_slice()))
                } else {
                    named(tampered, context, [&row, &altered], column).await
                };
                if named == Some(false) {
                    hidden.push(format!("{}.{column}: {} as {value}", table.name, row.cell(column)));
                }
            }
        }
    }
    assert!(hidden.is_empty(), "not found:\n{}", hidden.join("\n"));
}

/// Whether an audit names the one row that became the other; none where the store does not let that happen.
async fn named(tampered: &dyn Tampered, context: Context, [row, altered]: [&Row; 2], column: &'static str) -> Option<bool> {
    let there = tampered.tamper(context, row, Some((column, altered.cell(column).clone()))).await;
    if !there {
        return None;
    }
    let found = look(tampered.shop()).await;
    let back = tampered.tamper(context, altered, Some((column, row.cell(column).clone()))).await;
    assert!(back, "{column} is put back");
    Some(!found.is_clean())
}

/// Rows with what their cell in this column becomes: another value where there is one, one where there is none, and
/// none where there is one.
fn alterations(rows: &[Row], column: &str, kind: Kind) -> Vec<(Row, Cell)> {
    let middle = |rows: Vec<&Row>| rows.get(rows.len().saturating_sub(1) / 2).map(|row| (*row).clone());
    let (some, none): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| *row.cell(column) != Cell::Null);
    let value = some.first().map_or_else(|| made(kind), |row| row.cell(column).clone());
    let (some, none) = (middle(some), middle(none));
    let is_key = rows.first().is_some_and(|row| row.table().key_columns().any(|key| key == column));
    // No two rows have one key.
    let last = rows.iter().filter_map(|row| row.int(column).filter(|_| is_key)).max();
    let others = some.iter().map(|row| (row.clone(), other(&last.map_or_else(|| row.cell(column).clone(), Cell::Int))));
    let made = none.into_iter().map(|row| (row, value.clone()));
    others.chain(made).chain(some.clone().map(|row| (row, Cell::Null))).collect()
}

/// A value close to this one.
fn other(cell: &Cell) -> Cell {
    match cell {
        Cell::Null => Cell::Null,
        Cell::Int(number) => Cell::Int(number.saturating_add(1)),
        Cell::Text(text) => {
            let mut text = text.clone();
            let last = text.pop();
            text.push(if last == Some('a') { 'b' } else { 'a' });
            Cell::Text(text)
        }
        Cell::Blob(bytes) => {
            let mut bytes = bytes.clone();
            if let Some(last) = bytes.last_mut() {
                *last ^= 1;
            }
            Cell::Blob(bytes)
        }
    }
}

/// A value of a kind of which no row has one.
fn made(kind: Kind) -> Cell {
    match kind {
        Kind::Id | Kind::OptId => Cell::Blob(vec![7; 16]),
        Kind::Hash => Cell::Blob(vec![7; 32]),
        Kind::Text | Kind::OptText | Kind::Shaped(_) | Kind::OptShaped(_) | Kind::LaterShaped(_) => Cell::from("x"),
        Kind::Place | Kind::Int(..) | Kind::OptInt(..) | Kind::At | Kind::OptAt => Cell::Int(1),
    }
}
