//! Seals the rows that were written before rows were sealed, and fills in what rows from before do not say twice: once for each
//! table, which is noted, because an index that would find such rows at every start would cost every write. A table has that
//! index only meanwhile.

use commerce_core::audit::books::{Cell, Row, SEAL, Table};
use commerce_core::audit::tables::{OUTBOX, PRODUCTS, RESERVATIONS};
use commerce_core::error::StoreError;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

use super::engine::{Context, Database};
use super::error::store_error;
use super::line::Purpose;
use super::migrate::Turn;
use super::seals::{CHUNK, OPERATION};

/// A column that says once more what others say.
#[derive(Clone, Copy)]
struct Check {
    table: &'static Table,
    column: &'static str,
    /// What it says; nothing where there is nothing to say.
    says: &'static str,
}

const CHECKS: [Check; 3] = [
    Check { table: OUTBOX, column: "published_check", says: "published_at + position" },
    Check { table: PRODUCTS, column: "changed_check", says: "changed_at" },
    Check { table: RESERVATIONS, column: "expires_check", says: "expires_at" },
];

#[expect(private_bounds, reason = "only the contexts of this crate have databases")]
impl<W: Context> Database<W> {
    /// Seals what was written before there were seals, and fills in the checks of it; nothing where that is done.
    pub(super) async fn seal_old(&self) -> Result<(), StoreError> {
        let mut line = self.address().to(Purpose::Other).connect().await.map_err(store_error(OPERATION))?;
        let connection = &mut line.connection;
        let (tables, checks) = Self::left(connection).await?;
        if !tables.is_empty() || !checks.is_empty() {
            let turn = Turn::take(connection, "seal").await?;
            let done = self.seal_left(connection).await;
            turn.give_back(connection).await?;
            done?;
        }
        line.connection.close().await.map_err(store_error(OPERATION))
    }

    /// The tables and the checks that are not noted.
    async fn left(connection: &mut MySqlConnection) -> Result<(Vec<&'static Table>, Vec<Check>), StoreError> {
        const NOTED: &str = "SELECT name FROM sealed_tables";
        let noted: Vec<String> = sqlx::query_scalar(NOTED).fetch_all(connection).await.map_err(store_error(OPERATION))?;
        let is_left = |name: &str| noted.iter().all(|noted| noted != name);
        let checks = Self::own_tables().flat_map(|own| CHECKS.into_iter().filter(move |check| check.table == own));
        Ok((
            Self::sealed_tables().filter(|table| is_left(table.name)).collect(),
            checks.filter(|check| is_left(check.column)).collect(),
        ))
    }

    async fn seal_left(&self, connection: &mut MySqlConnection) -> Result<(), StoreError> {
        // Read again in one's turn.
        let (tables, checks) = Self::left(connection).await?;
        for table in tables {
            let name = table.name;
            let is_unsealed = format!("{SEAL} IS NULL");
            if has_any(connection, name, &is_unsealed).await? && !has_index(connection, name, "unsealed").await? {
                alter(connection, format!("ALTER TABLE {name} ADD KEY unsealed ({SEAL}(1))")).await?;
            }
            self.seal_rows(table).await?;
            if has_index(connection, name, "unsealed").await? {
                alter(connection, format!("ALTER TABLE {name} DROP KEY unsealed")).await?;
            }
            note(connection, name).await?;
        }
        for Check { table, column, says } in checks {
            let name = table.name;
            let is_unsaid = format!("{column} IS NULL AND {says} IS NOT NULL");
            if has_any(connection, name, &is_unsaid).await? && !has_index(connection, name, "unsaid").await? {
                alter(connection, format!("ALTER TABLE {name} ADD KEY unsaid ({column})")).await?;
            }
            while self.fill(format!("UPDATE {name} SET {column} = {says} WHERE {is_unsaid} LIMIT {CHUNK}")).await? > 0 {}
            if has_index(connection, name, "unsaid").await? {
                alter(connection, format!("ALTER TABLE {name} DROP KEY unsaid")).await?;
            }
            note(connection, column).await?;
        }
        Ok(())
    }

    /// Answers how many rows were filled in.
    async fn fill(&self, sql: String) -> Result<u64, StoreError> {
        self.write(OPERATION, move |connection| {
            let query = sqlx::query(AssertSqlSafe(sql.clone()));
            Box::pin(async move { query.execute(connection).await.map(|done| done.rows_affected()) })
        })
        .await
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

async fn has_any(connection: &mut MySqlConnection, table: &str, such: &str) -> Result<bool, StoreError> {
    let find = sqlx::query(AssertSqlSafe(format!("SELECT 1 FROM {table} WHERE {such} LIMIT 1")));
    Ok(find.fetch_optional(connection).await.map_err(store_error(OPERATION))?.is_some())
}

async fn has_index(connection: &mut MySqlConnection, table: &str, index: &str) -> Result<bool, StoreError> {
    const FIND: &str = "SELECT COUNT(*) FROM information_schema.statistics
        WHERE table_schema = DATABASE() AND table_name = ? AND index_name = ?";
    let find = sqlx::query_scalar(FIND).bind(table).bind(index);
    let found: i64 = find.fetch_one(connection).await.map_err(store_error(OPERATION))?;
    Ok(found > 0)
}

/// Notes that a table, or a column, has what it needs.
async fn note(connection: &mut MySqlConnection, name: &str) -> Result<(), StoreError> {
    let note = sqlx::query("INSERT INTO sealed_tables (name) VALUES (?)").bind(name);
    note.execute(connection).await.map(|_| ()).map_err(store_error(OPERATION))
}

async fn alter(connection: &mut MySqlConnection, sql: String) -> Result<(), StoreError> {
    connection.execute(AssertSqlSafe(sql)).await.map(|_| ()).map_err(store_error(OPERATION))
}
