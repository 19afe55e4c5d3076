//! The rows of the catalog and how its writes change them.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{CatalogWrite, Category, Hold, HoldKey, HoldState, Inventory, Movement, Product, Review, Seller, Wish};
use crate::change::CommitRefusal;
use crate::error::Shortage;
use crate::ids::{CategoryId, MovementId, ProductId, ReviewId, SellerId, UserId};
use crate::limits;
use crate::text::Sku;
use crate::time::Timestamp;

use super::database::{Apply, judge_free, judge_version, undo_tables};
use super::table::Table;

/// Everything the catalog knows.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) products: Table<ProductId, Product>,
    /// When each product last changed as the search index sees it.
    pub(super) changed: Table<ProductId, Timestamp>,
    pub(super) categories: Table<CategoryId, Category>,
    /// The one row is the tree as a whole.
    pub(super) tree_version: Table<(), u64>,
    pub(super) sellers: Table<SellerId, Seller>,
    pub(super) inventory: Table<Sku, Inventory>,
    pub(super) ledger: Table<MovementId, Movement>,
    pub(super) holds: Table<HoldKey, BTreeMap<u32, Hold>>,
    pub(super) reviews: Table<ReviewId, Review>,
    pub(super) wishes: Table<(UserId, ProductId), Wish>,
}

undo_tables!(Rows: products, changed, categories, tree_version, sellers, inventory, ledger, holds, reviews, wishes);

impl Rows {
    pub(super) fn tree_version(&self) -> u64 {
        self.tree_version.get(&()).copied().unwrap_or(0)
    }

    fn write(&mut self, write: CatalogWrite, now: Timestamp) -> Result<(), CommitRefusal> {
        match write {
            CatalogWrite::InsertProduct(product) => {
                judge_free("id", self.products.contains_key(&product.id))?;
                self.put_product(product, now)?;
            }
            CatalogWrite::UpdateProduct(product) => {
                judge_version("product", self.products.get(&product.id).map(|old| old.version), product.version)?;
                self.put_product(product, now)?;
            }
            CatalogWrite::InsertCategory(category) => {
                judge_free("id", self.categories.contains_key(&category.id))?;
                self.put_category(category)?;
            }
            CatalogWrite::UpdateCategory(category) => {
                judge_version("category", self.categories.get(&category.id).map(|old| old.version), category.version)?;
                self.put_category(category)?;
            }
            CatalogWrite::DeleteCategory(id) => {
                if self.products.values().any(|product| product.category == Some(id)) {
                    return Err(CommitRefusal::Stale("category"));
                }
                self.categories.remove(&id);
            }
            CatalogWrite::TouchTree(version) => {
                judge_version("category tree", Some(self.tree_version()), version)?;
                self.tree_version.insert((), version);
            }
            CatalogWrite::ExpectTree(version) => {
                judge_version("category tree", Some(self.tree_version()), version.saturating_add(1))?;
            }
            CatalogWrite::InsertSeller(seller) => {
                judge_free("id", self.sellers.contains_key(&seller.id))?;
                self.put_seller(seller)?;
            }
            CatalogWrite::UpdateSeller(seller) => {
                judge_version("seller", self.sellers.get(&seller.id).map(|old| old.version), seller.version)?;
                self.put_seller(seller)?;
            }
            CatalogWrite::Move(movement) => self.move_stock(movement)?,
            CatalogWrite::Note(movement) if self.inventory.contains_key(&movement.sku) => {
                return Err(CommitRefusal::Stale("inventory"));
            }
            CatalogWrite::Note(movement) => {
                self.ledger.insert(movement.id, movement);
            }
            CatalogWrite::InsertHold(hold) => self.insert_hold(hold)?,
            CatalogWrite::EndHold(key, generation, state) => self.active_hold(key, generation)?.state = state,
            CatalogWrite::PostponeHold(key, generation, at) => self.active_hold(key, generation)?.expires_at = at,
            CatalogWrite::Recount { sku, version, on_hand, reserved } => {
                judge_version("inventory", self.inventory.get(&sku).map(|row| row.version), version)?;
                let row = self.stock(&sku)?;
                (row.on_hand, row.reserved) = (on_hand, reserved);
            }
            CatalogWrite::ExpectStock(sku, version) => {
                judge_version("inventory", self.inventory.get(&sku).map(|row| row.version), version.saturating_add(1))?;
            }
            CatalogWrite::SetAlerted(sku, alerted) => {
                let row = self.inventory.get_mut(&sku).ok_or(CommitRefusal::Stale("inventory"))?;
                row.low_stock_alerted = alerted;
            }
            CatalogWrite::SetThreshold(sku, threshold) => self.stock(&sku)?.low_stock_threshold = threshold,
            CatalogWrite::InsertReview(review) => {
                judge_free("id", self.reviews.contains_key(&review.id))?;
                let twin = |other: &Review| (other.user, other.product) == (review.user, review.product);
                judge_free("review", self.reviews.values().any(twin))?;
                self.reviews.insert(review.id, review);
            }
            CatalogWrite::UpdateReview(review) => {
                judge_version("review", self.reviews.get(&review.id).map(|old| old.version), review.version)?;
                self.reviews.insert(review.id, review);
            }
            CatalogWrite::InsertWish(wish) => {
                judge_free("wish", self.wishes.contains_key(&(wish.user, wish.product)))?;
                self.wishes.insert((wish.user, wish.product), wish);
            }
            CatalogWrite::DeleteWish(user, product) => {
                self.wishes.remove(&(user, product));
            }
        }
        Ok(())
    }

