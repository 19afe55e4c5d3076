//! A COMMIT that fails half-way on a disk that takes no more.
//!
//! The test runs itself again as a child process, which limits how large its own files may grow: the
//! next write of the log then fails in the middle of a COMMIT, as on a broken disk.
#![cfg(all(feature = "sqlite", target_os = "linux"))]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use commerce_adapters::sql::sqlite::Databases;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::Clock;
use commerce_core::catalog::{CatalogStore, CatalogWrite, Seller, SellerReads};
use commerce_core::change::{ChangeSet, CommitError};
use commerce_core::error::StoreErrorKind;
use commerce_core::ids::IdSource;
use commerce_core::page::PageRequest;

/// Tells the child where the shop is.
const DIR: &str = "COMMERCE_TEST_DOUBT";

fn seller(slug: &str) -> Seller {
    let clock = Arc::new(SystemClock);
    let ids = IdSource::new(clock.clone(), Arc::new(OsEntropy));
    Seller {
        id: ids.mint(),
        // Larger than what is left of the log's last page.
        name: "x".repeat(100_000),
        slug: slug.parse().expect("it is a slug"),
        user: None,
        created_at: clock.now(),
        version: 1,
    }
}

fn log_of(dir: &Path) -> PathBuf {
    dir.join("catalog.db-wal")
}

/// Lets this process's files grow no larger than this; `None` for as large as they like.
fn limit_files(bytes: Option<u64>) {
    let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
    let process = std::process::id().to_string();
    let set = Command::new("prlimit").args(["--pid", &process, &format!("--fsize={limit}:")]).status();
    assert!(set.expect("prlimit of util-linux is there").success());
}

/// What the child does. Does nothing unless the test below started the process.
#[tokio::test]
async fn child_process() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let shop = Databases::open(&dir, Arc::new(SystemClock)).await.expect("the shop opens");
    let catalog = shop.catalog();
    let insert = |seller: &Seller| ChangeSet::of([CatalogWrite::InsertSeller(seller.clone())]);
    let (before, doubtful) = (seller("before"), seller("doubtful"));
    CatalogStore::commit(&catalog, insert(&before)).await.expect("there is room");

    let log = std::fs::metadata(log_of(&dir)).expect("there is a log").len();
    limit_files(Some(log + 8_192));
    match CatalogStore::commit(&catalog, insert(&doubtful)).await {
        Err(CommitError::Store(error)) => assert_eq!(error.kind, StoreErrorKind::OutcomeUnknown),
        other => panic!("a COMMIT that cannot be written ended as {other:?}"),
    }
    let known = catalog.sellers(&PageRequest::first()).await.expect("reading goes on").items;
    assert_eq!(known.len(), 1, "nothing of it is seen");

    limit_files(None);
    CatalogStore::commit(&catalog, insert(&doubtful)).await.expect("the disk is well again, and so is the shop");
    shop.close().await;
}

#[test]
fn a_commit_that_cannot_be_written_is_told_as_unknown_and_done_once() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let program = std::env::current_exe().expect("the test knows itself");
    // A shell ignores the signal of a file that is too large for us; the write itself then fails.
    let ended = Command::new("sh")
        .args(["-c", "trap '' XFSZ; exec \"$0\" --exact child_process --nocapture"])
        .arg(program)
        .env(DIR, dir.path())
        .stdin(Stdio::null())
        .output()
        .expect("the test starts again");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(!log_of(dir.path()).exists(), "the child closed its shop");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
    let sellers = runtime.block_on(async {
        let shop = Databases::open(dir.path(), Arc::new(SystemClock)).await.expect("the shop opens");
        let sellers = shop.catalog().sellers(&PageRequest::first()).await.expect("it can be read").items;
        shop.close().await;
        sellers
    });
    let mut slugs: Vec<String> = sellers.iter().map(|seller| seller.slug.to_string()).collect();
    slugs.sort();
    assert_eq!(slugs, ["before", "doubtful"]);
}
