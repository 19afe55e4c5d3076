//! Several processes sell out of one data directory, and one of them is killed.
//!
//! The test runs itself again as child processes: a child reserves one unit after another and says
//! `held` on its standard output after each commit.
#![cfg(feature = "sqlite")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use commerce_adapters::sql::sqlite::Databases;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::catalog::{
    CatalogStore, CatalogWrite, Hold, HoldKey, HoldLine, HoldState, Inventory, Movement, MovementKind, Product, ProductStatus,
    Rating, StockReads, Variant,
};
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal, digest};
use commerce_core::ids::{Id, IdSource, MovementId};
use commerce_core::page::PageRequest;
use commerce_core::text::{Metadata, Sku};
use commerce_core::{Clock, Currency, Money};
use futures_util::future::join_all;

/// Tells a child where the shop is.
const DIR: &str = "COMMERCE_TEST_SHOP";
const PRICE: Money = Money::new(49_900, Currency::INR);

struct Seller {
    shop: Databases,
    ids: IdSource,
    clock: Arc<SystemClock>,
}

impl Seller {
    async fn open(dir: &Path) -> Self {
        let clock = Arc::new(SystemClock);
        let shop = Databases::open(dir, clock.clone()).await.expect("the shop opens");
        Self { shop, ids: IdSource::new(clock.clone(), Arc::new(OsEntropy)), clock }
    }

    fn movement(&self, kind: MovementKind, on_hand: i64, reserved: i64) -> Movement {
        let (id, at) = (self.ids.mint(), self.clock.now());
        Movement { id, sku: sku(), kind, on_hand, reserved, reference: None, reason: "test".to_owned(), actor: None, at }
    }

    async fn stock_up(&self, units: i64) {
        let now = self.clock.now();
        let variant = Variant {
            sku: sku(),
            price: PRICE,
            compare_at: None,
            options: BTreeMap::new(),
            weight_grams: None,
            barcode: None,
            metadata: Metadata::new(),
        };
        let product = Product {
            id: self.ids.mint(),
            slug: "hot".parse().expect("it is a slug"),
            name: "Hot".to_owned(),
            description: String::new(),
            status: ProductStatus::Active,
            category: None,
            seller: self.ids.mint(),
            variants: vec![variant],
            images: Vec::new(),
            rating: Rating::default(),
            metadata: Metadata::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        let receipt = CatalogWrite::Move(self.movement(MovementKind::Receipt, units, 0));
        let changes = ChangeSet::of([CatalogWrite::InsertProduct(product), receipt]);
        CatalogStore::commit(&self.shop.catalog(), changes).await.expect("the product is accepted");
    }

    /// Takes one unit; `false` when there is none.
    async fn reserve(&self) -> bool {
        let taken = self.movement(MovementKind::Reservation, 0, 1);
        let key = HoldKey(digest(&[taken.id.uuid().as_bytes()]));
        let (at, expires_at) = (taken.at, taken.at.plus(commerce_core::limits::HOLD_FOR));
        let lines = vec![HoldLine { sku: sku(), quantity: 1, unit_price: PRICE }];
        let hold = Hold { key, generation: 1, lines, state: HoldState::Active, created_at: at, expires_at };
        let changes = ChangeSet::of([CatalogWrite::InsertHold(hold), CatalogWrite::Move(taken)]);
        match CatalogStore::commit(&self.shop.catalog(), changes).await {
            Ok(()) => true,
            Err(CommitError::Refused(CommitRefusal::Short(_))) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// The stock, after checking that the ledger sums to it.
    async fn audited_stock(&self) -> Inventory {
        let catalog = self.shop.catalog();
        let stock = catalog.inventory(&[sku()]).await.expect("the catalog answers").pop().expect("the SKU is there");
        let (mut page, mut sums) = (PageRequest::first(), (0, 0));
        let mut last: Option<MovementId> = None;
        loop {
            let entries = catalog.ledger(&sku(), &page).await.expect("the catalog answers");
            for entry in &entries.items {
                assert!(last.is_none_or(|last| entry.id < last), "newest first, none twice");
                last = Some(entry.id);
                sums = (sums.0 + entry.on_hand, sums.1 + entry.reserved);
            }
            let Some(next) = entries.next_cursor else { break };
            page = PageRequest::parse(Some(100), Some(&next)).expect("the cursor is the list's own");
        }
        assert_eq!(sums, (stock.on_hand, stock.reserved), "the ledger sums to the inventory");
        stock
    }
}

fn sku() -> Sku {
    "HOT-1".parse().expect("it is a SKU")
}

fn child(dir: &Path) -> Child {
    let program = std::env::current_exe().expect("the test knows itself");
    Command::new(program)
        .args(["--exact", "child_process", "--nocapture"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts again")
}

fn held(line: &std::io::Result<String>) -> bool {
    line.as_ref().is_ok_and(|line| line.ends_with("held"))
}

/// What a child does. Does nothing unless [`child`] started the process.
#[tokio::test]
async fn child_process() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let seller = Seller::open(Path::new(&dir)).await;
    while seller.reserve().await {
        writeln!(std::io::stdout(), "\nheld").expect("the parent listens");
    }
    seller.shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_sell_exactly_what_there_is() {
    const UNITS: usize = 150;
    let dir = tempfile::tempdir().expect("a folder can be made");
    let seller = Seller::open(dir.path()).await;
    seller.stock_up(i64::try_from(UNITS).expect("it is small")).await;
    let mut children = [child(dir.path()), child(dir.path())];
    let mut sold = 0;
    while seller.reserve().await {
        sold += 1;
    }
    for child in &mut children {
        let output = child.stdout.take().expect("its output is a pipe");
        sold += BufReader::new(output).lines().filter(held).count();
        assert!(child.wait().expect("the child ends").success());
    }
    assert_eq!(sold, UNITS);
    let stock = seller.audited_stock().await;
    assert_eq!((stock.reserved, stock.available()), (stock.on_hand, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let seller = Seller::open(dir.path()).await;
    seller.stock_up(1_000_000).await;
    seller.shop.close().await;
    for round in 1..=3_usize {
        let mut process = child(dir.path());
        let mut lines = BufReader::new(process.stdout.take().expect("its output is a pipe")).lines();
        let mut acknowledged = lines.by_ref().filter(held).take(20 * round).count();
        process.kill().expect("the child can be killed");
        acknowledged += lines.filter(held).count();
        process.wait().expect("the child ends");
        let seller = Seller::open(dir.path()).await;
        let before = seller.audited_stock().await.reserved;
        assert!(before >= i64::try_from(acknowledged).expect("it is small"), "{before} of {acknowledged} survived");
        assert!(seller.reserve().await, "the shop sells on");
        seller.shop.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_on_the_last_units_gets_exactly_these() {
    let dir = tempfile::tempdir().expect("a folder can be made");
    let seller = Seller::open(dir.path()).await;
    seller.stock_up(70).await;
    let outcomes = join_all((0..300).map(|_| seller.reserve())).await;
    assert_eq!(outcomes.into_iter().filter(|held| *held).count(), 70);
    assert_eq!(seller.audited_stock().await.available(), 0);
}
