//! Pictures in an object store: a local folder, or a bucket of S3.
//!
//! A picture's name is made from its id and nothing a client wrote, so no name leads out of the
//! folder. The store never looks into a picture; [`RenewedImages`] stands before it.

#[cfg(feature = "aws")]
mod bucket;
mod renewed;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use commerce_core::StoreError;
use commerce_core::catalog::ImageStore;
use commerce_core::error::{Outcome, StoreErrorKind};
use commerce_core::ids::ImageId;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::files::{storage_error, storage_kind};

pub use renewed::RenewedImages;

/// Where clients find pictures.
pub const BASE: &str = "/images/";

/// How long a picture from elsewhere is waited for in all, with every try.
const GET_WITHIN: Duration = Duration::from_secs(10);

/// A name that no picture has.
const NOBODYS: &str = "nobodys";

/// What a picture's name may end with.
const EXTENSIONS: [&str; 3] = ["jpg", "png", "webp"];

/// Pictures as objects named `<id>.<extension>`.
pub struct ObjectImages {
    store: Arc<dyn ObjectStore>,
    /// The folder behind the store, whose files are brought to the disk before they count.
    folder: Option<PathBuf>,
    /// How long a picture is waited for, where it comes from elsewhere.
    within: Option<Duration>,
}

impl ObjectImages {
    /// In a folder, made if it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn local(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|error| storage_error("images.open", folder, &error))?;
        let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| failed("images.open", error))?;
        Ok(Self { store: Arc::new(store), folder: Some(folder.to_owned()), within: None })
    }

    /// In a bucket of S3, or of a server that speaks as it does.
    ///
    /// # Errors
    /// When the settings are none. A bucket that does not answer is no error yet.
    #[cfg(feature = "aws")]
    pub fn bucket(bucket: &str, settings: &crate::aws::AwsSettings) -> Result<Self, StoreError> {
        let store = bucket::open(bucket, settings).map_err(|error| failed("images.open", error))?;
        Ok(Self::over(Arc::new(store)))
    }

    /// In any object store that keeps what it has taken.
    pub fn over(store: Arc<dyn ObjectStore>) -> Self {
        Self { store, folder: None, within: Some(GET_WITHIN) }
    }

    /// Whether the bucket is there and answers. Asks for a picture that nobody has, which needs no right but that to read; who
    /// may not list the bucket is refused what is not there, and told nothing else.
    ///
    /// # Errors
    /// What is wrong.
    pub async fn is_there(&self) -> Result<(), StoreError> {
        const OPERATION: &str = "images.look";
        let Err(error) = self.store.get(&Key::from(NOBODYS)).await else { return Ok(()) };
        if says(&error, "NoSuchBucket") {
            return Err(StoreError::new(StoreErrorKind::Internal, OPERATION, "there is no such bucket"));
        }
        let is_missing = matches!(error, object_store::Error::NotFound { .. });
        if is_missing || says(&error, "<Code>AccessDenied</Code>") { Ok(()) } else { Err(failed(OPERATION, error)) }
    }

    async fn fetch(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        match self.store.get(key).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(|error| failed("images.get", error))?.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed("images.get", error)),
        }
    }

    async fn sync(&self, name: &str) -> Result<(), StoreError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let path = folder.join(name);
        let synced = async {
            tokio::fs::File::open(&path).await?.sync_all().await?;
            tokio::fs::File::open(folder).await?.sync_all().await
        };
        synced.await.map_err(|error| storage_error("images.put", &path, &error))
    }
}

#[async_trait]
impl ImageStore for ObjectImages {
    async fn put(&self, id: ImageId, extension: &'static str, bytes: Vec<u8>) -> Outcome<String> {
        let name = format!("{id}.{extension}");
        self.store.put(&Key::from(name.as_str()), bytes.into()).await.map_err(|error| failed("images.put", error))?;
        self.sync(&name).await?;
        Ok(format!("{BASE}{name}"))
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(key) = key(name) else { return Ok(None) };
        let Some(within) = self.within else { return self.fetch(&key).await };
        let late = |error| StoreError::new(StoreErrorKind::Unavailable, "images.get", error);
        tokio::time::timeout(within, self.fetch(&key)).await.map_err(late)?
    }

    async fn delete(&self, url: &str) -> Result<(), StoreError> {
        // A link to elsewhere is nothing of ours.
        let Some(key) = url.strip_prefix(BASE).and_then(key) else { return Ok(()) };
        match self.store.delete(&key).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("images.delete", error)),
        }
    }
}

/// The object behind a name that this adapter could have given out.
fn key(name: &str) -> Option<Key> {
    let (id, extension) = name.split_once('.')?;
    let id = ImageId::from_str(id).ok()?;
    EXTENSIONS.contains(&extension).then(|| Key::from(format!("{id}.{extension}")))
}

/// Whether the server's answer has this word in it.
fn says(error: &object_store::Error, word: &str) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if inner.to_string().contains(word) {
            return true;
        }
        cause = inner.source();
    }
    false
}

fn failed(operation: &'static str, error: object_store::Error) -> StoreError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut kind = StoreErrorKind::Unavailable;
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            kind = storage_kind(io);
        }
        cause = inner.source();
    }
    StoreError::new(kind, operation, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use commerce_core::ids::Id;
    use object_store::memory::InMemory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};

    #[tokio::test]
    async fn a_picture_comes_back_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let images = ObjectImages::local(&folder.path().join("images")).unwrap();
        let id = ImageId::from_uuid(uuid::Uuid::from_u128(7));
        let url = images.put(id, "png", b"bytes".to_vec()).await.unwrap();
        assert_eq!(url, format!("/images/{id}.png"));
        assert_eq!(images.get(&format!("{id}.png")).await.unwrap().as_deref(), Some(&b"bytes"[..]));
        images.delete("https://elsewhere.example/a.png").await.unwrap();
        images.delete(&url).await.unwrap();
        images.delete(&url).await.unwrap();
        assert_eq!(images.get(&format!("{id}.png")).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_picture_that_does_not_come_is_given_up() {
        let slow = ThrottleConfig { wait_get_per_call: Duration::from_hours(1), ..ThrottleConfig::default() };
        let images = ObjectImages::over(Arc::new(ThrottledStore::new(InMemory::new(), slow)));
        assert!(images.within.is_some_and(|within| within <= Duration::from_secs(10)), "{:?}", images.within);
        let images = ObjectImages { within: Some(Duration::from_millis(1)), ..images };
        let id = ImageId::from_uuid(uuid::Uuid::from_u128(7));
        let late = images.get(&format!("{id}.png")).await.unwrap_err();
        assert_eq!(late.kind, StoreErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret.png"), "secret").unwrap();
        let images = ObjectImages::local(&folder.path().join("images")).unwrap();
        for name in ["../secret.png", "..%2fsecret.png", "/etc/passwd", "secret.png", "", ".", "a/b.png"] {
            assert_eq!(images.get(name).await.unwrap(), None, "{name}");
        }
    }
}
