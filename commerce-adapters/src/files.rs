//! What goes wrong with files, said as the ports say it.

use std::io;
use std::path::Path;

use commerce_core::error::{StoreError, StoreErrorKind};

/// The failure of `operation` at `path`: full, not writable, or not to be reached.
pub(crate) fn storage_error(operation: &'static str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::new(storage_kind(error), operation, format!("{}: {error}", path.display()))
}

/// Makes a folder that is its owner's alone: it has people's data and the shop's keys. One that is there stays as it is, and
/// those above it that are missing are made as others are.
pub(crate) fn make_private(folder: &Path) -> io::Result<()> {
    if let Some(above) = folder.parent() {
        std::fs::create_dir_all(above)?;
    }
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

/// What kind of failure this is for a port.
pub(crate) fn storage_kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreErrorKind::Full,
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => StoreErrorKind::ReadOnly,
        _ => StoreErrorKind::Unavailable,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_made_for_a_shop_is_its_owners_alone() {
        let around = tempfile::tempdir().unwrap();
        let mode = |folder: &Path| std::fs::metadata(folder).unwrap().permissions().mode() & 0o777;
        let shop = around.path().join("above/shop");
        make_private(&shop).unwrap();
        assert_eq!(mode(&shop), 0o700);
        std::fs::create_dir(around.path().join("like others")).unwrap();
        assert_eq!(mode(shop.parent().unwrap()), mode(&around.path().join("like others")));

        std::fs::set_permissions(&shop, std::fs::Permissions::from_mode(0o750)).unwrap();
        make_private(&shop).unwrap();
        assert_eq!(mode(&shop), 0o750, "what somebody has opened to others stays open");
    }
}
