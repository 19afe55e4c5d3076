//! The users of a data directory, whole or by themselves.

use std::ops::Deref;

use commerce_adapters::embedded::Service;
use commerce_core::commerce::Context;
use commerce_core::users::Users;
use commerce_server::Config;
use commerce_server::assembly::embedded;

use super::{Shop, partition, whereabouts};
use crate::failure::Failure;

/// The users of a data directory: those of a whole shop, or of the service that has nobody else in its
/// directory. Users need no other context, and the first of the staff can be made nowhere else.
pub(crate) enum People {
    /// With the other contexts beside them.
    Whole(Box<Shop>),
    /// By themselves.
    Alone(Box<Service>),
}

impl People {
    /// Opens them for one command.
    ///
    /// # Errors
    /// `NO_SHOP` where there is nobody; when the directory cannot be used, or has other contexts but no users.
    pub(crate) async fn open(config: &Config) -> Result<Self, Failure> {
        if Self::alone(config) {
            return Self::open_or_new(config).await;
        }
        Ok(Self::Whole(Box::new(Shop::open_existing(config).await?)))
    }

    fn alone(config: &Config) -> bool {
        let (here, missing) = partition(config);
        config.database.is_files() && here.contains(&Context::Users) && !missing.is_empty()
    }

    /// Opens them for one command, in a shop that is made where there is none: for its first people.
    ///
    /// # Errors
    /// When the directory cannot be used, or has other contexts but no users.
    pub(crate) async fn open_or_new(config: &Config) -> Result<Self, Failure> {
        if !Self::alone(config) {
            return Ok(Self::Whole(Box::new(Shop::open(config).await?)));
        }
        let shop = embedded(config, &[Context::Users]).await?.without_workers();
        let service = shop.open_part(&[Context::Users]).await;
        Ok(Self::Alone(Box::new(service.map_err(|error| Failure::from(error).about(&whereabouts(config)))?)))
    }

    /// Settles what the command caused, unless a running server does it anyway, and closes. What users alone have to
    /// say stays in their outbox: their service knows who wants to hear it.
    ///
    /// # Errors
    /// When the shop does not answer; nothing is lost.
    pub(crate) async fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Whole(shop) => shop.finish().await,
            Self::Alone(service) => Ok((*service).close().await?),
        }
    }

    /// Closes.
    ///
    /// # Errors
    /// When a database does not close cleanly; nothing is lost.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Whole(shop) => shop.close().await,
            Self::Alone(service) => Ok((*service).close().await?),
        }
    }
}

impl Deref for People {
    type Target = Users;

    fn deref(&self) -> &Users {
        match self {
            Self::Whole(shop) => &shop.users,
            Self::Alone(service) => service.part().users.as_ref().expect("a service of users was opened with users"),
        }
    }
}
