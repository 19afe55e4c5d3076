//! The months of the orders table: each month's orders lie in a partition of their own, by the
//! milliseconds that their ids begin with.
//!
//! A shop keeps some months ahead; orders of a month that was not made lie in the catch-all. They are
//! found there like anywhere, but the table does not get its month any more without copying them.

use std::collections::BTreeSet;

use commerce_core::error::StoreError;
use commerce_core::ids::{Id, OrderId};
use commerce_core::time::Timestamp;
use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection};

use super::engine::Database;
use super::error::store_error;
use super::line::{Address, Purpose};
use super::migrate::Turn;
use crate::sql::judge::OrdersWrite;

const OPERATION: &str = "mysql.partitions";
/// Months that are made ahead of the present one.
const MONTHS_AHEAD: u32 = 3;
/// The partition of what no other takes.
const CATCH_ALL: &str = "beyond";

/// How the orders table is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Months {
    /// Months there are: `m202611`.
    pub months: BTreeSet<String>,
    /// Whether orders lie beyond them: months were not made in time, or a clock is wrong.
    pub overflowed: bool,
}

impl Database<OrdersWrite> {
    /// Makes the months that are missing, up to three ahead of `now`, and says in the log when orders
    /// lie beyond them. Several processes may do it at once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_months(&self, now: Timestamp) -> Result<Months, StoreError> {
        keep_months(self.address(), now).await
    }
}

/// See [`Database::keep_months`].
pub(super) async fn keep_months(address: &Address, now: Timestamp) -> Result<Months, StoreError> {
    let mut connection = address.to(Purpose::Other).connect().await.map_err(store_error(OPERATION))?.connection;
    let turn = Turn::take(&mut connection, "months").await?;
    let kept = keep(&mut connection, now).await.map_err(store_error(OPERATION));
    turn.give_back(&mut connection).await?;
    connection.close().await.map_err(store_error(OPERATION))?;
    let kept = kept?;
    if kept.overflowed {
        tracing::error!("orders lie beyond the months of their table: make the months that are missing");
    }
    Ok(kept)
}

async fn keep(connection: &mut MySqlConnection, now: Timestamp) -> Result<Months, sqlx::Error> {
    const HAS_ROWS: &str = "SELECT COUNT(*) FROM (SELECT 1 FROM orders PARTITION (beyond) LIMIT 1) AS some";
    let there = partitions(connection).await?;
    let wanted = (0..=MONTHS_AHEAD).map(|ahead| Month::of(now).plus(ahead));
    // A month goes before the catch-all, and so behind all that are there.
    let last = there.iter().next_back().cloned().unwrap_or_default();
    let missing: Vec<Month> = wanted.filter(|month| month.name() > last).collect();
    if there.is_empty() || !missing.is_empty() {
        cut(connection, &missing, there.is_empty()).await?;
    }
    let rows: i64 = sqlx::query_scalar(HAS_ROWS).fetch_one(&mut *connection).await?;
    Ok(Months { months: partitions(connection).await?, overflowed: rows > 0 })
}

/// The months there are.
async fn partitions(connection: &mut MySqlConnection) -> Result<BTreeSet<String>, sqlx::Error> {
    const SQL: &str = "SELECT partition_name FROM information_schema.partitions
        WHERE table_schema = DATABASE() AND table_name = 'orders' AND partition_name IS NOT NULL";
    let names: Vec<String> = sqlx::query_scalar(SQL).fetch_all(connection).await?;
    Ok(names.into_iter().filter(|name| name != CATCH_ALL).collect())
}

async fn cut(connection: &mut MySqlConnection, months: &[Month], first: bool) -> Result<(), sqlx::Error> {
    let months: Vec<String> = months.iter().copied().map(Month::definition).collect();
    let parts = format!("({}, PARTITION {CATCH_ALL} VALUES LESS THAN (MAXVALUE))", months.join(", "));
    // Names and bounds are made here.
    let sql = if first {
        format!("ALTER TABLE orders PARTITION BY RANGE COLUMNS (id) {parts}")
    } else {
        format!("ALTER TABLE orders REORGANIZE PARTITION {CATCH_ALL} INTO {parts}")
    };
    connection.execute(AssertSqlSafe(sql)).await.map(|_| ())
}

/// A month in UTC, counted from the year 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Month(u32);

impl Month {
    fn of(at: Timestamp) -> Self {
        // RFC 3339: 2026-11-25T18:54:00Z.
        let text = at.to_string();
        let part = |range| text.get(range).and_then(|digits: &str| digits.parse::<u32>().ok()).unwrap_or(0);
        Self(part(0..4) * 12 + part(5..7).saturating_sub(1))
    }

    fn plus(self, months: u32) -> Self {
        Self(self.0 + months)
    }

    fn year(self) -> u32 {
        self.0 / 12
    }

    fn number(self) -> u32 {
        self.0 % 12 + 1
    }

    fn name(self) -> String {
        format!("m{:04}{:02}", self.year(), self.number())
    }

    /// Its first instant.
    fn begin(self) -> Timestamp {
        let text = format!("{:04}-{:02}-01T00:00:00Z", self.year(), self.number());
        Timestamp::parse(&text).unwrap_or(Timestamp::EPOCH)
    }

    /// It as a partition: what is before the next one.
    fn definition(self) -> String {
        let end = OrderId::lower_bound(self.plus(1).begin()).uuid().simple();
        format!("PARTITION {} VALUES LESS THAN (x'{end}')", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let december = Month::of(at("2026-12-31T23:59:59Z"));
        assert_eq!((december.name(), december.plus(1).name()), ("m202612".to_owned(), "m202701".to_owned()));
        assert_eq!(december.plus(1).begin(), at("2027-01-01T00:00:00Z"));
        let bound = OrderId::lower_bound(at("2027-01-01T00:00:00Z")).uuid().simple().to_string();
        assert_eq!(december.definition(), format!("PARTITION m202612 VALUES LESS THAN (x'{bound}')"));
    }
}
