//! Where an import goes: into the shop of the data directory, or to a running server.

use commerce_core::catalog::{ImportCategory, ImportProduct, ImportSeller, Imported, MetCategories, MetSellers};
use commerce_core::ids::{CategoryId, SellerId};
use commerce_core::{Actor, Refusal};
use tempfile::TempDir;

use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::shop::Shop;

use super::over_http::OverHttp;

/// Statuses that say no to what was sent, and nothing of what is sent next.
const REFUSALS: [u16; 6] = [400, 404, 409, 412, 413, 422];

/// Where it goes.
pub(super) enum Goal {
    /// A shop on files or database servers; where there is none and nothing is to be written, an empty one in a folder that
    /// goes with it.
    Here { shop: Box<Shop>, _folder: Option<TempDir> },
    /// A server.
    There(Box<OverHttp>),
}

/// Why something does not go in.
pub(super) enum Trouble {
    /// The shop says no to it; the others may go in.
    Refused(String),
    /// Nothing more can go in.
    Failed(Failure),
}

impl From<commerce_core::Error> for Trouble {
    fn from(error: commerce_core::Error) -> Self {
        match error {
            commerce_core::Error::Refused(refusal) => (*refusal).into(),
            commerce_core::Error::Store(error) => Self::Failed(error.into()),
        }
    }
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let refused = failure.status().is_some_and(|status| REFUSALS.contains(&status));
        if refused { Self::Refused(failure.message().to_owned()) } else { Self::Failed(failure) }
    }
}

impl Goal {
    /// Opens it; a dry run makes no shop.
    ///
    /// # Errors
    /// When the settings are wrong, the shop cannot be opened, or the server does not know who asks.
    pub(super) async fn open(cx: &Context, dry_run: bool) -> Result<Self, Failure> {
        if cx.globals.url.is_some() {
            // A dry run, too, sees only what the caller may.
            return match cx.target().await? {
                Target::Remote(remote) => Ok(Self::There(Box::new(OverHttp::open(remote).await?))),
                Target::Local(shop) => Ok(Self::Here { shop, _folder: None }),
            };
        }
        let config = cx.settings()?;
        let empty = if dry_run { Shop::empty_instead(&config).await? } else { None };
        Ok(match empty {
            Some((shop, folder)) => Self::Here { shop: Box::new(shop), _folder: Some(folder) },
            None => Self::Here { shop: Box::new(Shop::open(&config).await?), _folder: None },
        })
    }

    /// The category of a path, made where it is not there; without writing, only one that is.
    pub(super) async fn category(
        &self,
        path: &[ImportCategory],
        met: &mut MetCategories,
        dry_run: bool,
    ) -> Result<Option<CategoryId>, Trouble> {
        match self {
            Self::Here { shop, .. } if dry_run => Ok(shop.catalog.preview_import_category(&Actor::System, path, met).await?),
            Self::Here { shop, .. } => Ok(shop.catalog.import_category(&Actor::System, path, met).await?),
            Self::There(server) => server.category(path, met, dry_run).await,
        }
    }

    /// The seller that a file names, made where she is not there; without writing, only one that is.
    pub(super) async fn seller(
        &self,
        named: &ImportSeller,
        met: &mut MetSellers,
        dry_run: bool,
    ) -> Result<Option<SellerId>, Trouble> {
        match self {
            Self::Here { shop, .. } if dry_run => Ok(shop.catalog.preview_import_seller(&Actor::System, named, met).await?),
            Self::Here { shop, .. } => Ok(Some(shop.catalog.import_seller(&Actor::System, named, met).await?)),
            Self::There(server) => server.seller(named, met, dry_run).await,
        }
    }

    /// A product, made or changed; without writing, what would come of it.
    pub(super) async fn product(&self, import: ImportProduct, dry_run: bool) -> Result<Imported, Trouble> {
        match self {
            Self::Here { shop, .. } if dry_run => Ok(shop.catalog.preview_import(&Actor::System, &import).await?),
            Self::Here { shop, .. } => Ok(shop.catalog.import_product(&Actor::System, import).await?),
            Self::There(server) => server.product(&import, dry_run).await,
        }
    }

    /// Closes it; what the import caused is settled.
    ///
    /// # Errors
    /// When the shop does not answer.
    pub(super) async fn close(self, dry_run: bool) -> Result<(), Failure> {
        match self {
            Self::Here { shop, .. } if dry_run => shop.close().await,
            Self::Here { shop, .. } => shop.finish().await,
            Self::There(_) => Ok(()),
        }
    }
}
