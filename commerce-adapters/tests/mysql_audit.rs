//! The audit over MySQL's tables, on MariaDB: a healthy shop is clean, and every single row that is
//! altered or taken out by hand is found and named.
#![cfg(feature = "mysql")]

mod audited;
#[path = "audited/columns.rs"]
mod columns;

use std::sync::{Arc, LazyLock, Mutex};

use async_trait::async_trait;
use commerce_adapters::sql::mysql::Urls;
use commerce_adapters::sql::{Databases, mysql};
use commerce_adapters::system::OsEntropy;
use commerce_core::audit::Invariant;
use commerce_core::audit::books::{Cell, Kind, Table};
use commerce_core::audit::tables;
use commerce_core::commerce::Context;
use commerce_core::testing::memory::ScriptedGateway;
use commerce_peers::{Make, SqlServer};

use audited::{Hands, Subject};

static SERVER: LazyLock<SqlServer> = LazyLock::new(SqlServer::start);

/// Said before a row is altered by hand. A column takes what the schema would not let in.
fn whatever(database: &str, table: &str) -> String {
    const SESSION: &str = "SET SESSION sql_mode = '', foreign_key_checks = 0";
    match SERVER.make() {
        Make::MariaDb => format!("USE {database}; {SESSION}, check_constraint_checks = 0;"),
        // A session cannot leave checks out; a table can.
        Make::MySql(_) => {
            let checks = SERVER.sql(&format!(
                "SELECT CONCAT('ALTER TABLE {table} ALTER CHECK `', constraint_name, '` NOT ENFORCED;')
                    FROM information_schema.table_constraints
                    WHERE constraint_type = 'CHECK' AND table_schema = '{database}' AND table_name = '{table}' AND enforced = 'YES'"
            ));
            format!("USE {database}; {SESSION}; {checks}")
        }
    }
}

/// Whether a column may hold nothing. In one that may not, a session without checks would write a zero.
fn may_be_nothing(database: &str, table: &str, column: &str) -> bool {
    let asked = SERVER.sql(&format!(
        "SELECT is_nullable FROM information_schema.columns
            WHERE table_schema = '{database}' AND table_name = '{table}' AND column_name = '{column}'"
    ));
    asked.trim() == "YES"
}

/// The databases of a shop.
#[derive(Clone)]
struct Tables {
    /// What their names begin with.
    prefix: String,
    /// What was altered.
    altered: Arc<Mutex<Vec<(Context, &'static Table)>>>,
}

impl Tables {
    fn new() -> Self {
        let url = SERVER.shop();
        let (_, prefix) = url.rsplit_once('/').expect("a URL names a database");
        Self { prefix: prefix.to_owned(), altered: Arc::default() }
    }

    fn named(&self, context: Context) -> String {
        format!("{}{context}", self.prefix)
    }

    async fn open(&self, gateway: Arc<ScriptedGateway>) -> Subject {
        let clock = audited::clock();
        let urls = Urls::with_prefix(&format!("{}/{}", SERVER.url(), self.prefix));
        let databases = mysql::Databases::connect(&urls, clock.clone(), &OsEntropy).await.expect("a shop opens");
        Subject::new(Databases::MySql(databases), clock, self.clone(), gateway)
    }

    /// Keeps a copy of everything beside, out of which every table comes at first: a copy knows no foreign keys, in
    /// whose way a column could not be widened.
    fn keep(&self) {
        for context in Context::ALL {
            let name = self.named(*context);
            SERVER.sql(&format!("CREATE DATABASE kept_{name}"));
            for table in tables::of(*context) {
                let (from, to) = (format!("{name}.{}", table.name), format!("kept_{name}.{}", table.name));
                SERVER.sql(&format!("CREATE TABLE {to} LIKE {from}; {}", fill(table, &from, &to)));
                self.altered.lock().expect("nobody panics with it").push((*context, table));
            }
        }
    }

