//! Redis 7: carts, a bus, and what makes a shop of several processes faster.
//!
//! Nothing here is the truth about stock, orders or money; carts and the events on their way are all
//! that would be missed if Redis forgot everything. Every key carries a hash tag, so that what one
//! script touches lies on one node of a cluster. Every call has its time: a Redis that is halted or
//! gone answers `Unavailable` within a second, and the connection is made anew within two of its return.
//!
//! Start reading at [`Redis`].

pub mod cache;
pub mod carts;
pub mod ending;
mod error;
pub mod locks;
pub mod registry;
pub mod sessions;
pub mod streams;
pub mod traffic;

use std::sync::Arc;
use std::time::Duration;

use commerce_core::error::{StoreError, StoreErrorKind};
use redis::aio::{ConnectionManager, ConnectionManagerConfig, MultiplexedConnection};
use redis::{AsyncConnectionConfig, Client};
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use error::failed;

/// How long a connection may take to come about.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long a command may take to be answered.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Pause between two looks at a connection.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A Redis server, or the one endpoint of a managed one. Cheap to clone; connects when it is first
/// asked and again whenever the connection was lost: it is looked after every second, so that a server that is
/// back is so for the first who asks.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    manager: ConnectionManager,
    prefix: Arc<str>,
    /// Ends the look-out with the last of these.
    _looked_after: Arc<DropGuard>,
}

impl Redis {
    /// The server at `url` (`redis://…`, or `rediss://…` with TLS). Its keys begin with `prefix`, so
    /// that several shops may share it. Needs a running tokio.
    ///
    /// # Errors
    /// When the URL is none. A server that does not answer is no error yet.
    pub fn open(url: &str, prefix: &str) -> Result<Self, StoreError> {
        let wrong = |error| StoreError::new(StoreErrorKind::Internal, "redis.open", error);
        let client = Client::open(url).map_err(wrong)?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(ANSWER_WITHIN))
            // The next call is the next try: whoever waits for this one is answered at once.
            .set_number_of_retries(0);
        let manager = client.get_connection_manager_lazy(config).map_err(wrong)?;
        let stop = CancellationToken::new();
        tokio::spawn(look_after(manager.clone(), stop.clone()));
        Ok(Self { client, manager, prefix: prefix.into(), _looked_after: Arc::new(stop.drop_guard()) })
    }

    /// Whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        redis::cmd("PING").query_async(&mut self.connection()).await.map_err(|error| failed("redis.ping", error))
    }

    /// The connection that everybody shares.
    pub(crate) fn connection(&self) -> ConnectionManager {
        self.manager.clone()
    }

    /// A connection of one's own, for commands that wait up to `wait` for something to come.
    pub(crate) async fn waiting_connection(&self, wait: Duration) -> Result<MultiplexedConnection, redis::RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_WITHIN))
            .set_response_timeout(Some(wait + ANSWER_WITHIN));
        self.client.get_multiplexed_async_connection_with_config(&config).await
    }

    /// The key `name` among those that lie on one node because of `tag`.
    pub(crate) fn key(&self, tag: &str, name: &str) -> String {
        format!("{}:{{{tag}}}:{name}", self.prefix)
    }
}

/// Asks again and again over the shared connection, because one that was lost is made anew by who asks, and tells the next.
async fn look_after(mut connection: ConnectionManager, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        let asked: Result<(), _> = redis::cmd("PING").query_async(&mut connection).await;
        if let Err(error) = asked {
            tracing::debug!(%error, "Redis does not answer");
        }
    }
}
