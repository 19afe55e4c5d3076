//! One SKU that several processes sell.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use commerce_adapters::sql::Databases;
use commerce_adapters::system::{OsEntropy, SystemClock};
use commerce_core::catalog::{
    CatalogWrite, Hold, HoldKey, HoldLine, HoldState, Inventory, Movement, MovementKind, Product, ProductStatus, Rating, Variant,
};
use commerce_core::change::{ChangeSet, CommitError, CommitRefusal, digest};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, IdSource, MovementId};
use commerce_core::page::PageRequest;
use commerce_core::text::{Metadata, Sku};
use commerce_core::{Clock, Currency, Money};
use futures_util::future::join_all;

/// Tells a child where the shop is.
pub(crate) const SHOP: &str = "COMMERCE_TEST_SHOP";
const PRICE: Money = Money::new(49_900, Currency::INR);

/// Somebody who sells units of one SKU.
pub(crate) struct Seller {
    pub(crate) shop: Databases,
    ids: IdSource,
    clock: Arc<SystemClock>,
}

impl Seller {
    /// Out of these databases.
    pub(crate) fn of(shop: Databases) -> Self {
        let clock = Arc::new(SystemClock);
        Self { shop, ids: IdSource::new(clock.clone(), Arc::new(OsEntropy)), clock }
    }

    fn movement(&self, kind: MovementKind, on_hand: i64, reserved: i64) -> Movement {
        let (id, at) = (self.ids.mint(), self.clock.now());
        Movement { id, sku: sku(), kind, on_hand, reserved, reference: None, reason: "test".to_owned(), actor: None, at }
    }

    /// Puts units on the shelf.
    pub(crate) async fn stock_up(&self, units: i64) {
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
        self.shop.catalog().commit(changes).await.expect("the product is accepted");
    }

    /// Takes one unit; `false` when there is none.
    pub(crate) async fn reserve(&self) -> bool {
        self.try_reserve().await.unwrap_or_else(|error| panic!("{error:?}"))
    }

    /// The same where the store may fail.
    pub(crate) async fn try_reserve(&self) -> Result<bool, StoreError> {
        let taken = self.movement(MovementKind::Reservation, 0, 1);
        let key = HoldKey(digest(&[taken.id.uuid().as_bytes()]));
        let (at, expires_at) = (taken.at, taken.at.plus(commerce_core::limits::HOLD_FOR));
        let lines = vec![HoldLine { sku: sku(), quantity: 1, unit_price: PRICE }];
        let hold = Hold { key, generation: 1, lines, state: HoldState::Active, created_at: at, expires_at };
        let changes = ChangeSet::of([CatalogWrite::InsertHold(hold), CatalogWrite::Move(taken)]);
        match self.shop.catalog().commit(changes).await {
            Ok(()) => Ok(true),
            Err(CommitError::Refused(CommitRefusal::Short(_))) => Ok(false),
            Err(CommitError::Refused(other)) => panic!("{other:?}"),
            Err(CommitError::Store(error)) => Err(error),
        }
    }

    /// The stock, after checking that the ledger sums to it.
    pub(crate) async fn audited_stock(&self) -> Inventory {
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

/// Starts this test again as a process that sells out of the shop at `place`.
pub(crate) fn child(place: &str) -> Child {
    let program = std::env::current_exe().expect("the test knows itself");
    Command::new(program)
        .args(["--exact", "child_process", "--nocapture"])
        .env(SHOP, place)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts again")
}

/// What such a process does: reserves one unit after another and says `held` after each commit.
pub(crate) async fn sell_all(seller: Seller) {
    while seller.reserve().await {
        writeln!(std::io::stdout(), "\nheld").expect("the parent listens");
    }
    seller.shop.close().await;
}

/// How often a process says `held`, as its lines come.
pub(crate) fn sold(child: &mut Child) -> impl Iterator<Item = ()> + use<> {
    let output = child.stdout.take().expect("its output is a pipe");
    let held = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.ends_with("held"));
    BufReader::new(output).lines().filter(held).map(|_| ())
}

/// Two processes beside this one sell exactly what there is.
pub(crate) async fn processes_sell_exactly_what_there_is(seller: Seller, place: &str) {
    const UNITS: usize = 150;
    seller.stock_up(i64::try_from(UNITS).expect("it is small")).await;
    let mut children = [child(place), child(place)];
    let mut count = 0;
    while seller.reserve().await {
        count += 1;
    }
    for child in &mut children {
        count += sold(child).count();
        assert!(child.wait().expect("the child ends").success());
    }
    assert_eq!(count, UNITS);
    let stock = seller.audited_stock().await;
    assert_eq!((stock.reserved, stock.available()), (stock.on_hand, 0));
}

/// What a killed process acknowledged is there when the shop is opened again.
pub(crate) async fn a_killed_process_loses_nothing(open: impl AsyncFn() -> Seller, place: &str) {
    let seller = open().await;
    seller.stock_up(1_000_000).await;
    seller.shop.close().await;
    for round in 1..=3_usize {
        let mut process = child(place);
        let mut lines = sold(&mut process);
        let mut acknowledged = lines.by_ref().take(20 * round).count();
        process.kill().expect("the child can be killed");
        acknowledged += lines.count();
        process.wait().expect("the child ends");
        let seller = open().await;
        let before = seller.audited_stock().await.reserved;
        assert!(before >= i64::try_from(acknowledged).expect("it is small"), "{before} of {acknowledged} survived");
        assert!(seller.reserve().await, "the shop sells on");
        seller.shop.close().await;
    }
}

/// As many get a unit as there are.
pub(crate) async fn a_crowd_gets_exactly_what_there_is(seller: Seller) {
    seller.stock_up(70).await;
    let outcomes = join_all((0..300).map(|_| seller.reserve())).await;
    assert_eq!(outcomes.into_iter().filter(|held| *held).count(), 70);
    assert_eq!(seller.audited_stock().await.available(), 0);
}
