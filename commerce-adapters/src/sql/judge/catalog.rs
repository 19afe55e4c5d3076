//! Judges what the catalog writes: products, categories, sellers, stock and holds.

use std::collections::{BTreeMap, BTreeSet};

use commerce_core::Timestamp;
use commerce_core::catalog::{CatalogWrite, Category, Hold, HoldKey, HoldState, Inventory, Movement, Product, Seller};
use commerce_core::change::{ChangeSet, CommitRefusal};
use commerce_core::error::Shortage;
use commerce_core::ids::{CategoryId, ProductId, SellerId, UserId};
use commerce_core::limits;
use commerce_core::text::{Sku, Slug};

use super::opinions::{OpinionJudge, OpinionWants};
use super::{Judge, judge_free, judge_version};
use crate::sql::table::{Log, Table};

/// A product as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct ProductRow<'a> {
    pub(crate) version: u64,
    pub(crate) slug: Slug,
    /// Its variants' SKUs.
    pub(crate) skus: BTreeSet<Sku>,
    /// What to write, once a change set wrote it.
    pub(crate) write: Option<&'a Product>,
}

/// A category or a seller as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct NamedRow<'a, T> {
    pub(crate) version: u64,
    pub(crate) slug: Slug,
    pub(crate) write: Option<&'a T>,
}

/// One generation of a hold as far as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct HeldRow<'a> {
    pub(crate) state: HoldState,
    pub(crate) expires_at: Timestamp,
    /// The hold itself, when this batch made it.
    pub(crate) made: Option<&'a Hold>,
}

/// The catalog's rows that a batch works on.
#[derive(Default)]
pub(crate) struct CatalogJudge<'a> {
    pub(crate) products: Table<ProductId, ProductRow<'a>>,
    pub(crate) product_slugs: Table<Slug, ProductId>,
    pub(crate) categories: Table<CategoryId, NamedRow<'a, Category>>,
    pub(crate) category_slugs: Table<Slug, CategoryId>,
    pub(crate) tree: Table<(), u64>,
    /// Categories that products are in, of those that are to go and of those that the batch put products into.
    pub(crate) occupied: Table<CategoryId, ()>,
    pub(crate) sellers: Table<SellerId, NamedRow<'a, Seller>>,
    pub(crate) seller_slugs: Table<Slug, SellerId>,
    /// Who runs which seller, of those that the batch touches and of those that whoever it names runs.
    pub(crate) seller_users: Table<SellerId, UserId>,
    pub(crate) inventory: Table<Sku, Inventory>,
    /// What could be had before the batch.
    pub(crate) available_before: BTreeMap<Sku, i64>,
    pub(crate) holds: Table<(HoldKey, u32), HeldRow<'a>>,
    pub(crate) newest_holds: Table<HoldKey, u32>,
    pub(crate) movements: Log<&'a Movement>,
    pub(crate) opinions: OpinionJudge<'a>,
}

