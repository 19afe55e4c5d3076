//! The index as the catalog asks it.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use async_trait::async_trait;
use commerce_core::StoreError;
use commerce_core::catalog::{CatalogStore, ProductSearch, SearchHits, SearchQuery};

use super::feed::{Feed, OVERLAP, Tail, blocking, catch_up};
use super::folder::Folder;
use super::generation::{Cursor, Generation, LOOK_EVERY, failed, io_failed};

/// From so many products on a search may take milliseconds and moves to a thread of its own.
const INLINE_MAX: u64 = 50_000;

/// Product search over an index in a directory. Opening it does nothing: the first search or the
/// first [`catch_up`](ProductSearch::catch_up) looks what is there.
pub struct TantivySearch {
    folder: Folder,
    open: RwLock<Option<Arc<Generation>>>,
    /// A search failed on the open generation: the next upkeep builds a new one.
    suspect: AtomicBool,
    born: Instant,
    /// When somebody last looked for what other processes did, in milliseconds since `born`, plus 1.
    looked: AtomicU64,
    /// One upkeep at a time, and where the last one found the cursor.
    upkeep: tokio::sync::Mutex<Option<Rest>>,
}

/// A cursor that stands still, and since when.
struct Rest {
    generation: String,
    cursor: Cursor,
    since: Instant,
}

impl Rest {
    /// This cursor, resting for as long as it is the same one.
    fn at(last: Option<Self>, generation: &str, cursor: Cursor) -> Self {
        last.filter(|last| last.generation == generation && last.cursor == cursor).unwrap_or_else(|| Self {
            generation: generation.to_owned(),
            cursor,
            since: Instant::now(),
        })
    }
}

impl TantivySearch {
    /// Over the index in `directory`, which need not exist yet.
    pub fn new(directory: &Path) -> Self {
        Self {
            folder: Folder::new(directory),
            open: RwLock::new(None),
            suspect: AtomicBool::new(false),
            born: Instant::now(),
            looked: AtomicU64::new(0),
            upkeep: tokio::sync::Mutex::new(None),
        }
    }

    /// The open generation, after a look around if the last one is old.
    fn generation(&self) -> Option<Arc<Generation>> {
        let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let looked = self.looked.load(Ordering::Acquire);
        let due = looked == 0 || u128::from(now.saturating_sub(looked)) >= LOOK_EVERY.as_millis();
        if due && self.looked.compare_exchange(looked, now, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.look();
        }
        self.open.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the generation that counts, or takes in what was committed to the open one. What cannot
    /// be read is as good as not there.
    fn look(&self) {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        let current = self.folder.current().ok().flatten();
        let found = match (current, open) {
            (None, _) => None,
            (Some(name), Some(open)) if open.name == name => match open.look(&self.folder.path(&name).join("meta.json")) {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "the search index cannot be read");
                    self.suspect.store(true, Ordering::Release);
                    None
                }
            },
            (Some(name), _) => Generation::open(&name, &self.folder.path(&name)).unwrap_or_else(|error| {
                tracing::warn!(%error, "the search index cannot be opened");
                None
            }),
        };
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = found.map(Arc::new);
    }

    fn distrust(&self) {
        self.suspect.store(true, Ordering::Release);
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[async_trait]
impl ProductSearch for TantivySearch {
    async fn search(&self, query: &SearchQuery) -> Result<Option<SearchHits>, StoreError> {
        if self.suspect.load(Ordering::Acquire) {
            return Ok(None);
        }
        let Some(generation) = self.generation() else { return Ok(None) };
        let found = if generation.searcher().num_docs() <= INLINE_MAX {
            generation.ask(query).map_err(failed("search.search"))
        } else {
            let query = query.clone();
            blocking(move || generation.ask(&query).map_err(failed("search.search"))).await
        };
        match found {
            Ok(hits) => Ok(Some(hits)),
            Err(error) => {
                self.distrust();
                Err(error)
            }
        }
    }

    async fn catch_up(&self, catalog: &dyn CatalogStore) -> Result<u64, StoreError> {
        let mut upkeep = self.upkeep.lock().await;
        self.look();
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(generation) = open.filter(|_| !self.suspect.load(Ordering::Acquire)) else {
            return self.build(catalog, &|_| ()).await.map(|built| built.unwrap_or(0));
        };
        let cursor = generation.cursor().map_err(failed("search.catch_up"))?;
        let rest = Rest::at(upkeep.take(), &generation.name, cursor);
        let overlap = rest.since.elapsed() <= OVERLAP;
        *upkeep = Some(rest);
        catch_up(generation, catalog, cursor, overlap).await
    }

    async fn rebuild(&self, catalog: &dyn CatalogStore, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError> {
        let _one = self.upkeep.lock().await;
        let built = self.build(catalog, progress).await?;
        built.ok_or_else(|| StoreError::unavailable("search.rebuild", "another process is rebuilding the index"))
    }
}

impl TantivySearch {
    /// Builds a new generation beside the others and switches to it; `None` while another process
    /// does so.
    async fn build(&self, catalog: &dyn CatalogStore, progress: &(dyn Fn(u64) + Send + Sync)) -> Result<Option<u64>, StoreError> {
        let folder = self.folder.clone();
        let started = blocking(move || {
            let failed_io = io_failed("search.rebuild");
            let Some(lock) = folder.lock().map_err(&failed_io)? else { return Ok(None) };
            let name = folder.next().map_err(&failed_io)?;
            let generation = Generation::create(&name, &folder.path(&name)).map_err(failed("search.rebuild"))?;
            Ok(Some((lock, Arc::new(generation))))
        });
        let Some((lock, generation)) = started.await? else { return Ok(None) };
        let taken = fill(&generation, catalog, progress).await?;
        let (folder, name) = (self.folder.clone(), generation.name.clone());
        blocking(move || {
            folder.switch(&name).map_err(io_failed("search.rebuild"))?;
            drop(lock);
            Ok(())
        })
        .await?;
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Some(generation);
        self.suspect.store(false, Ordering::Release);
        Ok(Some(taken))
    }
}

/// Takes the whole catalog into an empty index; answers how many products were looked at.
async fn fill(
    generation: &Arc<Generation>,
    catalog: &dyn CatalogStore,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<u64, StoreError> {
    let Some(mut feed) = Feed::open(generation.clone(), catalog).await? else { return Ok(0) };
    let mut tail = Tail::whole(catalog);
    let (mut taken, mut last) = (0_u64, None);
    loop {
        let changes = tail.next().await?;
        let Some((at, product)) = changes.last() else { break };
        last = Some((*at, product.id));
        feed.take(&changes, catalog).await?;
        taken += changes.len() as u64;
        progress(taken);
    }
    if let Some(last) = last {
        feed = feed.commit(last).await?;
    }
    feed.close().await?;
    Ok(taken)
}
