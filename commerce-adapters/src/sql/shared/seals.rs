//! Seals the rows that were written before rows were sealed.

use commerce_core::audit::books::{Cell, Row, SEAL, Table};
use commerce_core::audit::tables;
use commerce_core::commerce::Context as Which;
use commerce_core::error::StoreError;
use sqlx::AssertSqlSafe;

use super::books::read_row;
use super::engine::{Context, Database};
use crate::sql::question::Question;

const OPERATION: &str = "sql.seal";
/// Rows that one transaction seals.
const CHUNK: u32 = 500;

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Seals every row that has no seal. What somebody writes meanwhile is sealed by that.
    pub(super) async fn seal_old(&self) -> Result<(), StoreError> {
        let own = Which::ALL.iter().filter(|which| which.as_str() == W::NAME);
        for table in own.flat_map(|which| tables::of(*which)).filter(|table| table.is_sealed()) {
            let mut rows = self.unsealed(table).await?;
            // Where another process was faster, that one goes on.
            while !rows.is_empty() && self.seal(table, rows).await? > 0 {
                rows = self.unsealed(table).await?;
            }
        }
        Ok(())
    }

    async fn unsealed(&self, table: &'static Table) -> Result<Vec<Row>, StoreError> {
        let columns: Vec<String> = table.columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        let sql = format!("SELECT {} FROM {} WHERE {SEAL} IS NULL LIMIT {CHUNK}", columns.join(", "), table.name);
        let rows = self.rows(OPERATION, Question { sql: sql.into(), ..Question::of("") }).await?;
        rows.iter().map(|row| read_row(table, row)).collect()
    }

    /// Seals these, and answers how many had no seal until then.
    async fn seal(&self, table: &'static Table, rows: Vec<Row>) -> Result<u64, StoreError> {
        let key: Vec<String> = table.key_columns().map(|column| format!("`{column}` = ?")).collect();
        let sql = format!("UPDATE {} SET {SEAL} = ? WHERE {} AND {SEAL} IS NULL", table.name, key.join(" AND "));
        let key = |row: &Row| table.key_columns().map(|column| row.cell(column).clone()).collect();
        let seals: Vec<(Vec<u8>, Vec<Cell>)> = rows.iter().map(|row| (row.seal().to_vec(), key(row))).collect();
        self.write(OPERATION, move |connection| {
            let (sql, seals) = (sql.clone(), seals.clone());
            Box::pin(async move {
                let mut sealed = 0;
                for (seal, key) in seals {
                    let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(seal);
                    let query = key.into_iter().fold(query, |query, cell| match cell {
                        Cell::Blob(id) => query.bind(id),
                        Cell::Text(name) => query.bind(name),
                        Cell::Int(number) => query.bind(number),
                        Cell::Null => query.bind(None::<i64>),
                    });
                    sealed += query.execute(&mut *connection).await?.rows_affected();
                }
                Ok(sealed)
            })
        })
        .await
    }
}
