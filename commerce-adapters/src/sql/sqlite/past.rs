//! A shop's past in bulk: copies of one order and of all it left behind, for measuring a shop that is old.
//!
//! A copy is what a shop keeps of an order for ever: the order with its lines, history and payment, its hold, the
//! ledger, its mails. Events, deliveries and keys are not copied: the past must be older than these are kept. Tables are
//! copied column by column as they are, so that a new column needs nothing here. Never used by a shop that sells.

use commerce_core::audit::books::SEAL;
use commerce_core::catalog::{HoldKey, Item};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, OrderId, UserId};
use commerce_core::orders::{Order, number_of};
use commerce_core::text::Sku;
use commerce_core::time::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, SqliteConnection};
use uuid::Uuid;

use super::Databases;

const OPERATION: &str = "sqlite.past";
/// The part of an id that is its millisecond.
const STAMP_BITS: u32 = 80;

/// One copy of an order.
pub struct Copied {
    /// When it was placed: another millisecond than any other copy's.
    pub at: Timestamp,
    /// The key of its hold.
    pub hold: HoldKey,
    /// What each line is of, by the model's SKU.
    pub lines: Vec<(Sku, Item)>,
}

/// The rows that a batch of copies is made from, as one JSON text each.
struct Batch {
    copies: String,
    lines: String,
}

/// One table of which a model has rows.
struct Source {
    table: &'static str,
    /// Which rows are the model's, `m` from then on; `?1` is its key. Copies are `p`, their lines `l`.
    model: &'static str,
    /// Whether each row is of one line.
    by_line: bool,
    /// Columns that a copy has differently.
    other: &'static [(&'static str, &'static str)],
}

const ORDERS: &[Source] = &[
    Source {
        table: "orders",
        model: "id = ?1",
        by_line: false,
        other: &[
            ("id", "unhex(p.stamp || substr(hex(m.id), 13))"),
            ("number", "p.number"),
            ("hold_key", "p.hold"),
            ("updated_at", "m.updated_at + p.later"),
        ],
    },
    Source {
        table: "order_items",
        model: "order_id = ?1",
        by_line: true,
        other: &[
            ("order_id", "unhex(p.stamp || substr(hex(m.order_id), 13))"),
            ("sku", "l.sku"),
            ("product_id", "l.product"),
            ("name", "l.name"),
        ],
    },
    Source {
        table: "order_status_history",
        model: "order_id = ?1",
        by_line: false,
        other: &[
            ("order_id", "unhex(p.stamp || substr(hex(m.order_id), 13))"),
            ("id", "unhex(p.stamp || substr(hex(m.id), 13))"),
            ("reached_at", "m.reached_at + p.later"),
        ],
    },
    Source {
        table: "payments",
        model: "order_id = ?1",
        by_line: false,
        other: &[
            ("order_id", "unhex(p.stamp || substr(hex(m.order_id), 13))"),
            ("id", "unhex(p.stamp || substr(hex(m.id), 13))"),
        ],
    },
];

const CATALOG: &[Source] = &[
    Source {
        table: "reservations",
        model: "hold_key = unhex(?1)",
        by_line: true,
        other: &[
            ("hold_key", "p.hold"),
            ("sku", "l.sku"),
            ("created_at", "m.created_at + p.later"),
            ("expires_at", "m.expires_at + p.later"),
            ("expires_check", "m.expires_check + p.later"),
        ],
    },
    Source {
        table: "stock_ledger",
        model: "reference = ?1",
        by_line: true,
        other: &[
            ("sku", "l.sku"),
            ("id", "unhex(p.stamp || substr(hex(m.id), 13))"),
            ("reference", "lower(hex(p.hold))"),
            ("moved_at", "m.moved_at + p.later"),
        ],
    },
];

/// What the copied movements moved. Each is one change of a shelf.
const SHELVES: &str = "WITH m AS MATERIALIZED (SELECT sku, sum(on_hand_change) AS on_hand, sum(reserved_change) AS reserved,
            count(*) AS changes FROM main.stock_ledger WHERE reference = ?1 GROUP BY sku)
    UPDATE main.inventory SET on_hand = inventory.on_hand + moved.on_hand,
        reserved = inventory.reserved + moved.reserved, version = inventory.version + moved.changes, seal = NULL
    FROM (SELECT l.sku, sum(m.on_hand) AS on_hand, sum(m.reserved) AS reserved, sum(m.changes) AS changes
        FROM past_lines l JOIN m ON m.sku = l.model GROUP BY l.sku) AS moved
    WHERE moved.sku = inventory.sku";

const NOTIFICATIONS: &[Source] = &[Source {
    table: "notification_logs",
    // Those of the copies are older.
    model: "recipient = ?1 AND id > ?2 AND json_extract(data, '$.orderId') = ?3",
    by_line: false,
    other: &[
        ("id", "unhex(p.stamp || substr(hex(m.id), 13))"),
        ("event_id", "unhex(p.stamp || substr(hex(m.event_id), 13))"),
        ("data", "json_set(m.data, '$.orderId', p.id, '$.number', p.number, '$.hold.key', lower(hex(p.hold)))"),
        ("created_at", "m.created_at + p.later"),
        ("sent_at", "m.sent_at + p.later"),
    ],
}];

