//! Settings of a shop that uses no server but itself.

use std::path::Path;

use commerce_server::Config;

use crate::context::set;
use crate::failure::Failure;

/// Puts a shop into this folder with everything that it needs, and with no server beside it.
///
/// # Errors
/// When the folder's path is not UTF-8.
pub(crate) fn alone_in(config: &mut Config, folder: &Path) -> Result<(), Failure> {
    let folder = folder.to_str().ok_or_else(|| Failure::usage("the folder's path is not UTF-8"))?;
    set(config, "database.dir", folder)?;
    for (key, value) in ALONE {
        set(config, key, value)?;
    }
    Ok(())
}

/// What the settings of a shop say that uses no server but itself.
pub(crate) const ALONE: [(&str, &str); 16] = [
    ("database.url", ""),
    ("database.reader_url", ""),
    ("database.users_url", ""),
    ("database.users_reader_url", ""),
    ("database.catalog_url", ""),
    ("database.catalog_reader_url", ""),
    ("database.orders_url", ""),
    ("database.orders_reader_url", ""),
    ("database.notifications_url", ""),
    ("database.notifications_reader_url", ""),
    ("events.bus", "local"),
    ("orders.carts", "database"),
    ("gateway.rate_limit_shared", "false"),
    ("auth.sessions", "users"),
    ("aws.images_bucket", ""),
    ("mail.transport", "files"),
];
