//! One generation of the index, open for reading, with what was found in it lately.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use commerce_core::catalog::{ProductCard, SearchHits, SearchQuery};
use commerce_core::error::StoreErrorKind;
use commerce_core::ids::{Id, ProductId};
use commerce_core::{StoreError, Timestamp};
use tantivy::directory::error::LockError;
use tantivy::index::SegmentId;
use tantivy::schema::Value;
use tantivy::{DocAddress, Index, IndexReader, ReloadPolicy, Searcher, SegmentOrdinal, TantivyDocument, TantivyError};

use crate::files::storage_kind;

use super::document::{ANALYZER, Fields, analyzer, schema};
use super::words::Expansion;

/// How often a process looks for what others wrote.
pub(super) const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Answers kept for repeated searches, each some kilobytes.
const RESULTS_MAX: usize = 1_000;
/// Words whose spellings are kept.
const WORDS_MAX: usize = 10_000;
/// Cards kept ready, each under a kilobyte.
const CARDS_MAX: usize = 8_192;
/// Values of facets kept by name.
const NAMES_MAX: usize = 20_000;
/// Blocks of 16 KiB kept of the stored cards.
const BLOCKS_MAX: usize = 64;

/// The last change the index has: its instant and its product.
pub(super) type Cursor = (Timestamp, Option<ProductId>);

/// An open index.
pub(super) struct Generation {
    pub(super) name: String,
    pub(super) index: Index,
    pub(super) fields: Fields,
    reader: IndexReader,
    /// When the index's own description was last replaced, as far as this process has looked.
    seen: Mutex<Option<SystemTime>>,
    found: Mutex<Found>,
    cards: Mutex<HashMap<(SegmentId, u32), Arc<ProductCard>>>,
    /// The names of facets' values; reading one takes a dictionary apart.
    names: Mutex<HashMap<FacetValue, Arc<str>>>,
}

