//! Seals the rows that were written before rows were sealed.

use commerce_core::audit::books::{Row, SEAL, Table};
use commerce_core::audit::tables;
use commerce_core::commerce::Context as Which;
use commerce_core::error::StoreError;

use super::books::read_row;
use super::engine::{Context, Database};
use crate::sql::question::Question;

pub(super) const OPERATION: &str = "sql.seal";
/// Rows that one transaction seals.
pub(super) const CHUNK: u32 = 500;

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// The tables of this context.
    pub(super) fn own_tables() -> impl Iterator<Item = &'static Table> {
        let own = Which::ALL.iter().filter(|which| which.as_str() == W::NAME);
        own.flat_map(|which| tables::of(*which))
    }

    /// The tables whose rows are sealed.
    pub(super) fn sealed_tables() -> impl Iterator<Item = &'static Table> {
        Self::own_tables().filter(|table| table.is_sealed())
    }

    /// Seals every row that has no seal. What somebody writes meanwhile is sealed by that.
    pub(super) async fn seal_rows(&self, table: &'static Table) -> Result<(), StoreError> {
        let mut rows = self.unsealed(table).await?;
        // Where another process was faster, that one goes on.
        while !rows.is_empty() && self.seal(OPERATION, table, &rows).await? > 0 {
            rows = self.unsealed(table).await?;
        }
        Ok(())
    }

    async fn unsealed(&self, table: &'static Table) -> Result<Vec<Row>, StoreError> {
        let columns: Vec<String> = table.columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        let sql = format!("SELECT {} FROM {} WHERE {SEAL} IS NULL LIMIT {CHUNK}", columns.join(", "), table.name);
        let rows = self.rows(OPERATION, Question { sql: sql.into(), ..Question::of("") }).await?;
        rows.iter().map(|row| read_row(table, row)).collect()
    }
}