impl<'a> Judge<'a, CatalogWrite> for CatalogJudge<'a> {
    fn judge(&mut self, writes: &'a [CatalogWrite], _: Timestamp) -> Result<(), CommitRefusal> {
        for write in writes {
            match write {
                CatalogWrite::InsertProduct(product) => {
                    judge_free("id", self.products.get(&product.id).is_some())?;
                    self.put_product(product, None)?;
                }
                CatalogWrite::UpdateProduct(product) => {
                    let before = self.products.get(&product.id).cloned();
                    judge_version("product", before.as_ref().map(|row| row.version), product.version)?;
                    self.put_product(product, before)?;
                }
                CatalogWrite::InsertCategory(category) => {
                    judge_free("id", self.categories.get(&category.id).is_some())?;
                    self.put_category(category, None)?;
                }
                CatalogWrite::UpdateCategory(category) => {
                    let before = self.categories.get(&category.id).cloned();
                    judge_version("category", before.as_ref().map(|row| row.version), category.version)?;
                    self.put_category(category, before.as_ref().map(|row| &row.slug))?;
                }
                CatalogWrite::DeleteCategory(id) => {
                    if self.occupied.get(id).is_some() {
                        return Err(CommitRefusal::Stale("category"));
                    }
                    if let Some(row) = self.categories.get(id).cloned() {
                        self.category_slugs.remove(row.slug);
                        self.categories.remove(*id);
                    }
                }
                CatalogWrite::TouchTree(version) => {
                    judge_version("category tree", Some(self.tree.get(&()).copied().unwrap_or(0)), *version)?;
                    self.tree.set((), *version);
                }
                CatalogWrite::ExpectTree(version) => {
                    let stored = self.tree.get(&()).copied().unwrap_or(0);
                    judge_version("category tree", Some(stored), version.saturating_add(1))?;
                }
                CatalogWrite::InsertSeller(seller) => {
                    judge_free("id", self.sellers.get(&seller.id).is_some())?;
                    self.put_seller(seller, None)?;
                }
                CatalogWrite::UpdateSeller(seller) => {
                    let before = self.sellers.get(&seller.id).cloned();
                    judge_version("seller", before.as_ref().map(|row| row.version), seller.version)?;
                    self.put_seller(seller, before.as_ref().map(|row| &row.slug))?;
                }
                CatalogWrite::Move(movement) => {
                    if !self.apply(movement) {
                        return Err(CommitRefusal::Short(self.shortages(writes)));
                    }
                }
                CatalogWrite::Note(movement) => {
                    if self.inventory.get(&movement.sku).is_some() {
                        return Err(CommitRefusal::Stale("inventory"));
                    }
                    self.movements.push(movement);
                }
                CatalogWrite::InsertHold(hold) => self.insert_hold(hold)?,
                CatalogWrite::EndHold(key, generation, state) => {
                    let row = self.active_hold(*key, *generation)?;
                    self.holds.set((*key, *generation), HeldRow { state: *state, ..row });
                }
                CatalogWrite::PostponeHold(key, generation, until) => {
                    let row = self.active_hold(*key, *generation)?;
                    self.holds.set((*key, *generation), HeldRow { expires_at: *until, ..row });
                }
                CatalogWrite::Recount { sku, version, on_hand, reserved } => {
                    let stored = self.inventory.get(sku).map(|stock| stock.version);
                    judge_version("inventory", stored, *version)?;
                    self.change_stock(sku, |stock| (stock.on_hand, stock.reserved) = (*on_hand, *reserved))?;
                }
                CatalogWrite::ExpectStock(sku, version) => {
                    let stored = self.inventory.get(sku).map(|stock| stock.version);
                    judge_version("inventory", stored, version.saturating_add(1))?;
                }
                CatalogWrite::SetAlerted(sku, alerted) => {
                    let stock = self.inventory.get(sku).cloned().ok_or(CommitRefusal::Stale("inventory"))?;
                    self.inventory.set(sku.clone(), Inventory { low_stock_alerted: *alerted, ..stock });
                }
                CatalogWrite::SetThreshold(sku, threshold) => {
                    self.change_stock(sku, |stock| stock.low_stock_threshold = *threshold)?;
                }
                CatalogWrite::InsertReview(review) => self.opinions.write_review(review)?,
                CatalogWrite::UpdateReview(review) => self.opinions.change_review(review)?,
                CatalogWrite::InsertWish(wish) => self.opinions.wish(wish)?,
                CatalogWrite::DeleteWish(user, product) => self.opinions.unwish(*user, *product),
            }
        }
        Ok(())
    }

    fn keep(&mut self) {
        self.products.keep();
        self.product_slugs.keep();
        self.categories.keep();
        self.category_slugs.keep();
        self.tree.keep();
        self.sellers.keep();
        self.seller_slugs.keep();
        self.seller_users.keep();
        self.inventory.keep();
        self.holds.keep();
        self.newest_holds.keep();
        self.occupied.keep();
        self.movements.keep();
        self.opinions.keep();
    }

    fn undo(&mut self) {
        self.products.undo();
        self.product_slugs.undo();
        self.categories.undo();
        self.category_slugs.undo();
        self.tree.undo();
        self.sellers.undo();
        self.seller_slugs.undo();
        self.seller_users.undo();
        self.inventory.undo();
        self.holds.undo();
        self.newest_holds.undo();
        self.occupied.undo();
        self.movements.undo();
        self.opinions.undo();
    }
}

impl<'a> CatalogJudge<'a> {
    /// Puts a product in the place of `before`: its slug, and an inventory row for each variant.
    fn put_product(&mut self, product: &'a Product, before: Option<ProductRow<'a>>) -> Result<(), CommitRefusal> {
        take_name("slug", &mut self.product_slugs, before.as_ref().map(|row| &row.slug), &product.slug, product.id)?;
        let had = before.map(|row| row.skus).unwrap_or_default();
        let mut skus = BTreeSet::new();
        for variant in &product.variants {
            let taken = !had.contains(&variant.sku) && self.inventory.get(&variant.sku).is_some();
            judge_free("sku", taken || !skus.insert(variant.sku.clone()))?;
            if !had.contains(&variant.sku) {
                self.inventory.set(variant.sku.clone(), empty_stock(&variant.sku, product.id));
            }
        }
        for gone in had.difference(&skus) {
            // Stock that came after it was written off must not go with the row.
            if self.inventory.get(gone).is_some_and(|stock| stock.on_hand > 0) {
                return Err(CommitRefusal::Stale("product"));
            }
            self.inventory.remove(gone.clone());
        }
        let row = ProductRow { version: product.version, slug: product.slug.clone(), skus, write: Some(product) };
        self.products.set(product.id, row);
        if let Some(category) = product.category {
            self.occupied.set(category, ());
        }
        Ok(())
    }

