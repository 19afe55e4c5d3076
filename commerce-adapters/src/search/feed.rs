//! Keeps the index up to what the catalog says.
//!
//! The catalog's changes are read from the cursor in the index's own last commit, with an overlap,
//! because a change may become visible after a later one; once the cursor has stood still for longer
//! than that can take, without. What the index has already is left alone, so that an overlap costs a
//! read and no commit. The writer lives only while there is something to
//! write: it is what other processes wait for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use commerce_core::catalog::{CatalogStore, Product, ProductCard, ProductStatus};
use commerce_core::ids::{CategoryId, ProductId};
use commerce_core::text::Sku;
use commerce_core::{StoreError, Timestamp};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocSet, IndexWriter, Searcher, TERMINATED, Term};

use super::document::{document, id_term};
use super::generation::{Cursor, Generation, failed, is_busy, write_cursor};

/// How far behind the cursor changes are looked at again: longer than any commit takes.
pub(super) const OVERLAP: Duration = Duration::from_secs(10);
/// Products taken in at a time.
const BATCH: u32 = 500;
/// Bytes tantivy gathers before it writes a segment; its own minimum for one thread.
const WRITER_BYTES: usize = 15_000_000;

/// A change of a product, as the catalog tells it.
pub(super) type Change = (Timestamp, Product);

/// Reads the catalog's changes in order, a batch at a time.
pub(super) struct Tail<'a> {
    catalog: &'a dyn CatalogStore,
    since: Timestamp,
    after: Option<ProductId>,
    ended: bool,
}

impl<'a> Tail<'a> {
    /// From the very first change.
    pub(super) fn whole(catalog: &'a dyn CatalogStore) -> Self {
        Self { catalog, since: Timestamp::EPOCH, after: None, ended: false }
    }

    /// From the cursor, or from a little before it.
    fn from(catalog: &'a dyn CatalogStore, (at, last): Cursor, overlap: bool) -> Self {
        let (since, after) = if overlap { (at.minus(OVERLAP), None) } else { (at, last) };
        Self { since, after, ..Self::whole(catalog) }
    }

    /// The next changes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Change>, StoreError> {
        if self.ended {
            return Ok(Vec::new());
        }
        let changes = self.catalog.products_changed(self.since, self.after, BATCH).await?;
        self.ended = changes.len() < BATCH as usize;
        if let Some((at, product)) = changes.last() {
            (self.since, self.after) = (*at, Some(product.id));
        }
        Ok(changes)
    }
}

/// A writer while it has the lock, with the categories' names.
pub(super) struct Feed {
    generation: Arc<Generation>,
    writer: IndexWriter,
    categories: HashMap<CategoryId, String>,
}

impl Feed {
    /// Takes the writer's lock; `None` while another process has it.
    pub(super) async fn open(generation: Arc<Generation>, catalog: &dyn CatalogStore) -> Result<Option<Self>, StoreError> {
        let index = generation.index.clone();
        let opened = blocking(move || match index.writer_with_num_threads(1, WRITER_BYTES) {
            Ok(writer) => Ok(Some(writer)),
            Err(error) if is_busy(&error) => Ok(None),
            Err(error) => Err(failed("search.open_writer")(error)),
        });
        let Some(writer) = opened.await? else { return Ok(None) };
        let tree = catalog.categories().await?;
        let categories = tree.nodes.into_iter().map(|node| (node.id, node.name)).collect();
        Ok(Some(Self { generation, writer, categories }))
    }

    /// Puts these changes into the next commit.
    pub(super) async fn take(&self, changes: &[Change], catalog: &dyn CatalogStore) -> Result<(), StoreError> {
        let on_sale = |product: &Product| product.status == ProductStatus::Active;
        let available = available(changes.iter().map(|(_, product)| product).filter(|product| on_sale(product)), catalog).await?;
        let fields = &self.generation.fields;
        for (at, product) in changes {
            self.writer.delete_term(id_term(fields, product.id));
            let in_stock = available.get(&product.id).is_some_and(|units| *units > 0);
            if let Some(card) = ProductCard::of(product, in_stock).filter(|_| on_sale(product)) {
                let category = product.category.and_then(|id| self.categories.get(&id)).map_or("", String::as_str);
                let document = document(fields, product, &card, category, *at);
                self.writer.add_document(document).map_err(failed("search.add"))?;
            }
        }
        Ok(())
    }