    fn put_product(&mut self, product: Product, now: Timestamp) -> Result<(), CommitRefusal> {
        let mut others = self.products.values().filter(|other| other.id != product.id);
        judge_free("slug", others.any(|other| other.slug == product.slug))?;
        let mut skus = BTreeSet::new();
        for variant in &product.variants {
            let elsewhere = self.inventory.get(&variant.sku).is_some_and(|row| row.product != product.id);
            judge_free("sku", elsewhere || !skus.insert(&variant.sku))?;
        }
        // Stock that came after it was written off must not go with the row.
        let stranded = |(sku, row): (&Sku, &Inventory)| row.product == product.id && !skus.contains(sku) && row.on_hand > 0;
        if self.inventory.iter().any(stranded) {
            return Err(CommitRefusal::Stale("product"));
        }
        let is_gone = |(sku, row): &(&Sku, &Inventory)| row.product == product.id && !skus.contains(sku);
        let gone: Vec<Sku> = self.inventory.iter().filter(is_gone).map(|(sku, _)| sku.clone()).collect();
        for sku in &gone {
            self.inventory.remove(sku);
        }
        for sku in skus {
            if !self.inventory.contains_key(sku) {
                self.inventory.insert(sku.clone(), empty_stock(sku, product.id));
            }
        }
        self.changed.insert(product.id, now);
        self.products.insert(product.id, product);
        Ok(())
    }

    fn put_category(&mut self, category: Category) -> Result<(), CommitRefusal> {
        let mut others = self.categories.values().filter(|other| other.id != category.id);
        judge_free("slug", others.any(|other| other.slug == category.slug))?;
        self.categories.insert(category.id, category);
        Ok(())
    }

    fn put_seller(&mut self, seller: Seller) -> Result<(), CommitRefusal> {
        let mut others = self.sellers.values().filter(|other| other.id != seller.id);
        judge_free("slug", others.any(|other| other.slug == seller.slug))?;
        if self.sellers.get(&seller.id).and_then(|before| before.user) != seller.user {
            judge_free("user", seller.user.is_some_and(|user| self.sellers.values().any(|other| other.user == Some(user))))?;
        }
        self.sellers.insert(seller.id, seller);
        Ok(())
    }

    fn move_stock(&mut self, movement: Movement) -> Result<(), CommitRefusal> {
        let row = self.inventory.get_mut(&movement.sku);
        let (row, after) =
            row.and_then(|row| row.after(&movement).map(|after| (row, after))).ok_or(CommitRefusal::Short(Vec::new()))?;
        *row = after;
        self.ledger.insert(movement.id, movement);
        Ok(())
    }