    fn put_category(&mut self, category: &'a Category, before: Option<&Slug>) -> Result<(), CommitRefusal> {
        take_name("slug", &mut self.category_slugs, before, &category.slug, category.id)?;
        let row = NamedRow { version: category.version, slug: category.slug.clone(), write: Some(category) };
        self.categories.set(category.id, row);
        Ok(())
    }

    fn put_seller(&mut self, seller: &'a Seller, before: Option<&Slug>) -> Result<(), CommitRefusal> {
        take_name("slug", &mut self.seller_slugs, before, &seller.slug, seller.id)?;
        self.name_user(seller)?;
        let row = NamedRow { version: seller.version, slug: seller.slug.clone(), write: Some(seller) };
        self.sellers.set(seller.id, row);
        Ok(())
    }

    /// Who runs a seller runs no other one.
    fn name_user(&mut self, seller: &Seller) -> Result<(), CommitRefusal> {
        if self.seller_users.get(&seller.id).copied() == seller.user {
            return Ok(());
        }
        match seller.user {
            Some(user) => {
                judge_free("user", self.seller_users.holds(&user))?;
                self.seller_users.set(seller.id, user);
            }
            None => self.seller_users.remove(seller.id),
        }
        Ok(())
    }

    /// Makes a movement, if the stock lets it.
    fn apply(&mut self, movement: &'a Movement) -> bool {
        let Some(after) = self.inventory.get(&movement.sku).and_then(|stock| stock.after(movement)) else { return false };
        self.inventory.set(movement.sku.clone(), after);
        self.movements.push(movement);
        true
    }

    /// Every SKU whose movements do not fit together, in order of first mention.
    fn shortages(&self, writes: &[CatalogWrite]) -> Vec<Shortage> {
        let mut order: Vec<&Sku> = Vec::new();
        let mut by_sku: BTreeMap<&Sku, Vec<&Movement>> = BTreeMap::new();
        for write in writes {
            if let CatalogWrite::Move(movement) = write {
                let movements = by_sku.entry(&movement.sku).or_default();
                if movements.is_empty() {
                    order.push(&movement.sku);
                }
                movements.push(movement);
            }
        }
        order.into_iter().filter_map(|sku| self.shortage(sku, by_sku.get(sku)?)).collect()
    }

    fn shortage(&self, sku: &Sku, movements: &[&Movement]) -> Option<Shortage> {
        // A SKU made earlier in the change set starts empty; one that is unknown has nothing.
        let start = self.inventory.get(sku).map(|stock| match self.inventory.before(sku) {
            Some(before) => before.clone(),
            None => empty_stock(sku, stock.product),
        });
        let fits = start
            .as_ref()
            .is_some_and(|start| movements.iter().try_fold(start.clone(), |stock, movement| stock.after(movement)).is_some());
        if fits {
            return None;
        }
        let asked = movements
            .iter()
            .fold(0_i64, |sum, movement| sum.saturating_add(movement.reserved.saturating_sub(movement.on_hand).max(0)));
        Some(Shortage {
            sku: sku.clone(),
            requested: u32::try_from(asked).unwrap_or(u32::MAX),
            available: start.as_ref().map_or(0, Inventory::available),
        })
    }

    fn insert_hold(&mut self, hold: &'a Hold) -> Result<(), CommitRefusal> {
        let newest = self.newest_holds.get(&hold.key).copied();
        let is_next = newest.unwrap_or(0).checked_add(1) == Some(hold.generation);
        let active = newest
            .and_then(|generation| self.holds.get(&(hold.key, generation)))
            .is_some_and(|row| row.state == HoldState::Active);
        if !is_next || active {
            return Err(CommitRefusal::Stale("hold"));
        }
        self.newest_holds.set(hold.key, hold.generation);
        let row = HeldRow { state: hold.state, expires_at: hold.expires_at, made: Some(hold) };
        self.holds.set((hold.key, hold.generation), row);
        Ok(())
    }

