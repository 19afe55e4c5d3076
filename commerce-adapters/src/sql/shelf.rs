//! Products as those who browse see them, and what carts show of their items, kept for a moment,
//! because most look at the same few.
//!
//! Owns no truth, and no order is decided by it. What this process commits is off the shelf, or counted anew on it, before
//! its caller hears of it; what another process writes is seen when the moment has passed.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use commerce_core::catalog::{Item, Shown};
use commerce_core::ids::ProductId;
use commerce_core::text::Sku;

use crate::sql::judge::CatalogJudge;

/// How long something is kept: under [`commerce_core::limits::BROWSE_BEHIND`] by the time that
/// reading it may take.
const KEPT_FOR: Duration = Duration::from_millis(900);
/// Things of one kind that are kept at most; those that many look at are back at once.
const KEPT_MAX: usize = 4_096;
/// For how long after this process changed something it is not read from a replica, which may be behind.
const LAG_MAX: Duration = Duration::from_secs(5);
/// Counts of what was taken off: so many that a busy shop hardly ever keeps a read from being put up.
const COUNTS: usize = 256;

/// What is kept.
#[derive(Default)]
pub(crate) struct Shelf {
    products: Mutex<Kept<ProductId, Arc<Shown>>>,
    items: Mutex<Kept<Sku, Item>>,
}

impl Shelf {
    /// The product if it is kept; if not, leave to put it up.
    pub(crate) fn product(&self, id: ProductId) -> Result<Arc<Shown>, Leave> {
        lock(&self.products).look(&id)
    }

    /// Puts up a product that was read under `leave`.
    pub(crate) fn put_product(&self, leave: Leave, shown: &Arc<Shown>) {
        lock(&self.products).put(leave, shown.product.id, Arc::clone(shown));
    }

    /// The items that are kept, and the SKUs of those that are not, each with leave to put it up.
    pub(crate) fn items(&self, skus: &[Sku]) -> (Vec<Item>, HashMap<Sku, Leave>) {
        let (kept, mut found, mut missing) = (lock(&self.items), Vec::with_capacity(skus.len()), HashMap::new());
        for sku in skus {
            match kept.look(sku) {
                Ok(item) => found.push(item),
                Err(leave) => {
                    missing.insert(sku.clone(), leave);
                }
            }
        }
        (found, missing)
    }

    /// Puts up items that were read under the leave of their SKUs.
    pub(crate) fn put_items(&self, mut leave: HashMap<Sku, Leave>, items: &[Item]) {
        let mut kept = lock(&self.items);
        for item in items {
            if let Some(leave) = leave.remove(&item.sku) {
                kept.put(leave, item.sku.clone(), item.clone());
            }
        }
    }

    /// Takes off what a committed batch changed. An item whose stock alone changed stays with what is left of it: the items
    /// that are sold most are asked for most.
    pub(crate) fn take_off(&self, judge: &CatalogJudge<'_>) {
        let (mut products, mut items) = (lock(&self.products), lock(&self.items));
        for (sku, stock) in judge.inventory.written() {
            products.take_off(&stock.product);
            items.change(sku, |item| item.available = stock.available());
        }
        for (id, row) in judge.products.written() {
            products.take_off(id);
            row.skus.iter().for_each(|sku| items.take_off(sku));
        }
        judge.inventory.removed().for_each(|sku| items.take_off(sku));
    }
}

fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds the lock can panic half way.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Leave to put up what is read from now on: what was read before it was taken off is not put up.
#[derive(Clone, Copy)]
pub(crate) struct Leave {
    taken_off: u64,
    read_at: Instant,
    lately: bool,
}

impl Leave {
    /// Whether it may be read from a replica: this process has not changed it lately.
    pub(crate) fn may_lag(self) -> bool {
        !self.lately
    }
}

/// Things of one kind, each for its moment.
struct Kept<K, V> {
    values: HashMap<K, (V, Instant)>,
    /// How often something was taken off and when last, by hash of its key.
    taken_off: [(u64, Option<Instant>); COUNTS],
    hasher: RandomState,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self { values: HashMap::new(), taken_off: [(0, None); COUNTS], hasher: RandomState::new() }
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn count(&self, key: &K) -> usize {
        usize::try_from(self.hasher.hash_one(key) % COUNTS as u64).unwrap_or(0)
    }

    fn look(&self, key: &K) -> Result<V, Leave> {
        let now = Instant::now();
        match self.values.get(key) {
            Some((value, read_at)) if now.duration_since(*read_at) < KEPT_FOR => Ok(value.clone()),
            _ => {
                let (taken_off, last) = self.taken_off[self.count(key)];
                let lately = last.is_some_and(|last| now.duration_since(last) < LAG_MAX);
                Err(Leave { taken_off, read_at: now, lately })
            }
        }
    }

    fn put(&mut self, leave: Leave, key: K, value: V) {
        if self.taken_off[self.count(&key)].0 != leave.taken_off {
            return;
        }
        if self.values.len() >= KEPT_MAX {
            let now = Instant::now();
            self.values.retain(|_, (_, read_at)| now.duration_since(*read_at) < KEPT_FOR);
        }
        if self.values.len() < KEPT_MAX {
            self.values.insert(key, (value, leave.read_at));
        }
    }

