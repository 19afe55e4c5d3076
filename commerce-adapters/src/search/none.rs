//! No index at all: every search scans the catalog.

use async_trait::async_trait;
use commerce_core::StoreError;
use commerce_core::catalog::{CatalogStore, ProductSearch, SearchHits, SearchQuery};

/// For shops without an index: built without the search feature, or told to keep none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSearch;

#[async_trait]
impl ProductSearch for NoSearch {
    async fn search(&self, _query: &SearchQuery) -> Result<Option<SearchHits>, StoreError> {
        Ok(None)
    }

    async fn catch_up(&self, _catalog: &dyn CatalogStore) -> Result<u64, StoreError> {
        Ok(0)
    }

    async fn rebuild(&self, _catalog: &dyn CatalogStore, _progress: &(dyn Fn(u64) + Send + Sync)) -> Result<u64, StoreError> {
        Ok(0)
    }
}
