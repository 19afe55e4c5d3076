//! The reference adapters: every port in memory, simple and obviously right.
//!
//! They say what the ports mean; an adapter that differs from them is wrong. They keep nothing and
//! promise no speed. A commit works on the rows themselves, which take back what it did when a
//! condition does not hold. Start reading at `database`, then `orders`.

mod books;
mod bus;
mod catalog;
mod catalog_rows;
mod catalog_sheets;
mod coupons;
mod database;
mod gateway;
mod images;
mod journal;
mod mail;
mod notifications;
mod orders;
mod orders_sheets;
mod people_sheets;
mod ports;
mod search;
mod secrets;
mod table;
mod users;
mod wallets;
mod webhooks;

pub use bus::MemoryBus;
pub use catalog::MemoryCatalog;
pub use gateway::{GatewayCall, GatewayQuestion, ScriptedGateway};
pub use images::MemoryImages;
pub use journal::{Answer, Chore, Deed, Entry, Journal};
pub use mail::{PlainRenderer, RecordingMailer};
pub use notifications::MemoryNotifications;
pub use orders::MemoryOrders;
pub use search::MemorySearch;
pub use secrets::{PlainHasher, PlainTokens};
pub use users::MemoryUsers;
pub use webhooks::RecordingCaller;

use uuid::Uuid;

use crate::page::{Page, PageRequest};

/// Cuts a page out of entries that are in the order of a list whose keys fall: newest first.
fn newest_first<T>(mut entries: Vec<T>, page: &PageRequest, key: impl Fn(&T) -> Uuid) -> Page<T> {
    entries.sort_by_key(|entry| std::cmp::Reverse(key(entry)));
    if let Some(after) = page.after() {
        entries.retain(|entry| key(entry) < after.0);
    }
    Page::cut(entries, page, key)
}

/// Cuts a page out of a list whose keys grow: oldest first.
fn oldest_first<T>(mut entries: Vec<T>, page: &PageRequest, key: impl Fn(&T) -> Uuid) -> Page<T> {
    entries.sort_by_key(&key);
    if let Some(after) = page.after() {
        entries.retain(|entry| key(entry) > after.0);
    }
    Page::cut(entries, page, key)
}

/// The first `limit` entries.
fn at_most<T>(entries: impl IntoIterator<Item = T>, limit: u32) -> Vec<T> {
    entries.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX)).collect()
}