    fn take_off(&mut self, key: &K) {
        self.outdate(key);
        self.values.remove(key);
    }

    /// Changes what is kept, for the rest of its moment.
    fn change(&mut self, key: &K, change: impl FnOnce(&mut V)) {
        self.outdate(key);
        if let Some((value, _)) = self.values.get_mut(key) {
            change(value);
        }
    }

    /// What was read until now is not put up any more.
    fn outdate(&mut self, key: &K) {
        let count = self.count(key);
        self.taken_off[count] = (self.taken_off[count].0 + 1, Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::judge::ProductRow;
    use commerce_core::catalog::{Inventory, Product, ProductStatus, Rating};
    use commerce_core::ids::{Id, SellerId};
    use commerce_core::text::Metadata;
    use commerce_core::{Currency, Money, Timestamp};
    use uuid::Uuid;

    fn shown(number: u128) -> Arc<Shown> {
        let product = Product {
            id: ProductId::from_uuid(Uuid::from_u128(number)),
            slug: "shirt".parse().unwrap(),
            name: "Shirt".to_owned(),
            description: String::new(),
            status: ProductStatus::Active,
            category: None,
            seller: SellerId::from_uuid(Uuid::from_u128(1)),
            variants: Vec::new(),
            images: Vec::new(),
            rating: Rating { count: 0, sum: 0 },
            metadata: Metadata::new(),
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
            version: 1,
        };
        Arc::new(Shown { product, stock: Vec::new() })
    }

    fn leave(shelf: &Shelf, shown: &Shown) -> Leave {
        shelf.product(shown.product.id).err().unwrap()
    }

    /// What a batch that changed the stock of `product` leaves.
    fn sold(product: ProductId) -> CatalogJudge<'static> {
        let sku: Sku = "A".parse().unwrap();
        let stock = Inventory {
            sku: sku.clone(),
            product,
            on_hand: 1,
            reserved: 1,
            low_stock_threshold: 0,
            low_stock_alerted: false,
            version: 2,
        };
        let mut judge = CatalogJudge::default();
        judge.inventory.set(sku, stock);
        judge
    }

    #[test]
    fn what_was_sold_is_off_the_shelf() {
        let (shelf, one, other) = (Shelf::default(), shown(1), shown(2));
        for product in [&one, &other] {
            shelf.put_product(leave(&shelf, product), product);
        }
        shelf.take_off(&sold(one.product.id));
        assert!(shelf.product(one.product.id).is_err());
        assert!(shelf.product(other.product.id).is_ok());
    }

    #[test]
    fn an_item_says_what_is_left_until_its_product_changes() {
        let (shelf, product) = (Shelf::default(), ProductId::from_uuid(Uuid::from_u128(1)));
        let item = |sku: &str, available| Item {
            sku: sku.parse().unwrap(),
            product,
            name: "Shirt".to_owned(),
            unit_price: Money::new(100, Currency::INR),
            available,
            on_sale: true,
            weight_grams: None,
        };
        let skus: Vec<Sku> = ["A", "B"].map(|sku| sku.parse().unwrap()).into();
        let (kept, missing) = shelf.items(&skus);
        assert_eq!((kept.len(), missing.len()), (0, 2));
        let late = missing.clone();
        shelf.put_items(missing, &[item("A", 4), item("B", 1)]);
        assert_eq!(shelf.items(&skus).0, [item("A", 4), item("B", 1)]);

        shelf.take_off(&sold(product));
        assert_eq!(shelf.items(&skus).0, [item("A", 0), item("B", 1)]);
        shelf.put_items(late, &[item("A", 4)]);
        assert_eq!(shelf.items(&skus).0, [item("A", 0), item("B", 1)], "what was read before is not put up any more");

        let mut judge = sold(product);
        let skus_of_it = skus.iter().take(1).cloned().collect();
        judge.products.set(product, ProductRow { version: 2, slug: "shirt".parse().unwrap(), skus: skus_of_it, write: None });
        shelf.take_off(&judge);
        let (kept, missing) = shelf.items(&skus);
        assert_eq!((kept, missing.len()), (vec![item("B", 1)], 1));
    }

    #[test]
    fn what_was_read_before_a_commit_is_not_put_up_after_it() {
        let (shelf, one) = (Shelf::default(), shown(1));
        let before = leave(&shelf, &one);
        shelf.take_off(&sold(one.product.id));
        shelf.put_product(before, &one);
        assert!(shelf.product(one.product.id).is_err());
        assert!(before.may_lag() && !leave(&shelf, &one).may_lag(), "a replica may not have it yet");
    }

    #[test]
    fn nothing_is_kept_longer_than_its_moment_and_no_more_than_fits() {
        let shelf = Shelf::default();
        let read_at = Instant::now().checked_sub(KEPT_FOR).unwrap();
        for number in 0..KEPT_MAX as u128 {
            shelf.put_product(Leave { taken_off: 0, read_at, lately: false }, &shown(number));
        }
        assert!(shelf.product(shown(1).product.id).is_err());
        let one = shown(KEPT_MAX as u128);
        shelf.put_product(leave(&shelf, &one), &one);
        assert!(shelf.product(one.product.id).is_ok());
        assert_eq!(lock(&shelf.products).values.len(), 1);
    }
}
