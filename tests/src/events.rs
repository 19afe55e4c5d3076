//! What a shop has said: its outboxes, read where they lie.

use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use crate::server::{Server, sql_server};

/// The databases that say something.
const SPEAK: [&str; 3] = ["users", "catalog", "orders"];

/// Every event as `context type data`, in the order of each context.
///
/// # Panics
/// When a database cannot be read.
pub async fn events(shop: &Server) -> Vec<String> {
    let url = shop.env().iter().find(|(name, _)| *name == "COMMERCE_DATABASE__URL").map(|(_, url)| url.clone());
    let mut all = Vec::new();
    for context in SPEAK {
        let rows = match &url {
            Some(url) => on_mariadb(url, context),
            None => in_file(&shop.data().join(format!("{context}.db"))).await,
        };
        all.extend(rows.into_iter().map(|(kind, data)| format!("{context} {kind} {data}")));
    }
    all
}

fn on_mariadb(url: &str, context: &str) -> Vec<(String, String)> {
    let (_, shop) = url.rsplit_once('/').expect("the URL names a shop");
    let rows = sql_server().sql(&format!("SELECT type, HEX(data) FROM {shop}{context}.outbox ORDER BY position"));
    let read = |line: &str| {
        let (kind, data) = line.split_once('\t').expect("two columns");
        let data = hex::decode(data).expect("the server writes hexadecimal digits");
        (kind.to_owned(), String::from_utf8(data).expect("events are text"))
    };
    rows.lines().map(read).collect()
}

async fn in_file(file: &Path) -> Vec<(String, String)> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut database = SqliteConnection::connect_with(&options).await.expect("the file is a database");
    let rows = sqlx::query_as("SELECT type, data FROM outbox ORDER BY position").fetch_all(&mut database).await;
    rows.expect("it has an outbox")
}