    /// Every SKU whose movements do not fit together, in order of first mention. A SKU that the
    /// change set made itself had nothing before.
    fn shortages(&self, movements: &[Movement]) -> Vec<Shortage> {
        let mut asked: Vec<&Sku> = Vec::new();
        for movement in movements {
            if !asked.contains(&&movement.sku) {
                asked.push(&movement.sku);
            }
        }
        let shortage = |sku: &Sku| {
            let of_sku = || movements.iter().filter(|movement| movement.sku == *sku);
            let made = self.inventory.get(sku).map(|row| empty_stock(sku, row.product));
            let start = self.inventory.before(sku).cloned().or(made);
            let fits = start.clone().and_then(|start| of_sku().try_fold(start, |row, movement| row.after(movement))).is_some();
            let requested = of_sku().fold(0_i64, |sum, movement| sum.saturating_add(taken_by(movement)));
            (!fits).then(|| Shortage {
                sku: sku.clone(),
                requested: u32::try_from(requested).unwrap_or(u32::MAX),
                available: start.map_or(0, |row| row.available()),
            })
        };
        asked.into_iter().filter_map(shortage).collect()
    }

    /// Notes which products came into stock or ran out.
    fn note_turns(&mut self, now: Timestamp) {
        for sku in self.inventory.touched() {
            let Some(row) = self.inventory.get(sku) else { continue };
            let had = self.inventory.before(sku).is_some_and(|row| row.available() > 0);
            if had != (row.available() > 0) {
                self.changed.insert(row.product, now);
            }
        }
    }

    fn insert_hold(&mut self, hold: Hold) -> Result<(), CommitRefusal> {
        let mut generations = self.holds.get(&hold.key).cloned().unwrap_or_default();
        let (last, active) = generations.last_key_value().map_or((0, false), |(last, hold)| (*last, is_active(hold)));
        if active || last.checked_add(1) != Some(hold.generation) {
            return Err(CommitRefusal::Stale("hold"));
        }
        let key = hold.key;
        generations.insert(hold.generation, hold);
        self.holds.insert(key, generations);
        Ok(())
    }

    fn active_hold(&mut self, key: HoldKey, generation: u32) -> Result<&mut Hold, CommitRefusal> {
        let hold = self.holds.get_mut(&key).and_then(|generations| generations.get_mut(&generation));
        hold.filter(|hold| is_active(hold)).ok_or(CommitRefusal::Stale("hold"))
    }

    fn stock(&mut self, sku: &Sku) -> Result<&mut Inventory, CommitRefusal> {
        let row = self.inventory.get_mut(sku).ok_or(CommitRefusal::Stale("inventory"))?;
        row.version = row.version.saturating_add(1);
        Ok(row)
    }
}

impl Apply<CatalogWrite> for Rows {
    fn apply(&mut self, writes: Vec<CatalogWrite>, now: Timestamp) -> Result<(), CommitRefusal> {
        let movements: Vec<Movement> = writes.iter().filter_map(movement).cloned().collect();
        let mut fresh = BTreeSet::new();
        let mut lines = writes.iter().filter_map(line);
        let repeats = lines.any(|line| self.ledger.contains_key(&line.id) || !fresh.insert(line.id));
        match writes.into_iter().try_for_each(|write| self.write(write, now)) {
            Err(CommitRefusal::Short(_)) => Err(CommitRefusal::Short(self.shortages(&movements))),
            Err(refusal) => Err(refusal),
            Ok(()) => {
                self.note_turns(now);
                judge_free("id", repeats)
            }
        }
    }
}

fn movement(write: &CatalogWrite) -> Option<&Movement> {
    if let CatalogWrite::Move(movement) = write { Some(movement) } else { None }
}

/// What a write adds to the ledger.
fn line(write: &CatalogWrite) -> Option<&Movement> {
    if let CatalogWrite::Move(line) | CatalogWrite::Note(line) = write { Some(line) } else { None }
}

pub(super) fn is_active(hold: &Hold) -> bool {
    hold.state == HoldState::Active
}

/// Units a movement takes out of what can be had.
fn taken_by(movement: &Movement) -> i64 {
    movement.reserved.saturating_sub(movement.on_hand).max(0)
}

fn empty_stock(sku: &Sku, product: ProductId) -> Inventory {
    Inventory {
        sku: sku.clone(),
        product,
        on_hand: 0,
        reserved: 0,
        low_stock_threshold: limits::LOW_STOCK_THRESHOLD,
        low_stock_alerted: false,
        version: 1,
    }
}
