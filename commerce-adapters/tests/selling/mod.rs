//! One SKU, and who sells it.

use std::collections::BTreeMap;
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