impl Databases {
    /// Writes copies of `model`, a settled order of this shop, in one transaction for each database.
    ///
    /// # Errors
    /// When a database does not answer.
    pub async fn copy_order(&self, model: &Order, copies: &[Copied]) -> Result<(), StoreError> {
        let (id, hold, user) = (model.id.uuid(), model.hold.key.to_hex(), model.user);
        let [orders, catalog, notifications] = [(); 3].map(|()| Batch::of(model.id, copies));
        tokio::try_join!(
            self.orders.write(OPERATION, move |connection| Box::pin(copy_orders(connection, orders, id))),
            self.catalog.write(OPERATION, move |connection| Box::pin(copy_stock(connection, catalog, hold))),
            self.notifications.write(OPERATION, move |connection| Box::pin(copy_mails(connection, notifications, user, id))),
        )?;
        tokio::try_join!(self.orders.seal_old(), self.catalog.seal_old(), self.notifications.seal_old())?;
        Ok(())
    }
}

async fn copy_orders(connection: &mut SqliteConnection, batch: Batch, model: Uuid) -> Result<(), sqlx::Error> {
    batch.lay_out(connection).await?;
    for source in ORDERS {
        sqlx::query(source.copying(connection).await?).bind(model.as_bytes().as_slice()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn copy_stock(connection: &mut SqliteConnection, batch: Batch, hold: String) -> Result<(), sqlx::Error> {
    batch.lay_out(connection).await?;
    for source in CATALOG {
        sqlx::query(source.copying(connection).await?).bind(&hold).execute(&mut *connection).await?;
    }
    sqlx::query(SHELVES).bind(&hold).execute(&mut *connection).await?;
    Ok(())
}

async fn copy_mails(connection: &mut SqliteConnection, batch: Batch, user: UserId, model: Uuid) -> Result<(), sqlx::Error> {
    batch.lay_out(connection).await?;
    for source in NOTIFICATIONS {
        let copying = sqlx::query(source.copying(connection).await?);
        let begun = Uuid::from_u128(model.as_u128() >> STAMP_BITS << STAMP_BITS);
        let copying = copying.bind(user.to_string()).bind(begun.as_bytes().as_slice()).bind(model.to_string());
        copying.execute(&mut *connection).await?;
    }
    Ok(())
}

impl Source {
    /// The statement that copies the model's rows, one for each copy.
    async fn copying(&self, connection: &mut SqliteConnection) -> Result<AssertSqlSafe<String>, sqlx::Error> {
        let named = sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)");
        let columns: Vec<String> = named.bind(self.table).fetch_all(connection).await?;
        let copied = |column: &String| {
            // Copies are sealed when they are there.
            let other = self.other.iter().chain(&[(SEAL, "NULL")]).find(|(name, _)| name == column);
            other.map_or_else(|| format!("m.{column}"), |(_, other)| (*other).to_owned())
        };
        let values: Vec<String> = columns.iter().map(copied).collect();
        let Self { table, model, by_line, .. } = self;
        let lines = if *by_line { " JOIN past_lines l ON l.n = p.n AND l.model = m.sku" } else { "" };
        let (columns, values) = (columns.join(", "), values.join(", "));
        // Found once for all copies, and before these are there.
        let sql = format!(
            "WITH m AS MATERIALIZED (SELECT * FROM main.{table} WHERE {model})
            INSERT INTO main.{table} ({columns}) SELECT {values} FROM past p CROSS JOIN m{lines}"
        );
        Ok(AssertSqlSafe(sql))
    }
}

impl Batch {
    fn of(model: OrderId, copies: &[Copied]) -> Self {
        let copy = |(n, copied): (usize, &Copied)| {
            let stamp = u128::from(copied.at.as_millis()) << STAMP_BITS;
            let tail = model.uuid().as_u128() & ((1 << STAMP_BITS) - 1);
            let id = OrderId::from_uuid(Uuid::from_u128(stamp | tail));
            let stamp: String = id.uuid().simple().to_string().chars().take(12).collect();
            let later = id.placed_at().as_micros() - model.placed_at().as_micros();
            json!([n, id, stamp, number_of(id), copied.hold.to_hex(), later])
        };
        let line = |(n, copied): (usize, &Copied)| {
            let line = move |(model, item): &(Sku, Item)| {
                json!([n, model, item.sku, item.product.uuid().simple().to_string(), item.name])
            };
            copied.lines.iter().map(line).collect::<Vec<_>>()
        };
        Self {
            copies: json!(copies.iter().enumerate().map(copy).collect::<Vec<_>>()).to_string(),
            lines: json!(copies.iter().enumerate().flat_map(line).collect::<Vec<_>>()).to_string(),
        }
    }

    /// Puts the batch where the statements find it, in the place of the one before.
    async fn lay_out(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        const TABLES: &str = "
            CREATE TEMP TABLE IF NOT EXISTS past (
                n INTEGER PRIMARY KEY, id TEXT, stamp TEXT, number TEXT, hold BLOB, later INTEGER);
            CREATE TEMP TABLE IF NOT EXISTS past_lines (
                n INTEGER, model TEXT, sku TEXT, product BLOB, name TEXT, PRIMARY KEY (n, model)) WITHOUT ROWID;
            DELETE FROM past; DELETE FROM past_lines;";
        const COPIES: &str = "INSERT INTO past SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3,
            unhex(value ->> 4), value ->> 5 FROM json_each(?1)";
        const LINES: &str = "INSERT INTO past_lines SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3),
            value ->> 4 FROM json_each(?1)";
        sqlx::raw_sql(TABLES).execute(&mut *connection).await?;
        sqlx::query(COPIES).bind(&self.copies).execute(&mut *connection).await?;
        sqlx::query(LINES).bind(&self.lines).execute(&mut *connection).await?;
        Ok(())
    }
}
