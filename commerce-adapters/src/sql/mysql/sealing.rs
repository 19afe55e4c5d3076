//! Seals the rows that were written before rows were sealed: once for each table, which is noted, because an index that would
//! find such rows at every start would cost every write. A table has that index only while its rows are sealed.

use commerce_core::audit::books::{Cell, Row, SEAL, Table};
use commerce_core::error::StoreError;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

use super::engine::{Context, Database};
use super::error::store_error;
use super::line::Purpose;
use super::migrate::Turn;
use super::seals::OPERATION;

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Seals what was written before there were seals; nothing where that is done.
    pub(super) async fn seal_old(&self) -> Result<(), StoreError> {
        let mut line = self.address().to(Purpose::Other).connect().await.map_err(store_error(OPERATION))?;
        let connection = &mut line.connection;
        if !self.left(connection).await?.is_empty() {
            let turn = Turn::take(connection, "seal").await?;
            let sealed = self.seal_left(connection).await;
            turn.give_back(connection).await?;
            sealed?;
        }
        line.connection.close().await.map_err(store_error(OPERATION))
    }

    /// The tables that are not noted.
    async fn left(&self, connection: &mut MySqlConnection) -> Result<Vec<&'static Table>, StoreError> {
        const NOTED: &str = "SELECT name FROM sealed_tables";
        let noted: Vec<String> = sqlx::query_scalar(NOTED).fetch_all(connection).await.map_err(store_error(OPERATION))?;
        Ok(Self::sealed_tables().filter(|table| noted.iter().all(|name| name != table.name)).collect())
    }

    async fn seal_left(&self, connection: &mut MySqlConnection) -> Result<(), StoreError> {
        // Read again in one's turn.
        for table in self.left(connection).await? {
            let name = table.name;
            let any = sqlx::query(AssertSqlSafe(format!("SELECT 1 FROM {name} WHERE {SEAL} IS NULL LIMIT 1")));
            let any = any.fetch_optional(&mut *connection).await.map_err(store_error(OPERATION))?.is_some();
            if any && !has_index(connection, name).await? {
                alter(connection, format!("ALTER TABLE {name} ADD KEY unsealed ({SEAL}(1))")).await?;
            }
            self.seal_rows(table).await?;
            if has_index(connection, name).await? {
                alter(connection, format!("ALTER TABLE {name} DROP KEY unsealed")).await?;
            }
            let note = sqlx::query("INSERT INTO sealed_tables (name) VALUES (?)").bind(name);
            note.execute(&mut *connection).await.map_err(store_error(OPERATION))?;
        }
        Ok(())
    }

    /// Seals these, and answers how many had no seal until then.
    pub(super) async fn seal(&self, operation: &'static str, table: &'static Table, rows: &[Row]) -> Result<u64, StoreError> {
        let Some(first) = rows.first() else { return Ok(0) };
        let (mut columns, mut found) = (Vec::new(), Vec::new());
        for (place, column) in (1..).zip(table.key_columns()) {
            let (kind, cell) = match first.cell(column) {
                Cell::Blob(_) => ("CHAR(255)", format!("UNHEX(it.`{column}`)")),
                Cell::Text(_) => ("VARCHAR(255)", format!("it.`{column}`")),
                Cell::Int(_) | Cell::Null => ("BIGINT", format!("it.`{column}`")),
            };
            columns.push(format!("`{column}` {kind} PATH '$[{place}]'"));
            found.push(format!("t.`{column}` = {cell}"));
        }
        let sql = format!(
            "UPDATE JSON_TABLE(?, '$[*]' COLUMNS ({SEAL} CHAR(64) PATH '$[0]', {})) AS it STRAIGHT_JOIN {} AS t ON {}
                SET t.{SEAL} = UNHEX(it.{SEAL}) WHERE t.{SEAL} IS NULL",
            columns.join(", "),
            table.name,
            found.join(" AND "),
        );
        let row = |row: &Row| {
            let key = table.key_columns().map(|column| match row.cell(column) {
                Cell::Null => Value::Null,
                Cell::Int(number) => Value::from(*number),
                Cell::Text(text) => Value::from(text.as_str()),
                Cell::Blob(bytes) => Value::from(hex::encode(bytes)),
            });
            std::iter::once(Value::from(hex::encode(row.seal()))).chain(key).collect()
        };
        let rows: Value = rows.iter().map(row).collect::<Vec<Value>>().into();
        let rows = rows.to_string();
        self.write(operation, move |connection| {
            let (sql, rows) = (sql.clone(), rows.clone());
            Box::pin(async move {
                let sealed = sqlx::query(AssertSqlSafe(sql)).bind(rows).execute(connection).await?;
                Ok(sealed.rows_affected())
            })
        })
        .await
    }
}

async fn has_index(connection: &mut MySqlConnection, table: &str) -> Result<bool, StoreError> {
    const FIND: &str = "SELECT COUNT(*) FROM information_schema.statistics
        WHERE table_schema = DATABASE() AND table_name = ? AND index_name = 'unsealed'";
    let found: i64 = sqlx::query_scalar(FIND).bind(table).fetch_one(connection).await.map_err(store_error(OPERATION))?;
    Ok(found > 0)
}

async fn alter(connection: &mut MySqlConnection, sql: String) -> Result<(), StoreError> {
    connection.execute(AssertSqlSafe(sql)).await.map(|_| ()).map_err(store_error(OPERATION))
}