/// A value of a facet: its segment, its facet and its number there.
type FacetValue = (SegmentId, &'static str, u64);

/// What was found since the last commit.
#[derive(Default)]
struct Found {
    commit: u64,
    results: HashMap<SearchQuery, Arc<SearchHits>>,
    words: HashMap<(String, bool), Arc<[Expansion]>>,
}

impl Generation {
    /// Makes an empty index in an empty directory.
    pub(super) fn create(name: &str, path: &Path) -> tantivy::Result<Self> {
        Self::over(name, Index::create_in_dir(path, schema().0)?)
    }

    /// Opens an index; `None` when it has another shape than this version writes.
    pub(super) fn open(name: &str, path: &Path) -> tantivy::Result<Option<Self>> {
        let index = Index::open_in_dir(path)?;
        if index.schema() != schema().0 {
            return Ok(None);
        }
        Self::over(name, index).map(Some)
    }

    fn over(name: &str, index: Index) -> tantivy::Result<Self> {
        index.tokenizers().register(ANALYZER, analyzer());
        let reader =
            index.reader_builder().reload_policy(ReloadPolicy::Manual).doc_store_cache_num_blocks(BLOCKS_MAX).try_into()?;
        Ok(Self {
            name: name.to_owned(),
            index,
            fields: schema().1,
            reader,
            seen: Mutex::new(None),
            found: Mutex::default(),
            cards: Mutex::default(),
            names: Mutex::default(),
        })
    }

    pub(super) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Takes in what was committed, by whichever process, if the index's description at `meta` was
    /// replaced since the last look.
    pub(super) fn look(&self, meta: &Path) -> tantivy::Result<()> {
        let replaced = std::fs::metadata(meta).and_then(|meta| meta.modified()).ok();
        let mut seen = lock(&self.seen);
        if *seen != replaced || replaced.is_none() {
            self.reader.reload()?;
            *seen = replaced;
        }
        Ok(())
    }

    /// Takes in what this process committed.
    pub(super) fn reload(&self) -> tantivy::Result<()> {
        self.reader.reload()
    }

    /// Up to which change the index has the catalog.
    pub(super) fn cursor(&self) -> tantivy::Result<Cursor> {
        let payload = self.index.load_metas()?.payload;
        Ok(payload.as_deref().and_then(read_cursor).unwrap_or((Timestamp::EPOCH, None)))
    }

    /// The answer of `query` in this state of the index, remembered or made.
    pub(super) fn answer(
        &self,
        searcher: &Searcher,
        query: &SearchQuery,
        make: impl FnOnce() -> tantivy::Result<SearchHits>,
    ) -> tantivy::Result<SearchHits> {
        let commit = searcher.generation().generation_id();
        if let Some(known) = self.found(commit).results.get(query) {
            return Ok(SearchHits::clone(known));
        }
        let hits = Arc::new(make()?);
        let mut found = self.found(commit);
        if found.commit == commit {
            make_room(&mut found.results, RESULTS_MAX);
            found.results.insert(query.clone(), hits.clone());
        }
        drop(found);
        Ok(SearchHits::clone(&hits))
    }

    /// How `word` may be spelt in this state of the index, remembered or made.
    pub(super) fn spellings(
        &self,
        searcher: &Searcher,
        word: &str,
        last: bool,
        make: impl FnOnce() -> tantivy::Result<Vec<Expansion>>,
    ) -> tantivy::Result<Arc<[Expansion]>> {
        let commit = searcher.generation().generation_id();
        let key = (word.to_owned(), last);
        if let Some(known) = self.found(commit).words.get(&key) {
            return Ok(known.clone());
        }
        let made: Arc<[Expansion]> = make()?.into();
        let mut found = self.found(commit);
        if found.commit == commit {
            make_room(&mut found.words, WORDS_MAX);
            found.words.insert(key, made.clone());
        }
        Ok(made)
    }

    /// The card of a document. Documents never change, so a card once read stays right.
    pub(super) fn card(&self, searcher: &Searcher, at: DocAddress) -> tantivy::Result<Arc<ProductCard>> {
        let key = (searcher.segment_reader(at.segment_ord).segment_id(), at.doc_id);
        if let Some(known) = lock(&self.cards).get(&key) {
            return Ok(known.clone());
        }
        let document: TantivyDocument = searcher.doc(at)?;
        let bytes = document.get_first(self.fields.card).and_then(|value| value.as_bytes());
        let card: ProductCard = bytes
            .and_then(|bytes| serde_json::from_slice(bytes).ok())
            .ok_or_else(|| TantivyError::InternalError("a document has no card".to_owned()))?;
        let card = Arc::new(card);
        let mut cards = lock(&self.cards);
        make_room(&mut cards, CARDS_MAX);
        cards.insert(key, card.clone());
        Ok(card)
    }

    /// The name of a facet's value. Segments never change, so a name once read stays right.
    pub(super) fn value_name(
        &self,
        searcher: &Searcher,
        facet: &'static str,
        segment: SegmentOrdinal,
        value: u64,
    ) -> tantivy::Result<Arc<str>> {
        let reader = searcher.segment_reader(segment);
        let key = (reader.segment_id(), facet, value);
        if let Some(known) = lock(&self.names).get(&key) {
            return Ok(known.clone());
        }
        let mut name = String::new();
        if let Some(column) = reader.fast_fields().str(facet)? {
            column.ord_to_str(value, &mut name)?;
        }
        let name: Arc<str> = name.into();
        let mut names = lock(&self.names);
        make_room(&mut names, NAMES_MAX);
        names.insert(key, name.clone());
        Ok(name)
    }

    /// What was found in the state `commit`; a newer state forgets it all.
    fn found(&self, commit: u64) -> std::sync::MutexGuard<'_, Found> {
        let mut found = lock(&self.found);
        if found.commit < commit {
            *found = Found { commit, ..Found::default() };
        }
        found
    }
}

/// Forgets everything rather than growing without bound.
fn make_room<K, V>(map: &mut HashMap<K, V>, most: usize) {
    if map.len() >= most {
        map.clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cursor as the index's commit carries it.
pub(super) fn write_cursor(at: Timestamp, id: ProductId) -> String {
    format!("{} {id}", at.as_micros())
}

fn read_cursor(payload: &str) -> Option<Cursor> {
    let (micros, id) = payload.split_once(' ')?;
    let id = uuid::Uuid::try_parse(id).ok().map(ProductId::from_uuid);
    Some((Timestamp::from_micros(micros.parse().ok()?), id))
}

/// Whether another writer has the index.
pub(super) fn is_busy(error: &TantivyError) -> bool {
    matches!(error, TantivyError::LockFailure(LockError::LockBusy, _))
}

/// What went wrong, in the words of all ports.
pub(super) fn failed(operation: &'static str) -> impl Fn(TantivyError) -> StoreError {
    move |error| {
        let kind = match &error {
            TantivyError::IoError(io) => storage_kind(io),
            TantivyError::DataCorruption(_) | TantivyError::IncompatibleIndex(_) => StoreErrorKind::Corrupt,
            _ => StoreErrorKind::Unavailable,
        };
        StoreError::new(kind, operation, error)
    }
}

/// The same for the directory itself.
pub(super) fn io_failed(operation: &'static str) -> impl Fn(io::Error) -> StoreError {
    move |error| StoreError::new(storage_kind(&error), operation, error)
}