    /// Commits, with the cursor after `last`.
    pub(super) async fn commit(mut self, last: (Timestamp, ProductId)) -> Result<Self, StoreError> {
        blocking(move || {
            let commit = || {
                let mut prepared = self.writer.prepare_commit()?;
                prepared.set_payload(&write_cursor(last.0, last.1));
                prepared.commit()?;
                self.generation.reload()
            };
            let mut commit = commit;
            commit().map_err(failed("search.commit"))?;
            Ok(self)
        })
        .await
    }

    /// Lets running merges end and gives the lock back.
    pub(super) async fn close(self) -> Result<(), StoreError> {
        let Self { generation, writer, .. } = self;
        blocking(move || {
            writer.wait_merging_threads().map_err(failed("search.merge"))?;
            generation.reload().map_err(failed("search.reload"))
        })
        .await
    }
}

/// Takes in what changed since the last commit; answers how many products. Without `overlap` only
/// what changed after `cursor` makes it look at all.
pub(super) async fn catch_up(
    generation: Arc<Generation>,
    catalog: &dyn CatalogStore,
    cursor: Cursor,
    overlap: bool,
) -> Result<u64, StoreError> {
    let operation = failed("search.catch_up");
    if !any_news(&generation, Tail::from(catalog, cursor, overlap)).await? {
        return Ok(0);
    }
    let Some(mut feed) = Feed::open(generation.clone(), catalog).await? else { return Ok(0) };
    // Another process may have committed before the lock was ours.
    generation.reload().map_err(&operation)?;
    let cursor = generation.cursor().map_err(&operation)?;
    let mut newest = cursor.1.map(|last| (cursor.0, last));
    let mut tail = Tail::from(catalog, cursor, true);
    let mut taken = 0;
    loop {
        let changes = tail.next().await?;
        let Some(place) = changes.last().map(|(at, product)| (*at, product.id)) else { break };
        newest = newest.max(Some(place));
        let news = unknown(&generation, changes).map_err(&operation)?;
        if !news.is_empty() {
            feed.take(&news, catalog).await?;
            feed = feed.commit(newest.unwrap_or(place)).await?;
            taken += news.len() as u64;
        }
    }
    feed.close().await?;
    Ok(taken)
}

async fn any_news(generation: &Generation, mut tail: Tail<'_>) -> Result<bool, StoreError> {
    loop {
        let changes = tail.next().await?;
        if changes.is_empty() {
            return Ok(false);
        }
        if !unknown(generation, changes).map_err(failed("search.catch_up"))?.is_empty() {
            return Ok(true);
        }
    }
}

/// Those changes that the index does not have.
fn unknown(generation: &Generation, changes: Vec<Change>) -> tantivy::Result<Vec<Change>> {
    let searcher = generation.searcher();
    let mut unknown = Vec::new();
    for (at, product) in changes {
        let on_sale = product.status == ProductStatus::Active;
        let known = indexed(&searcher, &id_term(&generation.fields, product.id))?;
        if known != on_sale.then_some(at) {
            unknown.push((at, product));
        }
    }
    Ok(unknown)
}

/// The change that the index has of a product.
fn indexed(searcher: &Searcher, id: &Term) -> tantivy::Result<Option<Timestamp>> {
    for segment in searcher.segment_readers() {
        let postings = segment.inverted_index(id.field())?.read_postings(id, IndexRecordOption::Basic)?;
        let Some(mut postings) = postings else { continue };
        while postings.doc() != TERMINATED {
            if segment.alive_bitset().is_none_or(|alive| alive.is_alive(postings.doc())) {
                let changed = segment.fast_fields().i64("changed")?.first(postings.doc());
                return Ok(changed.map(Timestamp::from_micros));
            }
            postings.advance();
        }
    }
    Ok(None)
}

/// Units that can be had of each product.
async fn available(
    products: impl Iterator<Item = &Product>,
    catalog: &dyn CatalogStore,
) -> Result<HashMap<ProductId, i64>, StoreError> {
    let skus: Vec<Sku> = products.flat_map(|product| &product.variants).map(|variant| variant.sku.clone()).collect();
    let mut available: HashMap<ProductId, i64> = HashMap::new();
    for stock in catalog.inventory(&skus).await? {
        let units = available.entry(stock.product).or_default();
        *units = units.saturating_add(stock.available());
    }
    Ok(available)
}

/// Runs slow work where it blocks nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| StoreError::unavailable("search.blocking", error))?
}
