//! Writes the seals of rows that have none, row by row: there is no way to the server.

use commerce_core::audit::books::{Cell, Row, SEAL, Table};
use commerce_core::error::StoreError;
use sqlx::AssertSqlSafe;

use super::engine::{Context, Database};

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Seals what was written before there were seals.
    pub(super) async fn seal_old(&self) -> Result<(), StoreError> {
        for table in Self::sealed_tables() {
            self.seal_rows(table).await?;
        }
        Ok(())
    }

    /// Seals these, and answers how many had no seal until then.
    pub(super) async fn seal(&self, operation: &'static str, table: &'static Table, rows: &[Row]) -> Result<u64, StoreError> {
        let key: Vec<String> = table.key_columns().map(|column| format!("`{column}` = ?")).collect();
        let sql = format!("UPDATE {} SET {SEAL} = ? WHERE {} AND {SEAL} IS NULL", table.name, key.join(" AND "));
        let key = |row: &Row| table.key_columns().map(|column| row.cell(column).clone()).collect();
        let seals: Vec<(Vec<u8>, Vec<Cell>)> = rows.iter().map(|row| (row.seal().to_vec(), key(row))).collect();
        self.write(operation, move |connection| {
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