    /// Puts what was altered back.
    fn restore(&self) {
        for (context, table) in self.altered.lock().expect("nobody panics with it").drain(..) {
            let name = self.named(context);
            let (from, to) = (format!("kept_{name}.{}", table.name), format!("{name}.{}", table.name));
            let drop = format!("SET SESSION foreign_key_checks = 0; DROP TABLE {to}; CREATE TABLE {to} LIKE {from};");
            SERVER.sql(&format!("{drop} {}", fill(table, &from, &to)));
        }
    }
}

/// Copies the rows of a table.
fn fill(table: &Table, from: &str, to: &str) -> String {
    let columns: Vec<String> = table.columns.iter().map(|(column, _)| format!("`{column}`")).collect();
    let columns = columns.join(", ");
    format!("INSERT INTO {to} ({columns}) SELECT {columns} FROM {from}")
}

#[async_trait]
impl Hands for Tables {
    async fn alter(
        &self,
        context: Context,
        table: &'static Table,
        change: Option<&(&'static str, Cell)>,
        statement: String,
    ) -> bool {
        self.altered.lock().expect("nobody panics with it").push((context, table));
        if let Some((column, Cell::Null)) = change
            && !may_be_nothing(&self.named(context), table.name, column)
        {
            return false;
        }
        if let Some((column, Cell::Blob(_))) = change {
            // Bytes of any length, where the schema fills up what is short.
            let kind = table.columns.iter().find(|(name, _)| name == column).map(|(_, kind)| *kind);
            let null = if matches!(kind, Some(Kind::OptId)) { "NULL" } else { "NOT NULL" };
            let widen = format!("ALTER TABLE {} MODIFY `{column}` VARBINARY(64) {null}", table.name);
            SERVER.sql(&format!("{} {widen}", whatever(&self.named(context), table.name)));
        }
        let said_before = whatever(&self.named(context), table.name);
        // Two rows of one key are left as they are.
        let lenient = statement.replacen("UPDATE ", "UPDATE IGNORE ", 1);
        let done = SERVER.sql(&format!("{said_before} {lenient}; SELECT ROW_COUNT()")).trim() == "1";
        if !done {
            let (_, meant) = statement.split_once(" WHERE ").expect("a row is meant");
            let there = SERVER.sql(&format!("{said_before} SELECT COUNT(*) FROM {} WHERE {meant}", table.name));
            assert_eq!(there.trim(), "1", "{statement}");
        }
        done
    }

    fn same(&self) -> &'static str {
        "<=>"
    }
}

#[tokio::test]
async fn the_books_in_mysql_hide_nothing() {
    let healthy = Tables::new();
    let gateway = healthy.open(Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    healthy.keep();
    let open = async || {
        healthy.restore();
        healthy.open(gateway.clone()).await
    };
    audited::the_books_hide_nothing(open).await;
}

macro_rules! each_column {
    ($($name:ident: $context:expr),+ $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            let healthy = Tables::new();
            let gateway = healthy.open(Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
            healthy.keep();
            healthy.restore();
            columns::say_what_was_written(&healthy.open(gateway).await, $context).await;
        }
    )+};
}

each_column! {
    each_column_of_users_says_what_was_written: Context::Users,
    each_column_of_the_catalog_says_what_was_written: Context::Catalog,
    each_column_of_orders_says_what_was_written: Context::Orders,
    each_column_of_notifications_says_what_was_written: Context::Notifications,
}

#[tokio::test]
async fn rows_from_before_there_were_seals_are_sealed_when_a_shop_is_opened() {
    let old = Tables::new();
    let gateway = old.open(Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    for context in Context::ALL {
        let name = old.named(*context);
        for table in tables::of(*context).filter(|table| table.is_sealed()) {
            SERVER.sql(&format!("UPDATE {name}.{} SET seal = NULL", table.name));
        }
        SERVER.sql(&format!("DELETE FROM {name}.sealed_tables"));
    }
    audited::a_name_changed_by_hand_is_the_only_fault(old.open(gateway).await).await;
}

#[tokio::test]
async fn an_order_that_is_not_found_by_its_number_is_named() {
    let shop = Tables::new();
    let gateway = shop.open(Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    let orders = shop.named(Context::Orders);
    SERVER.sql(&format!("UPDATE {orders}.order_numbers SET number = CONCAT(number, 'x') ORDER BY order_id LIMIT 1"));
    let found = audited::look(&shop.open(gateway).await.commerce, false).await;
    assert!(found.counts.contains_key(&Invariant::Sealed), "{:?}", found.violations);
}

/// The databases of a program that said everything once.
#[tokio::test]
async fn rows_from_before_anything_was_said_twice_are_filled_in_when_a_shop_is_opened() {
    let old = Tables::new();
    let gateway = old.open(Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    for context in Context::ALL {
        let name = old.named(*context);
        for (table, column) in audited::said_twice(*context) {
            SERVER.sql(&format!("ALTER TABLE {name}.{table} DROP COLUMN {column}"));
            SERVER.sql(&format!("DELETE FROM {name}.sealed_tables WHERE name = '{column}'"));
        }
        SERVER.sql(&format!(
            "USE {name}; ALTER TABLE leases DROP COLUMN seal; DELETE FROM sealed_tables WHERE name = 'leases';
            INSERT INTO leases (name, owner_id, epoch, until_at) VALUES ('workers', REPEAT(x'00', 16), 3, NULL);
            DELETE FROM schema_steps WHERE version = (SELECT version FROM schema_migrations WHERE description = 'checks');
            DELETE FROM schema_migrations WHERE description = 'checks'"
        ));
    }
    audited::a_name_changed_by_hand_is_the_only_fault(old.open(gateway).await).await;
}

macro_rules! holds {
    ($($name:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            audited::$name(Tables::new().open(Arc::new(ScriptedGateway::new())).await).await;
        }
    )+};
}

holds! {
    whoever_is_erased_leaves_no_trace,
    what_can_be_derived_is_repaired_and_stays_so,
    a_hold_that_only_forgot_that_it_was_sold_is_sold_without_moving_stock,
    a_hold_whose_sale_was_lost_is_sold,
    a_payment_status_that_derives_is_repaired,
    a_payment_status_beside_something_else_stays_as_found,
    a_session_given_to_somebody_else_is_named,
    a_name_changed_by_hand_is_named,
    money_is_never_repaired,
    a_busy_shop_raises_no_alarm,
    what_ended_long_ago_is_forgotten_and_not_missed,
}
