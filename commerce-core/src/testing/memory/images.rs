//! Pictures.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::catalog::ImageStore;
use crate::error::{Outcome, StoreError};
use crate::ids::ImageId;

/// Where clients find pictures.
const BASE: &str = "/images/";

/// Pictures by name: `<id>.<extension>`, found at `/images/<name>`.
#[derive(Default)]
pub struct MemoryImages {
    pictures: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryImages {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    fn pictures(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.pictures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ImageStore for MemoryImages {
    async fn put(&self, id: ImageId, extension: &'static str, bytes: Vec<u8>) -> Outcome<String> {
        let name = format!("{id}.{extension}");
        let url = format!("{BASE}{name}");
        self.pictures().insert(name, bytes);
        Ok(url)
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.pictures().get(name).cloned())
    }

    async fn delete(&self, url: &str) -> Result<(), StoreError> {
        self.pictures().remove(url.strip_prefix(BASE).unwrap_or(url));
        Ok(())
    }
}
