//! The audit over `SQLite`: a healthy shop is clean, and every single row that is altered or taken out
//! of its files by hand is found and named.
#![cfg(feature = "sqlite")]

mod audited;
#[path = "audited/columns.rs"]
mod columns;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_adapters::sql::{Databases, sqlite};
use commerce_core::audit::books::{Cell, Table};
use commerce_core::audit::tables;
use commerce_core::commerce::Context;
use commerce_core::testing::memory::ScriptedGateway;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use audited::{Hands, Subject};

struct Files(TempDir);

#[async_trait]
impl Hands for Files {
    async fn alter(&self, context: Context, _: &'static Table, _: Option<&(&'static str, Cell)>, statement: String) -> bool {
        let options = SqliteConnectOptions::new().filename(self.0.path().join(format!("{context}.db")));
        let options = options.foreign_keys(false).pragma("ignore_check_constraints", "on");
        let mut connection = options.connect().await.expect("the file opens");
        match sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut connection).await {
            Ok(done) => {
                assert_eq!(done.rows_affected(), 1, "{statement}");
                true
            }
            // Two rows of one key, nothing where there must be something, a text for a number.
            Err(sqlx::Error::Database(refused)) if !refused.message().contains("locked") => false,
            Err(error) => panic!("{statement}: {error}"),
        }
    }

    fn same(&self) -> &'static str {
        "IS"
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder can be made")
}

async fn open(dir: TempDir, gateway: Arc<ScriptedGateway>) -> Subject {
    let path = dir.path().to_owned();
    on_files_of(&path, Files(dir), gateway).await
}

async fn on_files_of(path: &Path, files: Files, gateway: Arc<ScriptedGateway>) -> Subject {
    let clock = audited::clock();
    let databases = sqlite::Databases::open(path, clock.clone()).await.expect("a shop opens");
    Subject::new(Databases::Sqlite(databases), clock, files, gateway)
}

fn copy(from: &Path) -> TempDir {
    let to = folder();
    for entry in std::fs::read_dir(from).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        std::fs::copy(&path, to.path().join(path.file_name().expect("a file has a name"))).expect("a file can be copied");
    }
    to
}

#[tokio::test]
async fn the_books_in_sqlite_hide_nothing() {
    let healthy = folder();
    let gateway = on_files_of(healthy.path(), Files(folder()), Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    audited::the_books_hide_nothing(async || open(copy(healthy.path()), gateway.clone()).await).await;
}

macro_rules! each_column {
    ($($name:ident: $context:expr),+ $(,)?) => {$(
        #[tokio::test]
        async fn $name() {
            let healthy = folder();
            let gateway = on_files_of(healthy.path(), Files(folder()), Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
            columns::say_what_was_written(&open(healthy, gateway).await, $context).await;
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
    let old = folder();
    let gateway = on_files_of(old.path(), Files(folder()), Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    for context in Context::ALL {
        let file = SqliteConnectOptions::new().filename(old.path().join(format!("{context}.db")));
        let mut connection = file.connect().await.expect("it opens");
        for table in tables::of(*context).filter(|table| table.is_sealed()) {
            let unsealed = format!("UPDATE {} SET seal = NULL", table.name);
            sqlx::query(AssertSqlSafe(unsealed)).execute(&mut connection).await.expect("rows can be altered");
        }
        connection.close().await.expect("it closes");
    }
    audited::a_name_changed_by_hand_is_the_only_fault(open(old, gateway).await).await;
}

/// The files of a program that said everything once.
#[tokio::test]
async fn rows_from_before_anything_was_said_twice_are_filled_in_when_a_shop_is_opened() {
    let old = folder();
    let gateway = on_files_of(old.path(), Files(folder()), Arc::new(ScriptedGateway::new())).await.trade_and_close().await;
    for context in Context::ALL {
        let file = SqliteConnectOptions::new().filename(old.path().join(format!("{context}.db")));
        let mut connection = file.connect().await.expect("it opens");
        for (table, column) in audited::said_twice(*context) {
            let undone = format!("ALTER TABLE {table} DROP COLUMN {column}");
            sqlx::raw_sql(AssertSqlSafe(undone)).execute(&mut connection).await.expect("a table can be altered");
        }
        let undone = "DROP INDEX leases_unsealed; ALTER TABLE leases DROP COLUMN seal;
            INSERT INTO leases (name, owner_id, epoch, until_at) VALUES ('workers', zeroblob(16), 3, NULL);
            DELETE FROM schema_migrations WHERE description = 'checks'";
        sqlx::raw_sql(undone).execute(&mut connection).await.expect("a table can be altered");
        connection.close().await.expect("it closes");
    }
    audited::a_name_changed_by_hand_is_the_only_fault(open(old, gateway).await).await;
}

macro_rules! holds {
    ($($name:ident),+ $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            audited::$name(open(folder(), Arc::new(ScriptedGateway::new())).await).await;
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