    fn active_hold(&self, key: HoldKey, generation: u32) -> Result<HeldRow<'a>, CommitRefusal> {
        let row = self.holds.get(&(key, generation)).filter(|row| row.state == HoldState::Active);
        row.cloned().ok_or(CommitRefusal::Stale("hold"))
    }

    fn change_stock(&mut self, sku: &Sku, change: impl FnOnce(&mut Inventory)) -> Result<(), CommitRefusal> {
        let mut stock = self.inventory.get(sku).cloned().ok_or(CommitRefusal::Stale("inventory"))?;
        change(&mut stock);
        stock.version = stock.version.saturating_add(1);
        self.inventory.set(sku.clone(), stock);
        Ok(())
    }
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

/// Gives up the old unique name and takes the new one.
fn take_name<K: Ord + Clone, V: Copy + PartialEq>(
    what: &'static str,
    names: &mut Table<K, V>,
    old: Option<&K>,
    new: &K,
    owner: V,
) -> Result<(), CommitRefusal> {
    if old == Some(new) {
        return Ok(());
    }
    judge_free(what, names.get(new).is_some_and(|taken| *taken != owner))?;
    if let Some(old) = old {
        names.remove(old.clone());
    }
    names.set(new.clone(), owner);
    Ok(())
}

/// What a batch must know of the catalog before it can be judged.
#[derive(Default)]
pub(crate) struct CatalogWants {
    pub(crate) products: BTreeSet<ProductId>,
    pub(crate) product_slugs: BTreeSet<Slug>,
    pub(crate) categories: BTreeSet<CategoryId>,
    pub(crate) category_slugs: BTreeSet<Slug>,
    /// Categories that are to go.
    pub(crate) leaving: BTreeSet<CategoryId>,
    pub(crate) tree: bool,
    pub(crate) sellers: BTreeSet<SellerId>,
    pub(crate) seller_slugs: BTreeSet<Slug>,
    /// Users who are to run a seller.
    pub(crate) seller_users: BTreeSet<UserId>,
    pub(crate) skus: BTreeSet<Sku>,
    pub(crate) holds: BTreeSet<HoldKey>,
    pub(crate) opinions: OpinionWants,
}

impl CatalogWants {
    /// Of this batch.
    pub(crate) fn of(sets: &[&ChangeSet<CatalogWrite>]) -> Self {
        let mut wants = Self::default();
        for write in sets.iter().flat_map(|set| &set.writes) {
            wants.add(write);
        }
        wants
    }

    fn add(&mut self, write: &CatalogWrite) {
        match write {
            CatalogWrite::InsertProduct(product) | CatalogWrite::UpdateProduct(product) => {
                self.products.insert(product.id);
                self.product_slugs.insert(product.slug.clone());
                self.skus.extend(product.variants.iter().map(|variant| variant.sku.clone()));
            }
            CatalogWrite::InsertCategory(category) | CatalogWrite::UpdateCategory(category) => {
                self.categories.insert(category.id);
                self.category_slugs.insert(category.slug.clone());
            }
            CatalogWrite::DeleteCategory(id) => {
                self.categories.insert(*id);
                self.leaving.insert(*id);
            }
            CatalogWrite::TouchTree(_) | CatalogWrite::ExpectTree(_) => self.tree = true,
            CatalogWrite::InsertSeller(seller) | CatalogWrite::UpdateSeller(seller) => {
                self.sellers.insert(seller.id);
                self.seller_slugs.insert(seller.slug.clone());
                self.seller_users.extend(seller.user);
            }
            CatalogWrite::Move(movement) | CatalogWrite::Note(movement) => {
                self.skus.insert(movement.sku.clone());
            }
            CatalogWrite::InsertHold(hold) => {
                self.holds.insert(hold.key);
            }
            CatalogWrite::EndHold(key, ..) | CatalogWrite::PostponeHold(key, ..) => {
                self.holds.insert(*key);
            }
            CatalogWrite::Recount { sku, .. }
            | CatalogWrite::ExpectStock(sku, _)
            | CatalogWrite::SetAlerted(sku, _)
            | CatalogWrite::SetThreshold(sku, _) => {
                self.skus.insert(sku.clone());
            }
            CatalogWrite::InsertReview(review) | CatalogWrite::UpdateReview(review) => self.opinions.add_review(review),
            CatalogWrite::InsertWish(wish) => self.opinions.add_wish(wish.user, wish.product),
            CatalogWrite::DeleteWish(user, product) => self.opinions.add_wish(*user, *product),
        }
    }
}
